"""Two SHA-256 sums of a sample file: one of its content, one of its bytes.

The content digest names the data whatever the layout, so a repacked copy keeps it. The seal, kept
in the HDF5 user block, covers every byte behind it but the chunks of spins, which have the content
digest and their own checksums: no flipped bit goes unseen, and spins are read once to be checked.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rsmi.storage.base import reading
from rsmi.storage.places import Places, Stretch, around

SEAL_BYTES = 512
SAMPLES = "rsmi.samples/1"
SPINS = "spins"
_TITLE = "{schema} sealed by SHA-256 of the bytes from 512 on that are no chunk of spins: "
_PIECE_BYTES = 4 << 20


def content_digest(file: Any, known: Mapping[str, bytes] | None = None) -> str:
    """SHA-256 over every attribute and every decoded value of an open HDF5 file.

    Objects are taken in the order of their names; each adds its name, its attributes (name, type,
    shape, bytes, in the order of their names) and, for a dataset, its type, shape and the SHA-256
    of its values in row-major order. The root attribute `content_sha256` itself is left out.

    Args:
        file: The file.
        known: SHA-256 of the values of datasets that need not be read.
    """
    digest = hashlib.sha256()
    names: list[str] = []
    file.visit(names.append)
    for name in ["/", *sorted(names)]:
        node = file[name]
        digest.update(f"{name}\n".encode())
        _add_attributes(digest, node)
        if hasattr(node, "dtype"):
            digest.update(f"{node.dtype.str} {node.shape}\n".encode())
            digest.update((known or {}).get(name) or _values_digest(node))
    return digest.hexdigest()


def _add_attributes(digest: Any, node: Any) -> None:
    for name in sorted(node.attrs):
        if name != "content_sha256":
            value = np.asarray(node.attrs[name])
            digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
            digest.update(value.tobytes())


def _values_digest(dataset: Any) -> bytes:
    digest = hashlib.sha256()
    rows = max(1, _PIECE_BYTES * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), rows):
        digest.update(dataset[start : start + rows].tobytes())
    return digest.digest()


def seal(pieces: Iterable[bytes | memoryview], schema: str = SAMPLES) -> bytes:
    """The user block that belongs to these bytes of a file, `SEAL_BYTES` long."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    title = _TITLE.format(schema=schema)
    return f"{title}{digest.hexdigest()}\n".encode().ljust(SEAL_BYTES, b"\0")


def file_seal(path: Path, schema: str = SAMPLES) -> bytes:
    """The user block that belongs to the bytes of a file as it is.

    Raises:
        InputError: Where not even the places of its chunks can be read.
    """
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        chunks = Places.of(file[SPINS]).stretches if SPINS in file else ()
    return seal(_pieces(path, around(chunks, SEAL_BYTES, path.stat().st_size)), schema)


def seal_holds(path: Path, schema: str = SAMPLES) -> bool:
    """Whether the user block is exactly the seal of the bytes behind it."""
    with path.open("rb") as file:
        return file.read(SEAL_BYTES) == file_seal(path, schema)


def _pieces(path: Path, stretches: Iterable[Stretch]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for start, end in stretches:
            file.seek(start)
            for position in range(start, end, _PIECE_BYTES):
                yield file.read(min(_PIECE_BYTES, end - position))
