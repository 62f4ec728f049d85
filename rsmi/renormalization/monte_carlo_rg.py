"""The whole analysis of one rule: from samples to critical exponents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.errors import AnalysisError, InputError
from rsmi.lattice import coarse_shape
from rsmi.lattice.graphs import UnitCell
from rsmi.renormalization.coarse_grain import Rule
from rsmi.renormalization.couplings import Interaction, Parity, generate_interactions
from rsmi.renormalization.exponents import Exponent, critical_exponents
from rsmi.renormalization.models import check_model
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.stability import ScanEntry, scan
from rsmi.renormalization.stream import Progress, Source, accumulate, silent
from rsmi.renormalization.verdict import Verdict, judge, ordered
from rsmi.sampling import OrderReport
from rsmi.sampling.threads import cores
from rsmi.storage import check_source

_SAMPLES_PER_COUPLING = 20
_LEAST_STEPS_3D = 3  # so that a truncation error can be stated


@dataclass(frozen=True)
class MCRGResult:
    """What a Monte Carlo renormalisation-group analysis found.

    Args:
        shapes: Lattice shape at each level, the samples' first.
        interactions: The basis of each parity, in order.
        scan: Leading exponents by parity, level and size of the basis.
        verdict: Whether the flow rests, without which no exponent is quoted.
        n: Configurations used.
        blocks: Independent blocks of the data behind the jackknife errors.
        order: How much the configurations remember of each other.
    """

    shapes: tuple[tuple[int, ...], ...]
    interactions: dict[Parity, tuple[Interaction, ...]]
    scan: tuple[ScanEntry, ...]
    verdict: Verdict
    n: int
    blocks: int
    order: OrderReport

    @property
    def exponents(self) -> dict[str, Exponent]:
        """Final numbers by name, see `critical_exponents`.

        Raises:
            AnalysisError: If there is no fixed point, with the reasons.
        """
        self.verdict.check()
        return critical_exponents(*_sectors(self.scan), len(self.shapes[0]))


def renormalise(
    samples: Source,
    table: Tensor,
    block: Sequence[int],
    *,
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
        samples: Configurations of Ising spins at the critical point.
        table: (2**n_v, 2) float64 p(h|v), odd under the flip of all spins.
        block: Extents of the block, all equal.
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
        InputError: For samples of another model, a rule that cannot be iterated, a lattice that
            cannot be tiled so often, too few samples, or samples whose order shows that they are
            not in equilibrium, see `rsmi.storage.check_source`.
        AnalysisError: If the samples do not fluctuate.

    Source: R. H. Swendsen (1979), Phys. Rev. Lett. 42, 859.
    """
    check_model(getattr(samples, "model", None))
    rule = _rule(table, tuple(block), seed)
    shapes = _shapes(tuple(samples.shape), rule.block, levels)
    bases = _bases(reach, len(rule.block), {"even": n_even, "odd": n_odd})
    _check_amount(len(samples), samples.chains, max(map(len, bases.values())), blocks)
    order = check_source(samples)
    blocks = min(blocks, order.blocks)
    steps, threads = len(shapes) - 1, workers or cores()
    moments = accumulate(
        samples, rule, bases, levels=steps, blocks=blocks, workers=threads, progress=progress
    )
    return _result(samples, order, shapes, bases, moments, table)


def _result(
    samples: Source,
    order: OrderReport,
    shapes: tuple[tuple[int, ...], ...],
    bases: dict[Parity, tuple[Interaction, ...]],
    moments: dict[Parity, Moments],
    table: Tensor,
) -> MCRGResult:
    scans = _scans(moments, shapes[0][0] // shapes[1][0])
    found = critical_exponents(scans["even"], scans["odd"], len(shapes[0]))
    verdict = judge(scans, moments, found, table, getattr(samples, "model", None))
    used = len(moments["even"].count)
    entries = scans["even"] + scans["odd"]
    return MCRGResult(shapes, bases, entries, verdict, order.n, used, order)


def _scans(moments: dict[Parity, Moments], scale: int) -> dict[Parity, tuple[ScanEntry, ...]]:
    try:
        return {parity: scan(sums, scale) for parity, sums in moments.items()}
    except AnalysisError:
        if reason := ordered(moments["even"]):
            raise AnalysisError(f"no fixed point here: {reason}") from None
        raise


def _sectors(entries: Sequence[ScanEntry]) -> tuple[list[ScanEntry], list[ScanEntry]]:
    """Even and odd entries."""
    even = [entry for entry in entries if entry.parity == "even"]
    return even, [entry for entry in entries if entry.parity == "odd"]


def _rule(table: Tensor, block: tuple[int, ...], seed: int) -> Rule:
    rule = Rule.of(table, block, seed)
    if len(set(block)) != 1 or block[0] < 2:
        raise InputError(
            f"block {list(block)} does not rescale all directions alike; exponents need equal "
            "extents of at least 2, such as [2, 2]"
        )
    if not torch.allclose(table, table.flip(0, 1), atol=1e-6):
        raise InputError(
            "the rule is not odd under the flip of all spins, p(h|v) != p(-h|-v), so it mixes the "
            "even and odd sectors; learn it with z2: impose, or use (table + table.flip(0, 1)) / 2"
        )
    return rule


def _shapes(
    shape: tuple[int, ...], block: tuple[int, ...], levels: int | None
) -> tuple[tuple[int, ...], ...]:
    """Lattice shapes of all levels; as deep as possible where the depth is left open."""
    if len(shape) != len(block):
        raise InputError(
            f"the lattice {list(shape)} has {len(shape)} axes, the block {list(block)} has "
            f"{len(block)}; give one extent for each axis, such as {[2] * len(shape)}"
        )
    shapes = _tilings(shape, block, 4 if levels is None and len(shape) >= 3 else 2)
    possible = len(shapes) - 1
    wanted = max(possible, 1) if levels is None else levels
    if not 1 <= wanted <= possible:
        raise InputError(
            f"a lattice of shape {list(shape)} can be tiled with blocks of {list(block)} "
            f"{possible} times before it is too narrow (the first coarse lattice must be at least "
            f"4 sites wide, the last 2), asked for was {wanted}; use fewer levels or a lattice "
            "whose extents are multiples of powers of the block's"
        )
    _check_steps(wanted, possible, shape)
    return tuple(shapes[: wanted + 1])


def _tilings(
    shape: tuple[int, ...], block: tuple[int, ...], narrowest: int
) -> list[tuple[int, ...]]:
    """Every lattice that tiling again and again gives, down to the narrowest of use."""
    shapes, least = [shape], 4
    while all(e % b == 0 and e // b >= least for e, b in zip(shapes[-1], block, strict=True)):
        shapes.append(coarse_shape(shapes[-1], block))
        least = narrowest
    return shapes


def _check_steps(wanted: int, possible: int, shape: tuple[int, ...]) -> None:
    """Refuse fewer steps than an honest error needs."""
    if len(shape) >= 3 and wanted < _LEAST_STEPS_3D:
        raise InputError(
            f"{wanted} steps were asked for, or possible, on a lattice of shape {list(shape)}; in "
            f"three dimensions the flow nears its fixed point slowly, and with fewer than "
            f"{_LEAST_STEPS_3D} steps the error cannot be told; use a larger lattice, such as "
            f"{[32] * 3} with blocks of {[2] * 3}, or more levels"
        )
    if wanted < 2 <= possible:
        raise InputError(
            f"one step was asked for where {possible} are possible on a lattice of shape "
            f"{list(shape)}; a first step is far from the fixed point, and alone it cannot show "
            "whether the flow rests there; leave out levels, or ask for 2 or more"
        )


def _bases(
    reach: float, dimension: int, wanted: dict[Parity, int | None]
) -> dict[Parity, tuple[Interaction, ...]]:
    everything = generate_interactions(reach, UnitCell.hypercubic(dimension))
    bases: dict[Parity, tuple[Interaction, ...]] = {}
    for parity, n in wanted.items():
        basis = tuple(i for i in everything if i.parity == parity)
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
