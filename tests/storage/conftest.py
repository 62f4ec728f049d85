"""Small sample files of random spins, written through the public writer."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rsmi.sampling.ising import Ising
from rsmi.storage import SampleHeader, SampleWriter


def make_header(
    shape: tuple[int, ...] = (6, 6), chains: int = 3, records: int = 20, seed: int = 1
) -> SampleHeader:
    return SampleHeader(
        model="ising",
        couplings={"coupling": 0.4, "temperature": 2.5},
        shape=shape,
        chains=chains,
        records=records,
        seed=seed,
        recipe=f"seed: {seed}\n",
        created="2026-01-02",
    )


def random_spins(header: SampleHeader) -> torch.Tensor:
    generator = np.random.default_rng(header.seed)
    spins = 2 * generator.integers(0, 2, size=(header.n, *header.shape), dtype=np.int8) - 1
    return torch.from_numpy(spins)


def append(writer: SampleWriter, spins: torch.Tensor) -> None:
    model = Ising(writer.header.shape, 0.4)
    energy, magnetisation = model.energy(spins).numpy(), model.magnetisation(spins).numpy()
    writer.append(spins, {"energy": energy, "magnetisation": magnetisation})


def finalise(writer: SampleWriter) -> None:
    times = np.arange(writer.header.chains) + 1.5
    writer.finalise({"thin": 3, "equilibration": 10}, {"energy": times})


def write(
    path: Path, header: SampleHeader, blocks: int = 4, spins: torch.Tensor | None = None
) -> torch.Tensor:
    spins = random_spins(header) if spins is None else spins
    with SampleWriter.open(path, header, resume=False) as writer:
        for records in np.array_split(np.arange(header.records), blocks):
            rows = slice(records[0] * header.chains, (records[-1] + 1) * header.chains)
            append(writer, spins[rows])
        finalise(writer)
    return spins


@pytest.fixture
def files() -> SimpleNamespace:
    """The helpers above, for tests that vary what they write."""
    return SimpleNamespace(
        header=make_header, spins=random_spins, append=append, finalise=finalise, write=write
    )


@pytest.fixture
def sample_file(tmp_path: Path) -> Path:
    path = tmp_path / "samples.h5"
    write(path, make_header())
    return path
