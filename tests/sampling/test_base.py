"""A new update is a kernel and a few lines; threads share its chains."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.sampling import Ising
from rsmi.sampling.base import Address, ChainSampler, Spins
from rsmi.sampling.threads import share, share_chains


class Count(ChainSampler[Ising]):
    """Writes the number of its last sweep and its chain into the first two sites."""

    def _check_model(self) -> None:
        if self.model.coupling < 0:
            raise InputError("no antiferromagnets here")

    def _sweep(self, spins: Spins, address: Address) -> None:
        chain, first, sweeps, _ = address
        spins[:, 0] = first + sweeps - 1
        spins[:, 1] = chain + np.arange(len(spins))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_kernel_is_all_that_is_needed(workers: int) -> None:
    sampler = Count(Ising((2, 3), 0.4), seed=1, workers=workers)
    state = sampler.initial(7)
    sampler.advance(state, 4, 3)
    assert state[:, 0, 0].tolist() == [6] * 7
    assert state[:, 0, 1].tolist() == list(range(7))
    assert torch.equal(state[:, 1], sampler.initial(7)[:, 1])


def test_checks_come_with_it() -> None:
    sampler = Count(Ising((2, 3), 0.4), seed=1)
    with pytest.raises(InputError, match="no antiferromagnets here"):
        Count(Ising((2, 3), -0.4), seed=1)
    with pytest.raises(InputError, match="seed is -1"):
        Count(Ising((2, 3), 0.4), seed=-1)
    with pytest.raises(InputError, match="workers is 0; expected at least 1"):
        Count(Ising((2, 3), 0.4), seed=1, workers=0)
    with pytest.raises(InputError, match=r"state is on meta; Count runs on the CPU; .*\.cpu\(\)"):
        sampler.advance(sampler.initial(2).to("meta"), 0, 1)
    with pytest.raises(InputError, match=r"expected torch\.int8 of shape \(n, 2, 3\)"):
        sampler.advance(torch.ones(2, 3, 2, dtype=torch.int8), 0, 1)


def test_results_come_in_order_and_errors_come_through() -> None:
    assert share(range(20), 3, lambda k: k * k) == [k * k for k in range(20)]

    def fail(group: slice) -> None:
        if group.start:
            raise ValueError(f"chain {group.start}")

    for workers in (1, 2):
        with pytest.raises(ValueError, match="chain 1"):
            share_chains(4, workers, fail)


def test_threads_are_used_again() -> None:
    def names() -> set[str]:
        return set(share(range(40), 2, lambda k: threading.current_thread().name))

    assert len(names() | names() | names()) <= 2


_FORKED = """
import os
from rsmi.sampling.threads import share
share(range(4), 2, abs)
child = os.fork()
if child == 0:
    os._exit(share(range(4), 2, abs) != [0, 1, 2, 3])
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_starts_threads_of_its_own() -> None:
    """In a process of its own, since JAX, which other tests load, forbids forks."""
    subprocess.run([sys.executable, "-c", _FORKED], check=True, timeout=120)
