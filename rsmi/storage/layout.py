"""The layout of a sample file, schema `rsmi.samples/1`, and how one is written in a single pass."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.storage.header import SampleHeader
from rsmi.storage.seal import SAMPLES, SEAL_BYTES, content_digest, write_seal
from rsmi.storage.sink import Sink

SCHEMA = SAMPLES
SCHEMA_VERSION = 1
SPINS = "spins"
OBSERVABLES = "observables"
AUTOCORRELATION = "autocorrelation"
CONTENT_DIGEST = "content_sha256"
MODEL_PREFIX = "model."

# Checksummed metadata (superblock 3), and no newer features, so that old readers keep up.
FORMAT = ("v110", "v110")
# Small enough to draw configurations at random, large enough to read them in order.
_CHUNK_BYTES = 32 * 1024

Block = tuple[NDArray[np.uint8], dict[str, NDArray[np.float64]]]
Scalar = str | int | float


def write_file(
    path: Path,
    header: SampleHeader,
    attributes: Mapping[str, Scalar],
    autocorrelation: Mapping[str, NDArray[np.float64]],
    blocks: Iterable[Block],
) -> None:
    """Write a whole sample file; equal arguments give equal bytes.

    Args:
        path: File to create, with `header.n` configurations.
        header: The facts of the data set.
        attributes: Further root attributes.
        autocorrelation: Integrated autocorrelation times in records by observable, shape (chains,).
        blocks: Packed configurations and their observables, in order, of any sizes.
    """
    with Sink(path) as sink:
        with h5py.File(sink, "w", libver=FORMAT, userblock_size=SEAL_BYTES) as file:
            _write_content(file, header, attributes, autocorrelation, blocks)
            file.flush()
            sink.check()
            file.attrs[CONTENT_DIGEST] = stored(content_digest(file))
        sink.check()
    write_seal(path)


def _write_content(
    file: Any,
    header: SampleHeader,
    attributes: Mapping[str, Scalar],
    autocorrelation: Mapping[str, NDArray[np.float64]],
    blocks: Iterable[Block],
) -> None:
    for name, value in (_root_attributes(header) | dict(attributes)).items():
        file.attrs[name] = stored(value)
    spins = file.create_dataset(
        SPINS,
        (header.n, *header.packed_shape),
        np.uint8,
        chunks=(_chunk_rows(header.n, header.packed_bytes), *header.packed_shape),
        fletcher32=True,
    )
    observables = _fill(spins, header, blocks)
    for name, unit in header.observables.items():
        write_series(file, f"{OBSERVABLES}/{name}", observables[name], unit)
    for name, times in autocorrelation.items():
        times = np.asarray(times, dtype=np.float64)
        write_series(file, f"{AUTOCORRELATION}/{name}", times, "records")


def _root_attributes(header: SampleHeader) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "rsmi_version": header.version,
        "created": header.created,
        "seed": header.seed,
        "recipe": header.recipe,
        "model": header.model,
        **{MODEL_PREFIX + name: float(value) for name, value in header.couplings.items()},
        "shape": np.array(header.shape, dtype=np.int64),
        "chains": header.chains,
        "n": header.n,
    }


def stored(value: Any) -> Any:
    """A value as it is kept in an attribute."""
    # Fixed-length text lies in the checksummed object header; variable-length text would not.
    return np.bytes_(value.encode()) if isinstance(value, str) else np.asarray(value)


def _chunk_rows(n: int, bytes_each: int) -> int:
    return min(n, max(1, _CHUNK_BYTES // bytes_each))


def _fill(
    spins: Any, header: SampleHeader, blocks: Iterable[Block]
) -> dict[str, NDArray[np.float64]]:
    """Write the configurations chunk by chunk; return the observables."""
    series: dict[str, list[NDArray[np.float64]]] = {name: [] for name in header.observables}

    def packed() -> Iterator[NDArray[np.uint8]]:
        for configurations, observables in blocks:
            for name, values in series.items():
                values.append(observables[name])
            yield configurations

    start = 0
    for rows in _regrouped(packed(), spins.chunks[0]):
        spins[start : start + len(rows)] = rows
        start += len(rows)
    return {name: np.concatenate(values) for name, values in series.items()}


def _regrouped(pieces: Iterable[NDArray[np.uint8]], size: int) -> Iterator[NDArray[np.uint8]]:
    """The same rows in multiples of `size`, so that block sizes leave no trace in the file."""
    kept: list[NDArray[np.uint8]] = []
    for piece in pieces:
        kept.append(piece)
        if (rows := sum(map(len, kept))) >= size:
            joined = np.concatenate(kept)
            whole = rows - rows % size
            yield joined[:whole]
            kept = [joined[whole:]]
    if kept and len(rest := np.concatenate(kept)):
        yield rest


def write_series(file: Any, name: str, values: NDArray[Any], unit: str) -> None:
    """A checksummed dataset of one value per row, with its unit."""
    dataset = file.create_dataset(
        name,
        data=values,
        chunks=(_chunk_rows(len(values), values.itemsize),),
        fletcher32=True,
    )
    dataset.attrs["unit"] = stored(unit)
