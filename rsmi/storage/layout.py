"""The layout of a sample file, schema `rsmi.samples/1`, around spins that are in place already."""

import io
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.errors import AnalysisError
from rsmi.storage.checksums import RowSums
from rsmi.storage.header import SampleHeader
from rsmi.storage.seal import (
    CHECKSUM_BYTES,
    SAMPLES,
    SEAL_BYTES,
    SPINS,
    Places,
    Shell,
    content_digest,
)

SCHEMA = SAMPLES
SCHEMA_VERSION = 1
OBSERVABLES = "observables"
AUTOCORRELATION = "autocorrelation"
CONTENT_DIGEST = "content_sha256"
MODEL_PREFIX = "model."

# Checksummed metadata (superblock 3), and no newer features, so that old readers keep up.
FORMAT = ("v110", "v110")
# Small enough to draw configurations at random, large enough to read them in order.
_CHUNK_BYTES = 32 * 1024

Scalar = str | int | float


def planned_places(header: SampleHeader) -> Places:
    """Where HDF5 will lay the chunks of spins, learnt from a file in memory with two of them."""
    with h5py.File(io.BytesIO(), "w", libver=FORMAT, userblock_size=SEAL_BYTES) as file:
        spins = _create_spins(file, header, h5py.h5d.ALLOC_TIME_INCR)
        blank = bytes(math.prod(spins.chunks) + CHECKSUM_BYTES)
        for start in range(0, header.n, spins.chunks[0])[:2]:
            spins.id.write_direct_chunk((start, *(0 for _ in header.packed_shape)), blank)
        return Places.of(spins)


def file_shell(
    header: SampleHeader,
    places: Places,
    spins_digest: bytes,
    spins_sums: RowSums,
    attributes: Mapping[str, Scalar],
    observables: Mapping[str, NDArray[np.float64]],
    autocorrelation: Mapping[str, NDArray[np.float64]],
) -> Shell:
    """Everything of a sample file but the chunks of spins; equal arguments give equal bytes.

    Args:
        header: The facts of the data set.
        places: Where the chunks lie.
        spins_digest: SHA-256 of the packed configurations.
        spins_sums: XXH64 of every chunk of them.
        attributes: Further root attributes.
        observables: One value per configuration, shape (n,).
        autocorrelation: Integrated autocorrelation times in records by observable, shape (chains,).

    Raises:
        AnalysisError: Where HDF5 lays out the chunks in another way than was planned.
    """
    shell = Shell(places.stretches)
    with h5py.File(shell, "w", libver=FORMAT, userblock_size=SEAL_BYTES) as file:
        spins = _create_spins(file, header, h5py.h5d.ALLOC_TIME_EARLY)
        _check_places(spins, places)
        for name, value in (_root_attributes(header) | dict(attributes)).items():
            file.attrs[name] = stored(value)
        for name, unit in header.observables.items():
            _write_summed(file, f"{OBSERVABLES}/{name}", observables[name], unit)
        for name, times in autocorrelation.items():
            times = np.asarray(times, dtype=np.float64)
            _write_summed(file, f"{AUTOCORRELATION}/{name}", times, "records")
        spins_sums.write(file, SPINS)
        file.attrs[CONTENT_DIGEST] = stored(content_digest(file, {SPINS: spins_digest}))
    return shell


def _create_spins(file: Any, header: SampleHeader, allocation: int) -> Any:
    """The dataset of spins. It must be the first of its file, so that its chunks lie fixed."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((_chunk_rows(header.n, header.packed_bytes), *header.packed_shape))
    plan.set_fletcher32()
    plan.set_alloc_time(allocation)
    plan.set_obj_track_times(False)
    extent = h5py.h5s.create_simple((header.n, *header.packed_shape))
    h5py.h5d.create(file.id, SPINS.encode(), h5py.h5t.STD_U8LE, extent, dcpl=plan)
    return file[SPINS]


def _check_places(spins: Any, places: Places) -> None:
    """Make sure that the chunks that were written are those of the file."""
    last = spins.id.get_chunk_info(places.count - 1).byte_offset
    if (Places.of(spins), last) != (places, places.offset(places.count - 1)):
        raise AnalysisError(
            f"HDF5 {h5py.version.hdf5_version} lays out the chunks of spins in a way that this "
            "version of rsmi does not know; install an older h5py, then run the same command with "
            "--resume"
        )


def _root_attributes(header: SampleHeader) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "rsmi_version": header.version,
        "created": header.created,
        "seed": header.seed,
        "recipe": header.recipe,
        "model": header.model,
        **({"space": header.space} if header.space else {}),
        **{MODEL_PREFIX + name: float(value) for name, value in header.couplings.items()},
        "shape": np.array(header.shape, dtype=np.int64),
        "chains": header.chains,
        "n": header.n,
    }


def stored(value: Any) -> Any:
    """A value as it is kept in an attribute."""
    # Fixed-length text lies in the checksummed object header; variable-length text would not.
    return np.bytes_(value.encode()) if isinstance(value, str) else np.asarray(value)


def _write_summed(file: Any, name: str, values: NDArray[np.float64], unit: str) -> None:
    """A series, and the checksums that every read of it is held to."""
    write_series(file, name, values, unit)
    sums = RowSums(file[name].chunks[0], values.itemsize)
    sums.add(values)
    sums.write(file, name)


def _chunk_rows(n: int, bytes_each: int) -> int:
    return min(n, max(1, _CHUNK_BYTES // bytes_each))


def write_series(file: Any, name: str, values: NDArray[Any], unit: str) -> None:
    """A checksummed dataset of one value per row, with its unit."""
    dataset = file.create_dataset(
        name,
        data=values,
        chunks=(_chunk_rows(len(values), values.itemsize),),
        fletcher32=True,
    )
    dataset.attrs["unit"] = stored(unit)
