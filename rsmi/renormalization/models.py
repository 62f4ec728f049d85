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
