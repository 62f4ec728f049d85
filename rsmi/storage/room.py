"""Whether memory and disk hold what is asked for, told before the work begins."""

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rsmi.errors import InputError

_CGROUPS = (  # most memory, memory in use: of version 2, then of version 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


def check_memory(needed: int, what: str, advice: str) -> None:
    """Refuse work that this machine's memory cannot hold.

    Args:
        needed: Bytes, about.
        what: What needs them, for the message.
        advice: How to need less.

    Raises:
        InputError: Where less than that is free.

    >>> check_memory(10**6, "a batch of 1000 windows", "lower batch_size")
    """
    free = free_memory()
    if needed > free:
        raise InputError(
            f"{what} needs about {in_bytes(needed)} of memory, and {in_bytes(free)} are free; "
            f"{advice}"
        )


def check_disk(needed: int, directory: Path, what: str, advice: str) -> None:
    """Refuse a file that the disk cannot hold.

    Raises:
        InputError: Where less than `needed` bytes are free at `directory`, or where that will be.
    """
    free = shutil.disk_usage(_existing(directory)).free
    if needed > free:
        raise InputError(
            f"{what} needs {in_bytes(needed)} of disk, and {in_bytes(free)} are free at "
            f"{directory}; {advice}"
        )


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, or of the container it is in."""
    return min(_free_memories())


def in_bytes(number: float) -> str:
    """A size as a person reads it, in powers of ten.

    >>> in_bytes(999), in_bytes(12_345_678), in_bytes(8e21)
    ('999 bytes', '12 MB', '8000 EB')
    """
    if number < 1000:
        return f"{number:.0f} bytes"
    power = min(int(math.log10(number)) // 3, len(_UNITS) - 1)
    scaled = number / 1000**power
    return f"{scaled:.1f} {_UNITS[power]}" if scaled < 9.95 else f"{scaled:.0f} {_UNITS[power]}"


def _free_memories() -> Iterator[int]:
    yield _machine()
    for most, used in _CGROUPS:
        try:
            yield int(Path(most).read_text()) - int(Path(used).read_text())
        except (OSError, ValueError):  # no such group, or no limit: "max"
            continue


def _machine() -> int:
    """Memory that can be had without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(x.split()[1]) for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _existing(directory: Path) -> Path:
    """The directory, or the nearest one above it that is there."""
    absolute = directory.absolute()
    return next(path for path in (absolute, *absolute.parents) if path.exists())
