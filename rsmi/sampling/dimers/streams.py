"""What random words are used for in the dimer updates; two uses never share a stream."""

from enum import IntEnum


class DimerStream(IntEnum):
    """Streams of the dimer updates, numbered apart from `rsmi.sampling.random.Stream`."""

    INITIAL = 32
    WORM = 33
    WILSON = 34
    PAIRS = 35
