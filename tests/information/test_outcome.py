"""Result objects: whoever names its numbers can print, keep, frame and draw them."""

import importlib
import json
import math
import sys
from types import ModuleType
from typing import Any

import pytest

from rsmi.errors import InputError
from rsmi.information import Estimate, Outcome, Quantity, Sheet, format_with_error


class Found(Outcome):
    def __init__(self, *numbers: Quantity) -> None:
        self.numbers = list(numbers)

    def quantities(self) -> list[Quantity]:
        return self.numbers


EXPONENT = Quantity("exponents.y_t", 0.9987, 0.0021, "estimate", "1", 1.0, {"level": 2})
BOUND = Quantity("layers.<b>.[red].H(X|T)", 0.46, 0.01, "lower", "nats")
SCAN = Quantity("exponents.scan.y_t", 0.9, 0.1, "estimate", "1")
FOUND = Found(EXPONENT, BOUND, SCAN)


@pytest.fixture
def pandas(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The rows a frame would be made of, so that this needs no pandas."""
    double = ModuleType("pandas")
    double.DataFrame = lambda rows: rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", double)


def test_a_table_shows_every_number_but_the_scan() -> None:
    lines = [line.split() for line in str(FOUND).splitlines()]
    assert ["exponents.y_t", "0.999(2)", "estimate", "1", "-0.6"] in lines
    assert ["layers.<b>.[red].H(X|T)", "0.460(10)", "nats", "lower"] in lines
    assert "scan" not in str(FOUND)
    assert max(map(len, FOUND.table(60).splitlines())) <= 60


def test_a_dict_holds_everything_and_is_json() -> None:
    found = json.loads(json.dumps(FOUND.to_dict(), allow_nan=False))["quantities"]
    assert [Quantity(**fields) for fields in found] == FOUND.numbers


@pytest.mark.usefixtures("pandas")
def test_a_frame_has_a_column_for_each_context_and_loses_none() -> None:
    both = Quantity("a.b", 1.0, 0.0, "exact", "1", None, {"kind": "mine"})
    first, _, _, last = Found(*FOUND.numbers, both).to_frame()
    assert (first["level"], first["value"], first["reference"]) == (2, 0.9987, 1.0)
    assert (last["kind"], last["context.kind"]) == ("exact", "mine")


def test_a_frame_of_pandas() -> None:
    pytest.importorskip("pandas")
    assert FOUND.to_frame().set_index("name").value["exponents.y_t"] == 0.9987


def test_without_pandas_the_message_teaches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install pandas`, or use to_dict\(\)"):
        FOUND.to_frame()


def test_html_escapes_what_comes_from_outside() -> None:
    html = FOUND._repr_html_()
    assert "layers.&lt;b&gt;.[red].H(X|T)" in html
    assert "<b>" not in html


def test_a_repr_is_short_whatever_was_found() -> None:
    many = Found(*[EXPONENT] * 50)
    assert repr(many).endswith("exponents.y_t = 0.999(2), 47 more)")
    assert repr(Found()) == "Found()"
    assert str(Found()) == "no number was found"


def test_any_outcome_can_be_drawn() -> None:
    figure = FOUND.plot()
    assert [axes.get_xlabel() for axes in figure.axes] == ["value", "nats"]
    assert all(math.isfinite(sum(axes.get_xlim())) for axes in figure.axes)
    with pytest.raises(InputError, match="this Found holds no number, so there is nothing to draw"):
        Found().plot()


def test_a_name_is_no_formula_of_a_figure() -> None:
    (axes,) = Found(Quantity("layers.$x", 1.0, 0.1, "estimate", "nats")).plot().axes
    assert axes.get_yticklabels()[0].get_text() == r"layers.\$x"


def test_a_table_needs_cells_for_its_columns() -> None:
    with pytest.raises(InputError, match="table 't' has 1 rows under 2 columns"):
        Sheet("t", ["a", "b"], [["1", "2", "3"]])


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.9975, 0.0043, "0.998(4)"),
        (0.9975, 0.0996, "1.00(10)"),
        (12.0, 9.97, "12(10)"),
        (0.5, 0.0096, "0.500(10)"),
        (1e5, 1.5, "100000.0(15)"),
        (-3e-9, 2e-10, "-3.0(2)e-09"),
        (0.0, 1e-7, "0.0(10)e-07"),
        (0.0, 0.0, "0"),
        (0.38056612345, 0.0, "0.38056612"),
        (1e-300, 1e-303, "1.0000(10)e-300"),
    ],
)
def test_one_way_to_write_a_number(value: float, error: float, text: str) -> None:
    kind = "estimate" if error else "exact"
    assert format_with_error(value, error) == text
    assert str(Estimate(value, error, kind, "1")).startswith(text)
    assert Quantity("a.b", value, error, kind, "1").text == text


def test_every_result_of_the_house_keeps_the_contract() -> None:
    """A dataclass that forgets `repr=False` would print every tensor it holds."""
    for module in (
        "layers",
        "learning.results",
        "renormalization",
        "storage",
        "known",
        "report",
        "report.inspecting",
    ):
        importlib.import_module(f"rsmi.{module}")
    kinds, found = [Outcome], []
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("rsmi.") and kind is not Outcome:
            found.append(kind)
    assert len(found) >= 8
    assert [kind.__name__ for kind in found if kind.__repr__ is not Outcome.__repr__] == []
    assert [kind.__name__ for kind in found if kind.to_dict.__doc__ is None] == []
