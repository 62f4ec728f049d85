"""Ising thermodynamics on finite tori: Kaufman's formula and full enumeration."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from rsmi.known.checking import Check, lazily
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import DensityOfStates, Thermodynamics, density_of_states, kaufman

_KAUFMAN = "Kaufman (1949), evaluated by an independent program"
_ENUMERATION = "all 65 536 configurations, visited by an independent program"

# L: (ln Z / N, energy per site, K**2 d2 ln Z / dK2 / N) at the critical coupling
_CRITICAL = {
    4: (0.970119716172205, -1.56562378763832, 0.783266825929),
    8: (0.939715324829206, -1.49158910743971, 1.14555923989),
    32: (0.930320390184124, -1.43365846614625, 1.84676759004),
}
_NAMES = ("free_energy", "energy", "specific_heat")
# name: (L, K, energy per site)
_ENERGIES = {
    "K=3/10.L=8": (8, 0.3, -0.712467372672069),
    "K=1/2.L=8": (8, 0.5, -1.7456831702932),
    "T=5/2.L=32": (32, 0.4, -1.10729166097751),
}
# power: mean of |m|**power on the critical 4x4 torus
_MOMENTS = {1: 0.8438604448, 2: 0.7613589086, 4: 0.6656912133}
_BINDER = 0.61719932
# Configurations of the 4x4 torus with energy E; symmetric in E
_COUNTS = {-32: 2, -24: 32, -20: 64, -16: 424, -12: 1728, -8: 6688, -4: 13568, 0: 20524}


def thermodynamics() -> list[Check]:
    """All checks of this section."""
    return [*_critical(), *_energies(), *_enumeration()]


def _check(
    name: str, compute: Callable[[], float], expected: float, tolerance: float, source: str
) -> Check:
    unit = "J" if "energy" in name else "1"
    return Check(name, "thermodynamics", lazily(compute, unit), expected, tolerance, source)


def _critical() -> list[Check]:
    checks = []
    for side, known in _CRITICAL.items():
        solve = cache(partial(kaufman, (side, side), CRITICAL_COUPLING))
        checks += [
            _check(
                f"critical.L={side}.{name}",
                partial(_of_torus, solve, side, name),
                value,
                1e-11 * abs(value),
                _KAUFMAN,
            )
            for name, value in zip(_NAMES, known, strict=True)
        ]
    return checks


def _of_torus(solve: Callable[[], Thermodynamics], side: int, name: str) -> float:
    """One number of a torus that is solved when first asked for."""
    found = solve()
    if name == "free_energy":
        return found.log_partition / side**2
    return found.energy if name == "energy" else found.specific_heat


def _energies() -> list[Check]:
    return [
        _check(
            f"{name}.energy",
            partial(_of_torus, partial(kaufman, (side, side), coupling), side, "energy"),
            energy,
            1e-12,
            _KAUFMAN,
        )
        for name, (side, coupling, energy) in _ENERGIES.items()
    ]


def _enumeration() -> list[Check]:
    visit = cache(partial(density_of_states, (4, 4)))
    moments = [
        _check(f"critical.L=4.m{power}", partial(_moment, visit, power), value, 1e-9, _ENUMERATION)
        for power, value in _MOMENTS.items()
    ]
    return [
        _check("counts.L=4.wrong", lambda: _wrong_counts(visit()), 0, 0, _ENUMERATION),
        *moments,
        _check("critical.L=4.U4", lambda: _binder(visit()), _BINDER, 1e-8, _ENUMERATION),
    ]


def _moment(visit: Callable[[], DensityOfStates], power: int) -> float:
    return visit().moment(CRITICAL_COUPLING, power)


def _binder(states: DensityOfStates) -> float:
    """Binder's cumulant 1 - <m^4> / (3 <m^2>^2)."""
    second, fourth = (states.moment(CRITICAL_COUPLING, power) for power in (2, 4))
    return 1 - fourth / (3 * second**2)


def _wrong_counts(states: DensityOfStates) -> int:
    """How many energies have another number of configurations than they should."""
    energies, classes = np.unique(states.energies, return_inverse=True)
    found = dict(zip(energies.tolist(), np.bincount(classes, states.counts), strict=True))
    known = _COUNTS | {-energy: count for energy, count in _COUNTS.items()}
    return sum(found.get(e) != known.get(e) for e in found.keys() | known.keys())
