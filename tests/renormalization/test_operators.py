"""Operators and their dimensions: exact small cases, fields of known dimensions, samples."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chi2, norm
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import Space, words
from rsmi.lattice.alphabet import SPIN, clock, directions, vacant_spins
from rsmi.learning import majority
from rsmi.renormalization import scaling_dimensions
from rsmi.renormalization.operators import (
    Correlators,
    collapse,
    correlators,
    local_operators,
    separate,
)
from rsmi.renormalization.operators.correlators import Weights
from rsmi.renormalization.operators.separation import HALF, WINDOW, decay
from rsmi.sampling import System
from rsmi.sampling.exact.universality import POTTS_2D
from rsmi.storage import SampleRecipe, generate, samples_of

FALSE_ALARM = 1e-6
SIGMAS = float(norm.isf(FALSE_ALARM / 2))
CRITICAL = math.log(1 + math.sqrt(2)) / 2
SQUARE = Space.of("square", (8, 8), SPIN)


@pytest.fixture(scope="module")
def ladder(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Critical Ising samples of two sizes."""
    folder = tmp_path_factory.mktemp("ladder")
    return [_drawn(folder, (n, n), temperature="critical") for n in (8, 16)]


def _drawn(folder: Path, shape: tuple[int, ...], records: int = 150, **options: Any) -> Path:
    path = folder / f"{'x'.join(map(str, shape))}.h5"
    options = {"chains": 64, "thin": 2, "equilibration": 64, "seed": shape[0], **options}
    generate(SampleRecipe(shape=shape, records=records, **options), path)
    return path


@pytest.mark.parametrize("sector", ["even", "odd"])
def test_operators_of_spins_have_the_parity_and_symmetry_of_their_sector(sector: str) -> None:
    basis = local_operators(SQUARE, sector, reach=1.5, rules=[majority((2, 2))])
    index = torch.arange(16)
    flipped = basis.tables[..., 15 - index]
    parts = {"even": basis.tables[:, 0], "odd": basis.tables[:, 0]}[sector]
    sign = 1 if sector == "even" else -1
    assert torch.allclose(flipped[:, 0], sign * parts)
    spins = 2 * words(2, 4) - 1
    turned = (((spins[:, [2, 0, 3, 1]] > 0) * 2 ** torch.arange(4)).sum(1)).long()
    assert torch.allclose(parts[:, turned], parts)
    expected = {
        "odd": ("1-spin", "3-spin (0,0)(0,1)(1,0)"),  # majority is a combination of both
        "even": (
            "2-spin (1,0)", "2-spin (1,1)", "4-spin plaquette (0,0)(0,1)(1,0)(1,1)",
        ),
    }  # fmt: skip
    assert basis.names == expected[sector]


@pytest.mark.parametrize("alphabet", [clock(3), vacant_spins(), clock(4)])
def test_vectors_turn_with_their_letters(alphabet: Any) -> None:
    basis = local_operators(Space.of("square", (8, 8), alphabet), "odd", reach=1.0)
    q, every, tables = alphabet.size, words(alphabet.size, 4), basis.tables
    orbit = sorted({p[0] for p in alphabet.symmetries})
    if len(orbit) == 2:
        assert tables.shape[1] == 1
        tables = torch.cat([tables, -tables], 1)
    for p in alphabet.symmetries:
        image = (torch.tensor(p)[every] * q ** torch.arange(4)).sum(1)
        place = [orbit.index(p[b]) for b in orbit]
        # f_gb(g v) = f_b(v)
        assert torch.allclose(tables[:, place][..., image], tables, atol=1e-6)
    assert torch.allclose(tables.sum(1), torch.zeros(()), atol=1e-5)


def _plain(fields: Tensor, r: int) -> Tensor:
    """C_ab(r) averaged over both axes, both ways, translations and configurations."""
    total = torch.zeros(fields.shape[1], fields.shape[1], dtype=torch.float64)
    for axis in (3, 4):
        for way in (r, -r):
            moved = fields.roll(-way, axis)
            total += torch.einsum("nacxy,nbcxy->ab", fields, moved)
    return total / 4 / (len(fields) * fields[0, 0, 0].numel())


@pytest.mark.parametrize("sector", ["even", "odd"])
def test_correlators_are_the_plain_sums(sector: str) -> None:
    spins = 2 * torch.randint(0, 2, (64, 8, 6)) - 1
    samples = samples_of(spins.to(torch.int8), chains=64, space="spins on square [8, 6]")
    basis = local_operators(samples.space, sector, reach=1.5)
    found = correlators(samples, basis)
    fields = basis.fields(samples.letters(0, 64)).double()
    mean = fields.mean((0, 3, 4))[:, 0] if sector == "even" else torch.zeros(len(basis))
    for place, r in enumerate(found.distances):
        expected = _plain(fields, r) - torch.outer(mean, mean)
        assert torch.allclose(found.everything[1 + place], expected, atol=1e-6)
    x, y = np.indices((8, 6))
    w = ((2 - np.cos(2 * np.pi * x / 8) - np.cos(2 * np.pi * y / 6)) / 4) ** 3
    own = fields[:, :, 0]
    moved = (own.roll((-i, -j), (2, 3)) for i in range(8) for j in range(6))
    each = torch.stack([torch.einsum("naxy,nbxy->ab", own, m) for m in moved])
    window = torch.from_numpy(w).flatten() @ each.flatten(1) / w.sum() / (64 * 48)
    window = window.reshape(len(basis), len(basis))
    assert torch.allclose(found.everything[0], window - torch.outer(mean, mean), atol=1e-6)


def test_a_momentum_is_a_sign_in_front() -> None:
    spins = (2 * torch.randint(0, 2, (64, 8, 8)) - 1).to(torch.int8)
    staggered = spins * (1 - 2 * (torch.arange(8) % 2))[:, None].to(torch.int8)
    basis = local_operators(SQUARE, "odd", reach=0.0)
    found, plain = (
        correlators(samples_of(s, chains=64, space=SQUARE), basis, momentum=q)
        for s, q in ((spins, (0.5, 0.0)), (staggered, ()))
    )
    assert torch.allclose(found.everything, plain.everything, atol=1e-6)


def test_sampled_correlations_are_those_of_all_configurations(tmp_path: Path) -> None:
    path = _drawn(tmp_path, (4, 4), temperature="critical")
    letters, p = System((4, 4)).family.enumerate(System((4, 4)).built)
    s = 2.0 * letters[..., 0].double() - 1
    exact = [float((p * (s * s.roll(r, 1)).mean((1, 2))).sum()) for r in (1, 2)]
    with samples_of(path) as samples:
        found = correlators(samples, local_operators(samples.space, "odd", reach=0.0))
    values, errors = found.everything[2:, 0, 0], found.resampled(400, 0)[:, 2:, 0, 0].std(0)
    z = (values - torch.tensor(exact)) / errors
    assert z.abs().max() < SIGMAS
    assert ((values.flip(0) - torch.tensor(exact)) / errors).abs().max() > SIGMAS  # a mutant


def _made(size: int, dimensions: Tensor, mixing: Tensor, form: Tensor, data: int) -> Correlators:
    """Noisy covariances of lattice operators that mix fields of known dimensions."""
    scale = torch.diag(float(size) ** -dimensions)
    c = mixing @ scale @ form @ scale @ mixing.T
    root = torch.linalg.cholesky(c)
    noise = torch.randn(64, len(c), data, dtype=torch.float64)
    blocks = root @ (noise @ noise.mT / data) @ root.T
    line = torch.stack([blocks, torch.eye(len(c)).double().expand(64, -1, -1), blocks, blocks], 1)
    ones, zeros = torch.ones(64).double(), torch.zeros(64, len(c), 1).double()
    overlap = torch.zeros(4, dtype=torch.float64)
    return Correlators((size, size), (0, 1, 2), line, zeros, overlap, ones, connected=False)


DIMENSIONS = torch.tensor([0.3, 1.3], dtype=torch.float64)
MIXING = torch.tensor([[1.0, 0.5], [0.4, -0.8]], dtype=torch.float64)
FORM = torch.tensor([[1.0, 0.4], [0.4, 1.0]], dtype=torch.float64)


def test_dimensions_are_found_with_honest_errors() -> None:
    pulls = []
    for _ in range(60):
        curves = [_made(n, DIMENSIONS, MIXING, FORM, 400) for n in (64, 128, 256)]
        found = separate(curves).dimensions
        pulls.append([(v.value - d) / v.error for v, d in zip(found, (0.3, 1.3), strict=True)])
    squares = np.square(pulls).sum(0)
    low, high = chi2.ppf([FALSE_ALARM, 1 - FALSE_ALARM], 60)
    # corrections to scaling and the choice of fits are part of an error: it may be too large
    assert (squares < high).all()
    assert (squares > 0.2 * low).all()


def test_eigenvalues_of_one_size_relative_to_the_other_are_biased() -> None:
    small, large = (_made(n, DIMENSIONS, MIXING, FORM, 10**5) for n in (256, 512))
    own = separate([small, large]).dimensions[0]
    assert own.value == pytest.approx(0.3, abs=0.01)
    a, b = small.everything[0], large.everything[0]
    factor = torch.linalg.inv(torch.linalg.cholesky(a))
    leading = torch.linalg.eigvalsh(factor @ b @ factor.T)[-1]
    assert -math.log2(float(leading)) / 2 < 0.26  # of 0.3, on any size


def test_noise_is_no_operator() -> None:
    quiet = torch.tensor([0.3, 6.0], dtype=torch.float64)
    curves = [_made(n, quiet, torch.eye(2).double(), torch.eye(2).double(), 400) for n in (8, 16)]
    for c in curves:  # the same for both: noise that no lattice takes away
        noise = torch.randn(64, dtype=torch.float64)
        c.products[:, 0, 1, 1] += 1e-3 * (noise - noise.mean())
    assert len(separate(curves).dimensions) == 1


def test_sizes_collapse_with_the_dimension_alone() -> None:
    vector = torch.tensor([1.0, 0.0], dtype=torch.float64)
    curves = [_made(n, DIMENSIONS, torch.eye(2).double(), FORM, 4000) for n in (4, 8)]
    for c in curves:
        object.__setattr__(c, "distances", tuple(range(c.size // 2 + 1)))
        line = c.products[:, 2:3].expand(-1, c.size // 2, -1, -1)
        object.__setattr__(c, "products", torch.cat([c.products[:, :2], line], 1))
        object.__setattr__(c, "overlap", torch.zeros(c.products.shape[1]).double())
    found = collapse(curves, vector)
    assert abs(found.dimension.deviation(0.3)) < SIGMAS
    assert found.shares == (0.25, 0.5)


def _pairs(size: int, c: float, noise: float = 1e-4) -> Correlators:
    """Two bits whose product has the mean c."""
    means = c + noise * torch.randn(64, dtype=torch.float64)
    signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    joint = (1 + means[:, None, None] * signs) / 4
    ones = torch.ones(64).double()
    line = joint[:, None].expand(-1, 3, -1, -1)
    return Correlators(
        (size,), (0, 1), line, torch.zeros(64, 2, 1).double(), torch.ones(3).double(), ones, False
    )


def test_information_falls_with_four_times_the_dimension() -> None:
    actions = torch.tensor([[0, 1], [1, 0]])
    c = 0.05
    found = decay("bits", [_pairs(8, c), _pairs(16, c * 2**-0.5)], actions)
    assert abs(found.dimension.deviation(0.25)) < SIGMAS
    exact = 0.5 * ((1 + c) * math.log(1 + c) + (1 - c) * math.log(1 - c))
    assert abs(found.values[0].deviation(exact)) < SIGMAS
    # strong correlations: the error owns up to terms beyond the square
    strong = decay("bits", [_pairs(8, 0.8), _pairs(16, 0.8 * 2**-0.25)], actions).dimension
    assert strong.error > 0.5 * abs(strong.value - 0.125) > 0.002
    with pytest.raises(AnalysisError, match=r"rule 'bits' over half the lattice .* noise"):
        decay("bits", [_pairs(8, 0.0), _pairs(16, 0.0)], actions)


def test_ising_dimensions_from_samples(ladder: list[Path]) -> None:
    odd = scaling_dimensions(ladder, "odd", reach=1.5, rules=["majority"])
    even = scaling_dimensions(ladder, "even")
    assert odd.known == 0.125
    assert even.known == 1.0
    for found in (odd, even):
        leading = found.dimensions[0]
        assert abs(leading.deviation(found.known)) < SIGMAS
        assert leading.error < 0.05 * (1 + 5 * found.known)
        assert abs(found.collapse.dimension.deviation(found.known)) < SIGMAS
        assert abs(found.half.dimensions[0].deviation(found.known)) < SIGMAS
    (own,) = odd.decays
    assert own.rule == "majority"
    assert abs(own.dimension.deviation(0.125)) < SIGMAS
    names = {q.name for q in odd.quantities()}
    assert names >= {
        "operators.dimension.1", "operators.half", "operators.collapse", "operators.information",
        "operators.scan.dimension.1",
    }  # fmt: skip
    assert odd.plot().axes
    assert "covariance, operator 1" in odd.table()


def test_away_from_the_critical_point_the_dimension_is_another(tmp_path: Path) -> None:
    warm = [_drawn(tmp_path, (n, n), temperature=2.6) for n in (8, 16)]
    found = scaling_dimensions(warm, "odd", reach=0.0)
    assert found.known is None
    assert found.dimensions[0].deviation(0.125) > SIGMAS


def test_potts_vector_and_ising_chain_in_a_field_of_their_own(tmp_path: Path) -> None:
    potts = [
        _drawn(tmp_path, (n, n), model="potts", parameters={"states": 3}, temperature="critical")
        for n in (8, 16)
    ]
    found = scaling_dimensions(potts, "vector", reach=1.0)
    exact = POTTS_2D[3]["delta_sigma"]
    assert found.known == pytest.approx(exact)
    assert found.basis.sector == "vector"
    assert abs(found.dimensions[0].deviation(exact)) < SIGMAS
    chains = [_drawn(tmp_path, (n,), model="tfim", thin=1, equilibration=0) for n in (8, 16)]
    chain = scaling_dimensions(chains, "odd", reach=0.0)
    assert abs(chain.dimensions[0].deviation(0.125)) < SIGMAS
    assert chain.dimensions[0].error < 0.02


def test_operators_that_are_one_another_are_named(ladder: list[Path]) -> None:
    found = scaling_dimensions(ladder, "odd", reach=0.0, rules=["decimation"], block=(1, 1))
    assert found.basis.names == ("1-spin",)
    assert found.notes == ("left out: decimation is a combination of 1-spin",)
    with samples_of(ladder[0]) as samples:
        curve = correlators(samples, found.basis).chosen([0, 0])
    with pytest.raises(AnalysisError, match="singular: operator 1 is a combination of 0 on every"):
        separate([curve, dataclasses.replace(curve, cells=(16, 16))])


def test_what_cannot_be_is_refused(ladder: list[Path], kit: ModuleType) -> None:
    few = kit.random_spins((8, 8, 8))
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: scaling_dimensions(ladder[:1], "odd"),
         r"one lattice was given, \[8, 8\]; .* bring \[16, 16\] as well"),
        (lambda: scaling_dimensions([ladder[0], ladder[0]], "odd"),
         r"lattices are \[8, 8\] and \[8, 8\]; expected each twice as large"),
        (lambda: scaling_dimensions(ladder, "vektor"),
         r"the sector is 'vektor'; expected even or odd, which are those of the 2 letters -1, \+1"),
        (lambda: local_operators(Space.of("square", (4, 4), directions(2)), "odd", reach=1.0),
         r"the sector is 'odd'; expected all, .* 4 letters .* 1 symmetry"),
        (lambda: correlators(samples_of(few, chains=8, space=SQUARE), _spin()),
         r"8 configurations of 8 chains make 8 independent blocks; expected at least 16"),
        (lambda: scaling_dimensions(ladder, "odd", momentum=(0.5,)),
         r"momentum is \[0.5\]; expected 2 numbers"),
        (lambda: scaling_dimensions(ladder, "odd", momentum=(0.3, 0.0)),
         r"momentum 0.3 in units of 2 pi does not fit 8 cells"),
        (lambda: local_operators(SQUARE, "even", rules={"majority": majority((2, 2))}),
         r"the operators majority.* have no part in the sector even"),
        (lambda: local_operators(SQUARE, "odd"), "no operator was asked for"),
        (lambda: local_operators(SQUARE, "odd", reach=5.0), r"more than 1048576 words"),
    ]  # fmt: skip
    for attempt, message in cases:
        with pytest.raises(InputError, match=message):
            attempt()


def _spin() -> Any:
    return local_operators(SQUARE, "odd", reach=0.0)


def test_nothing_but_noise_is_no_dimension(kit: ModuleType) -> None:
    coins = [kit.random_spins((64, n, n), n) for n in (8, 16)]
    spaces = [f"spins on square [{n}, {n}]" for n in (8, 16)]
    with pytest.raises(AnalysisError, match=r"at L = \d+ no correlation stands out of the noise"):
        scaling_dimensions(coins, "odd", chains=64, space=spaces, reach=0.0)


def test_the_command_is_the_function(
    ladder: list[Path], rsmi: Callable[..., Any], tmp_path: Path
) -> None:
    files = f"[{ladder[1]},{ladder[0]}]"
    out = tmp_path / "out"
    said = rsmi("operators", "--data", files, "--sector", "odd", "--reach", "0", "--out", out)
    assert said.code == 0, said.err
    result = json.loads((out / "result.json").read_text())
    values = {q["name"]: q["value"] for q in result["quantities"]}
    found = scaling_dimensions(ladder, "odd", reach=0.0)
    assert values["operators.dimension.1"] == found.dimensions[0].value
    assert (out / "figures" / "operators.png").exists()
    assert "operators" in (out / "report.html").read_text()
    one = rsmi("operators", "--data", ladder[0], "--sector", "odd")
    assert one.code == 2
    assert "bring [16, 16] as well" in one.err
    neither = rsmi("operators", "--data", files)
    assert neither.code == 2
    assert "expected a sector, such as --sector odd, or --charges electric" in neither.err


def test_half_the_lattice_is_the_last_distance(ladder: list[Path]) -> None:
    with samples_of(ladder[0]) as samples:
        found = correlators(samples, _spin())
    assert found.distances == (0, 1, 2, 3, 4)
    assert torch.equal(found.everything[HALF], found.everything[1 + 4])


def test_the_window_of_an_exact_chain_gives_its_dimension() -> None:
    """Ground states of 8 and 16 spins without sampling: one per cent of 1/8 is left."""
    values = []
    for n in (8, 16):
        letters, p = System((n,), "tfim").family.enumerate(System((n,), "tfim").built)
        s = 2.0 * letters[..., 0].double() - 1
        line = torch.stack([(p * (s * s.roll(r, 1)).mean(1)).sum() for r in range(n)])
        values.append(Weights.of((n,)).maps @ line)
    dimensions = 0.5 * torch.log2(values[0] / values[1][: len(values[0])])
    assert float(dimensions[WINDOW]) == pytest.approx(0.12390, abs=1e-5)
    half = 0.5 * math.log2(float(values[0][HALF] / values[1][HALF]))
    assert half == pytest.approx(0.12415, abs=1e-5)
