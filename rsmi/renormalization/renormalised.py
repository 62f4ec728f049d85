"""Couplings of the Hamiltonian that a rule leaves behind: exactly, or from coarse samples."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information import (
    Estimate,
    Outcome,
    Plain,
    Quantity,
    Sheet,
    block_labels,
    format_with_error,
)
from rsmi.lattice import Alphabet
from rsmi.learning import Rule, rule_name
from rsmi.renormalization.coarse_samples import coarse_samples
from rsmi.renormalization.couplings import Interaction, Term, generate_interactions
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.sampling.exact import coarse_distribution, coarse_torus_distribution, products_of
from rsmi.sampling.exact.coarse import Basis
from rsmi.sampling.families import System
from rsmi.storage import Samples, opened
from rsmi.storage.interface import space_of

_BATCH = 1 << 22  # spins whose fields are held at once
_ROUNDS, _CLOSE = 30, 1e-10
_LEAST_BLOCKS, _BLOCKS = 16, 64
_SINGULAR = 1e-9
_ROUNDING = 1e-13


@dataclass(frozen=True, repr=False)
class RenormalisedCouplings(Outcome):
    r"""Couplings of the coarse spins.

    .. math:: \ln p(h) = \sum_a K_a S_a(h) + const, \quad
              S_a = \sum_x \sum_{terms} \prod_o h(x + o)

    Args:
        rule: Name of the rule.
        shape: Extents of the coarse lattice.
        interactions: The operators S_a.
        values: K_a of each.
        method: `exact` or `pseudo-likelihood`.
        basis: Whether operators are products of spins, or of occupations.
        beyond: Of the exact Hamiltonian, the norms of the couplings of all further pairs and of all
            products of more spins, each over the norm of those of the nearest pairs.
    """

    rule: str
    shape: tuple[int, ...]
    interactions: Sequence[Interaction]
    values: Sequence[Estimate]
    method: str
    basis: Basis = "spin"
    beyond: tuple[float, float] | None = None

    def quantities(self) -> list[Quantity]:
        """`couplings.<name>`, then rangeness and m-bodyness."""
        about: dict[str, Plain] = {
            "rule": self.rule, "method": self.method, "basis": self.basis,
        }  # fmt: skip
        found = [
            Quantity.of(f"couplings.{each.name}", value).about(**about, terms=len(each.terms))
            for each, value in zip(self.interactions, self.values, strict=True)
        ]
        names = ("rangeness", "bodyness")
        whole = self.beyond or ()
        found += [
            Quantity(f"couplings.{name}", value, 0.0, "exact", "1", context=about)
            for name, value in zip(names, whole, strict=bool(whole))
        ]
        return found

    def sheets(self) -> list[Sheet]:
        """A row for each operator."""
        rows = [
            [each.name, str(len(each.terms)), format_with_error(value.value, value.error)]
            for each, value in zip(self.interactions, self.values, strict=True)
        ]
        if self.beyond is not None:
            rows += [["norm over that of the nearest pairs"]]
            rows += [
                [name, "", format_with_error(value)]
                for name, value in zip(("further pairs", "more spins"), self.beyond, strict=True)
            ]
        size = " x ".join(map(str, self.shape))
        words = {"spin": "spins", "gas": "occupations"}[self.basis]
        title = f"couplings of {size} coarse {words}, rule {self.rule!r}, {self.method}"
        return [Sheet(title, ["operator", "terms", "K(error)"], rows)]

    def __getitem__(self, name: str) -> Estimate:
        """The coupling of an operator by its name.

        Raises:
            InputError: For one that is not there.
        """
        for each, value in zip(self.interactions, self.values, strict=True):
            if each.name == name:
                return value
        names = ", ".join(each.name for each in self.interactions)
        raise InputError(f"there is no coupling {name!r}; there are {names}")


def exact_couplings(
    system: System,
    rule: Rule | str,
    block: Sequence[int] | None = None,
    *,
    reach: float = 3.0,
    max_spins: int = 4,
    basis: Basis = "spin",
    trust: bool = False,
) -> RenormalisedCouplings:
    r"""Exact couplings of a one-bit rule on a small torus of two-letter spins.

    .. math:: K_S = 2^{-n} \sum_h \ln p(h) \prod_{i \in S} h_i

    Rows are transferred one by one on a square torus of at most 8 columns; a ring is listed.

    Args:
        system: The Ising model on a ring or a square torus.
        rule: A rule with two symbols, its name, or its directory.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        reach: Largest distance between two spins of an operator that is named, in coarse lattice
            constants.
        max_spins: Most spins of one that is named.
        basis: `spin` for products of h = +1 and -1, `gas` for products of (1 + h) / 2.
        trust: Whether code of a trained rule may run.

    Returns:
        Couplings of kind `exact`; on a torus two distances that are the same round it are one.

    Raises:
        InputError: For another model, a lattice that is too large, or a rule for which some coarse
            configuration never comes.

    Source: Lenggenhager, Gokmen, Ringel, Huber and Koch-Janusz (2020), arXiv:1809.09632.

    >>> found = exact_couplings(System((8,), temperature=2.0), "decimation", (2,))
    >>> round(found["2-spin (1)"].value, 6), round(0.5 * math.log(math.cosh(1.0)), 6)
    (0.21689, 0.21689)
    """
    chosen = find_rule(rule, system.space, block, trust=trust)
    _check_spins(system.space.alphabet, chosen)
    p = _coarse_law(system, chosen)
    if not bool((p > 0).all()):
        raise InputError(
            f"some coarse configurations of rule {rule_name(rule)!r} never come, so their "
            "couplings are infinite; take a softer rule or a higher temperature"
        )
    shape = tuple(int(n) // b for n, b in zip(system.extents, chosen.block, strict=True))
    coefficients = products_of(p.log(), basis)
    coefficients[coefficients.abs() < _ROUNDING] = 0.0
    found = generate_interactions(reach, system.space.cell, max_spins)
    kept = [each for each in found if each.fits(shape)]
    values = [float(coefficients[_subset(each.terms[0], shape)]) for each in kept]
    exact = [Estimate(value, 0.0, "exact", "1") for value in values]
    beyond = _beyond(coefficients, shape)
    return RenormalisedCouplings(rule_name(rule), shape, kept, exact, "exact", basis, beyond)


def fitted_couplings(
    samples: Any,
    rule: Rule | str,
    block: Sequence[int] | None = None,
    *,
    reach: float = 2.3,
    max_spins: int = 4,
    seed: int = 0,
    trust: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RenormalisedCouplings:
    r"""Couplings of coarse samples, by the largest pseudo-likelihood.

    .. math:: \max_K \Big\langle \sum_x \ln p(h_x | rest) \Big\rangle, \quad
              p(h_x | rest) = \sigma\Big(2 h_x \sum_a K_a \partial S_a / \partial h_x\Big)

    It is the exact answer where the coarse Hamiltonian holds no other operator; what it holds
    besides is left out, and moves the others.

    Args:
        samples: A path, open samples or an array, see `rsmi.storage.samples_of`, of spins.
        rule: A rule with two symbols, its name, or its directory.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        reach: Largest distance between two spins of an operator, in coarse lattice constants.
        max_spins: Most spins of an operator.
        seed: Of the random entries of the rule.
        trust: Whether code of a trained rule may run.
        progress: Is told how many rounds of how many are done at most.

    Returns:
        Estimates, whose errors know that blocks of a chain are independent and nothing else.

    Raises:
        InputError: For samples that are no spins, or too few.
        AnalysisError: Where operators cannot be told apart, by name.

    Source: Besag (1975), The Statistician 24, 179.
    """
    with opened(samples) as source:
        space = space_of(source)
        chosen = find_rule(rule, space, block, trust=trust)
        _check_spins(space.alphabet, chosen)
        coarse = coarse_samples(source, chosen, seed=seed)
        cells = space_of(coarse).cells
        found = generate_interactions(reach, space_of(coarse).cell, max_spins)
        kept = [each for each in found if 2 * each.extent < min(cells)]
        fit = _PseudoLikelihood(coarse, kept)
        values = fit.maximise(progress)
    return RenormalisedCouplings(rule_name(rule), cells, kept, values, "pseudo-likelihood")


class _PseudoLikelihood:
    """Newton's method for a concave function of the couplings."""

    def __init__(self, coarse: Samples, interactions: Sequence[Interaction]) -> None:
        self.coarse, self.interactions = coarse, interactions
        self.labels = block_labels(coarse.n, coarse.chains, _BLOCKS, _BLOCKS)
        if int(self.labels.max()) + 1 < _LEAST_BLOCKS:
            raise InputError(
                f"{coarse.n} configurations make {int(self.labels.max()) + 1} blocks; expected at "
                f"least {_LEAST_BLOCKS} for an error; draw more"
            )

    def maximise(self, progress: Callable[[int, int], None]) -> list[Estimate]:
        """The couplings with the errors that blocks of chains give."""
        couplings = torch.zeros(len(self.interactions), dtype=torch.float64)
        for done in range(_ROUNDS):
            scores, curvature = self._slopes(couplings)
            self._check(curvature)
            step = torch.linalg.solve(curvature, scores.sum(0))
            couplings = couplings + step
            progress(done + 1, _ROUNDS)
            if float(step @ curvature @ step) < _CLOSE * len(self.labels):
                return self._estimates(couplings)
        raise AnalysisError(
            "the pseudo-likelihood has no maximum at finite couplings: some spin is always as its "
            "neighbours say; take a softer rule, a higher temperature or a smaller reach"
        )

    def _estimates(self, couplings: Tensor) -> list[Estimate]:
        """With the sandwich of the curvature and the scatter of the scores of blocks."""
        scores, curvature = self._slopes(couplings)
        inverse = torch.linalg.inv(curvature)
        count = len(scores)
        spread = scores - scores.mean(0)
        covariance = inverse @ (spread.T @ spread) @ inverse * count / (count - 1)
        errors = covariance.diag().sqrt()
        return [
            Estimate(float(k), float(error), "estimate", "1", count)
            for k, error in zip(couplings, errors, strict=True)
        ]

    def _slopes(self, couplings: Tensor) -> tuple[Tensor, Tensor]:
        """Scores by block (B, A), and minus the second derivative (A, A)."""
        size = len(couplings)
        scores = torch.zeros(int(self.labels.max()) + 1, size, dtype=torch.float64)
        curvature = torch.zeros(size, size, dtype=torch.float64)
        step = max(1, _BATCH // (space_of(self.coarse).n_sites * size))
        for start in range(0, self.coarse.n, step):
            stop = min(start + step, self.coarse.n)
            spins = 2.0 * self.coarse.letters(start, stop).squeeze(-1).double() - 1.0
            fields = local_fields(spins, self.interactions)
            wrong = torch.sigmoid(-2 * spins * (fields @ couplings))[..., None]
            own = (2 * wrong * spins[..., None] * fields).flatten(1, -2).sum(1)
            scores.index_add_(0, self.labels[start:stop], own)
            weighted = ((4 * wrong * (1 - wrong)).sqrt() * fields).reshape(-1, size)
            curvature += weighted.T @ weighted
        return scores, curvature

    def _check(self, curvature: Tensor) -> None:
        """Refuse operators that cannot be told apart on these samples."""
        scale = curvature.diag().clamp(min=1e-300).sqrt()
        values, vectors = torch.linalg.eigh(curvature / torch.outer(scale, scale))
        if float(values[0]) > _SINGULAR:
            return
        alike = vectors[:, 0].abs()
        names = [each.name for each, a in zip(self.interactions, alike, strict=True) if a > 0.1]
        raise AnalysisError(
            f"the couplings of {', '.join(names)} cannot be told apart on these samples; take a "
            "smaller reach, or a larger lattice"
        )


def local_fields(spins: Tensor, interactions: Sequence[Interaction]) -> Tensor:
    """dS_a / dh_x of spins (n, *cells) of +1 and -1: (n, *cells, A).

    >>> from rsmi.renormalization import generate_interactions
    >>> field, pairs = generate_interactions(1.0)[:2]
    >>> local_fields(torch.ones(1, 4, 4), [field, pairs])[0, 0, 0].tolist()
    [1.0, 4.0]
    """
    fields = [sum(_term_field(spins, term) for term in each.terms) for each in interactions]
    return torch.stack([torch.as_tensor(field) for field in fields], -1)


def _term_field(spins: Tensor, term: Term) -> Tensor:
    """Sum over the sites of a term of the product of all others, seen from that site."""
    axes = tuple(range(1, spins.ndim))
    total = torch.zeros_like(spins)
    for place, site in enumerate(term):
        product = torch.ones_like(spins)
        for other in term[:place] + term[place + 1 :]:
            steps = tuple(s - o for s, o in zip(site, other, strict=True))
            product = product * spins.roll(steps, axes)
        total = total + product
    return total


def _check_spins(alphabet: Alphabet, rule: Rule) -> None:
    if alphabet.size != 2 or rule.n_symbols != 2:
        raise InputError(
            f"letters {', '.join(alphabet.names)} and {rule.n_symbols} symbols; couplings are "
            "products of spins of two values before and after: take two letters and a one-bit rule"
        )


def _coarse_law(system: System, rule: Rule) -> Tensor:
    """p(h) of every coarse configuration, index as `state_index`."""
    pair = system.family.pair(system.built)
    field = pair is None or bool(pair.site.any())
    if field or not system.finite or system.space.cell.name not in ("chain", "square"):
        raise InputError(
            f"{system} is not solved; exact couplings are those of Ising spins without a field on "
            "a ring or a square torus; take samples and the method pseudo-likelihood"
        )
    assert pair is not None
    if len(system.extents) == 1:
        _, probabilities = system.law()
        return coarse_distribution(probabilities, rule.table())
    rows, columns = (int(n) for n in system.extents)
    high, wide = rule.block
    table = rule.table().double()
    return coarse_torus_distribution((rows, columns), float(pair.bond[0, 0]), table, (high, wide))


def _subset(term: Term, shape: tuple[int, ...]) -> int:
    """Index of the product of a term's spins: one bit for each."""
    total = 0
    for site in term:
        number = 0
        for n, x in zip(shape, site, strict=True):
            number = number * n + x % n
        total ^= 1 << number
    return total


def _beyond(coefficients: Tensor, shape: tuple[int, ...]) -> tuple[float, float]:
    """Norms of couplings of further pairs and of more than two spins, over the nearest pairs'."""
    n = math.prod(shape)
    index, count = torch.arange(1 << n), torch.zeros(1 << n, dtype=torch.int64)
    for bit in range(n):
        count += index >> bit & 1
    squares = coefficients.square()
    nearest = torch.zeros(1 << n, dtype=torch.bool)
    for axis in range(len(shape)):
        for site in itertools.product(*map(range, shape)):
            beside = tuple(x + (i == axis) for i, x in enumerate(site))
            nearest[_subset((site, beside), shape)] = True
    norm = squares[nearest & (count == 2)].sum()
    further = squares[~nearest & (count == 2)].sum()
    more = squares[count > 2].sum()
    return float((further / norm).sqrt()), float((more / norm).sqrt())
