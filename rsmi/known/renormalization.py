"""Renormalised couplings of small rings, the 1D stability matrix, and 2D exponents."""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly, quoted
from rsmi.lattice import Hypercubic, states
from rsmi.lattice.alphabet import SPIN
from rsmi.lattice.graphs import UnitCell
from rsmi.learning import TableRule, block_alone, named_rule
from rsmi.renormalization import (
    FlowResult,
    MCRGResult,
    RenormalisedCouplings,
    coarse_grain,
    exact_couplings,
    flow,
    generate_interactions,
    invert,
    measure,
    renormalise,
    stability_matrix,
    variational_couplings,
)
from rsmi.renormalization.moments import Covariances
from rsmi.renormalization.stability import leading_eigenvalue
from rsmi.sampling import CRITICAL_COUPLING, Ising, SwendsenWang, System
from rsmi.sampling.exact import coarse_distribution, coupling_of, exact_window, marginal
from rsmi.sampling.exact.universality import ISING_2D
from rsmi.sampling.percolation import Cell

_RING = "enumeration of a ring of 16 spins, independent program"
_DECIMATION = "K' = ln(cosh 2K)/2 and dh'/dh = 1 + tanh 2K (Nelson and Fisher 1975)"
_ONSAGER = "Onsager (1944), Yang (1952)"

# (K, rule): nearest coupling, rangeness, m-bodyness, share of the information; as quoted
_FLOWS = {
    (0.1, "decimation"): ("9.934036e-3", "0e-12", "0e-12", "0.5050"),
    (0.1, "weights=2:1"): ("1.812630e-2", "-8.190e-3", "-2.4e-6", "0.4169"),
    (0.1, "majority"): ("3.017733e-2", "-2.0228e-2", "-2.47e-5", "0.3023"),
    (0.5, "majority"): ("2.569855e-1", "-3.7243e-2", "-7.13e-4", "0.5304"),
}
_PARTS = ("nearest", "rangeness", "m-bodyness", "share")

# Of the 8 x 8 torus at K_c, 2 x 2 blocks; as quoted.
_TORUS = "transfer of rows and Walsh transform of all 65536 coarse weights, independent program"
_PRODUCTS = (
    "2-spin (1,0)", "2-spin (1,1)", "2-spin (2,0)", "2-spin (2,1)", "2-spin (2,2)",
    "4-spin plaquette (0,0)(0,1)(1,0)(1,1)",
)  # fmt: skip
_COUPLINGS = {
    "majority": (".3538709", ".0757028", "-.0163523", "-.0109245", "-.0100581", "-.0152631"),
    "decimation": (".2886948", ".0883421", ".0380397", ".0240589", ".0101634", "-.0132302"),
    "soft": (".3445794", ".0788547", "-.0091582", "-.0080559", "-.0095678", "-.0157055"),
}

_COUPLING, _LENGTH = 0.5, 12  # of the ring that is decimated


def renormalization() -> list[Check]:
    """All checks of this section."""
    return [*_flows(), *_decimation(), *_torus(), *_sampled(), *_exponents(), *_inverse()]


def _check(
    name: str, compute: Callable[[], Estimate], expected: float, tolerance: float, source: str
) -> Check:
    return Check(name, "renormalization", compute, expected, tolerance, source)


def _flows() -> list[Check]:
    checks = []
    for (coupling, rule), known in _FLOWS.items():
        flow = cache(partial(_flow, coupling, rule))
        checks += [
            _check(
                f"ring.K=1/{round(1 / coupling)}.{rule}.{part}",
                partial(_part, flow, k),
                *quoted(known[k]),
                _RING,
            )
            for k, part in enumerate(_PARTS)
        ]
    return checks


def _part(flow: Callable[[], tuple[float, ...]], k: int) -> Estimate:
    """One number of a flow that is computed when first asked for."""
    return exactly(flow()[k])


def _flow(coupling: float, rule: str) -> tuple[float, float, float, float]:
    """K2(1), K2(2) / K2(1), K4(1,1,1) / K2(1) after one step, and I(H:E) / I(V:E)."""
    table = _table(rule)
    ring = Hypercubic((16,))
    fine = marginal(16, ring.bonds().tolist(), coupling, keep=range(16))
    coarse = coarse_distribution(fine, table)
    nearest, next_nearest, four = (coupling_of(coarse, s) for s in ([0, 1], [0, 2], [0, 1, 2, 3]))
    window = exact_window((math.inf,), coupling, (2,), 1)
    share = window.rule(table).value / window.full().value
    return nearest, next_nearest / nearest, four / nearest, share


def _table(rule: str) -> Tensor:
    """Pair rules p(h|v) = sigmoid(2 h (l1 v1 + l2 v2)) with large weights, or by name."""
    if rule != "weights=2:1":
        return named_rule(rule, block_alone((2,))).table()
    field = states(2).double() @ torch.tensor([2.0, 1.0], dtype=torch.float64)
    return torch.stack([torch.sigmoid(-2 * field), torch.sigmoid(2 * field)], 1)


def _torus() -> list[Check]:
    checks = []
    for rule, known in _COUPLINGS.items():
        found = cache(partial(_torus_couplings, rule))
        checks += [
            _check(f"torus.{rule}.{name}", partial(_coupling, found, name), *quoted(text), _TORUS)
            for name, text in zip(_PRODUCTS, known, strict=True)
        ]
    return checks


def _coupling(found: Callable[[], RenormalisedCouplings], name: str) -> Estimate:
    """One coupling of a Hamiltonian that is computed when first asked for."""
    return found()[name]


def _torus_couplings(rule: str) -> RenormalisedCouplings:
    return exact_couplings(System((8, 8)), _soft() if rule == "soft" else rule, (2, 2))


def _soft() -> TableRule:
    """p(h = 1) = sigmoid(2 sum v)."""
    total = 2 * states(4).double().sum(1)
    return TableRule(SPIN, torch.stack([torch.sigmoid(-total), torch.sigmoid(total)], 1), (2, 2))


def _sampled() -> list[Check]:
    """The same table and ring by a biased simulation."""
    checks = []
    for rule, known in _COUPLINGS.items():
        found = cache(partial(_biased, System((8, 8)), rule, (2, 2)))
        checks += [
            _check(f"variational.{rule}.{name}", partial(_coupling, found, name), float(text), 0.0,
                   _TORUS)
            for name, text in list(zip(_PRODUCTS, known, strict=True))[:3]
        ]  # fmt: skip
    ring = cache(partial(_biased, System((16,), temperature=2.0), "majority", (2,)))
    nearest = float(_FLOWS[0.5, "majority"][0])
    name = "2-spin (1)"
    return [
        *checks,
        _check(f"variational.ring.{name}", partial(_coupling, ring, name), nearest, 0.0, _RING),
    ]


def _biased(system: System, rule: str, block: tuple[int, ...]) -> RenormalisedCouplings:
    chosen = _soft() if rule == "soft" else rule
    return variational_couplings(system, chosen, block, reach=2.0, sweeps=100, seed=1)


def _decimation() -> list[Check]:
    """Eigenvalues of decimation, from every configuration of a ring with its exact weight."""
    thermal = math.tanh(2 * _COUPLING)
    known = {"even": thermal, "odd": 1 + thermal}
    return [
        _check(
            f"decimation.{parity}.eigenvalue",
            partial(_eigenvalue, parity),
            value,
            1e-12,
            _DECIMATION,
        )
        for parity, value in known.items()
    ]


def _eigenvalue(parity: str) -> Estimate:
    """Leading eigenvalue of the stability matrix in the basis of one nearest interaction."""
    table = named_rule("decimation", block_alone((2,))).table()
    basis = [i for i in generate_interactions(1.0, UnitCell.hypercubic(1)) if i.parity == parity]
    fine = states(_LENGTH)
    coarse = coarse_grain(fine, table, (2,))
    ring = Hypercubic((_LENGTH,))
    weights = marginal(_LENGTH, ring.bonds().tolist(), _COUPLING, keep=range(_LENGTH)).numpy()
    values = [measure(spins, basis).astype(float) for spins in (fine, coarse)]
    same = np.stack([_covariance(weights, x, x) for x in values])
    step = _covariance(weights, values[1], values[0])[None]
    return exactly(float(leading_eigenvalue(stability_matrix(Covariances(same, step), 0, 1))))


def _covariance(
    weights: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted covariance of the columns of two tables."""
    a, b = left - weights @ left, right - weights @ right
    matrix: NDArray[np.float64] = (weights[:, None] * a).T @ b
    return matrix


def _exponents() -> list[Check]:
    """Majority Monte Carlo RG of a small critical lattice; its errors hold the truncation."""
    flow = cache(_majority_flow)
    return [
        _check(
            f"majority.L=32.{name}",
            partial(_exponent, flow, name),
            ISING_2D[name],
            0.0,
            _ONSAGER,
        )
        for name in ("y_t", "y_h")
    ]


def _exponent(flow: Callable[[], MCRGResult], name: str) -> Estimate:
    return flow().exponents[name].value


def _drawn(shape: tuple[int, ...], coupling: float, seed: int, records: int) -> Tensor:
    """(records, 64 chains, *shape), five sweeps apart."""
    sampler = SwendsenWang(Ising(shape, coupling), seed=seed)
    state = sampler.initial(64)
    sampler.advance(state, 0, 200)
    kept = []
    for record in range(records):
        sampler.advance(state, 200 + 5 * record, 5)
        kept.append(state.clone())
    return torch.stack(kept)


def _inverse() -> list[Check]:
    """A lattice enlarged by the inverse of the majority rule, and the smallest cell of sites."""
    nu = math.log(2) / math.log(4 * _GOLDEN - 4 * _GOLDEN**3)
    source = "R = p^2 (2 - p^2), Reynolds, Stanley, Klein (1980)"
    return [
        _check("inverse.L=16.energy", _enlarged, -1.4530648528134773, 0.0, "Kaufman (1949)"),
        _check("cell.b=2.nu", _cell, nu, 1e-12, source),
    ]


_GOLDEN = (math.sqrt(5) - 1) / 2


def _enlarged() -> Estimate:
    found = invert(System((8, 8)), chains=64, sweeps=64, steps=200)
    energy = next(q for q in found.quantities() if q.name == "invert.energy")
    return Estimate(energy.value, energy.error, "estimate", "J")


def _cell() -> Estimate:
    cell = Cell(2)
    return exactly(math.log(2) / math.log(cell.slope(cell.firsts(0, 1), _GOLDEN)))


class _Drawn:
    """Critical configurations held in memory, record by record."""

    shape: tuple[int, ...] = (32, 32)
    chains = 64

    def __init__(self, records: int) -> None:
        self._spins = _drawn(self.shape, CRITICAL_COUPLING, 7, records).flatten(0, 1)

    def __len__(self) -> int:
        return len(self._spins)

    def read(self, start: int, stop: int) -> Tensor:
        """Configurations start .. stop - 1."""
        return self._spins[start:stop]


def _majority_flow() -> MCRGResult:
    rule = named_rule("majority", block_alone((2, 2)))
    return renormalise(_Drawn(200), rule, levels=2, reach=1.5, workers=1)


def _matching() -> list[Check]:
    """T_c and nu of the majority rule from 16 x 16 beside 8 x 8, energies unknown."""
    found = cache(_majority_matching)
    known = {"T_c": 1 / CRITICAL_COUPLING, "nu": ISING_2D["nu"]}
    return [
        _check(f"matching.L=16.{name}", partial(_matched, found, name), value, 0.0, _ONSAGER)
        for name, value in known.items()
    ]


def _matched(found: Callable[[], FlowResult], name: str) -> Estimate:
    number: Estimate = getattr(found(), name)
    return number


def _majority_matching() -> FlowResult:
    temperatures = [(1 + step / 30) / CRITICAL_COUPLING for step in (-2, -1, 0, 1, 2)]
    arrays = [
        _drawn((side, side), 1 / t, 100 * side + k, 60).swapaxes(0, 1)
        for side in (16, 8)
        for k, t in enumerate(temperatures)
    ]
    return flow(arrays, "majority", temperatures * 2, chains=64, workers=1)
