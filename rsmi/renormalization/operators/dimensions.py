"""Operators of a symmetry sector and their scaling dimensions, three ways, from samples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.information import Estimate, Outcome, Plain, Quantity, Sheet, format_with_error
from rsmi.lattice import Space, Window
from rsmi.learning import Rule, rule_name
from rsmi.learning.equivariance import symbol_action
from rsmi.progress import Progress, silent
from rsmi.renormalization.monte_carlo_rg import find_rule
from rsmi.renormalization.operators.basis import (
    Basis,
    check_sector,
    combination,
    local_operators,
    symbol_basis,
)
from rsmi.renormalization.operators.correlators import Correlators, correlators
from rsmi.renormalization.operators.separation import (
    HALF,
    Collapse,
    Decay,
    Separation,
    check_sizes,
    collapse,
    decay,
    degenerate,
    separate,
)
from rsmi.renormalization.result import known_exponents
from rsmi.storage import opened, points_of
from rsmi.storage.interface import Samples, space_of

_REACH = 1.5
_REFERENCES = {"even": "delta_epsilon", "invariant": "delta_epsilon", "odd": "delta_sigma",
               "vector": "delta_sigma"}  # fmt: skip


@dataclass(frozen=True, repr=False)
class OperatorsResult(Outcome):
    """Operators of a sector with their scaling dimensions.

    Args:
        basis: The operators that were measured.
        momentum: In units of 2 pi.
        curves: Correlators of each size, smallest first.
        separation: Their eigenvalues on every size.
        half: The same from the correlators at exactly half the lattice; None where they do not
            stand out of the noise, and at a momentum, which one distance alone does not tell.
        collapse: Of the leading operator; None where it cannot be told.
        decays: Of the information of each rule that belongs to the sector.
        known: Exact dimension of the leading operator, where it is known.
        notes: What was left out, in words.
        information: What learned encoders keep, in order; a later one beyond those before it.
    """

    basis: Basis
    momentum: tuple[float, ...]
    curves: tuple[Correlators, ...]
    separation: Separation
    half: Separation | None
    collapse: Collapse | None
    decays: tuple[Decay, ...]
    known: float | None = None
    notes: tuple[str, ...] = ()
    information: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def dimensions(self) -> tuple[Estimate, ...]:
        """Scaling dimensions, leading first, see `Separation.dimensions`."""
        return self.separation.dimensions

    def quantities(self) -> list[Quantity]:
        """Dimensions, the other ways, then those of every pair of sizes."""
        about: dict[str, Plain] = {"sector": self.basis.sector}
        if any(self.momentum):
            about["momentum"] = list(self.momentum)
        found = [
            Quantity.of(
                f"operators.dimension.{i + 1}", value, self.known if i == 0 else None,
                sizes=list(self.separation.sizes[: self.separation.seen[i]]), **about,
            )
            for i, value in enumerate(self.dimensions)
        ]  # fmt: skip
        found += self._other_ways(about)
        found += [
            Quantity.of(f"operators.scan.dimension.{i + 1}", value, sizes=list(sizes), **about)
            for place, sizes in enumerate(pairwise(self.separation.sizes))
            for i, value in enumerate(self.separation.step(place))
        ]
        return found + [
            Quantity.of(f"operators.encoder.{name}", value, **about)
            for name, value in self.information.items()
        ]

    def _other_ways(self, about: Mapping[str, Plain]) -> list[Quantity]:
        """From half the lattice alone, the collapse, and the decay of information."""
        found = []
        if self.half is not None:
            leading = self.half.dimensions[0]
            found.append(Quantity.of("operators.half", leading, self.known, **about))
        if self.collapse is not None:
            own = self.collapse
            found.append(
                Quantity.of(
                    "operators.collapse", own.dimension, self.known,
                    sizes=[c.size for c in self.curves], mismatch=own.mismatch, **about,
                )
            )  # fmt: skip
        for each in self.decays:
            value = each.dimension
            found.append(
                Quantity.of("operators.information", value, self.known, rule=each.rule, **about)
            )
        return found

    def sheets(self) -> list[Sheet]:
        """Three ways side by side, what the operators are made of, and every pair."""
        return [self._ways_sheet(), self._made_of(), *self._pairs_sheet()]

    def _ways_sheet(self) -> Sheet:
        rows = [
            [f"covariance, operator {i + 1}", _text(value), self._reference(i)]
            for i, value in enumerate(self.dimensions)
        ]
        if self.half is not None:
            rows.append(["covariance at L/2 alone", _text(self.half.dimensions[0]), ""])
        if self.collapse is not None:
            rows.append(["collapse of sizes", _text(self.collapse.dimension), ""])
        rows += [[f"information of {d.rule}", _text(d.dimension), ""] for d in self.decays]
        sizes = " -> ".join(" x ".join(map(str, c.cells)) for c in self.curves)
        said = f"{sizes}; {len(self.basis)} operators of the sector {self.basis.sector}"
        at = f", momentum {list(self.momentum)} (2 pi)" if any(self.momentum) else ""
        title = "scaling dimensions"
        caption = "\n".join([f"{said}{at}", *self.notes])
        return Sheet(title, ["from", "dimension", "exact"], rows, caption)

    def _reference(self, place: int) -> str:
        return "" if self.known is None or place else format_with_error(self.known)

    def _made_of(self) -> Sheet:
        columns = ["operator", *(f"share in {i + 1}" for i in range(self.shares.shape[1]))]
        rows = [
            [name, *(f"{value:+.3f}" for value in row)]
            for name, row in zip(self.basis.names, self.shares.tolist(), strict=True)
        ]
        said = "coefficients of operators scaled to unit variance, the largest one set to 1"
        return Sheet("", columns, rows, said)

    def _pairs_sheet(self) -> list[Sheet]:
        pairs = list(pairwise(self.separation.sizes))
        if len(pairs) < 2:
            return []
        most = len(self.separation.seen)
        rows = []
        for place, (small, large) in enumerate(pairs):
            own = [_text(value) for value in self.separation.step(place)]
            rows.append([f"{small}, {large}", *own, *[""] * (most - len(own))])
        columns = ["L, 2L", *(f"operator {i + 1}" for i in range(most))]
        return [Sheet("", columns, rows, "dimensions from two sizes alone")]

    @property
    def shares(self) -> Tensor:
        """(A, k) coefficients of operators of unit variance, the largest of each set to 1."""
        scale = self.curves[0].everything[1].diag().sqrt()
        vectors = self.separation.vectors[:, : len(self.dimensions)] * scale[:, None]
        top = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        return vectors / top


def _text(estimate: Estimate) -> str:
    return format_with_error(estimate.value, estimate.error)


def scaling_dimensions(
    samples: Sequence[Any],
    sector: str,
    *,
    reach: float | None = None,
    rules: Sequence[Rule | str] = (),
    block: Sequence[int] | None = None,
    learn: int = 0,
    window: Window | None = None,
    max_spins: int = 4,
    momentum: Sequence[float] = (),
    seed: int = 0,
    chains: int | None = None,
    space: Sequence[str | Space] | None = None,
    trust: bool = False,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> OperatorsResult:
    r"""Find the operators of a sector and their scaling dimensions at criticality.

    .. math:: C_L(L/2)\, v_i = \mu_i(L)\, C_L(0)\, v_i, \quad \mu_i(2L) = 2^{-2 \Delta_i} \mu_i(L)

    of any rule, encoder or lattice operator, and without iterating anything. Beside it stand the
    dimension of the leading operator from the collapse of all sizes and from the decay of the
    information that two symbols have of each other.

    Args:
        samples: A path of a collection, or paths, open samples or arrays of at least two lattices,
            each twice as large as the one before, at the same critical point.
        sector: `even` or `odd` of two letters that can be exchanged, `invariant` or `vector` of
            more, `all` of letters without symmetry.
        reach: Largest distance between two sites of a product, in lattice constants; 1.5 where no
            rules are given or learned, else no products.
        rules: Rules whose symbols are operators too: names, directories or rules.
        block: Extents of the block of rules known by name; 2 along each axis without.
        learn: How many encoders of the sector to learn, see `learn_encoders`.
        window: For encoders; two cells along each axis, a buffer and an environment of one.
        max_spins: Most sites of a product.
        momentum: Q in units of 2 pi for each axis, such as (0.5, 0).
        seed: Of the bootstrap and of learning.
        chains: Of arrays, see `rsmi.storage.samples_of`.
        space: Of arrays, one for each, likewise.
        trust: Whether code of a trained rule may run.
        progress: Is told how many configurations of how many are read.
        say: Is told what is done, in words.
        **options: Of learning, see `rsmi.learning.Learning`.

    Returns:
        Estimates with bootstrap errors over blocks of chains; with three sizes or more they hold
        corrections to scaling.

    Raises:
        InputError: For one size only, sizes that are not L and 2L, a sector that the letters do not
            have, or too few chains for an error.
        AnalysisError: For correlations that do not stand out of the noise.

    Source: Sandvik (2024), arXiv:2406.12681; filters as operators: Gokmen, Ringel, Huber and
    Koch-Janusz (2021), arXiv:2101.11633.
    """
    with opened_sizes(samples, chains=chains, space=space) as sources:
        where = space_of(sources[0])
        check_sector(sector, where.alphabet)
        chosen = {rule_name(r): find_rule(r, where, block, trust=trust) for r in rules}
        learned, kept = _learned(sources, sector, learn, window, seed, say, options)
        chosen |= learned
        within = _REACH if reach is None and not chosen else reach
        basis = local_operators(
            where, sector, reach=within, rules=chosen, max_spins=max_spins, momentum=momentum
        )
        curves = [correlators(s, basis, momentum=momentum, progress=progress) for s in sources]
        own, notes = _told_apart(basis, curves[0])
        basis, curves = basis.chosen(own), [c.chosen(own) for c in curves]
        separation = separate(curves, seed=seed)
        telling = {n: r for n, r in chosen.items() if n not in list(learned)[1:]}
        decays = _decays(sources, basis, telling, momentum, notes)
        known = _known(sources, basis.sector, momentum)
    half = together = None
    if not any(momentum):  # one distance alone mixes momenta
        half = _tried(partial(separate, curves, at=HALF, seed=seed), notes)
        vector = separation.vectors[:, 0]
        together = _tried(partial(collapse, curves, vector, seed=seed), notes)
    return OperatorsResult(
        basis, tuple(momentum), tuple(curves), separation, half, together, tuple(decays), known,
        tuple(notes), kept,
    )  # fmt: skip


@contextmanager
def opened_sizes(
    samples: Sequence[Any], *, chains: int | None = None, space: Sequence[str | Space] | None = None
) -> Iterator[list[Samples]]:
    """All sources, smallest lattice first, for the time of a block.

    Args:
        samples: A path of a collection, or a sequence of sources for `rsmi.storage.samples_of`.
        chains: Of arrays, see there.
        space: Of arrays, one for each, likewise.

    Raises:
        InputError: For fewer than two lattices, or some that are not L, 2L ... with equal letters.
    """
    sources = points_of(samples)
    if space is not None and len(space) != len(sources):
        raise InputError(
            f"{len(space)} spaces were given for {len(sources)} sources; expected one for each"
        )
    with ExitStack() as stack:
        found: list[Samples] = []
        for place, each in enumerate(sources):
            own = None if space is None else space[place]
            source = each() if callable(each) else opened(each, chains=chains, space=own)
            found.append(stack.enter_context(source))
        found.sort(key=lambda s: space_of(s).n_cells)
        _check_spaces([space_of(s) for s in found])
        yield found


def _check_spaces(spaces: Sequence[Space]) -> None:
    check_sizes([space.cells for space in spaces])
    for a, b in pairwise(spaces):
        if (a.alphabet.names, a.cell.name) != (b.alphabet.names, b.cell.name):
            raise InputError(
                f"samples of {a.to_text()} and of {b.to_text()} were given; expected one lattice "
                "and the same letters in two sizes"
            )


def _learned(
    sources: Sequence[Samples],
    sector: str,
    count: int,
    window: Window | None,
    seed: int,
    say: Callable[[str], None],
    options: Mapping[str, Any],
) -> tuple[dict[str, Rule], dict[str, Estimate]]:
    """Encoders of the sector, from the largest lattice."""
    if not count:
        return {}, {}
    from rsmi.renormalization.operators.encoders import learn_encoders  # needs Lightning

    found = learn_encoders(sources[-1], sector, window, count=count, seed=seed, say=say, **options)
    return dict(found.rules), dict(found.information)


def _told_apart(basis: Basis, smallest: Correlators) -> tuple[list[int], list[str]]:
    """Operators that are no combination of others on the configurations, and a note of those."""
    same = degenerate(smallest.everything[1])
    notes = [f"left out: {text}" for text in basis.left_out]
    still = [basis.names[a] for a, others in same.items() if not others]
    if still:
        notes.append(f"left out, as no configuration changes them: {', '.join(still)}")
    for a, others in same.items():
        if others:
            text = combination(basis.names, a, others)
            notes.append(f"left out: {text} on every configuration")
    return [a for a in range(len(basis)) if a not in same], notes


def _decays(
    sources: Sequence[Samples],
    basis: Basis,
    rules: Mapping[str, Rule],
    momentum: Sequence[float],
    notes: list[str],
) -> list[Decay]:
    """Of every rule whose symbols follow the sector alone."""
    if any(momentum):
        return []
    found = []
    for name, rule in rules.items():
        actions = _actions(rule, odd=basis.odd)
        if actions is None:
            notes.append(f"information of {name} is left out: it mixes the sectors")
            continue
        joint = [correlators(s, symbol_basis(rule), connected=False) for s in sources]
        own = _tried(partial(decay, name, joint, actions), notes)
        found += [] if own is None else [own]
    return found


def _actions(rule: Rule, *, odd: bool) -> Tensor | None:
    """What the symmetries of the letters do to the symbols; None where the rule is of no sector."""
    same = [tuple(range(rule.n_symbols))]
    try:
        acting = symbol_action(rule.alphabet, rule.n_symbols) if odd else same
    except InputError:
        return None
    letters = rule.some_words()
    with torch.no_grad():
        p = rule.log_prob(letters).exp()
        group = torch.tensor(rule.alphabet.symmetries)
        for k, g in enumerate(group):
            image = rule.log_prob(g[letters]).exp()[:, list(acting[k % len(acting)])]
            if not torch.allclose(image, p, atol=1e-4):
                return None
    return torch.tensor(acting)


def _known(sources: Sequence[Samples], sector: str, momentum: Sequence[float]) -> float | None:
    """The exact dimension of the leading operator, where all samples are critical."""
    if any(momentum):
        return None
    values = [known_exponents(s)[0].get(_REFERENCES.get(sector, "")) for s in sources]
    return values[0] if len(set(values)) == 1 else None


def _tried(compute: Callable[[], Any], notes: list[str]) -> Any:
    """A number, or None with a note where the data do not tell it."""
    try:
        return compute()
    except AnalysisError as error:
        notes.append(str(error))
        return None
