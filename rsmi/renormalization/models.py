"""Which models the iteration of a rule on two-valued spins of a hypercubic torus can serve."""

from collections.abc import Mapping

from rsmi.errors import InputError
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact.criticality import CRITICAL_COUPLING_3D

_PLANES = "the file holds planes of bits, and a bit is not what one of its sites is"
_BONDS = "the file holds bonds, not spins of sites"
_CHAIN = "the chain is one axis of a system in space and time, and blocks would rescale space alone"
_REASONS = {
    "potts": f"{_PLANES}: majority of bits breaks the symmetry among the states",
    "blume_capel": f"{_PLANES}: a two-valued coarse spin has no vacancies",
    "ising_graph": (
        "blocks and interactions are those of the pure hypercubic lattice, without other bonds, "
        "disorder, dilution or field; for that lattice draw with model ising"
    ),
    "dimers": _BONDS,
    "decorated_dimers": _BONDS,
    "mazes": (
        "its sites are independent, so no interaction of spins flows; percolation is a matter of "
        "clusters"
    ),
    "tfim": _CHAIN,
    "heisenberg": _CHAIN,
}

_CRITICAL = {2: CRITICAL_COUPLING, 3: CRITICAL_COUPLING_3D}
_THERMAL = {2: 1.0, 3: 1.587}
_NEAR = 0.05  # of |K / K_c - 1| L**y_t: what is left moves no exponent by more than its error


def off_critical(model: Mapping[str, str | float] | None, shape: tuple[int, ...]) -> str | None:
    """Why samples that name their coupling are not critical, if they are not.

    >>> off_critical({"model": "ising", "coupling": 0.44}, (8, 8)) is None
    True
    >>> off_critical({"model": "ising", "coupling": 0.4}, (8, 8))
    'the samples say K = J/T = 0.4, 9.2 % below the critical 0.440687'
    """
    if model is None or not isinstance(model.get("coupling"), float | int):
        return None
    coupling, critical = float(model["coupling"]), _CRITICAL.get(len(shape))
    if critical is None:
        return "an Ising chain has no critical point at a temperature above 0"
    distance = coupling / critical - 1
    if abs(distance) * max(shape) ** _THERMAL[len(shape)] <= _NEAR:
        return None
    side = "above" if distance > 0 else "below"
    return (
        f"the samples say K = J/T = {coupling:.6g}, {100 * abs(distance):.1f} % {side} the "
        f"critical {critical:.6g}"
    )


def check_model(model: Mapping[str, str | float] | None) -> None:
    """Refuse samples whose exponents the stability matrix of Ising spins would get wrong.

    Args:
        model: What the samples say of their Hamiltonian; None, where nothing is known, is taken
            for Ising spins on a hypercubic torus.

    Raises:
        InputError: For another model than `ising`, with the reason.

    >>> check_model({"model": "ising", "coupling": 0.44})
    """
    if model is None or model["model"] == "ising":
        return
    name = str(model["model"])
    reason = _REASONS.get(name, "nothing is known here of its symmetries")
    raise InputError(
        f"the samples are of the model {name}; exponents need Ising spins, +1 and -1, on the "
        f"sites of a hypercubic torus; {reason}"
    )
