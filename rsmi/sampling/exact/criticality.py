"""Which universality class a sample file belongs to, and its critical exponents."""

from collections.abc import Mapping

from rsmi.information.estimate import Estimate
from rsmi.sampling.exact.universality import ISING_2D, UNIVERSALITY
from rsmi.sampling.ising import CRITICAL_COUPLING
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD
from rsmi.sampling.potts.exact.critical import BLUME_CAPEL_TRICRITICAL, critical_coupling

__all__ = ["CRITICAL_COUPLING_3D", "ISING_2D", "critical_exponents", "exact_exponents"]

CRITICAL_COUPLING_3D = 0.221654626
"""K_c of the cubic Ising model, error 5e-9, from simulations: Ferrenberg, Xu, Landau (2018), Phys.
Rev. E 97, 043301."""

_EXACT = 1e-9
_MEASURED = 1e-5  # relative; at L = 64 it moves the flow by less than 1 % of a lattice spacing
_TRICRITICAL = 1e-3
_PLANE_AXES = 1

Facts = Mapping[str, str | float]


def exact_exponents(model: Facts | None, dimension: int) -> Mapping[str, float]:
    """Values of `critical_exponents`, to stand beside measured ones.

    >>> exact_exponents({"model": "ising", "coupling": CRITICAL_COUPLING}, 2)["y_h"]
    1.875
    >>> exact_exponents(None, 2)
    {}
    """
    return {name: found.value for name, found in critical_exponents(model, dimension).items()}


def critical_exponents(model: Facts | None, dimension: int) -> Mapping[str, Estimate]:
    """Exponents of a model at its critical point, empty where it is unknown or elsewhere.

    Known are the Ising model in two dimensions (exact) and three (an estimate with its error), the
    Potts model with 2, 3 and 4 states, the tricritical Blume-Capel model, and site percolation,
    whose exponents belong to its clusters: independent sites have no spin correlations at all.

    Args:
        model: what a sample file says of its Hamiltonian, or None.
        dimension: axes of a stored configuration; the Potts and the Blume-Capel model are stored as
            planes of bits, and so have one axis more than their lattice.

    Returns:
        y_t, y_h, nu, eta, delta_sigma and delta_epsilon, without unit.

    >>> print(critical_exponents({"model": "ising", "coupling": 0.2216546}, 3)["y_t"])
    1.5873747(3)
    """
    name = None if model is None else _class_of(model, dimension)
    return {} if name is None else UNIVERSALITY[name].exponents()


def _class_of(model: Facts, dimension: int) -> str | None:
    """Name of the universality class, None away from criticality."""
    numbers = {key: value for key, value in model.items() if isinstance(value, float | int)}
    match model["model"], dimension:
        case "ising", 2:
            return _near(numbers, "ising_2d", coupling=(CRITICAL_COUPLING, _EXACT))
        case "ising", 3:
            tolerance = _MEASURED * CRITICAL_COUPLING_3D
            return _near(numbers, "ising_3d", coupling=(CRITICAL_COUPLING_3D, tolerance))
        case "potts", 3:
            return _potts(numbers)
        case "blume_capel", 3:
            point = {key: (v, _TRICRITICAL) for key, (v, _) in BLUME_CAPEL_TRICRITICAL.items()}
            return _near(numbers, "tricritical_ising_2d", **point)
        case "mazes", 2:
            threshold = (PERCOLATION_THRESHOLD, _MEASURED)
            return _near(numbers, "percolation_2d", probability=threshold)
        case _:
            return None


def _potts(numbers: Mapping[str, float]) -> str | None:
    """Class of the square-lattice Potts model; above four states the transition is not critical."""
    states = numbers.get("states")
    name = {2: "ising_2d", 3: "potts3_2d", 4: "potts4_2d"}.get(int(states or 0))
    if name is None or states is None:
        return None
    return _near(numbers, name, coupling=(critical_coupling(int(states)), _EXACT))


def _near(numbers: Mapping[str, float], name: str, **point: tuple[float, float]) -> str | None:
    """The name if every number is known and within its tolerance of the critical point."""
    known = all(
        key in numbers and abs(numbers[key] - value) <= tolerance
        for key, (value, tolerance) in point.items()
    )
    return name if known else None
