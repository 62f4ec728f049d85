"""Writing and reading packed configurations, in order and at random, beside plain copies."""

import os
import tempfile
from pathlib import Path

import numpy as np
from measurement import Measurement, seconds

from rsmi.storage import SampleHeader, SampleWriter, iterate, open_samples

SIDE, CHAINS, RECORDS, BLOCK, RANDOM = 64, 64, 2048, 8192, 256


def main() -> Measurement:
    n = CHAINS * RECORDS
    generator = np.random.default_rng(1)
    spins = generator.integers(0, 2, (n, SIDE, SIDE), dtype=np.int8)
    spins *= 2
    spins -= 1
    packed = np.packbits(spins > 0, axis=-1)
    with tempfile.TemporaryDirectory() as folder:
        path, plain = Path(folder) / "samples.h5", Path(folder) / "plain"
        write = seconds(lambda: written(path, spins), 3)
        disk = seconds(lambda: copied(plain, packed), 3)
        numpy_way = seconds(lambda: copied(plain, np.packbits(spins > 0, axis=-1)), 3)
        read = seconds(lambda: read_all(path), 3)
        memory = seconds(spins.copy, 3)
        with open_samples(path) as samples:
            draws = [generator.integers(0, n, RANDOM) for _ in range(40)]
            times = [seconds(lambda chosen=chosen: samples.take(chosen)) for chosen in draws]
        plain_random = seconds(lambda: spins[draws[0]], 3)
    size = spins.nbytes / 1e9
    return Measurement(
        f"{n} configurations of {SIDE}^2: write {write:.2f} s ({size / write:.2f} G spins/s), read "
        f"{read:.2f} s ({size / read:.2f} G spins/s), {RANDOM} at random "
        f"{1e3 * float(np.median(times)):.1f} ms",
        f"packed bits to disk with fsync {disk:.2f} s, np.packbits before it {numpy_way:.2f} s; "
        f"copy of the spins in memory {memory:.2f} s, "
        f"{RANDOM} at random {1e3 * plain_random:.1f} ms",
        f"write {write / disk:.1f} x the disk, {write / numpy_way:.2f} x np.packbits and disk, "
        f"read {read / memory:.1f} x the memory",
    )


def written(path: Path, spins: np.ndarray) -> None:
    path.unlink(missing_ok=True)
    header = SampleHeader(
        model="unknown", couplings={}, shape=(SIDE, SIDE), chains=CHAINS, records=RECORDS, seed=1,
        recipe="", observables={"magnetisation": "1"},
    )  # fmt: skip
    nothing = np.zeros(BLOCK)
    with SampleWriter.open(path, header, resume=False) as writer:
        for start in range(0, len(spins), BLOCK):
            writer.append(spins[start : start + BLOCK], {"magnetisation": nothing})
        writer.finalise({}, {})


def copied(path: Path, packed: np.ndarray) -> None:
    with path.open("wb") as file:
        file.write(packed.data)
        file.flush()
        os.fsync(file.fileno())


def read_all(path: Path) -> None:
    with open_samples(path) as samples:
        for _ in iterate(samples, BLOCK):
            pass
