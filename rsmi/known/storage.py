"""Sample files: what is written is read, equal recipes give equal bytes, damage is found."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.known.checking import Check, exactly
from rsmi.sampling import Ising
from rsmi.storage import SampleRecipe, generate, open_samples, verify

_RECIPE = SampleRecipe(
    shape=(8, 12), temperature=2.5, chains=4, records=16, seed=5, thin=2, equilibration=20
)
_FLIPS = 16


def storage() -> list[Check]:
    """All checks of this section."""
    cases: dict[str, tuple[Callable[[Path], Estimate], str]] = {
        "energies.wrong": (_wrong_energies, "energies recomputed from the spins read back"),
        "two_workers.differing_bytes": (_workers_differ, "the file of one worker"),
        "bit_flips.unnoticed": (_unnoticed_flips, f"{_FLIPS} single flipped bits"),
        "zeroed.unnoticed": (_unnoticed_zeros, "zeroed stretches of ordered spins, on reading"),
    }
    return [
        Check(name, "storage", partial(_in_scratch, measure), 0, 0, source)
        for name, (measure, source) in cases.items()
    ]


def _in_scratch(measure: Callable[[Path], Estimate]) -> Estimate:
    """Measure something about a fresh sample file that is deleted afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "samples.h5"
        generate(_RECIPE, path)
        return measure(path)


def _wrong_energies(path: Path) -> Estimate:
    """How many stored energies are not those of the spins."""
    with open_samples(path) as samples:
        spins = samples.read(0, samples.n)
        energies = torch.from_numpy(samples.observable("energy"))
    expected = _RECIPE.chains * _RECIPE.records
    found = Ising(_RECIPE.shape, 0.0).energy(spins)
    return exactly(expected - int((found == energies).sum()))


def _workers_differ(path: Path) -> Estimate:
    """How many bytes differ between the files of one and of two workers."""
    other = path.with_name("two.h5")
    generate(_RECIPE, other, workers=2)
    one, two = path.read_bytes(), other.read_bytes()
    return exactly(abs(len(one) - len(two)) + sum(a != b for a, b in zip(one, two, strict=False)))


def _unnoticed_flips(path: Path) -> Estimate:
    """How many of some flipped bits, spread over the file, are not found."""
    whole = path.read_bytes()
    unnoticed = 0
    for k in range(_FLIPS):
        damaged = bytearray(whole)
        damaged[(2 * k + 1) * len(whole) // (2 * _FLIPS)] ^= 1 << (k % 8)
        path.write_bytes(damaged)
        unnoticed += _passes(path)
    return exactly(unnoticed)


def _unnoticed_zeros(path: Path) -> Estimate:
    """How many zeroed stretches a reader takes for spins; Fletcher-32 has 0 for 0xFFFF."""
    path.unlink()
    generate(replace(_RECIPE, temperature=0.5), path)
    whole, unnoticed = path.read_bytes(), 0
    first = whole.index(b"\xff" * 8)
    for start in range(first, first + 8, 2):
        path.write_bytes(whole[:start] + b"\0\0" + whole[start + 2 :])
        unnoticed += _reads(path)
    return exactly(unnoticed)


def _reads(path: Path) -> bool:
    try:
        with open_samples(path) as samples:
            samples.read(0, samples.n)
    except InputError:
        return False
    return True


def _passes(path: Path) -> bool:
    try:
        verify(path)
    except InputError:
        return False
    return True
