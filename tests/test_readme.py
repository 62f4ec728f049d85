"""The README's example runs as it stands; formulas of the pages keep their meaning."""

import re
import runpy
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return str(code)


def test_example_is_short() -> None:
    assert len([line for line in example().splitlines() if line.strip()]) <= 20


def test_example_prints_the_learned_rule_beside_the_exact_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(example(), "README", "exec"), {})
    said = capsys.readouterr().out
    found = dict(re.findall(r"(information\.[\w.]+|exponents\.\w+) +([\d.]+)", said))
    optimum = float(found["information.exact.optimum"])
    assert float(found["information.learned"]) == pytest.approx(optimum, abs=0.03)
    assert float(found["exponents.y_h"]) == pytest.approx(15 / 8, abs=0.05)


def test_a_bar_in_a_formula_stays_a_bar_and_none_in_the_text_is_markup() -> None:
    conf = runpy.run_path(str(README.parent / "docs" / "conf.py"))
    line = conf["prose"](r"$p(h = +1\,|\,v)$ where |M| and `a|b` stand, $x$")
    assert line == r":math:`p(h = +1\,|\,v)` where \|M\| and `a|b` stand, :math:`x`"
    shown = conf["mathml"](r"p(h = +1\,|\,v)", block=False)
    assert ">|<" in shown
    assert "\u2225" not in shown
    assert "\u2016" not in shown


def test_names_of_functions_stand_apart_from_their_arguments() -> None:
    mathml = runpy.run_path(str(README.parent / "docs" / "conf.py"))["mathml"]
    assert "&ApplyFunction;</mo><mspace" in mathml(r"\ln b", block=False)
    assert "&ApplyFunction;</mo><mspace" not in mathml(r"\ln(b)", block=False)
