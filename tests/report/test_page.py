import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rsmi.errors import InputError
from rsmi.report import Figure, Quantity, Result, Sheet, figures, write_report

HEADLINE = ["information.learned", "exponents.y_t", "exponents.y_h"]


class Reader(HTMLParser):
    """Collects what the tests ask about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def page(result: Result, tmp_path: Path) -> Path:
    drawn = figures.information(figures.bars(result.quantities()))
    path = figures.save(drawn, tmp_path / "information.png")
    figure = Figure(path, 'Information "kept"', "Learned < optimum.")
    return write_report(tmp_path, result, [figure], HEADLINE, "Ising <model>")


def test_page_needs_nothing_from_outside(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    reader = Reader(content)
    sources = [v for _, name, v in reader.attributes if name in ("src", "href", "srcset")]
    assert sources
    assert all(value is not None and value.startswith("data:") for value in sources)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert "@import" not in content
    assert "url(" not in content
    assert len(content) < 2_000_000


def test_page_is_accessible(page: Path) -> None:
    reader = Reader(page.read_text(encoding="utf-8"))
    assert ("html", "lang", "en") in reader.attributes
    alts = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert alts == ['Information "kept". Learned < optimum.']
    assert reader.tags.count("h1") == 1
    assert "Ising <model>" in reader.words


def test_settings_cannot_inject_markup(page: Path) -> None:
    reader = Reader(page.read_text(encoding="utf-8"))
    assert "script" not in reader.tags
    assert "<script>alert('x')</script>" in reader.words


HOSTILE = '<img src=x onerror=alert(1)>{{ 7 * 7 }}" onload="a'


def test_nothing_from_outside_becomes_markup_wherever_it_stands(tmp_path: Path) -> None:
    name = f"layers.study.{HOSTILE.replace(' ', '_')}"
    found = [Quantity(name, 1.0, 0.1, "estimate", HOSTILE, 2.0, {HOSTILE: HOSTILE})]
    result = Result(HOSTILE, {HOSTILE: HOSTILE}, 1, HOSTILE, {HOSTILE: 1.0}, found, {"a": HOSTILE})
    path = figures.save(figures.values(found), tmp_path / "a.png")
    table = Sheet(HOSTILE, [HOSTILE, HOSTILE], [[HOSTILE], [HOSTILE, HOSTILE]], HOSTILE)
    page = write_report(
        tmp_path, result, [Figure(path, HOSTILE, HOSTILE)], [name], HOSTILE, [table]
    ).read_text(encoding="utf-8")
    reader = Reader(page)
    assert reader.tags.count("img") == 1
    assert not [value for _, value, _ in reader.attributes if value in ("onerror", "onload")]
    assert page.count("&lt;img") > 20
    assert "{{ 7 * 7 }}" in page


def test_headline_shows_value_reference_and_deviation(page: Path) -> None:
    words = Reader(page.read_text(encoding="utf-8")).words
    for expected in ("0.4602(6)", "0.999(2)", "1.8748(4)"):
        assert expected in words
    assert any("reference 1.875 (\N{MINUS SIGN}0.4" in word for word in words)
    assert "rsmi run configs/ising2d.yaml" in words
    assert "model.shape" in words


def test_title_defaults_to_the_command(result: Result, tmp_path: Path) -> None:
    page = write_report(tmp_path, result, [], [])
    assert "<title>rsmi run configs/ising2d.yaml</title>" in page.read_text(encoding="utf-8")


def test_unknown_headline_is_refused(result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"0 quantities are named 'exponents\.z'"):
        write_report(tmp_path, result, [], ["exponents.z"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"GIF89a", "is no PNG file")]
)
def test_missing_or_foreign_figure_is_refused(
    content: bytes | None, message: str, result: Result, tmp_path: Path
) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        write_report(tmp_path, result, [Figure(path, "a", "b")], [])


ROWS = [["tanh"], ["T1 <b>", "-0.5(1)", "2"], ["relu"], ["T1", "3", "4"]]


def test_tables_can_be_read_aloud_and_copied(result: Result, tmp_path: Path) -> None:
    table = Sheet("What is forgotten", ["layer", "H(X|T)", "H(Y|T)"], ROWS, "Nats & more.")
    page = write_report(tmp_path, result, [], [], tables=[table]).read_text(encoding="utf-8")
    reader = Reader(page.partition("All quantities")[0])
    scopes = [value for tag, name, value in reader.attributes if (tag, name) == ("th", "scope")]
    assert scopes == ["col"] * 3 + ["rowgroup", "row"] * 2
    assert reader.tags.count("tbody") == 2
    assert ("th", "colspan", "3") in reader.attributes
    assert ("div", "tabindex", "0") in reader.attributes
    words = {"What is forgotten", "T1 <b>", "\N{MINUS SIGN}0.5(1)", "Nats & more.", "Tables"}
    assert words <= set(reader.words)
    assert "b" not in reader.tags


@pytest.mark.parametrize("rows", [[], [["T1", "1"]], [["T1", "1", "2", "3"]]])
def test_a_table_of_uneven_rows_is_refused(rows: list[list[str]]) -> None:
    with pytest.raises(InputError, match=rf"'a' has {len(rows)} rows under 3 columns"):
        Sheet("a", ["layer", "H(X|T)", "H(Y|T)"], rows)


def test_values_layer_by_layer_are_folded_away(tmp_path: Path) -> None:
    names = ["layers.T1.H(X|T)", "layers.H(X)", "layers.study.accuracy", "exponents.scan.y_t"]
    found = [Quantity(name, 1.0, 0.0, "exact", "1") for name in names]
    result = Result("rsmi layers", {}, None, "cpu", {}, found)
    page = write_report(tmp_path, result, [], []).read_text(encoding="utf-8")
    shown, _, folded = page.partition("<details>")
    assert "layers.study.accuracy" in shown
    assert not any(name in shown for name in (names[0], names[1], names[3]))
    assert all(name in folded for name in (names[0], names[1], names[3]))
    assert "Layer by layer (2 values)" in folded
    assert "deviation" not in page


def test_import_is_light() -> None:
    code = (
        "import sys, rsmi.report, rsmi.report.figures;"
        "heavy = {'matplotlib', 'rich', 'pytorch_lightning', 'netket'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
