"""Models whose energy is a sum over bonds and sites, as tables that exact solvers take."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import words


@dataclass(frozen=True, eq=False)
class PairInteraction:
    r"""A Hamiltonian of nearest neighbours with any letters.

    .. math:: -E(s) / T = \sum_{\langle ij \rangle} b(s_i, s_j) + \sum_i c(s_i)

    Args:
        bond: (q, q) float64 symmetric, b of two letters.
        site: (q,) float64, c of a letter.

    Raises:
        InputError: For tables of other shapes, or entries that are not finite.

    >>> PairInteraction.ising(0.5).bond.tolist()
    [[0.5, -0.5], [-0.5, 0.5]]
    """

    bond: Tensor
    site: Tensor

    def __post_init__(self) -> None:
        if not bool(self.bond.isfinite().all() and self.site.isfinite().all()):
            raise InputError(
                "the coupling K = J/T is not finite; expected finite energies of bonds and sites "
                "in units of the temperature, and a temperature other than 0"
            )
        q = len(self.site)
        if self.bond.shape != (q, q) or q < 2 or not torch.equal(self.bond, self.bond.T):
            raise InputError(
                f"bond has shape {list(self.bond.shape)}, site {list(self.site.shape)}; expected a "
                "symmetric (q, q) and (q,), with q of at least 2 letters"
            )

    @classmethod
    def ising(cls, coupling: float) -> "PairInteraction":
        """K s s' with the letters 0 for s = -1 and 1 for s = +1."""
        return cls.products(torch.tensor([-1.0, 1.0]), coupling)

    @classmethod
    def products(cls, values: Tensor, coupling: float, field: float = 0.0) -> "PairInteraction":
        """K s s' - K D s^2 of letters that stand for the numbers `values` (q,)."""
        s = values.double()
        return cls(coupling * torch.outer(s, s), -coupling * field * s**2)

    @classmethod
    def equal_letters(cls, n_letters: int, coupling: float) -> "PairInteraction":
        """K delta(s, s'), the Potts model."""
        zero = torch.zeros(n_letters, dtype=torch.float64)
        return cls(coupling * torch.eye(n_letters, dtype=torch.float64), zero)

    @property
    def n_letters(self) -> int:
        """q."""
        return len(self.site)

    def check_words(self, length: int, most: int, what: str) -> None:
        """Refuse tables over all words of a length that have more than `most` rows.

        Raises:
            InputError: With the length that can be afforded.
        """
        if not 1 <= length <= math.log(most, self.n_letters) + 1e-9:
            raise InputError(
                f"{what} of {length} sites has {self.n_letters}**{length} states; expected 1 to "
                f"{int(math.log(most, self.n_letters) + 1e-9)} sites for {self.n_letters} letters"
            )


def as_interaction(model: "float | PairInteraction") -> PairInteraction:
    """A number is the coupling K of the Ising model."""
    return model if isinstance(model, PairInteraction) else PairInteraction.ising(model)


def transfer_matrix(circumference: int, interaction: PairInteraction) -> tuple[Tensor, Tensor]:
    """Symmetric column-to-column transfer matrix with largest eigenvalue 1, and its vector.

    Args:
        circumference: Sites w of a column, joined to a ring; 1 is the chain, 2 has double bonds.
        interaction: Of q letters.

    Returns:
        (q**w, q**w) and the positive unit vector (q**w,), float64; columns as in `words`.

    Raises:
        InputError: For weights that float64 cannot tell from zero.
    """
    column = words(interaction.n_letters, circumference)
    alone = interaction.site[column].sum(1)
    if circumference > 1:
        alone = alone + interaction.bond[column, column.roll(1, 1)].sum(1)
    along = sum(interaction.bond[c][:, c] for c in column.T)
    exponent = along + 0.5 * (alone[:, None] + alone)
    if not float(exponent.max() - exponent.min()) <= _WIDEST_EXPONENT:
        raise InputError(
            f"columns of {circumference} sites differ in weight by a factor "
            f"exp({float(exponent.max() - exponent.min()):.4g}); expected at most "
            f"exp({_WIDEST_EXPONENT:g}), beyond which all columns are ordered to float64 "
            "accuracy; raise the temperature or take a narrower cylinder"
        )
    matrix = (exponent - exponent.max()).exp()
    values, vectors = torch.linalg.eigh(matrix)
    return matrix / values[-1], vectors[:, -1].abs()


_WIDEST_EXPONENT = 160.0
