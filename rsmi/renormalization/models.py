"""Which models the iteration of a rule on two-valued spins of a hypercubic torus can serve."""

from collections.abc import Mapping

from rsmi.errors import InputError

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
