"""The percolation transition from small lattices, over seeds, and the command."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom

from rsmi.cli.main import main
from rsmi.errors import InputError
from rsmi.sampling.percolation import Cell, Kind
from rsmi.scaling import CellResult, PercolationResult, percolation, percolation_cells

SIZES, RUNS = (6, 8, 12, 16), 980


@pytest.fixture(scope="module")
def found() -> list[PercolationResult]:
    return [percolation("square", SIZES, "bond", RUNS, seed) for seed in range(6)]


def _far(found: list[PercolationResult], shift: float = 0.0) -> float:
    """How often normal deviations exceed two errors so many times or more."""
    final = [q for result in found for q in result.quantities() if q.reference is not None]
    assert len(final) == 3 * len(found)
    far = [abs(q.value - (1 + shift) * float(q.reference)) > 2 * q.error for q in final]  # type: ignore[arg-type]
    return float(binom.sf(sum(far) - 1, len(far), 0.0455))


def test_threshold_and_exponents_hold_over_seeds(found: list[PercolationResult]) -> None:
    assert _far(found) > 1e-6
    p_c = [result.quantities()[0] for result in found]
    assert np.mean([q.error for q in p_c]) < 0.01


def test_wrong_numbers_would_be_noticed(found: list[PercolationResult]) -> None:
    assert _far(found, shift=0.5) < 1e-6


def test_it_is_drawn(found: list[PercolationResult]) -> None:
    assert len(found[0].plot().axes) == 3
    assert "percolation.p_c" in found[0].table()


def test_command_and_function_agree(
    found: list[PercolationResult], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = ["--kind", "bond", "--sizes", str(list(SIZES)), "--runs", str(RUNS), "--seed", "0"]
    assert main(["percolation", *asked, "--out", str(out)]) == 0
    assert "percolation.nu" in capsys.readouterr().out
    written = json.loads((out / "result.json").read_text())["quantities"]
    assert [q["value"] for q in written] == [q.value for q in found[0].quantities()]
    assert (out / "percolation.png").is_file()
    assert "points of all sizes fall on one curve" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"lattice": "chain"}, "percolates at p = 1 alone"),
        ({"sizes": (8, 8, 12)}, "expected at least 3 different ones"),
        ({"runs": 100}, "100 runs of each size; expected at least 500"),
    ],
)
def test_bad_input_is_explained(asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        percolation(**asked)  # type: ignore[arg-type]


SQUARE_CELL = (5**0.5 - 1) / 2
"""p* of two by two sites: R = p^2 (2 - p^2)."""


def test_a_cell_of_four_sites_is_solved_by_hand() -> None:
    cell = Cell(2)
    p = np.linspace(0, 1, 11)
    assert np.allclose(cell.probability(cell.firsts(0, 1), p), p**2 * (2 - p**2))
    assert cell.slope(cell.firsts(0, 1), 0.5) == pytest.approx(4 * 0.5 - 4 * 0.5**3)


@pytest.mark.parametrize("kind", ["site", "bond"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_cells_are_spanned_as_their_clusters_say(kind: Kind, dimension: int) -> None:
    cell = Cell(3 if (kind, dimension) == ("site", 2) else 2, kind, dimension, seed=3)
    listed = _spanned_share(cell, 0.4)
    firsts = cell.firsts(0, 20_000)
    share = float(cell.probability(firsts, np.array([0.4]))[0])
    assert abs(share - listed) < 5 * (0.25 / len(firsts)) ** 0.5


def _spanned_share(cell: Cell, p: float) -> float:
    """R by listing every configuration, with scipy's own components."""
    _, bonds, steps = cell._tables
    nodes, total = int(bonds.max()) + 1, 0.0
    for bits in product((0, 1), repeat=steps):
        there = np.array(bits, dtype=bool)
        kept = there if cell.kind == "bond" else np.append(there, [True, True])[bonds].all(1)
        matrix = coo_matrix((np.ones(kept.sum()), bonds[kept].T), (nodes, nodes))
        label = connected_components(matrix, directed=False)[1]
        total += (label[-1] == label[-2]) * p ** sum(bits) * (1 - p) ** (steps - sum(bits))
    return total


@pytest.fixture(scope="module")
def cells() -> list[CellResult]:
    return [percolation_cells((2, 4, 6, 8, 12, 16), "site", 700, seed) for seed in range(10)]


def test_cells_grow_towards_the_threshold(cells: list[CellResult]) -> None:
    for result in cells:
        assert result.fixed[0].value == pytest.approx(SQUARE_CELL)
        assert result.nus[0].value == pytest.approx(1.635, abs=1e-3)
    assert _far_cells(cells) > 1e-6


def test_another_threshold_would_be_noticed(cells: list[CellResult]) -> None:
    assert _far_cells(cells, shift=0.25) < 1e-6


def _far_cells(found: list[CellResult], shift: float = 0.0) -> float:
    final = [q for result in found for q in result.quantities() if q.reference is not None]
    assert len(final) == 2 * len(found)
    far = [abs(q.value - (1 + shift) * float(q.reference)) > 2 * q.error for q in final]  # type: ignore[arg-type]
    return float(binom.sf(sum(far) - 1, len(far), 0.0455))


def test_cells_are_drawn(cells: list[CellResult]) -> None:
    assert len(cells[0].plot().axes) == 2


def test_cells_by_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--method", "cells", "--sizes", "[2, 3, 4, 5, 6]", "--runs", "140"]
    assert main(["percolation", *asked]) == 0
    assert "percolation.cells.nu" in capsys.readouterr().out
    assert main(["percolation", "--method", "cells", "--lattice", "cubic"]) == 2
    assert "expected square" in capsys.readouterr().err
    assert main(["percolation", "--method", "cells", "--sizes", "[2, 3, 4]"]) == 2
    assert "expected at least 5 sizes" in capsys.readouterr().err


def test_a_cell_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="an extent of at least 2"):
        Cell(1)
