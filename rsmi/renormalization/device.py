"""Coarse-grain two-valued spins and sum their moments on the device where they were drawn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsmi.progress import Progress, silent
from rsmi.renormalization.coarse_grain import BitRule
from rsmi.renormalization.couplings import Operator, Parity
from rsmi.renormalization.measure import Plan, SpinPlan
from rsmi.renormalization.moments import Moments
from rsmi.renormalization.stream import IteratedRule, Ladder, Relay
from rsmi.sampling.gpu.device import check_reachable, current, require_triton
from rsmi.sampling.random import Stream
from rsmi.storage import DrawnSamples

_BLOCK, _MOST_WORDS, _WARP = 256, 1024, 32


def runs_on_device(rule: IteratedRule) -> bool:
    """Whether kernels know the rule: tables of two-valued spins."""
    return all(isinstance(one, BitRule) for one in _steps(rule))


def _steps(rule: IteratedRule) -> tuple[IteratedRule, ...]:
    return rule.rules if isinstance(rule, Relay) else (rule,)


def accumulate_drawn(
    samples: DrawnSamples,
    rule: IteratedRule,
    bases: Mapping[Parity, Sequence[Operator]],
    *,
    levels: int,
    blocks: int,
    progress: Progress = silent,
) -> dict[Parity, Moments]:
    """As `accumulate`, where the chains live, record after record; no spin leaves the device.

    Drawing costs far more than measuring there, so every tiling of the first step is used too.

    Args:
        samples: Of at least as many chains as blocks.
        rule: With tables of two-valued spins.
        bases: Interactions of each parity.
        levels: How often to coarse-grain.
        blocks: Of whole chains.
        progress: Called with (configurations done, configurations in all).
    """
    ladder = Ladder.of(samples.shape, rule, bases, levels, every=True)
    labels = torch.arange(samples.chains, device=samples.device) * blocks // samples.chains
    climb = DeviceLadder.of(ladder, labels.device)
    sums = {
        parity: _Sums.zeros(len(basis), ladder, labels, blocks) for parity, basis in bases.items()
    }
    done = 0
    for state in samples.records:
        values = climb.run(state, done)
        for parity, own in sums.items():
            own.add([level[parity] for level in values])
        done += len(state)
        progress(done, len(samples))
    return {
        parity: Moments(
            basis, ladder.shapes, ladder.images, *(x.cpu().numpy() for x in sums[parity].all)
        )
        for parity, basis in bases.items()
    }


@dataclass(frozen=True)
class _Sums:
    """The sums of `Moments` of one parity, on a device.

    Args:
        labels: (chains,) block of each chain.
        all: count, first, same and step.
    """

    labels: Tensor
    all: tuple[Tensor, Tensor, Tensor, Tensor]

    @classmethod
    def zeros(cls, m: int, ladder: Ladder, labels: Tensor, blocks: int) -> Self:
        n = len(ladder.shapes)
        shapes = (blocks,), (blocks, n, 1, m), (blocks, n, m, m), (blocks, n - 1, m, m)
        new = [torch.zeros(s, dtype=torch.int64, device=labels.device) for s in shapes]
        return cls(labels, (new[0], new[1], new[2], new[3]))

    def add(self, values: list[Tensor]) -> None:
        """Add a record: for each level (chains, images, m), as `Moments.add`."""
        count, first, same, step = self.all
        count.index_add_(0, self.labels, torch.ones_like(self.labels))
        for level, here in enumerate(values):
            first[:, level, 0].index_add_(0, self.labels, here.sum(1))
            same[:, level].index_add_(0, self.labels, _products(here, here))
            if level:
                before = values[level - 1][:, : here.shape[1]]
                children = here.reshape(*before.shape[:2], -1, here.shape[2]).sum(2)
                step[:, level - 1].index_add_(0, self.labels, _products(children, before))


def _products(left: Tensor, right: Tensor) -> Tensor:
    """Sums of outer products over images, (chains, m, m): exact below 2**53."""
    return (left.double().mT @ right.double()).long()


@dataclass(frozen=True)
class DeviceLadder:
    """A `Ladder` with its tables on a device.

    Args:
        ladder: Of rules with tables of two-valued spins.
        steps: Sites of the blocks, thresholds and seed of each step.
        plans: Interactions laid out for each level.
    """

    ladder: Ladder
    steps: tuple[tuple[Tensor, Tensor, Tensor], ...]
    plans: tuple["_DevicePlan", ...]

    @classmethod
    def of(cls, ladder: Ladder, device: torch.device) -> Self:
        """Move the tables.

        Raises:
            InputError: Where Triton is not installed.
        """
        require_triton()
        rules, steps = [r for r in _steps(ladder.rule) if isinstance(r, BitRule)], []
        for level, sites in enumerate(ladder.sites):
            rule = rules[min(level, len(rules) - 1)]
            signed = np.array([rule.seed], dtype=np.uint64).astype(np.int64)
            a, b, c = (torch.from_numpy(t).to(device) for t in (sites, rule.threshold, signed))
            steps.append((a, b, c))
        plans = tuple(_DevicePlan.of(p, device) for p in ladder.plans if isinstance(p, SpinPlan))
        return cls(ladder, tuple(steps), plans)

    def run(self, spins: Tensor, start: int) -> list[dict[Parity, Tensor]]:
        """As `Ladder.run`: (n, images, m) int64 of each parity at each level."""
        check_reachable(spins)
        with current(spins):
            return self._run(spins, start)

    def _run(self, spins: Tensor, start: int) -> list[dict[Parity, Tensor]]:
        n, here = len(spins), spins.reshape(len(spins), 1, -1)
        values = []
        for level, plan in enumerate(self.plans):
            if level:
                here = self._coarse(here, level, start)
            found = plan.run(here.reshape(-1, *self.ladder.shapes[level]))
            values.append({p: v.reshape(n, -1, v.shape[1]) for p, v in found.items()})
        return values

    def _coarse(self, here: Tensor, level: int, start: int) -> Tensor:
        """Images (n, images, sites) of one level from those of the one before."""
        from rsmi.renormalization import device_kernel as kernels

        sites, thresholds, seed = self.steps[level - 1]
        n_blocks, n_v = sites.shape
        tilings = n_blocks // math.prod(self.ladder.shapes[level])
        parents = here[:, : self.ladder.images[level] // tilings].contiguous()
        out = torch.empty(
            (len(here), parents.shape[1] * n_blocks), dtype=torch.int8, device=here.device
        )
        kernels.apply_rule[(-(-out.numel() // _BLOCK),)](
            parents, sites, thresholds, seed, out, out.numel(), parents.shape[2], n_blocks,
            parents.shape[1], start, level - 1, int(Stream.COARSE_GRAIN), NV=n_v, BLOCK=_BLOCK,
        )  # fmt: skip
        return out.reshape(len(here), self.ladder.images[level], -1)


@dataclass(frozen=True)
class _DevicePlan:
    """A `SpinPlan` with its tables on a device.

    Args:
        plan: What is measured.
        sizes: How many interactions each parity has.
        tables: Rows and shifts of the planes; of each term its number of spins and their planes;
            where the terms of each interaction begin.
    """

    plan: Plan
    sizes: Mapping[Parity, int]
    tables: tuple[Tensor, ...]

    @classmethod
    def of(cls, both: SpinPlan, device: torch.device) -> Self:
        plan = both.plan
        begins = np.searchsorted(plan.owner, np.arange(plan.n_interactions + 1))
        terms = np.concatenate([plan.n_spins[:, None], plan.planes], 1)
        tables: list[NDArray[np.int64]] = [plan.rows, plan.shifts, terms, begins]
        moved = tuple(torch.from_numpy(t.astype(np.int32)).to(device) for t in tables)
        return cls(plan, both.sizes, moved)

    def run(self, spins: Tensor) -> dict[Parity, Tensor]:
        """Measure (n, *shape) spins: (n, m) int64 of each parity."""
        from rsmi.renormalization import device_kernel as kernels

        plan, n_rows, length = self.plan, self.plan.rows.shape[1], self.plan.shape[-1]
        n_words = -(-length // 32)
        words = torch.empty(
            (len(spins), n_rows, n_words + 1), dtype=torch.int32, device=spins.device
        )
        kernels.pack_rows[(-(-words.numel() // _BLOCK),)](
            spins, words, words.numel(), length, int(plan.shifts.max()), n_words + 1, BLOCK=_BLOCK
        )
        out = torch.empty((len(spins), plan.n_interactions), dtype=torch.int64, device=spins.device)
        block = min(_MOST_WORDS, max(_WARP, 1 << (n_rows * n_words - 1).bit_length()))
        kernels.sum_products[(len(spins), plan.n_interactions)](
            words, *self.tables, out, n_rows, n_words, n_words + 1, length, math.prod(plan.shape),
            BLOCK=block, num_warps=max(1, block // 256),
        )  # fmt: skip
        return dict(zip(self.sizes, out.split(list(self.sizes.values()), 1), strict=True))
