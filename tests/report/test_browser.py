import html
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from rsmi.report import Figure, Result, Sheet, figures, write_report

CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]

# Chromium opens no window narrower than 500 pixels, a frame can be of any width.
MEASURE = """<script>addEventListener("load", () => {
  const e = document.documentElement;
  parent.postMessage([innerWidth, e.scrollWidth, document.images[0].naturalWidth].join(" "), "*");
});</script>"""
FRAME = """<!doctype html><p id="said">nothing</p>
<script>addEventListener("message", e => document.getElementById("said").textContent = e.data);
</script><iframe src="{page}" width="{width}" height="3000" style="border:0"></iframe>"""


def browse(path: Path, *wanted: str) -> str:
    """What the browser answers about a page that it has loaded."""
    assert CHROMIUM is not None
    profile = path.parent / "profile"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
    command = [CHROMIUM, *options, f"--user-data-dir={profile}", *wanted, path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def dump(path: Path) -> str:
    """The document after loading, as the browser sees it."""
    return browse(path, "--dump-dom")


@pytest.fixture
def page(result: Result, tmp_path: Path) -> Path:
    drawn = figures.information(figures.bars(result.quantities()))
    path = figures.save(drawn, tmp_path / "information.png")
    headline = ["information.learned", "information.learned.null", "exponents.y_t"]
    figure = Figure(path, "Information", "Learned and exact.")
    columns = ["layer", *(f"H(X|T) after {10**k} epochs" for k in range(9))]
    table = Sheet("Wider than any page", columns, [["T1", *["0.25(1)"] * 9]])
    return write_report(tmp_path, result, [figure], headline, tables=[table])


def test_browser_shows_the_headline(page: Path) -> None:
    words = html.unescape(re.sub(r"<[^>]+>", " ", dump(page)))
    for expected in ("0.4602(6)", "0.999(2)", "lower bound of 0.461566", "reference 1 "):
        assert expected in words


def measure(page: Path, width: int, extra: str = "") -> tuple[int, int, int]:
    """Inner width, scroll width and pixels of the first image, seen at `width` pixels."""
    copy = page.with_name("measured.html")
    content = page.read_text("utf-8").replace("</body>", extra + MEASURE + "</body>")
    copy.write_text(content, "utf-8")
    outer = page.with_name("frame.html")
    outer.write_text(FRAME.format(page=copy.name, width=width), "utf-8")
    said = re.search(r'id="said">(\d+) (\d+) (\d+)<', dump(outer))
    assert said is not None
    return int(said[1]), int(said[2]), int(said[3])


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_page_never_scrolls_sideways(width: int, page: Path) -> None:
    inner, scroll, image = measure(page, width)
    assert inner == width
    assert scroll <= inner
    assert image == 1280


def test_the_measure_sees_a_page_that_is_too_wide(page: Path) -> None:
    assert measure(page, 390, '<div style="width: 450px">wide</div>')[1] == 450


def pieces(formulas: list[str], directory: Path) -> list[int]:
    """Into how many pieces, from top to bottom, the ink of each formula falls."""
    page, seen, height = directory / "formulas.html", directory / "formulas.png", 200
    style = f"height: {height}px; overflow: hidden; font-size: 16px"
    lines = "".join(f'<div style="{style}">{formula}</div>' for formula in formulas)
    page.write_text(f'<meta charset="utf-8"><body style="margin: 0">{lines}')
    browse(page, f"--screenshot={seen}", f"--window-size=100,{height * (len(formulas) + 1)}")
    dark = (matplotlib.image.imread(seen)[..., :3].mean(2) < 0.5).any(1)
    rows = dark[: height * len(formulas)].reshape(len(formulas), height)
    return [int((np.diff(row.astype(int), prepend=0) == 1).sum()) for row in rows]


def test_bar_of_the_mean_is_seen_whatever_the_font(tmp_path: Path) -> None:
    mathml = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "conf.py"))["mathml"]
    barred, plain = (mathml(formula, block=False) for formula in (r"\bar p", "p"))
    fonts = ("math", "serif", "sans-serif", "monospace", "DejaVu Math TeX Gyre")
    formulas = [
        re.sub('font-family: [^"]*', f"font-family: {font}", formula)
        for formula in (barred, plain)
        for font in fonts
    ]
    assert pieces(formulas, tmp_path) == [2] * len(fonts) + [1] * len(fonts)
