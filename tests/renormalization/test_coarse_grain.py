import pytest
import torch

from rsmi.errors import InputError
from rsmi.lattice import state_index, tile
from rsmi.renormalization import coarse_grain
from rsmi.renormalization.coarse_grain import aligned_sites


@pytest.mark.parametrize(("shape", "block"), [((8, 8), (2, 2)), ((9, 6), (3, 2)), ((12,), (3,))])
def test_deterministic_rule_agrees_with_looking_up_each_block(shape, block, kit):
    n_v = torch.tensor(block).prod().item()
    table = kit.majority_table(n_v, first_weight=1.5)
    spins = kit.random_spins((7, *shape))
    expected = 2 * table[state_index(tile(spins, block)), 1] - 1
    assert torch.equal(coarse_grain(spins, table, block), expected.to(torch.int8))


def test_pieces_and_their_order_do_not_matter(kit):
    spins = kit.random_spins((30, 8, 8))
    table = kit.majority_table()
    whole = coarse_grain(spins, table, (2, 2), seed=5, first_index=2**33)
    later = coarse_grain(spins[11:], table, (2, 2), seed=5, first_index=2**33 + 11)
    assert torch.equal(whole[11:], later)


def test_seed_level_and_index_all_change_the_draws(kit):
    spins = kit.random_spins((1, 32, 32))
    coin = torch.full((16, 2), 0.5)
    variants = [{}, {"seed": 1}, {"seed": 2**40}, {"level": 1}, {"first_index": 1}]
    drawn = [coarse_grain(spins, coin, (2, 2), **v).flatten().tolist() for v in variants]
    assert len(set(map(tuple, drawn))) == len(variants)


def _deviation(table: torch.Tensor, p: float) -> float:
    """Standard errors between the frequency of h = +1 and p, over independent blocks."""
    n = 200_000
    coarse = coarse_grain(torch.ones(n, 2, dtype=torch.int8), table, (2,), seed=3)
    return abs((coarse > 0).double().mean().item() - p) / (p * (1 - p) / n) ** 0.5


def test_frequencies_follow_the_table():
    table = torch.tensor([0.0, 0.0, 0.0, 0.3], dtype=torch.float64)
    table = torch.stack([1 - table, table], 1)
    # 4.9 standard errors are passed by chance once in a million; the mutant is 2 % off.
    assert _deviation(table, 0.3) < 4.9
    assert _deviation(table, 0.306) > 4.9


def test_every_tiling_holds_every_site_once():
    tilings = aligned_sites((4, 6), (2, 3)).reshape(6, 24)
    assert all(sorted(t) == list(range(24)) for t in tilings.tolist())
    assert len({tuple(map(tuple, map(sorted, t.reshape(-1, 6).tolist()))) for t in tilings}) == 6


@pytest.mark.parametrize(
    ("shape", "table", "message"),
    [
        ((6, 9), torch.full((16, 2), 0.5), "cannot be tiled"),
        ((8, 8), torch.full((8, 2), 0.5), r"blocks of \[2, 2\] has 8 rows; expected 2\^4"),
        ((8, 8), torch.full((16, 4), 0.25), "only if its output is again one spin"),
        ((8, 8), torch.full((16, 2), 0.6), "sum to 1"),
    ],
)
def test_bad_input_is_explained(shape, table, message, kit):
    with pytest.raises(InputError, match=message):
        coarse_grain(kit.random_spins((1, *shape)), table, (2, 2))
