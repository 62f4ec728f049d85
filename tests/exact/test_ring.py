import math

import pytest
import torch

from rsmi.errors import InputError
from rsmi.information import best_rule, rule_information
from rsmi.lattice import Hypercubic, Space, Window, place, state_index
from rsmi.lattice.alphabet import SPIN
from rsmi.sampling.exact import marginal, ring_posterior, torus_posterior

K_C = math.log(1 + math.sqrt(2)) / 2


def random_rings(window, n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    around = 2 * sum(window.block) + 8 * window.buffer + 4
    spins = torch.randint(2, (n, around), generator=generator)
    return (2 * spins - 1).to(torch.int8)


def brute_force(rings, coupling, block, buffer):
    """p(v | ring) by general elimination, all up ring spins being one spin, all down another."""
    extents = [extent + 2 * buffer + 2 for extent in block]
    lattice = Hypercubic(tuple(extents), periodic=False)
    up, down = lattice.n_sites, lattice.n_sites + 1
    sites = torch.arange(lattice.n_sites).view(*extents)
    low = buffer + 1
    visible = sites[low : low + block[0], low : low + block[1]].flatten().tolist()
    inside = set(sites[1:-1, 1:-1].flatten().tolist())
    ring_sites = [site for site in range(lattice.n_sites) if site not in inside]
    rows = []
    for ring in rings.tolist():
        name = {s: up if r > 0 else down for s, r in zip(ring_sites, ring, strict=True)}
        bonds = [(name.get(a, a), name.get(b, b)) for a, b in lattice.bonds().tolist()]
        joint = marginal(lattice.n_sites + 2, bonds, coupling, [up, down, *visible])
        rows.append(joint.reshape(-1, 4)[:, 1])
    return torch.stack(rows) / torch.stack(rows).sum(1, keepdim=True)


CASES = [
    ((2, 2), 0), ((2, 2), 1), ((2, 2), 3), ((1, 2), 1), ((2, 1), 1), ((1, 1), 2),
    ((3, 2), 0), ((2, 3), 1), ((3, 3), 0), ((4, 2), 0),
]  # fmt: skip


@pytest.mark.parametrize(("block", "buffer"), CASES)
@pytest.mark.parametrize("coupling", [K_C, -0.3])
def test_contraction_equals_brute_force(block, buffer, coupling):
    rings = random_rings(Window(block, buffer), 6)
    found = ring_posterior(rings, coupling, block, buffer)
    expected = brute_force(rings, coupling, block, buffer)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    wrong = brute_force(rings, 1.02 * coupling, block, buffer)
    assert (found - wrong).abs().max() > 1e-5


def test_contraction_equals_the_whole_torus():
    """On the 6x6 torus the ring of a 2x2 block with buffer 1 is the environment itself."""
    posterior, _ = torus_posterior((6, 6), K_C, (2, 2), 1)
    window = Window((2, 2), 1)
    configurations = torch.randint(2, (300, 6, 6), generator=torch.Generator().manual_seed(2))
    configurations = (2 * configurations - 1).to(torch.int8)
    placed = place(window, Space.hypercubic((6, 6), SPIN))
    v, rings = (x[:, 0] for x in placed.cut(configurations))
    found = ring_posterior(rings, K_C, (2, 2), 1)
    flat = configurations.flatten(1)
    touching = [s for s in range(36) if _touches(s)]
    torch.testing.assert_close(found, posterior[state_index(flat[:, touching])], rtol=0, atol=1e-12)
    assert v.shape == (300, 4)


def _touches(site):
    """Rows and columns 3 and 4 lie beyond the buffer around the block at the origin."""
    row, column = divmod(site, 6)
    beyond_row, beyond_column = row in (3, 4), column in (3, 4)
    return beyond_row != beyond_column


def test_a_buffer_off_by_one_gives_other_information():
    """Aligned and random rings tell much more across one buffer site than across two."""
    values = []
    for buffer in (1, 2):
        rings = random_rings(Window((2, 2), buffer), 2)
        rings[0], rings[1] = 1, -1
        values.append(rule_information(ring_posterior(rings, K_C, (2, 2), buffer), torch.eye(16)))
    assert values[0] > 1.05 * values[1]


def test_corners_have_no_effect_and_a_flip_reverses_the_states():
    rings = random_rings(Window((2, 2), 1), 50)
    p = ring_posterior(rings, K_C, (2, 2), 1)
    corners = rings.clone()
    corners[:, [0, 5, 14, 19]] *= -1
    assert torch.equal(ring_posterior(corners, K_C, (2, 2), 1), p)
    torch.testing.assert_close(ring_posterior(-rings, K_C, (2, 2), 1), p.flip(1))


def test_the_result_does_not_depend_on_threads_or_company():
    rings = random_rings(Window((2, 2), 1), 600)
    alone = torch.cat([ring_posterior(r[None], K_C, (2, 2), 1) for r in rings[:5]])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    together = ring_posterior(rings, K_C, (2, 2), 1)
    torch.set_num_threads(threads)
    assert torch.equal(together[:5], alone)
    assert torch.equal(together, ring_posterior(rings, K_C, (2, 2), 1))


def test_from_a_hundred_thousand_rings_to_the_optimal_rule():
    rings = random_rings(Window((2, 2), 3), 100_000)
    posterior = ring_posterior(rings, K_C, (2, 2), 3)
    table, odd = best_rule(posterior)
    free = best_rule(posterior, z2="allow")[1]
    assert odd.kind == free.kind == "exact"
    assert 0 < odd.value <= free.value
    assert rule_information(posterior, table).item() == pytest.approx(odd.value, abs=1e-12)


def test_strong_couplings_stay_finite():
    p = ring_posterior(random_rings(Window((2, 2), 3), 20), 5.0, (2, 2), 3)
    torch.testing.assert_close(p.sum(1), torch.ones(20, dtype=torch.float64))


def test_bad_input_is_named():
    rings = random_rings(Window((2, 2), 1), 3)
    with pytest.raises(InputError, match=r"buffer 2 has rings of shape \[n, 28\]"):
        ring_posterior(rings, K_C, (2, 2), 2)
    with pytest.raises(InputError, match="float32"):
        ring_posterior(rings.float(), K_C, (2, 2), 1)
    with pytest.raises(InputError, match=r"other than \+1 and -1"):
        ring_posterior(rings * 0, K_C, (2, 2), 1)
    with pytest.raises(InputError, match="coupling K = J/T is 7"):
        ring_posterior(rings, 7.0, (2, 2), 1)
    big = Window((5, 5), 1)
    with pytest.raises(InputError, match=r"2\*\*27 entries per ring"):
        ring_posterior(random_rings(big, 1), K_C, (5, 5), 1)
    with pytest.raises(InputError, match="needs two extents"):
        ring_posterior(rings, K_C, (2,), 1)
