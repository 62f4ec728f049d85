"""Two SHA-256 sums of a sample file: one of its content, one of its bytes.

The content digest names the data whatever the layout, so a repacked copy keeps it. The seal, kept
in the HDF5 user block, covers every byte behind it: no flipped bit goes unseen.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

SEAL_BYTES = 512
SAMPLES = "rsmi.samples/1"
_TITLE = "{schema} sealed by SHA-256 of the bytes from 512 on: "
_PIECE_BYTES = 4 << 20


def content_digest(file: Any) -> str:
    """SHA-256 over every attribute and every decoded value of an open HDF5 file.

    Objects are taken in the order of their names; each adds its name, its attributes (name, type,
    shape, bytes, in the order of their names) and, for a dataset, its type, shape and values in
    row-major order. The root attribute `content_sha256` itself is left out.
    """
    digest = hashlib.sha256()
    names: list[str] = []
    file.visit(names.append)
    for name in ["/", *sorted(names)]:
        node = file[name]
        digest.update(f"{name}\n".encode())
        _add_attributes(digest, node)
        if hasattr(node, "dtype"):
            _add_values(digest, node)
    return digest.hexdigest()


def _add_attributes(digest: Any, node: Any) -> None:
    for name in sorted(node.attrs):
        if name != "content_sha256":
            value = np.asarray(node.attrs[name])
            digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
            digest.update(value.tobytes())


def _add_values(digest: Any, dataset: Any) -> None:
    digest.update(f"{dataset.dtype.str} {dataset.shape}\n".encode())
    rows = max(1, _PIECE_BYTES * len(dataset) // max(1, dataset.nbytes))
    for start in range(0, len(dataset), rows):
        digest.update(dataset[start : start + rows].tobytes())


def file_seal(path: Path, schema: str) -> bytes:
    """The user block that belongs to the bytes of a file, shape of `SEAL_BYTES` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(SEAL_BYTES)
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    title = _TITLE.format(schema=schema)
    return f"{title}{digest.hexdigest()}\n".encode().ljust(SEAL_BYTES, b"\0")


def write_seal(path: Path, schema: str = SAMPLES) -> None:
    """Seal a finished file and bring it to disk."""
    seal = file_seal(path, schema)
    with path.open("r+b") as file:
        file.write(seal)
        file.flush()
        os.fsync(file.fileno())


def seal_holds(path: Path, schema: str = SAMPLES) -> bool:
    """Whether the user block is exactly the seal of the bytes behind it."""
    with path.open("rb") as file:
        return file.read(SEAL_BYTES) == file_seal(path, schema)
