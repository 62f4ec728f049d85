"""Chains shared among threads; compiled sweeps release the interpreter's lock."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from rsmi.errors import InputError
from rsmi.sampling.random import check_seed

GROUPS_PER_WORKER = 4

Group = TypeVar("Group")
Result = TypeVar("Result")


def check_run(seed: int, **counts: int | None) -> None:
    """Raise InputError for a bad seed, or for counts (such as workers) that are given but below 1.

    >>> check_run(3, workers=2, worms=None)
    """
    check_seed(seed)
    for name, value in counts.items():
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}; expected at least 1; give 1 or more")


def cores() -> int:
    """Cores that this process may use: a batch system may give it fewer than the machine has.

    >>> 1 <= cores() <= os.cpu_count()
    True
    """
    if sys.version_info >= (3, 13):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share_chains(chains: int, workers: int, work: Callable[[slice], Result]) -> list[Result]:
    """Results of the work on each group of chains, in order, on several threads.

    Args:
        chains: number of chains.
        workers: number of threads; with one, the calling thread does all.
        work: what to do with a group of consecutive chains; it may not share chains itself.

    >>> share_chains(3, 1, lambda group: group.stop)
    [1, 2, 3]
    """
    return share(chain_groups(chains, workers), workers, work)


def share(groups: Sequence[Group], workers: int, work: Callable[[Group], Result]) -> list[Result]:
    """Results of the work on each group, in order; a thread that is done takes the next group."""
    if workers == 1 or len(groups) == 1:
        return [work(group) for group in groups]
    return list(_pool(workers, os.getpid()).map(work, groups))


@lru_cache(maxsize=8)
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay, since starting them takes as long as a short call; not after a fork."""
    return ThreadPoolExecutor(workers)


def chain_groups(chains: int, workers: int) -> list[slice]:
    """Contiguous groups of chains, several for each worker so that all finish together.

    >>> chain_groups(5, 1)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None), slice(3, 5, None)]
    """
    groups = min(chains, workers * GROUPS_PER_WORKER)
    edges = [chains * k // groups for k in range(groups + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]
