"""Rules with a name, against what they say in plain words and against published numbers."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import mutual_information
from rsmi.lattice import Placement, Space, Window, place, word_index, words
from rsmi.learning.classical import (
    CLASSICAL,
    classical_for,
    columnar_field,
    electric_field,
    named_rule,
)
from rsmi.sampling.dimers import DimerLattice, Dimers
from rsmi.sampling.dimers.exact.enumeration import coverings
from rsmi.sampling.dimers.space import dimer_letters, dimer_space

INF = float("inf")
SQUARE = Window((2, 2), 1)


def placed_in(text: str, window: Window = SQUARE) -> Placement:
    return place(window, Space.from_text(text))


def information(h: Tensor, e: Tensor) -> float:
    """I(H:E) of rows that are equally probable."""
    _, left = torch.unique(h, return_inverse=True)
    _, right = torch.unique(e, return_inverse=True)
    joint = torch.zeros(int(left.max()) + 1, int(right.max()) + 1, dtype=torch.float64)
    joint.index_put_((left, right), torch.ones(len(h)).double(), accumulate=True)
    return float(mutual_information(joint / len(h)))


@pytest.fixture(scope="module")
def torus() -> tuple[Placement, Tensor, Tensor]:
    """Words of block and environment in all 90 176 coverings of the 6 x 6 torus."""
    model = Dimers((6, 6), INF)
    placed = place(SQUARE, dimer_space(model))
    flat = dimer_letters(model, coverings(model.geometry)).flatten(1)
    both = flat[:, placed.visible], flat[:, placed.environment]
    return placed, *(word_index(letters.long(), 4) for letters in both)


def test_fields_of_dimers_keep_the_information_that_was_enumerated(
    torus: tuple[Placement, Tensor, Tensor],
) -> None:
    placed, index, e = torus
    found = {
        "all": information(index, e),
        "electric field": information((electric_field(placed) @ torch.tensor([9, 1]))[index], e),
        "columnar field": information((columnar_field(placed) @ torch.tensor([9, 1]))[index], e),
    }
    expected = {"all": 1.327309, "electric field": 1.162203, "columnar field": 0.672539}
    assert found == pytest.approx(expected, abs=1e-6)
    for name, value in (("electric", 0.468302), ("electric_x", 0.201823), ("columnar", 0.257898)):
        table = named_rule(name, placed).table()
        assert information(table[index].argmax(1), e) == pytest.approx(value, abs=1e-6)


def plain_fields(model: Dimers, bonds: Tensor, block: list[tuple[int, int]]) -> list[list[int]]:
    """E and C of the dimers of one covering that touch a block, bond by bond."""
    electric, columnar = [0, 0], [0, 0]
    for axis, x, y in torch.nonzero(bonds > 0).tolist():
        ends = [(x, y), ((x + (axis == 0)) % model.shape[0], (y + (axis == 1)) % model.shape[1])]
        if not set(ends) & set(block):
            continue
        electric[axis] += (-1) ** (x + y + block[0][0] + block[0][1])
        columnar[axis] += (-1) ** ((x, y)[axis] + block[0][axis])
    return [electric, columnar]


@pytest.mark.parametrize("lattice", ["square", "honeycomb"])
def test_fields_are_sums_over_the_dimers_that_touch_the_block(lattice: Any) -> None:
    model = Dimers((4, 4), INF, lattice)
    space = dimer_space(model)
    single = space.sites == 1
    placed = place(Window((2, 1) if single else (1, 1), 0, None), space)
    states = coverings(model.geometry)
    letters = dimer_letters(model, states).flatten(1)
    index = word_index(letters[:, placed.visible].long(), 4)
    block = [(x, y) for x in range(2) for y in range(1 if single else 2)]
    expected = [plain_fields(model, bonds, block) for bonds in states]
    assert electric_field(placed)[index].tolist() == [electric for electric, _ in expected]
    if single:
        assert columnar_field(placed)[index].tolist() == [columnar for _, columnar in expected]
    assert len({tuple(electric) for electric, _ in expected}) > 3


def test_a_field_turns_with_the_block() -> None:
    """Moving a block by one site exchanges the sublattices, and E is relative to its first site."""
    model = Dimers((4, 4), INF)
    placed = place(Window((2, 2), 0), dimer_space(model))
    letters = dimer_letters(model, coverings(model.geometry))
    blocks, _ = placed.cut(letters)
    field = electric_field(placed)[word_index(blocks.long(), 4)]
    counts = [Counter(map(tuple, field[:, position].tolist())) for position in range(16)]
    assert all(count == counts[0] for count in counts)
    assert counts[0][1, 1] == counts[0][-1, -1] > 0


def test_cubic_dimers_have_three_components() -> None:
    placed = placed_in("directions(3) on cubic [4, 4, 4]", Window((1, 1, 2), 0))
    signs = named_rule("electric", placed)
    assert signs.n_symbols == 8
    field = electric_field(placed)
    up = (field > 0).long() @ torch.tensor([1, 2, 4])
    assert torch.equal(signs.table().argmax(1), up)
    assert torch.equal(named_rule("electric_z", placed).table()[:, 1], (field[:, 2] > 0).double())


def test_plurality_counts_letters() -> None:
    table = named_rule("plurality", placed_in("clock(3) on square [8, 8]")).table()
    for word, row in zip(words(3, 4).tolist(), table.tolist(), strict=True):
        counts = [word.count(a) for a in range(3)]
        best = [float(c == max(counts)) for c in counts]
        assert row == pytest.approx([b / sum(best) for b in best])


def test_a_soft_majority_is_drawn_in_the_field_of_its_block() -> None:
    table = named_rule("soft_majority", placed_in("spins on square [8, 8]")).table()
    for word, row in zip((2 * words(2, 4) - 1).tolist(), table.tolist(), strict=True):
        weights = [math.exp(0.43 * h * sum(word)) for h in (-1, 1)]
        assert row == pytest.approx([w / sum(weights) for w in weights])


def test_vacancies_win_where_they_are_more() -> None:
    table = named_rule("vacancy_majority", placed_in("vacant_spins on square [8, 8]")).table()
    for word, row in zip((words(3, 4) - 1).tolist(), table.tolist(), strict=True):
        vacant = {0: 0.0, 1: 0.0, 2: 0.5}.get(word.count(0), 1.0)
        up = (1 + (sum(word) > 0) - (sum(word) < 0)) / 2
        assert row == pytest.approx([(1 - vacant) * (1 - up), vacant, (1 - vacant) * up])


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_rule_is_for_the_letters_that_it_names(name: str) -> None:
    texts = {
        "spins on square [8, 8]": ["majority", "plurality", "decimation", "soft_majority"],
        "clock(3) on square [8, 8]": ["plurality", "decimation"],
        "vacant_spins on square [8, 8]": ["plurality", "decimation", "vacancy_majority"],
        "directions(2) on square [8, 8]": [
            "plurality",
            "decimation",
            "electric",
            "electric_x",
            "electric_y",
            "columnar",
            "columnar_x",
            "columnar_y",
        ],
    }
    for text, suits in texts.items():
        placed = placed_in(text)
        assert classical_for(placed.space.alphabet) == suits
        if name in suits:
            rule = named_rule(name, placed)
            assert rule.block == (2, 2)
            assert rule.alphabet == placed.space.alphabet
        else:
            with pytest.raises(
                InputError, match=f"the rule '{name}' is for .*; use .*plurality or"
            ):
                named_rule(name, placed)


def test_bad_names_and_blocks_are_told() -> None:
    with pytest.raises(InputError, match="did you mean 'majority'"):
        named_rule("majorty", placed_in("spins on square [8, 8]"))
    with pytest.raises(InputError, match=r"3\^25 rows"):
        named_rule("plurality", placed_in("clock(3) on square [9, 9]", Window((5, 5), 1)))
    honeycomb = dimer_space(Dimers((12, 12), INF, "honeycomb"))
    with pytest.raises(InputError, match=r"one site in a cell; .* has 4; use electric"):
        named_rule("columnar", place(Window((1, 1), 1), honeycomb))


def test_every_rule_with_a_name_is_in_the_documents() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
    table = page[: page.index("## Rules that are trained")]
    assert [name for name in CLASSICAL if f"`{name}`" not in table] == []


def test_open_lattices_of_dimers_have_no_space() -> None:
    with pytest.raises(InputError, match="boundary"):
        dimer_space(Dimers((4, 4), INF, "square", "open"))
    assert DimerLattice((4, 4)).n_sites == 16
