"""Points, orbits, circles and spheres with noise and bad members: told apart, or refused."""

import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.learning import degeneracy
from rsmi.learning.manifold import _chance, group_name

SEEDS = range(10)


def polygon(n: int) -> Tensor:
    angle = 2 * math.pi * torch.arange(n) / n
    return torch.stack([angle.cos(), angle.sin()], 1).double()


CROSS = torch.cat([torch.eye(3), -torch.eye(3)]).double()
ORBITS = {"point": polygon(1), "Z2": polygon(2), "Z4": polygon(4), "Z6": polygon(6), "cross": CROSS}
SPHERES = {"U(1)": 2, "S^2": 3, "S^3": 4}


def cloud(kind: str, seed: int, n: int, depth: int, noise: float, bad: float = 0.0) -> Tensor:
    """Rules of a manifold, turned into `depth` dimensions, some of which are of no manifold."""
    g = torch.Generator().manual_seed(seed)
    if kind in ORBITS:
        x = ORBITS[kind][torch.randint(len(ORBITS[kind]), (n,), generator=g)]
    else:
        x = torch.randn(n, SPHERES[kind], generator=g, dtype=torch.float64)
        x = x / x.norm(dim=1, keepdim=True)
    basis, _ = torch.linalg.qr(torch.randn(depth, depth, generator=g, dtype=torch.float64))
    x = x @ basis[: x.shape[1]]
    x = x + noise * torch.randn(n, depth, generator=g, dtype=torch.float64)
    count = int(bad * n)
    if count:
        lost = torch.randn(count, depth, generator=g, dtype=torch.float64)
        x[:count] = lost / lost.norm(dim=1, keepdim=True)
    return x


def names(kind: str, *settings: float) -> Counter[str]:
    n, depth, noise, *bad = settings
    made = (cloud(kind, seed, int(n), int(depth), noise, *bad) for seed in SEEDS)
    return Counter(degeneracy(x).name for x in made)


EXPECTED = {
    "point": "point", "Z2": "2 clusters", "Z4": "4 clusters", "Z6": "6 clusters",
    "cross": "6 clusters", "U(1)": "U(1)", "S^2": "S^2", "S^3": "S^3",
}  # fmt: skip


@pytest.mark.parametrize("settings", [(200, 4, 0.03), (100, 64, 0.05, 0.1)], ids=str)
@pytest.mark.parametrize("kind", EXPECTED)
def test_every_manifold_is_told_at_every_seed(kind: str, settings: tuple[float, ...]) -> None:
    found = names(kind, *settings)
    assert found == {EXPECTED[kind]: 10}


@pytest.mark.parametrize("kind", ["Z4", "Z6", "cross", "U(1)", "S^2"])
def test_with_noise_and_bad_members_it_is_told_or_refused_never_wrong(kind: str) -> None:
    for noise in (0.1, 0.15, 0.25):
        found = names(kind, 60, 16, noise, 0.1)
        assert set(found) <= {EXPECTED[kind], "undecided"}, (noise, found)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_a_blurred_orbit_of_up_to_six_is_no_circle(n: int) -> None:
    g = torch.Generator().manual_seed(n)
    for blur in (0.1, 0.2, 0.3, 0.4):
        at = polygon(n)[torch.randint(n, (150,), generator=g)]
        x = at + blur * torch.randn(150, 2, generator=g, dtype=torch.float64)
        assert degeneracy(x).name in (f"{n} clusters", "undecided"), blur


def test_a_circle_that_is_not_even_and_an_arc_are_refused() -> None:
    g = torch.Generator().manual_seed(1)
    angle = torch.rand(300, generator=g) * 1.2 * math.pi
    arc = degeneracy(torch.stack([angle.cos(), angle.sin()], 1))
    assert arc.name == "undecided"
    assert "bare" in arc.reason or "preferred" in arc.reason or "variances" in arc.reason
    fold = math.pi / 2 * torch.randint(4, (300,), generator=g) + 0.02 * torch.randn(
        300, generator=g
    )
    fold[:90] = 2 * math.pi * torch.rand(90, generator=g)
    uneven = degeneracy(torch.stack([fold.cos(), fold.sin()], 1))
    assert uneven.name == "undecided"
    assert "4 angles are preferred" in uneven.reason


def test_clusters_among_many_rules_of_no_cluster_are_refused() -> None:
    found = degeneracy(cloud("Z4", 1, 300, 16, 0.02, 0.3))
    assert found.name == "undecided"
    assert "of 300 rules lie apart from the others" in found.reason


def test_clusters_as_wide_as_their_distance_are_refused() -> None:
    g = torch.Generator().manual_seed(4)
    fold = math.pi / 2 * torch.randint(4, (300,), generator=g)
    fold = fold + 1.25 * torch.rand(300, generator=g)
    found = degeneracy(torch.stack([fold.cos(), fold.sin()], 1))
    assert found.name == "undecided"
    assert "4 clusters, each of which is" in found.reason


def test_a_ball_a_segment_and_few_rules_are_refused() -> None:
    g = torch.Generator().manual_seed(2)
    ball = torch.randn(300, 2, generator=g)
    assert "differ by" in degeneracy(ball).reason
    segment = torch.rand(300, 1, generator=g) * torch.tensor([[1.0, 0.0]])
    assert degeneracy(segment).reason == "the rules differ along one axis, without a gap"
    few = degeneracy(polygon(4).repeat(5, 1))
    assert (few.name, few.reason) == ("undecided", "20 rules; expected at least 24: train more")
    for wrong in (torch.zeros(3), torch.full((30, 2), math.nan), torch.zeros(0, 2)):
        with pytest.raises(InputError, match="expected a matrix"):
            degeneracy(wrong)


def test_the_chance_of_a_gap_is_that_of_exponential_spacings() -> None:
    g = torch.Generator().manual_seed(3)
    spacings = torch.empty(40000, 30).exponential_(generator=g).sort(1, descending=True).values
    for k, ratio in ((1, 1.5), (1, 2.5), (3, 1.3), (5, 1.2)):
        seen = float((spacings[:, k - 1] >= ratio * spacings[:, k]).double().mean())
        expected = _chance(30, k, ratio)
        assert abs(seen - expected) < 5 * math.sqrt(expected / 40000)  # 1e-6
        assert abs(seen - _chance(30, k + 1, ratio)) > 5 * math.sqrt(expected / 40000)


def test_gaps_are_no_commoner_on_circles_and_spheres_than_the_chance_says() -> None:
    """At a level of 1e-2 instead of 1e-6, where alarms would be seen."""
    from rsmi.learning.manifold import _cut

    alarms = dict.fromkeys(("U(1)", "S^2"), 0)
    for kind in alarms:
        for seed in range(150):
            _, chance = _cut(cloud(kind, seed, 60, 3, 0.0))
            alarms[kind] += chance < 1e-2
    assert max(alarms.values()) <= 12  # P(more than 12 of 150 at 1e-2) < 1e-7
    assert _cut(cloud("Z4", 0, 60, 3, 0.02))[1] < 1e-6


def test_the_dimension_and_the_axes_carry_honest_errors() -> None:
    off = {"dimension": 0, "span": 0}
    for kind, axes in SPHERES.items():
        for seed in SEEDS:
            found = degeneracy(cloud(kind, seed, 300, 5, 0.02))
            assert found.dimension is not None
            off["dimension"] += abs(found.dimension.deviation(axes - 1)) > 3
            off["span"] += abs(found.span.deviation(axes)) > 3
    assert max(off.values()) <= 3  # of 30: a chord is not quite an arc


def test_the_group_is_found_among_the_symmetries_that_are_given() -> None:
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    mirror = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    turns = [torch.linalg.matrix_power(quarter, k) for k in range(4)]
    g = torch.Generator().manual_seed(5)
    x = polygon(4)[torch.randint(4, (100,), generator=g)]
    x = x + 0.02 * torch.randn(100, 2, generator=g, dtype=torch.float64)
    z4 = degeneracy(x, turns)
    assert (z4.name, z4.group, z4.order, z4.orbits) == ("Z4", "Z4", 4, ("Z4",))
    d4 = degeneracy(x, [t @ m for t in turns for m in (torch.eye(2), mirror)])
    assert (d4.name, d4.group, d4.order) == ("Z4", "D4", 8)
    z2 = degeneracy(x, turns[::2])
    assert (z2.name, z2.group) == ("Z2 + Z2", "Z2")
    assert degeneracy(x, [quarter]).group == "Z4"  # generators are enough
    assert degeneracy(x, [0.6 * quarter]).group == "Z4"  # a block sees a part of a translation
    wrong = degeneracy(x, [torch.eye(2), 0.1 * quarter])
    assert (wrong.order, wrong.orbits) == (1, ("1 cluster",) * 4)
    assert "1 of these symmetries lead to where no cluster was found" in wrong.reason
    swapped = degeneracy(x[:, [1, 0]], [torch.tensor([0, 1]), torch.tensor([1, 0])])
    assert swapped.group == "Z2"


def test_a_cluster_that_never_came_is_told_by_the_symmetries() -> None:
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    turns = [torch.linalg.matrix_power(quarter, k) for k in range(4)]
    found = degeneracy(polygon(4)[:3].repeat(20, 1), turns)
    assert (found.orbits, found.order) == (("1 cluster",) * 3, 1)
    assert "3 of these symmetries lead to where no cluster was found" in found.reason


def test_groups_have_their_names() -> None:
    def generated(*generators: tuple[int, ...]) -> set[tuple[int, ...]]:
        group = {tuple(range(len(generators[0])))}
        while True:
            more = {tuple(a[i] for i in b) for a in [*group, *generators] for b in [*group]} | group
            if more == group:
                return group
            group = more

    assert group_name(generated((1, 2, 3, 4, 5, 0))) == "Z6"
    assert group_name(generated((1, 0, 2, 3), (0, 1, 3, 2))) == "Z2^2"
    assert group_name(generated((1, 2, 3, 0), (0, 3, 2, 1))) == "D4"
    assert group_name(generated((1, 2, 0), (1, 0, 2))) == "D3"
    assert group_name(generated((1, 2, 3, 0), (1, 0, 2, 3))) == "S4"
    assert group_name(generated((1, 2, 3, 0, 4, 5), (0, 1, 2, 3, 5, 4))) == "Z4 x Z2"
    assert group_name(generated((0, 1))) == "the trivial group"


def test_what_is_found_is_a_result_like_every_other() -> None:
    found = degeneracy(cloud("Z4", 0, 100, 4, 0.02))
    assert {q.name for q in found.quantities()} == {"degeneracy.span", "degeneracy.clusters"}
    assert "optimal rules: 4 clusters" in found.table()
    assert found.to_dict()["quantities"]
    circle = degeneracy(cloud("U(1)", 0, 100, 4, 0.02))
    dimension = next(q for q in circle.quantities() if q.name == "degeneracy.dimension")
    assert dimension.reference == 1
