"""Critical exponents that are known exactly."""

from collections.abc import Mapping

from rsmi.sampling.ising import CRITICAL_COUPLING

ISING_2D: Mapping[str, float] = {
    "y_t": 1.0,
    "y_h": 15 / 8,
    "nu": 1.0,
    "eta": 1 / 4,
    "delta_sigma": 1 / 8,
    "delta_epsilon": 1.0,
}
"""Two-dimensional Ising universality class (Onsager 1944; Yang 1952)."""

_NEAR = 1e-9


def exact_exponents(model: Mapping[str, str | float] | None, dimension: int) -> Mapping[str, float]:
    """Exact exponents of a model, empty where it is unknown or not at its critical point.

    Args:
        model: What a sample file says of its Hamiltonian, or None.
        dimension: Of the lattice.

    >>> exact_exponents({"model": "ising", "coupling": CRITICAL_COUPLING}, 2)["y_h"]
    1.875
    >>> exact_exponents(None, 2)
    {}
    """
    if model is None or model["model"] != "ising" or dimension != 2:
        return {}
    critical = abs(float(model["coupling"]) - CRITICAL_COUPLING) < _NEAR
    return ISING_2D if critical else {}
