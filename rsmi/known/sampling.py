"""Random numbers against published vectors, and Monte Carlo updates against exact averages."""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly
from rsmi.sampling import (
    CRITICAL_COUPLING,
    Ising,
    Metropolis,
    Percolation,
    Sampler,
    Stream,
    SwendsenWang,
    fill_uint64,
    mean_estimate,
    measure_sweeps,
    philox4x32,
    philox_words,
)
from rsmi.sampling.exact import kaufman

_RANDOM123 = "known-answer vectors of Random123 (Salmon et al. 2011)"
_KAUFMAN = "Kaufman (1949), closed form"
_MOMENTS = "transfer matrix of the 8x8 torus, independent program"

# name: (counter, key, output) of Philox4x32-10
_VECTORS = {
    "zeros": (
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    "ones": (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}
# name: (update, L, K)
_ENERGIES: dict[str, tuple[Callable[..., Sampler], int, float]] = {
    "swendsen_wang.critical.L=16": (SwendsenWang, 16, CRITICAL_COUPLING),
    "swendsen_wang.T=5/2.L=32": (SwendsenWang, 32, 0.4),
    "metropolis.K=3/10.L=8": (Metropolis, 8, 0.3),
}
# power: mean of |m|**power on the critical 8x8 torus
_POWERS = {1: 0.7773310928, 2: 0.6469115750, 4: 0.4858152341}

# How often some axis, and every axis, of a large square torus is wrapped at the threshold.
_PINSON = "Pinson (1994); Newman and Ziff (2001)"
_WRAPPED = {"some": (2, 0.690473725), "every": (3, 0.351642855)}
_FINITE = 0.003  # of 32 x 32 sites

Series = NDArray[np.float64]


def sampling() -> list[Check]:
    """All checks of this section."""
    return [*_random(), *_energies(), *_magnetisation(), *_percolation()]


def _random() -> list[Check]:
    vectors = [
        Check(f"philox.{name}.wrong", "sampling", partial(_wrong, *vector), 0, 0, _RANDOM123)
        for name, vector in _VECTORS.items()
    ]
    same = Check("philox.torch.wrong", "sampling", _torch_differs, 0, 0, "the compiled generator")
    return [*vectors, same]


def _wrong(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, ...]
) -> Estimate:
    """How many of the four words are wrong."""
    found = philox4x32(*counter, *key)
    return exactly(sum(int(a) != b for a, b in zip(found, expected, strict=True)))


def _torch_differs() -> Estimate:
    """In how many words the plain torch generator differs from the compiled one."""
    words = np.zeros(512, dtype=np.uint64)
    fill_uint64(words, 0, 1, 5, int(Stream.METROPOLIS), np.uint64(7))
    plain = philox_words(1024, 2, 5, Stream.METROPOLIS, 7, torch.device("cpu"))[1].numpy()
    return exactly(int((words.view(np.uint32) != plain).sum()))


def _energies() -> list[Check]:
    return [
        Check(
            f"{name}.energy",
            "sampling",
            partial(_energy, update, side, coupling),
            kaufman((side, side), coupling).energy,
            0.0,
            _KAUFMAN,
        )
        for name, (update, side, coupling) in _ENERGIES.items()
    ]


def _energy(update: Callable[..., Sampler], side: int, coupling: float) -> Estimate:
    energy, _ = _series(update, side, coupling)
    return mean_estimate(energy, "J")


def _series(update: Callable[..., Sampler], side: int, coupling: float) -> tuple[Series, Series]:
    """Energy and |M| per site of 64 chains after each sweep."""
    sampler = update(Ising((side, side), coupling), seed=20)
    state = sampler.initial(64)
    sampler.advance(state, 0, 100)
    energy, magnetisation = measure_sweeps(sampler, state, 100, 500) / math.prod((side, side))
    return energy, magnetisation


def _magnetisation() -> list[Check]:
    draw = cache(partial(_series, SwendsenWang, 8, CRITICAL_COUPLING))
    return [
        Check(
            f"swendsen_wang.critical.L=8.m{power}",
            "sampling",
            partial(_moment, draw, power),
            value,
            0.0,
            _MOMENTS,
        )
        for power, value in _POWERS.items()
    ]


def _moment(draw: Callable[[], tuple[Series, Series]], power: int) -> Estimate:
    """Mean of |m|**power of chains that are run when first asked for."""
    return mean_estimate(draw()[1] ** power, "1")


def _percolation() -> list[Check]:
    draw = cache(lambda: Percolation("square", (32, 32), "bond", seed=20).runs(0, 2000, [0.5]))
    return [
        Check(
            f"percolation.bond.wrapped.{axes}",
            "sampling",
            partial(_wrapped, draw, column),
            value,
            _FINITE,
            _PINSON,
        )
        for axes, (column, value) in _WRAPPED.items()
    ]


def _wrapped(draw: Callable[[], Series], column: int) -> Estimate:
    """Share of runs, which are grown when first asked for."""
    found = draw()[:, 0, column]
    return Estimate(float(found.mean()), float(found.std() / len(found) ** 0.5), "estimate", "1")
