"""Couplings of the Hamiltonian that a rule leaves behind: exactly, or fitted to samples."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.compiling import njit
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
from rsmi.lattice import Space
from rsmi.learning import Rule, rule_name
from rsmi.renormalization.coarse_samples import coarse_samples, coarse_space
from rsmi.renormalization.couplings import Interaction, generate_interactions
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.sampling.exact import coarse_distribution, coarse_torus_distribution, products_of
from rsmi.sampling.exact.coarse import Basis
from rsmi.sampling.families import System
from rsmi.sampling.threads import cores, share
from rsmi.storage import Samples, check_source, opened
from rsmi.storage.interface import space_of

_BATCH = 1 << 20  # numbers that a thread holds at once
_ROUNDS, _CLOSE = 30, 1e-10
_FEW = 10_000  # rows with which the maximum is looked for at first
_LEAST_BLOCKS, _BLOCKS = 16, 64
_SINGULAR, _SPINS_PER_COUPLING = 1e-9, 20
_ROUNDING = 1e-13
Products = NDArray[np.int64]
"""(n, spins) numbers of the sites of products of spins."""
NORMS = ("rangeness", "bodyness")
"""Names of the two norms of all that is neither a field nor between nearest spins."""


@dataclass(frozen=True, repr=False)
class RenormalisedCouplings(Outcome):
    r"""Couplings of the coarse spins.

    .. math:: \ln p(h) = \sum_a K_a S_a(h) + const, \quad
              S_a = \sum_x \sum_{terms} \prod_o h(x + o)

    Args:
        rule: Name of the rule.
        shape: Extents of the coarse lattice.
        interactions: The operators S_a.
        values: K_a of each, the mean over its terms.
        method: `exact`, `pseudo-likelihood` or `variational`.
        basis: Whether operators are products of spins, or of occupations.
        beyond: Rangeness and m-bodyness, the norms of the couplings of all further pairs and of
            all products of more than two spins, each over the norm of those of the nearest pairs:
            of the whole Hamiltonian where it is exact, else of the operators that were fitted.
        turned: The same Hamiltonian in a basis.
    """

    rule: str
    shape: tuple[int, ...]
    interactions: Sequence[Interaction]
    values: Sequence[Estimate]
    method: str
    basis: Basis = "spin"
    beyond: tuple[Estimate, Estimate] | None = None
    turned: Callable[[Basis], Self] | None = field(default=None, compare=False)

    def in_basis(self, basis: Basis) -> Self:
        """The same Hamiltonian in the given basis, with errors of its own."""
        return self if self.turned is None or basis == self.basis else self.turned(basis)

    def quantities(self) -> list[Quantity]:
        """`couplings.<name>`, then rangeness and m-bodyness."""
        about: dict[str, Plain] = {
            "rule": self.rule, "method": self.method, "basis": self.basis,
        }  # fmt: skip
        found = [
            Quantity.of(f"couplings.{each.name}", value).about(**about, terms=len(each.terms))
            for each, value in zip(self.interactions, self.values, strict=True)
        ]
        whole = self.beyond or ()
        found += [
            Quantity.of(f"couplings.{name}", value).about(**about)
            for name, value in zip(NORMS, whole, strict=bool(whole))
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
                [name, "", format_with_error(value.value, value.error)]
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
    check_one_bit(chosen)
    p = _coarse_law(system, chosen)
    if not bool((p > 0).all()):
        raise InputError(
            f"some coarse configurations of rule {rule_name(rule)!r} never come, so their "
            "couplings are infinite; take a softer rule or a higher temperature"
        )
    coarse = coarse_space(system.space, chosen)
    asked = generate_interactions(reach, coarse.cell, max_spins)
    return _of_law(rule_name(rule), coarse.cells, *torus_products(coarse, asked), p.log(), basis)


def _of_law(
    rule: str,
    shape: tuple[int, ...],
    kept: Sequence[Interaction],
    products: Sequence[Products],
    log: Tensor,
    basis: Basis,
) -> RenormalisedCouplings:
    """Couplings from ln p(h) of all coarse configurations."""
    coefficients = products_of(log, basis)
    coefficients[coefficients.abs() < _ROUNDING] = 0.0
    values = [float(coefficients[_numbers(each)].mean()) for each in products]
    exact = [Estimate(value, 0.0, "exact", "1") for value in values]
    turned = partial(_of_law, rule, shape, kept, products, log)
    beyond = _beyond(coefficients, shape)
    return RenormalisedCouplings(rule, shape, kept, exact, "exact", basis, beyond, turned)


def fitted_couplings(
    samples: Any,
    rule: Rule | str,
    block: Sequence[int] | None = None,
    *,
    reach: float = 2.3,
    max_spins: int = 4,
    basis: Basis = "spin",
    seed: int = 0,
    trust: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RenormalisedCouplings:
    r"""Couplings of coarse samples, by the largest pseudo-likelihood.

    .. math:: \max_K \Big\langle \sum_x \ln p(h_x | rest) \Big\rangle, \quad
              p(h_x | rest) = \sigma\Big(2 h_x \sum_a K_a \partial S_a / \partial h_x\Big)

    It is the exact answer where the coarse Hamiltonian holds no other operator; what it holds
    besides is left out, and moves the others in first order: `variational_couplings`, where the
    model is known, are moved in second order only.

    Args:
        samples: A path, open samples or an array, see `rsmi.storage.samples_of`, of spins.
        rule: A rule with two symbols, its name, or its directory.
        block: Extents of the block of a rule known by name; 2 along each axis without.
        reach: Largest distance between two spins of an operator, in coarse lattice constants.
        max_spins: Most spins of an operator, 1 to 6.
        basis: As in `exact_couplings`; the same fit, written in occupations.
        seed: Of the random entries of the rule.
        trust: Whether code of a trained rule may run.
        progress: Is told how many rounds of how many are done at most.

    Returns:
        Estimates. Their errors hold the scatter of blocks of chains, and how far one step of
        Newton moves a coupling when products of two spins more are allowed.

    Raises:
        InputError: For a rule that does not fit, too few samples, or samples whose order shows
            that they are not in equilibrium, see `rsmi.storage.check_source`.
        AnalysisError: Where operators cannot be told apart, by name.

    Source: Besag (1975), The Statistician 24, 179.
    """
    with opened(samples) as source:
        space = space_of(source)
        chosen = find_rule(rule, space, block, trust=trust)
        check_one_bit(chosen)
        check_source(source)
        coarse = coarse_samples(source, chosen, seed=seed)
        if not 1 <= max_spins <= 6:
            raise InputError(f"max_spins is {max_spins}; expected 1 to 6")
        cell = space_of(coarse).cell
        asked, more = (generate_interactions(reach, cell, max_spins + n) for n in (0, 2))
        kept, products = torus_products(space_of(coarse), asked)
        _check_amount(coarse, len(kept))
        values, scatter = _PseudoLikelihood(coarse, kept, products).maximise(progress)
        wide = _PseudoLikelihood(coarse, *torus_products(space_of(coarse), more))
        scatter = torch.cat([scatter, _left_out(wide, kept, values, scatter)])
    name, method = rule_name(rule), "pseudo-likelihood"
    return fitted(name, space_of(coarse), kept, values, scatter, method, basis)


def _check_amount(coarse: Samples, size: int) -> None:
    sites = space_of(coarse).n_sites
    least = max(_LEAST_BLOCKS, math.ceil(_SPINS_PER_COUPLING * size / sites))
    if coarse.n < least:
        raise InputError(
            f"{coarse.n} configurations of {sites} coarse spins; the covariance of {size} "
            f"operators takes at least {least}; draw more, or take a smaller reach"
        )


def _left_out(
    wide: "_PseudoLikelihood", kept: Sequence[Interaction], values: Tensor, scatter: Tensor
) -> Tensor:
    """How far couplings move where two more spins are allowed, beyond what chance does, (1, A)."""
    names = [each.name for each in wide.interactions]
    own = torch.tensor([names.index(each.name) for each in kept])
    start = torch.zeros(len(names), dtype=torch.float64).index_copy_(0, own, values)
    step, changes = wide.moved(start)
    chance = (changes[:, own] - scatter).square().sum(0)
    return (step[own].square() - chance).clamp(min=0).sqrt()[None] * step[own].sign()


class _PseudoLikelihood:
    """Newton's method for a concave function of the couplings."""

    def __init__(
        self, coarse: Samples, interactions: Sequence[Interaction], products: Sequence[Products]
    ) -> None:
        self.coarse, self.interactions = coarse, interactions
        self.labels = block_labels(coarse.n, coarse.chains, _BLOCKS, _BLOCKS)
        self.letters = coarse.letters(0, coarse.n).flatten(1).contiguous().numpy()
        self.laid = Laid.of(products, self.letters.shape[1])
        self.first = self.laid.first(len(interactions))
        if int(self.labels.max()) + 1 < _LEAST_BLOCKS:
            raise InputError(
                f"{coarse.n} configurations make {int(self.labels.max()) + 1} blocks; expected at "
                f"least {_LEAST_BLOCKS} for an error; draw more"
            )

    def maximise(self, progress: Callable[[int, int], None]) -> tuple[Tensor, Tensor]:
        """The couplings, and how blocks of chains scatter them, see `fitted`."""
        couplings = torch.zeros(len(self.interactions), dtype=torch.float64)
        # Most steps lead to the neighbourhood of the maximum, to which a few rows lead as well.
        few = max(1, self.coarse.n // _FEW)
        for done in range(_ROUNDS):
            scores, curvature = self._slopes(couplings, few)
            check_apart(curvature, self.interactions)
            step = torch.linalg.solve(curvature, scores.sum(0))
            couplings = couplings + step
            progress(done + 1, _ROUNDS)
            if float(step @ curvature @ step) < _CLOSE * len(self.labels):
                if few == 1:
                    return couplings, self.moved(couplings)[1]
                few = 1
        raise AnalysisError(
            "the pseudo-likelihood has no maximum at finite couplings: some spin is always as its "
            "neighbours say; take a softer rule, a higher temperature or a smaller reach"
        )

    def moved(self, couplings: Tensor) -> tuple[Tensor, Tensor]:
        """One step towards the maximum (A,), and what each block adds to it (B, A): the sandwich of
        curvature and scores, whose square is the covariance.
        """
        scores, curvature = self._slopes(couplings, 1)
        spread = (scores - scores.mean(0)) * math.sqrt(len(scores) / (len(scores) - 1))
        inverse = torch.linalg.pinv(curvature, rtol=_SINGULAR, hermitian=True)
        return inverse @ scores.sum(0), spread @ inverse

    def _slopes(self, couplings: Tensor, every: int) -> tuple[Tensor, Tensor]:
        """Scores by block (B, A), and minus the second derivative (A, A), of some rows."""
        size, blocks = len(couplings), int(self.labels.max()) + 1
        rows, names = self.letters[::every], self.labels[::every]
        step = max(1, _BATCH // (rows.shape[1] * size))
        pieces = [(i, min(i + step, len(rows))) for i in range(0, len(rows), step)]

        def work(piece: tuple[int, int]) -> tuple[Tensor, Tensor]:
            own = self._around(rows[slice(*piece)]).float()
            spin = torch.from_numpy(rows[slice(*piece)].T.astype(np.float32)).mul_(2).sub_(1)
            wrong = torch.sigmoid(-2 * spin * torch.einsum("a,xac->xc", couplings.float(), own))
            each = (own * (2 * wrong * spin)[:, None]).sum(0).T
            scores = torch.zeros(blocks, size, dtype=torch.float64)
            scores.index_add_(0, names[slice(*piece)], each.double())
            weighted = own * (4 * wrong * (1 - wrong))[:, None]
            return scores, torch.bmm(weighted, own.transpose(1, 2)).double().sum(0)

        scores, curvature = (sum(some) for some in zip(*share(pieces, cores(), work), strict=True))
        return scores, curvature

    def _around(self, rows: NDArray[np.int8]) -> Tensor:
        """dS_a / dh_x of every configuration, (n, A, rows) int16."""
        n, size = rows.shape[1], len(self.interactions)
        # Configurations side by side, since a product of three is then one for many at once.
        spins = np.ones((n + 1, len(rows)), dtype=np.int16)
        spins[:n] = 2 * rows.T - 1
        found = np.zeros((n, size, len(rows)), dtype=np.int16)
        _sums(spins, self.first, self.laid.others, found)
        return torch.from_numpy(found)


@njit(cache=True, nogil=True)
def _sums(spins, first, others, found):  # type: ignore[no-untyped-def]
    n, size, rows = found.shape
    product = np.empty(rows, np.int16)
    for x in range(n):
        for a in range(size):
            into = found[x, a]
            for t in range(first[x * size + a], first[x * size + a + 1]):
                product[:] = spins[others[t, 0]]
                for other in others[t, 1:]:
                    if other < n:
                        for c in range(rows):
                            product[c] *= spins[other, c]
                for c in range(rows):
                    into[c] += product[c]


def check_apart(curvature: Tensor, interactions: Sequence[Interaction]) -> None:
    """Refuse operators that cannot be told apart.

    Args:
        curvature: (A, A) second derivative by the couplings, or covariance of the operators.
        interactions: The A operators.

    Raises:
        AnalysisError: Names those that go together.
    """
    scale = curvature.diag().clamp(min=1e-300).sqrt()
    values, vectors = torch.linalg.eigh(curvature / torch.outer(scale, scale))
    if float(values[0]) > _SINGULAR:
        return
    alike = vectors[:, 0].abs()
    names = [each.name for each, a in zip(interactions, alike, strict=True) if a > 0.1]
    raise AnalysisError(
        f"the couplings of {', '.join(names)} cannot be told apart on these samples; take a "
        "smaller reach, or a larger lattice"
    )


def fitted(
    rule: str,
    coarse: Space,
    interactions: Sequence[Interaction],
    values: Tensor,
    scatter: Tensor,
    method: str,
    basis: Basis,
) -> RenormalisedCouplings:
    """Couplings of spins with their errors, in either basis.

    Args:
        rule: Its name.
        coarse: Where the coarse spins live.
        interactions: The A operators.
        values: (A,) couplings of products of spins.
        scatter: (B, A); its scatterᵀ scatter is their covariance.
        method: How they were found.
        basis: In which they are told.
    """
    widest = 2 * max(each.extent for each in interactions) + 1
    small = replace(coarse, cells=tuple(min(n, widest) for n in coarse.cells))
    _, products = torus_products(small, interactions)
    turned = partial(fitted, rule, coarse, interactions, values, scatter, method)
    if basis == "gas":
        matrix = gas_matrix(products)
        values, scatter = matrix @ values, scatter @ matrix.T
    errors = scatter.square().sum(0).sqrt()
    found = [
        Estimate(float(k), float(error), "estimate", "1", len(scatter))
        if error > 0
        else Estimate(float(k), 0.0, "exact", "1")
        for k, error in zip(values, errors, strict=True)
    ]
    beyond = _fitted_norms(interactions, products, values, scatter)
    return RenormalisedCouplings(
        rule, coarse.cells, interactions, found, method, basis, beyond, turned
    )


def check_one_bit(rule: Rule) -> None:
    """Refuse a rule whose symbols are no spins of two values.

    Raises:
        InputError: Says how many symbols it has.
    """
    if rule.n_symbols != 2:
        raise InputError(
            f"the rule has {rule.n_symbols} symbols; couplings are those of products of spins of "
            "two values: take a one-bit rule"
        )


def _coarse_law(system: System, rule: Rule) -> Tensor:
    """p(h) of every coarse configuration, index as `state_index`."""
    pair = system.family.pair(system.built)
    other = pair is None or bool(pair.site.any()) or pair.n_letters != 2
    if other or not system.finite or system.space.cell.name not in ("chain", "square"):
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


def torus_products(
    coarse: Space, asked: Sequence[Interaction]
) -> tuple[list[Interaction], list[Products]]:
    """Operators that a torus keeps apart, and the distinct products that each sums.

    Args:
        coarse: Where the spins live, one in a cell.
        asked: The operators, see `generate_interactions`.

    Returns:
        The operators, and for each the sites of its products, (n, spins) int64; two distances that
        are the same round the torus are one.

    >>> from rsmi.lattice.alphabet import SPIN
    >>> ring = Space.of("chain", (4,), SPIN)
    >>> found, products = torus_products(ring, generate_interactions(2.0, ring.cell, 2))
    >>> [each.name for each in found], products[-1].tolist()
    (['1-spin', '2-spin (1)', '2-spin (2)'], [[0, 2], [1, 3]])
    """
    kept: list[Interaction] = []
    found: list[Products] = []
    seen: set[tuple[int, ...]] = set()
    for each in asked:
        if not each.fits(coarse.cells):
            continue
        products = _products(each, coarse.cells)
        if 2 * each.extent >= min(coarse.cells):  # it may be another one, seen round the torus
            once: Products = np.unique(np.sort(products, 1), axis=0)
            products = once[[tuple(row) not in seen for row in once.tolist()]]
            seen |= set(map(tuple, products.tolist()))
        if len(products):
            kept.append(each)
            found.append(products)
    return kept, found


def _products(interaction: Interaction, shape: tuple[int, ...]) -> Products:
    """Sites of every translate of every term; those that meet themselves are no products."""
    sites = np.arange(math.prod(shape)).reshape(shape)
    axes = tuple(range(len(shape)))
    found = np.concatenate([
        np.stack([np.roll(sites, [-x for x in site], axes).ravel() for site in term], 1)
        for term in interaction.terms
    ])  # fmt: skip
    ordered = np.sort(found, 1)
    products: Products = found[(np.diff(ordered, axis=1) > 0).all(1)]
    return products


def _numbers(products: Products) -> Tensor:
    """Index of each product: one bit for each spin."""
    return torch.from_numpy((1 << products).sum(1))


def gas_matrix(products: Sequence[Products]) -> Tensor:
    """(A, A) from couplings of products of h = 2 n - 1 to those of products of n."""
    listed = [[tuple(sorted(row)) for row in some.tolist()] for some in products]
    place = {one: a for a, some in enumerate(listed) for one in some}
    matrix = torch.zeros(len(products), len(products), dtype=torch.float64)
    for b, some in enumerate(listed):
        for whole, k in itertools.product(some, range(1, len(some[0]) + 1)):
            for part in itertools.combinations(whole, k):
                a = place[part]
                matrix[a, b] += 2**k * (-1) ** (len(whole) - k) / len(listed[a])
    return matrix


@dataclass(frozen=True)
class Laid:
    """Products of spins laid out for compiled loops, on n sites and one that is 1 for ever.

    Args:
        sites: (n_products, most >= 4) sites of each, site n where it has fewer.
        operators: (n_products,) the operator that sums it.
        start: (n + 1,) where the terms of each site begin.
        others: (n_terms, most - 1) the other sites of each term.
        of_term: (n_terms,) its operator.
    """

    sites: NDArray[np.int64]
    operators: NDArray[np.int64]
    start: NDArray[np.int64]
    others: NDArray[np.int64]
    of_term: NDArray[np.int64]

    @classmethod
    def of(cls, products: Sequence[Products], n: int) -> Self:
        """Lay out the products of every operator."""
        most = max(4, *(some.shape[1] for some in products))
        sites = np.concatenate([
            np.pad(some, ((0, 0), (0, most - some.shape[1])), constant_values=n)
            for some in products
        ])  # fmt: skip
        operators = np.repeat(np.arange(len(products)), [len(some) for some in products])
        own = sites.ravel()
        others = np.stack([np.delete(sites, k, 1) for k in range(most)], 1).reshape(-1, most - 1)
        order = np.argsort(own, kind="stable")[: int((own < n).sum())]
        start = np.searchsorted(own[order], np.arange(n + 1))
        return cls(sites, operators, start, others[order], operators.repeat(most)[order])

    def first(self, size: int) -> NDArray[np.int64]:
        """Where the terms of site x and operator a begin, at x size + a: (n size + 1,)."""
        n = len(self.start) - 1
        owner = np.repeat(np.arange(n), np.diff(self.start)) * size + self.of_term
        return np.searchsorted(owner, np.arange(n * size + 1))


def _fitted_norms(
    interactions: Sequence[Interaction],
    products: Sequence[Products],
    values: Tensor,
    scatter: Tensor,
) -> tuple[Estimate, Estimate]:
    """Rangeness and m-bodyness of fitted couplings; the noise in their squares is taken off."""
    counts = torch.tensor([float(len(some)) for some in products], dtype=torch.float64)
    spins = torch.tensor([each.n_spins for each in interactions])
    nearest = torch.tensor([_is_nearest(each) for each in interactions])
    noise, slope = scatter.square().sum(0), 2 * counts * values

    def norm(some: Tensor) -> Estimate:
        near = (counts * values.square())[nearest].sum()
        square = (counts * (values.square() - noise))[some].sum().clamp(min=0) / near
        floor = ((counts * noise)[some].sum() / near).clamp(min=1e-300)
        gradient = slope * (some.double() - square * nearest.double()) / near
        error = float((scatter @ gradient).norm() / (2 * torch.maximum(square, floor).sqrt()))
        return Estimate(float(square.sqrt()), error, "estimate", "1", len(scatter))

    return norm((spins == 2) & ~nearest), norm(spins > 2)


def _is_nearest(interaction: Interaction) -> bool:
    """Whether it is a pair of spins one step along an axis from each other."""
    return interaction.n_spins == 2 and any(
        sum(abs(x - y) for x, y in zip(*term, strict=True)) == 1 for term in interaction.terms
    )


def _beyond(coefficients: Tensor, shape: tuple[int, ...]) -> tuple[Estimate, Estimate]:
    """Norms of couplings of further pairs and of more than two spins, over the nearest pairs'."""
    n = math.prod(shape)
    index, count = torch.arange(1 << n), torch.zeros(1 << n, dtype=torch.int64)
    for bit in range(n):
        count += index >> bit & 1
    squares = coefficients.square()
    nearest = torch.zeros(1 << n, dtype=torch.bool)
    sites = torch.arange(n).reshape(shape)
    for axis in range(len(shape)):
        beside = sites.roll(-1, axis)
        nearest[((1 << sites) ^ (1 << beside)).flatten()] = True
    nearest &= count == 2
    norm = squares[nearest].sum()
    further, more = squares[~nearest & (count == 2)].sum(), squares[count > 2].sum()
    found = [Estimate(float((x / norm).sqrt()), 0.0, "exact", "1") for x in (further, more)]
    return found[0], found[1]
