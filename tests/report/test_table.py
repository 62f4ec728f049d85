import re
from pathlib import Path

from rsmi.report import Quantity, Result
from rsmi.report.glossary import GLOSSARY, entry

ROOT = Path(__file__).parents[2]


def printed(result: Result, width: int) -> str:
    return result.table(width)


def test_table_is_whole_at_80_columns(result: Result) -> None:
    text = printed(result, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for quantity in result.quantities():
        assert quantity.text in text
        assert len(quantity.name) > 29 or quantity.name in text


def test_line_shows_value_error_reference_and_deviation(result: Result) -> None:
    lines = [line.split() for line in printed(result, 80).splitlines()]
    assert ["exponents.y_t", "0.999(2)", "estimate", "1", "-0.6"] in lines
    assert ["information.learned", "0.4602(6)", "nats", "lower", "0.461566", "holds"] in lines


def test_a_reference_that_is_an_estimate_shows_its_own_error() -> None:
    known = Quantity("information.exact.optimum", 0.4562, 0.0021, "estimate", "nats")
    learned = Quantity("information.learned", 0.4622, 0.0021, "lower", "nats").compared(known)
    (line,) = (
        line.split()
        for line in printed(Result("rsmi run", {}, None, "cpu", {}, [learned]), 80).splitlines()
        if line.startswith("information.learned")
    )
    assert line == ["information.learned", "0.462(2)", "nats", "lower", "0.456(2)", "+2.0"]


def test_brackets_in_names_are_no_markup() -> None:
    quantity = Quantity("layers.[red]", 1.0, 0.0, "exact", "bits")
    assert "layers.[red]" in printed(Result("rsmi", {}, None, "cpu", {}, [quantity]), 80)


def test_every_known_name_is_documented() -> None:
    documented = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `(\w+\.[^`]+)` \|", documented, re.MULTILINE)
    assert {name.replace(r"\|", "|") for name in names} == set(GLOSSARY)


def test_names_of_rules_share_one_entry() -> None:
    assert entry("information.exact.my-rule") is GLOSSARY["information.exact.<rule>"]
    assert entry("information.exact.full") is GLOSSARY["information.exact.full"]
    assert entry("layers.a.H") is None
