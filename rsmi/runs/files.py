"""Put a finished file in place in one step, so that nobody ever reads half of one."""

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content` to `<path>.part`, flush it to the disk, and move it to `path`.

    A reader, or a run killed at any moment, finds either the old file or the new one.

    Args:
        path: Where the file belongs; missing folders are made.
        content: All of it.

    Returns:
        `path`.

    Raises:
        OSError: When the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)  # the name of the file, too, is then on the disk
    finally:
        os.close(handle)
    return path
