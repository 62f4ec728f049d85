"""The whole analysis of one rule: from samples to critical exponents."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import Alphabet, Space, Window, coarse_shape, place
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import CLASSICAL, Rule, load_rule, rule_name
from rsmi.progress import Progress, silent
from rsmi.renormalization.averages import ordered
from rsmi.renormalization.coarse_grain import BitRule, LetterRule, WideRule
from rsmi.renormalization.couplings import Operator, Parity, generate_interactions
from rsmi.renormalization.device import accumulate_drawn, runs_on_device
from rsmi.renormalization.exponents import exponents_of
from rsmi.renormalization.letters import letter_operators
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.result import MCRGResult, known_exponents
from rsmi.renormalization.stability import ScanEntry, scan
from rsmi.renormalization.stream import IteratedRule, Relay, Source, accumulate
from rsmi.renormalization.verdict import Told, copies, is_soft, judge
from rsmi.sampling.exact.universality import UNIVERSALITY, CriticalPoint
from rsmi.sampling.order import LEAST_BLOCKS
from rsmi.sampling.threads import cores
from rsmi.storage import DrawnSamples, check_source, opened

Rules = Rule | str | os.PathLike[str] | Sequence[Rule | str | os.PathLike[str]]
"""A rule, its name or its directory; or one for each step."""

_SAMPLES_PER_COUPLING = 20
_LEAST_STEPS = 3  # where corrections shrink slowly, so that a truncation error can be stated


def renormalise(
    samples: object,
    rule: Rules,
    *,
    block: Sequence[int] | None = None,
    trust: bool = False,
    levels: int | None = None,
    reach: float = 2.0,
    n_even: int | None = None,
    n_odd: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    blocks: int = 64,
    progress: Progress = silent,
) -> MCRGResult:
    """Iterate a rule on samples and read critical exponents off its stability matrix.

    Data alone cannot prove that they are critical, but much can prove that they are not: the result
    carries a verdict, and its exponents are refused where there is no fixed point.

    The samples are streamed once; neither memory nor any digit depends on pieces or workers.

    Args:
        samples: Configurations at the critical point: a source, or whatever
            `rsmi.storage.samples_of` takes. Where a cell holds several sites a first step with the
            rule makes blocks of cells one site each, and exponents are those of the steps after it.
        rule: A rule that gives the letters that it takes, alike under their symmetries; the name
            of one; or the directory of a trained one. Where its table would not fit in memory its
            network is asked for every block. A sequence of rules is one for each step, see
            `learn_rules`, the last one for all further steps.
        block: Extents of the block of a rule known by name, in cells, all equal; 2 without.
        trust: Whether code of a trained rule of somebody's own may run, see
            `rsmi.learning.load_rule`.
        levels: Steps; without it as many as leave a lattice at least 2 sites wide, in three
            dimensions 4. A single step is accepted only where the lattice cannot give two.
        reach: Largest distance between two spins of an interaction, in lattice constants.
        n_even: Keep the first so many even interactions; without it all within reach.
        n_odd: As n_even, odd.
        seed: Of the random entries of the rule.
        workers: Threads; without it one for each processor.
        blocks: Independent blocks of the data for the jackknife; fewer are made where the
            configurations remember each other for too long.
        progress: Called with (configurations done, configurations in all).

    Raises:
        InputError: For samples or a rule that cannot be iterated, with the reason, a lattice that
            cannot be tiled so often, too few samples, or samples whose order shows that they are
            not in equilibrium, see `rsmi.storage.check_source`.
        AnalysisError: If the samples do not fluctuate.

    Source: R. H. Swendsen (1979), Phys. Rev. Lett. 42, 859.
    """
    with _source(samples) as given:
        iterable_space(given)
        drawn = isinstance(given, DrawnSamples)
        # What the axes are comes before what a block is; the order of what is drawn, after it.
        order = None if drawn else check_source(given)
        source = single_sites(given, rule, block, seed)
        space = iterable_space(source)
        chosen = find_rules(rule, space, block, trust=trust)
        iterated = ready_rules(chosen, space, seed)
        critical = getattr(given, "critical", None)
        omega = slow_correction(critical, space)
        shapes = _shapes(space.cells, iterated.block, levels, slow=omega is not None)
        bases = bases_within(reach, space, {"even": n_even, "odd": n_odd})
        _check_amount(len(source), source.chains, max(map(len, bases.values())), blocks)
        blocks = min(blocks, order.blocks if order else _whole_chains(given))
        rows = in_cells(source, space)
        moments = _moments(rows, iterated, bases, len(shapes) - 1, blocks, workers, progress)
        order = order or check_source(given)
        entries = _scans(moments, iterated.block[0])
        scans = {parity: [e for e in own if not e.rank] for parity, own in entries.items()}
        soft = any(map(is_soft, chosen))
        found = exponents_of(scans["even"], scans["odd"], len(space.cells), omega, soft)
        told = Told.of(given, critical, omega)
        copied = next(filter(None, map(copies, chosen)), None)
        verdict = judge(scans, moments, found, copied, told)
        used = len(moments["even"].count)
        known, remark = known_exponents(given)
        return MCRGResult(
            name_of_rules(rule),
            shapes,
            bases,
            tuple(entry for own in scans.values() for entry in own),
            verdict,
            order.n,
            used,
            order,
            omega,
            known,
            remark,
            tuple(entry for own in entries.values() for entry in own if entry.rank),
            soft,
        )


def _moments(
    rows: Source,
    rule: IteratedRule,
    bases: Mapping[Parity, Sequence[Operator]],
    levels: int,
    blocks: int,
    workers: int | None,
    progress: Progress,
) -> dict[Parity, Moments]:
    """Moments where the rows are: on the device where they are drawn, if it knows the rule."""
    if isinstance(rows, DrawnSamples) and rows.device != "cpu" and runs_on_device(rule):
        return accumulate_drawn(rows, rule, bases, levels=levels, blocks=blocks, progress=progress)
    threads = workers or cores()
    return accumulate(
        rows, rule, bases, levels=levels, blocks=blocks, workers=threads, progress=progress
    )


def _whole_chains(samples: Source) -> int:
    """Most blocks of samples whose memory is not known yet: so many as there are chains."""
    if samples.chains < LEAST_BLOCKS:
        raise InputError(
            f"{samples.chains} chains are to be drawn, whose errors are told by the differences "
            f"between them; expected at least {LEAST_BLOCKS}, say 64"
        )
    return samples.chains


@contextmanager
def _source(samples: object) -> Iterator[Source]:
    """Whatever can be read as it is; else samples, closed again."""
    if hasattr(samples, "read"):
        yield cast(Source, samples)
        return
    with opened(samples) as found:
        yield found


def find_rule(
    rule: Rule | str | os.PathLike[str],
    space: Space,
    block: Sequence[int] | None = None,
    *,
    trust: bool = False,
) -> Rule:
    """A rule for boxes of a space, by itself, by name or from its directory.

    Args:
        rule: As in `renormalise`.
        space: Where its letters live.
        block: Extents of the block of a rule known by name, 2 along each axis without; checked for
            any other.
        trust: As in `renormalise`.

    Raises:
        InputError: For an unknown or damaged rule, one for other letters or another block, or a
            block that is no box.
    """
    if not isinstance(rule, Rule) and rule in CLASSICAL:
        extents = (2,) * len(space.cells) if block is None else tuple(block)
        return load_rule(rule, place(Window(extents, buffer=0, environment=None), space))
    found = rule if isinstance(rule, Rule) else load_rule(rule, trust=trust)
    if block is not None and tuple(block) != found.block:
        raise InputError(
            f"the rule has block {list(found.block)}, asked for was {list(block)}; leave the block "
            "out, or choose another rule"
        )
    names, letters = found.alphabet.names, space.alphabet.names
    if names != letters:
        raise InputError(
            f"the rule is for the letters {', '.join(names)}, those of the samples are "
            f"{', '.join(letters)}; use a rule for these letters"
        )
    if len(found.block) != len(space.cells):
        raise InputError(
            f"the lattice {list(space.cells)} has {len(space.cells)} axes, the block of the rule "
            f"is {list(found.block) or f'{found.n_sites} sites that are no box'}; only boxes with "
            f"one extent for each axis tile it, such as {[2] * len(space.cells)}"
        )
    if found.n_sites != math.prod(found.block) * space.sites:
        raise InputError(
            f"the rule is for {found.n_sites} sites in a block of {list(found.block)} cells, of "
            f"which each has {space.sites} on the lattice {space.cell.name}"
        )
    return found


def find_rules(
    rules: Rules, space: Space, block: Sequence[int] | None = None, *, trust: bool = False
) -> tuple[Rule, ...]:
    """Rules for the steps, of which the last one serves all further steps, see `find_rule`."""
    return tuple(find_rule(rule, space, block, trust=trust) for rule in _listed(rules))


def name_of_rules(rules: Rules) -> str:
    """Of one rule, or of those that follow each other."""
    return " then ".join(dict.fromkeys(map(rule_name, _listed(rules))))


def _listed(rules: Rules) -> Sequence[Rule | str | os.PathLike[str]]:
    if isinstance(rules, Rule | str | os.PathLike):
        return [rules]
    if not rules:
        raise InputError("no rule was given; expected one, or one for each step")
    return rules


def single_sites(
    samples: Source, rules: Rules, block: Sequence[int] | None = None, seed: int = 0
) -> Source:
    """Samples whose cells hold one site each: themselves, or a first step with the rule.

    Blocks of cells become one site each, on the lattice of the cells: honeycomb gives triangular.

    Raises:
        InputError: For a rule that is not known by name, which such a first step needs.
    """
    from rsmi.renormalization.coarse_samples import CoarseSamples  # which needs this file

    space = iterable_space(samples)
    if space.sites == 1:
        return samples
    first = _listed(rules)[0]
    if isinstance(first, Rule) or first not in CLASSICAL:
        raise InputError(
            f"a cell of the lattice {space.cell.name} holds {space.sites} sites; a first step "
            "makes one; give a rule by name, such as majority, or coarse_samples of these"
        )
    return cast(Source, CoarseSamples(cast(Any, samples), find_rule(first, space, block), seed))


def check_iteration(samples: object) -> None:
    """Refuse samples on whose letters no rule can be iterated.

    Raises:
        InputError: With the physical reason, or because a source names a model and no space.
    """
    model = getattr(samples, "model", None)
    if reason := getattr(samples, "iteration", "" if model is None else _UNTOLD):
        raise InputError(
            f"the samples are of the model {(model or {}).get('model', 'unknown')}, on which no "
            f"rule can be iterated: {reason}"
        )


def iterable_space(samples: Source) -> Space:
    """Where the letters live, if a rule can be iterated on them."""
    check_iteration(samples)
    space: Space = getattr(samples, "space", None) or Space.hypercubic(samples.shape, SPIN)
    if not space.homogeneous or len(space.alphabet.symmetries) < 2:
        raise InputError(
            "the space of the samples has no symmetry of its letters, or its cells differ; "
            "exponents need cells that are alike, and letters whose exchange tells even operators "
            "from odd ones"
        )
    return space


_UNTOLD = (
    "the source names a model, but not the space of its letters; open the file with "
    "rsmi.storage.open_samples, or give the source the attributes space, letters and iteration"
)


def slow_correction(critical: CriticalPoint | None, space: Space) -> float | None:
    """Exponent of the leading correction; None where it is that of Ising spins in a plane."""
    if critical is not None:
        omega = max(critical.universality.omega, _SLOWEST)  # logarithms have none
        return omega if omega < _FAST else None
    if len(space.cells) >= 3:
        return UNIVERSALITY["ising_3d"].omega
    return None if space.alphabet.size == 2 else _SLOWEST


_FAST = 2.0
_SLOWEST = UNIVERSALITY["tricritical_ising_2d"].omega  # of letters whose class is not known


@dataclass(frozen=True)
class _Cells:
    """Samples with a letter in each cell: +1 and -1 where there are two, else 0 ... q - 1."""

    samples: Any
    shape: tuple[int, ...]
    two: bool

    @property
    def chains(self) -> int:
        """Those of the samples."""
        return int(self.samples.chains)

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, start: int, stop: int) -> Tensor:
        """Letters start..stop-1, (n, *cells) int8."""
        letters: Tensor = self.samples.letters(start, stop).reshape(-1, *self.shape)
        return 2 * letters - 1 if self.two else letters


def in_cells(samples: Source, space: Space) -> Source:
    """The samples themselves where they hold two letters of the space already."""
    two = space.alphabet.size == 2
    if two and tuple(samples.shape) == space.cells:
        return samples
    return _Cells(samples, space.cells, two)


def _scans(moments: dict[Parity, Moments], scale: int) -> dict[Parity, tuple[ScanEntry, ...]]:
    try:
        return {parity: scan(sums, scale) for parity, sums in moments.items()}
    except AnalysisError:
        if reason := ordered(moments["even"]):
            raise AnalysisError(f"no fixed point here: {reason}") from None
        raise


def ready_rules(rules: Sequence[Rule], space: Space, seed: int) -> IteratedRule:
    """Rules that follow each other, made ready for their loop.

    Raises:
        InputError: For one that cannot be iterated on these letters, or blocks that differ.
    """
    ready = tuple(_ready(rule, space, seed) for rule in rules)
    if len({rule.block for rule in rules}) != 1:
        blocks = ", ".join(str(list(rule.block)) for rule in rules)
        raise InputError(f"the rules have blocks {blocks}; expected one block for all steps")
    return ready[0] if len(ready) == 1 else Relay(ready)


def _ready(rule: Rule, space: Space, seed: int) -> IteratedRule:
    """A rule made ready for its loop, if it takes letters to letters alike under symmetries."""
    alphabet, block = space.alphabet, rule.block
    if len(set(block)) != 1 or block[0] < 2:
        raise InputError(
            f"block {list(block)} does not rescale all directions alike; exponents need equal "
            "extents of at least 2, such as [2, 2]"
        )
    if rule.n_symbols != alphabet.size:
        raise InputError(
            f"the rule has {rule.n_symbols} symbols per block, the samples {alphabet.size} letters "
            f"({', '.join(alphabet.names)}); a rule can be iterated only if its output is again "
            "one of the letters"
        )
    _check_symmetry(rule, alphabet)
    if not rule.fits_table:
        return WideRule.of(rule, seed)
    if alphabet.size == 2:
        return BitRule.of(rule.table(), block, seed)
    return LetterRule.of(rule.table(), alphabet.size, block, seed)


def _check_symmetry(rule: Rule, alphabet: Alphabet) -> None:
    """Refuse a rule that mixes the sectors."""
    letters, close = rule.some_words(), 1e-6 if rule.fits_table else 1e-4
    with torch.no_grad():
        p = rule.log_prob(letters).exp()
        for symmetry in map(list, alphabet.symmetries[1:]):
            image = rule.log_prob(torch.tensor(symmetry)[letters]).exp()
            if torch.allclose(image[:, symmetry], p, atol=close):
                continue
            if alphabet.size == 2:
                raise InputError(_NOT_ODD)
            raise InputError(
                "the rule is not alike under the symmetry of the letters that takes "
                f"{', '.join(alphabet.names)} to {', '.join(alphabet.names[a] for a in symmetry)}, "
                "p(gh|gv) != p(h|v), so it mixes the sectors; learn it with symmetry: impose, or "
                "use plurality"
            )


_NOT_ODD = (
    "the rule is not odd under the flip of all spins, p(h|v) != p(-h|-v), so it mixes the even and "
    "odd sectors; learn it with symmetry: impose, or use (table + table.flip(0, 1)) / 2"
)


def _shapes(
    shape: tuple[int, ...], block: tuple[int, ...], levels: int | None, *, slow: bool
) -> tuple[tuple[int, ...], ...]:
    """Lattice shapes of all levels; as deep as possible where the depth is left open."""
    shapes = tilings(shape, block, 4 if levels is None and len(shape) >= 3 else 2)
    possible = len(shapes) - 1
    wanted = max(possible, 1) if levels is None else levels
    if not 1 <= wanted <= possible:
        raise InputError(
            f"a lattice of shape {list(shape)} can be tiled with blocks of {list(block)} "
            f"{possible} times before it is too narrow (the first coarse lattice must be at least "
            f"4 sites wide, the last 2), asked for was {wanted}; use fewer levels or a lattice "
            "whose extents are multiples of powers of the block's"
        )
    _check_steps(wanted, possible, shape, slow)
    return tuple(shapes[: wanted + 1])


def tilings(
    shape: tuple[int, ...], block: tuple[int, ...], narrowest: int
) -> list[tuple[int, ...]]:
    """Every lattice that tiling again and again gives, down to the narrowest of use."""
    shapes, least = [shape], 4
    while all(e % b == 0 and e // b >= least for e, b in zip(shapes[-1], block, strict=True)):
        shapes.append(coarse_shape(shapes[-1], block))
        least = narrowest
    return shapes


def _check_steps(wanted: int, possible: int, shape: tuple[int, ...], slow: bool) -> None:
    """Refuse fewer steps than an honest error needs."""
    if slow and wanted < _LEAST_STEPS:
        where = "in three dimensions" if len(shape) >= 3 else "with these letters"
        raise InputError(
            f"{wanted} steps were asked for, or possible, on a lattice of shape {list(shape)}; "
            f"{where} the flow nears its fixed point slowly, and with fewer than {_LEAST_STEPS} "
            f"steps the error cannot be told; use a larger lattice, such as {[32] * len(shape)} "
            f"with blocks of {[2] * len(shape)}, or more levels"
        )
    if wanted < 2 <= possible:
        raise InputError(
            f"one step was asked for where {possible} are possible on a lattice of shape "
            f"{list(shape)}; a first step is far from the fixed point, and alone it cannot show "
            "whether the flow rests there; leave out levels, or ask for 2 or more"
        )


def bases_within(
    reach: float, space: Space, wanted: dict[Parity, int | None]
) -> dict[Parity, Sequence[Operator]]:
    """Operators of each sector within reach, or the first so many of them."""
    found = generate_interactions(reach, space.cell)
    everything: Mapping[Parity, Sequence[Operator]] = (
        {parity: [i for i in found if i.parity == parity] for parity in wanted}
        if space.alphabet.size == 2
        else letter_operators(found, space.alphabet)
    )
    bases: dict[Parity, Sequence[Operator]] = {}
    for parity, n in wanted.items():
        basis = tuple(everything[parity])
        if not (basis and (n is None or 1 <= n <= len(basis))):
            raise InputError(
                f"{n if n is not None else 'all'} {parity} interactions were asked for; within "
                f"reach {reach} there are {len(basis)}; use a larger reach or fewer interactions"
            )
        bases[parity] = basis[:n]
    return bases


def _check_amount(n: int, chains: int, couplings: int, blocks: int) -> None:
    if not 8 <= blocks <= 1024:
        raise InputError(f"{blocks} jackknife blocks were asked for; expected 8 to 1024, say 64")
    if chains < 1:
        raise InputError(f"the samples say they come from {chains} chains; expected at least 1")
    needed = max(2 * blocks, _SAMPLES_PER_COUPLING * couplings, 2 * min(chains, blocks))
    if n < needed:
        raise InputError(
            f"{n} samples are too few for {couplings} couplings and {blocks} jackknife blocks; "
            f"expected at least {math.ceil(needed)}; give more samples or fewer blocks"
        )
