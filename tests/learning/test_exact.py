"""Windows solved without samples: the function is what the command prints, for any model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import Window
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import TableRule, majority, save_rule, solve_rules
from rsmi.report import read_result
from rsmi.sampling import System
from rsmi.storage import SampleRecipe

Rsmi = Callable[..., Any]


@pytest.mark.parametrize(
    ("system", "arguments"),
    [
        (System((6, 6)), []),
        (System((3, "inf"), "potts", None, {"states": 3}), ["--parameters.states", "3"]),
        (System((4, 4), "dimers", "inf"), ["--block", "[1,2]"]),
        (System((3, 3), "mazes"), ["--block", "[1,2]", "--buffer", "0"]),
    ],
    ids=str,
)
def test_the_command_is_the_function(
    system: System, arguments: list[str], rsmi: Rsmi, tmp_path: Path
) -> None:
    heat = ["--temperature", str(system.temperature)] if system.temperature == "inf" else []
    shape = f"[{','.join(map(str, system.shape))}]"
    said = rsmi(
        "exact", "--model", system.model, "--shape", shape, *heat, *arguments, "--out",
        tmp_path / "exact",
    )  # fmt: skip
    assert said.code == 0, said.err
    block = (1, 2) if "--block" in arguments else (2, 2)
    found = solve_rules(system, Window(block, 0 if "--buffer" in arguments else 1, None))
    assert found.quantities() == read_result(tmp_path / "exact").quantities()
    assert found.table() in said.out
    assert "exact" in repr(found)


def test_recipes_and_rules_of_ones_own_are_solved_too(tmp_path: Path) -> None:
    recipe = SampleRecipe(shape=(6, 6), temperature=2.0, chains=1, records=1, seed=0)
    save_rule(majority((2, 2)), tmp_path / "mine", {})
    own = TableRule(SPIN, majority((2, 2)).table(), (2, 2))
    found = solve_rules(recipe, rules={"own": own, "named": "majority", "kept": tmp_path / "mine"})
    assert found.system == System((6, 6), temperature=2.0)
    values = {estimate.value for estimate in found.values.values()}
    assert len(values) == 1
    assert found.posterior.rule(found.tables["own"]).value == values.pop()


def test_a_best_rule_is_odd_only_where_the_letters_are_alike() -> None:
    """Open and closed sites are no images of each other, nor are spins in a field."""
    field = {"lattice": "triangular", "field": 0.3}
    mazes, spins, odd = (
        solve_rules(system, Window((2, 1), 0, None), ["optimum"])
        for system in (
            System((3, 3), "mazes"),
            System((3, 3), "ising_graph", 4.0, field),
            System((3, 3), "ising_graph", 4.0, {**field, "field": 0.0}),
        )
    )
    assert (mazes.z2, spins.z2, odd.z2) == ("allow", "allow", "impose")
    best = spins.values["optimum_any"].value
    assert best > spins.posterior.optimum(2, "impose")[1].value + 1e-4
    assert torch.equal(odd.tables["optimum"], odd.tables["optimum"].flip(0, 1))


@pytest.mark.parametrize(
    ("system", "block", "known"),
    [
        (System((6, 6)), (2, 2), {2: 0.467434, 3: 0.516479}),
        (System((3, "inf"), "potts", None, {"states": 3}), (2, 1), {}),
        (System((4, 4), "dimers", "inf"), (1, 2), {}),
    ],
    ids=str,
)
def test_no_rule_lies_above_the_bottleneck_curve(
    system: System, block: tuple[int, int], known: dict[int, float]
) -> None:
    solved = solve_rules(system, Window(block, 1, None), ["decimation"])
    found = solved.bottleneck(symbols=(2, 3, 4), tolerance=5e-3)
    assert found.curve.gap < 8e-3
    assert list(found.values) == ["decimation", *(f"best_of_{k}" for k in range(2, 5))]
    for name, value in found.values.items():
        assert value.value <= found.curve.upper(found.rates[name]) + 1e-9
    for symbols, value in known.items():
        assert found.values[f"best_of_{symbols}"].value == pytest.approx(value, abs=1e-6)
    assert found.curve.full == pytest.approx(solved.posterior.full().value, abs=1e-9)
    assert "share of it" in found.table()
    assert found.plot().axes


def test_the_command_draws_the_curve(rsmi: Rsmi, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = rsmi(
        "exact", "--shape", "[inf]", "--temperature", "2", "--bottleneck", "true", "--out", out
    )
    assert said.code == 0, said.err
    found = solve_rules(System(("inf",), temperature=2.0)).bottleneck()
    assert found.quantities() == read_result(out).quantities()
    assert found.table() in said.out
    assert (out / "figures" / "exact.png").is_file()
    assert "The information-bottleneck curve" in (out / "report.html").read_text()


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"a block of \[2, 3\] sites, the window with block"):
        solve_rules(System((6, 6)), rules={"other": majority((2, 3))})
    with pytest.raises(InputError, match=r"there is no rule .nearby.; expected majority"):
        solve_rules(System((6, 6)), rules=["nearby"])
    with pytest.raises(InputError, match="a rule with 1 symbols; expected 2 to 16"):
        solve_rules(System((6, 6)), rules=[]).bottleneck([1])
    with pytest.raises(InputError, match="finite extents"):
        solve_rules(System((4, "inf")), Window((2, 2), 1, 1))
