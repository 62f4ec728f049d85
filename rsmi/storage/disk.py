"""Bytes to the disk: whole writes, and one message where it refuses."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rsmi.errors import AnalysisError


def write_all(file: int, data: bytes | memoryview, position: int) -> None:
    """Write bytes at a position of an open file."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, position)
        view, position = view[written:], position + written


def write_file(path: Path, parts: Iterable[tuple[int, bytes | memoryview]]) -> None:
    """Write a file whole or not at all.

    Args:
        path: The file; replaced where it is there.
        parts: Where each part begins, and its bytes.

    Raises:
        AnalysisError: Where the disk refuses.
    """
    unfinished = path.with_name(path.name + ".part")
    try:
        with writing(path):
            with unfinished.open("wb") as file:
                for start, part in parts:
                    write_all(file.fileno(), part, start)
                os.fsync(file.fileno())
            os.replace(unfinished, path)
            sync_directory(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(directory: Path) -> None:
    """Make a directory and those above it, where they are missing.

    Raises:
        AnalysisError: Where that cannot be done.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalysisError(
            f"could not create {directory}: {error.strerror}; choose another --out"
        ) from None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure of the disk into an `AnalysisError` that says how to go on."""
    try:
        yield
    except OSError as error:
        raise AnalysisError(
            f"could not write {path}: {error.strerror}; make room, then run the same command with "
            "--resume: no sample is lost; or choose another --out"
        ) from None
