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
# Ising spins of a torus, whose couplings decide; the second as another program describes them.
_ISING = {"ising": "ising", "mcising": "ising with couplings to several shells and a field"}
# Sign of J3 after every other site is flipped: where third neighbours lie on the same sublattice.
_THIRD = {"chain": -1, "square": 1, "cubic": -1}

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
    if model is None:
        return
    name = str(model["model"])
    reason = _REASONS.get(name, "nothing is known here of its symmetries")
    if name in _ISING:
        reason = _couplings({key: value for key, value in model.items() if key != "model"})
    if not reason:
        return
    raise InputError(
        f"the samples are of the model {_ISING.get(name, name)}; exponents need Ising spins, +1 "
        f"and -1, on the sites of a hypercubic torus; {reason}"
    )


def _couplings(facts: Mapping[str, str | float]) -> str:
    """Why an Ising Hamiltonian with couplings to three shells and a field cannot be served."""
    lattice = str(facts.get("lattice", "square"))
    if lattice not in _THIRD:
        return (
            f"its lattice is {lattice}; bring configurations of a chain, a square or cubic lattice"
        )
    if field := float(facts.get("h", 0.0)):
        return (
            f"its field h = {field:g} breaks the flip of all spins, which tells even from odd "
            "interactions; bring configurations without a field"
        )
    first, second, third = (float(facts.get(name, 0.0)) for name in ("j1", "j2", "j3"))
    first = first or float(facts.get("coupling", 0.0))
    if min(first, second, third) >= 0:
        return ""
    if min(-first, second, _THIRD[lattice] * third) >= 0:
        return (
            f"with a coupling of {first:g} neighbours order against each other, and blocks see no "
            "order; on a lattice of even extents flip every other site, spins[:, "
            "np.indices(spins.shape[1:]).sum(0) % 2 == 1] *= -1, and save the array: it is the "
            "ferromagnet with the coupling of the other sign"
        )
    return (
        f"its couplings compete (J1 = {first:g}, J2 = {second:g}, J3 = {third:g}), so its order is "
        "not uniform; bring configurations with couplings >= 0"
    )
