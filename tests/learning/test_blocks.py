"""Blocks too large for a table of words: what is kept, in short."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsmi.lattice import Window
from rsmi.learning import learn_rule
from rsmi.learning.data import WindowData
from rsmi.learning.rules import HardRule, influence
from rsmi.learning.trainable import LinearRule
from rsmi.storage import SampleRecipe, generate

QUICK: dict[str, Any] = {"null": False, "max_epochs": 1, "steps_per_epoch": 10}


def test_a_block_that_no_table_holds_is_learned_and_its_rim_speaks(tmp_path: Path) -> None:
    """6 x 6 critical spins: corners first, the inside least, above what one line of it keeps."""
    recipe = SampleRecipe(shape=(16, 16), temperature="critical", chains=64, records=64, seed=1)
    generate(recipe, tmp_path / "s.h5")
    found = learn_rule(tmp_path / "s.h5", Window((6, 6), 1), rule="linear", **QUICK)
    assert "no exact values" in found.notes[0]
    generator = torch.Generator().manual_seed(1)
    blocks = (torch.rand(512, 36, generator=generator) < 0.5).to(torch.int8)
    felt = influence(found.rule, blocks).view(6, 6)
    corners, inside = felt[[0, 0, -1, -1], [0, -1, 0, -1]], felt[1:-1, 1:-1]
    assert float(corners.min()) > 2 * float(inside.mean())
    assert float(felt[0, 1:-1].mean()) > float(inside.mean())
    assert found.information.value > 0.5
    said = {q.name: q for q in found.quantities() if q.name.startswith("rule.influence.")}
    corner, edge, middle = (said[f"rule.influence.{at}"] for at in ("corner", "edge", "inside"))
    assert corner.value > edge.value > middle.value
    assert 0 < corner.error < 0.1 * corner.value


def test_two_bits_of_dimers_are_the_electric_field(tmp_path: Path) -> None:
    """4 x 4 sites at infinite temperature: both fields lie in the plane of (E_x, E_y).

    The columnar order, which is as long as the field, has little to do with them.
    """
    recipe = SampleRecipe(
        model="dimers", shape=(16, 16), temperature="inf", chains=64, records=64, seed=1
    )
    generate(recipe, tmp_path / "s.h5")
    window = Window((4, 4), 2)
    found = learn_rule(tmp_path / "s.h5", window, symbols=4, rule="linear", **QUICK)
    data = WindowData(str(tmp_path / "s.h5"), window, windows_per_configuration=4)
    v = data.test_windows().v
    assert isinstance(found.rule, HardRule)
    linear = found.rule.soft
    assert isinstance(linear, LinearRule)
    fields = linear.features[v.long()].flatten(1) @ linear.weight.detach().flatten(1).T
    where = torch.cartesian_prod(torch.arange(4), torch.arange(4))
    odd = 1 - 2 * (where.sum(1) % 2)
    assert overlap(fields, v, where, odd[:, None].expand(-1, 2)) > 0.9
    assert overlap(fields, v, where, 1 - 2 * (where % 2)) < 0.6


def overlap(fields: Tensor, v: Tensor, where: Tensor, sign: Tensor) -> float:
    """Least correlation of fields (n, k) with the plane of two staggered sums over dimers."""
    goes = torch.tensor([[1, 0], [-1, 0], [0, 1], [0, -1]])[v.long()]
    inside = ((where + goes >= 0) & (where + goes < 4)).all(-1, keepdim=True)
    plane = (sign * goes / (1.0 + inside)).sum(1)
    x, y = plane - plane.mean(0), fields - fields.mean(0)
    fit = x @ torch.linalg.lstsq(x, y).solution
    return float((fit.norm(dim=0) / y.norm(dim=0)).min())
