"""A file that HDF5 can write without ever meeting an error."""

import io
from pathlib import Path


class Sink(io.FileIO):
    """Keeps the first error instead of raising it; what comes after is dropped.

    HDF5 2.0 can crash the process when a write fails while it closes a file, so a full disk must
    not reach it. Call `check` once HDF5 is done.

    Args:
        path: File to create.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write all of the data; report success in any case."""
        rest = memoryview(data)
        try:
            while rest and self._error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._error = error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length; report success in any case."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def check(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error
