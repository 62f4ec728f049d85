"""What the values of a foreign array stand for, and letters as planes of bits."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Alphabet, Space
from rsmi.lattice.alphabet import SPIN
from rsmi.lattice.graphs import UnitCell
from rsmi.sampling.exact.universality import CriticalPoint
from rsmi.sampling.families.planes import from_planes, plane_count, to_planes, up
from rsmi.storage.room import check_memory

ENCODING = (
    "letters of the space: bit planes along axis 0 where there are more than two, the letter is "
    "the sum of 2^k over the planes k that are +1"
)
_SPINS = "expected spins of +1/-1 or 0/1"
_PIECE_SITES = 1 << 22
_NUMBER = re.compile(r"[+-]?\d{1,2}")
_NONE = -1  # letter of a value that stands for none
_DISORDER = (
    "its cells differ, and with quenched disorder the distribution of couplings flows, not "
    "couplings; bring configurations without disorder"
)

Described = Space | str | Mapping[str, Any]
"""A space, or what `Space.from_text` reads."""


def described(space: Described) -> Space:
    """The space that somebody described.

    Raises:
        InputError: Where it is none.
    """
    return space if isinstance(space, Space) else Space.from_text(space)


@dataclass(frozen=True)
class Declared:
    """Letters of a space that somebody declared, kept as planes of +1 and -1.

    Args:
        space: Where the letters live.
        critical: The critical point of their model; unknown.
        doubt: Why no rule is iterated on them, beside what the space says.
    """

    space: Space
    critical: CriticalPoint | None = None
    doubt: str = ""

    @property
    def iteration(self) -> str:
        """Why no rule can be iterated on them; empty where nothing speaks against it."""
        return self.doubt or ("" if self.space.homogeneous else _DISORDER)

    @property
    def bits(self) -> bool:
        """Whether the kept bits are the letters, in their order."""
        return self.space.alphabet.size == 2

    @property
    def lattice(self) -> tuple[int, ...]:
        """Shape of one configuration, without the axis of sites where a cell has one."""
        return self.space.cells if self.space.sites == 1 else self.space.shape

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of one configuration as it is kept: two letters need one plane."""
        planes = plane_count(self.space.alphabet.size)
        return self.lattice if planes == 1 else (planes, *self.lattice)

    def encode(self, letters: NDArray[np.int8]) -> NDArray[np.int8]:
        """Letters (n, *lattice) as int8 of +1/-1, (n, *shape)."""
        planes = plane_count(self.space.alphabet.size)
        kept = to_planes(torch.from_numpy(letters), planes).numpy()
        return kept.reshape(len(letters), *self.shape)

    def letters(self, kept: torch.Tensor) -> torch.Tensor:
        """Undo `encode`: int8 (n, *space.shape)."""
        found = from_planes(kept) if self.space.alphabet.size > 2 else up(kept)
        return found.reshape(len(kept), *self.space.shape)

    @property
    def units(self) -> dict[str, str]:
        """Unit of what `observables` gives, by name."""
        return {"magnetisation" if self.space.alphabet.size == 2 else "equal_neighbours": "1"}

    def observables(self, kept: torch.Tensor) -> dict[str, torch.Tensor]:
        """The sum of two-valued spins, or the number of bonds between equal letters, (n,)."""
        if self.space.alphabet.size == 2:
            return {"magnetisation": kept.flatten(1).sum(1)}
        letters, bonds = self.letters(kept).flatten(1), self.space.bonds
        return {"equal_neighbours": (letters[:, bonds[:, 0]] == letters[:, bonds[:, 1]]).sum(1)}


@dataclass(frozen=True)
class Values:
    """Which letter each value of an array stands for.

    Args:
        alphabet: The letters.
        table: (256,) int8, the letter of each value by its lowest byte.
        least: The smallest value.
    """

    alphabet: Alphabet
    table: NDArray[np.int8]
    least: int

    @property
    def known(self) -> list[int]:
        """Values that stand for a letter."""
        found: list[int] = (
            np.flatnonzero(self.table != _NONE).astype(np.uint8).view(np.int8).tolist()
        )
        return found

    def letters(self, part: NDArray[Any]) -> NDArray[np.int8]:
        """Values as int8 letters of the same shape."""
        if self.alphabet.size == 2:
            return np.greater(part, 0).view(np.int8)
        return self.table[part.astype(np.int8).view(np.uint8)]

    def spins(self, part: NDArray[Any]) -> NDArray[np.int8]:
        """Values of two letters as int8 of +1/-1."""
        return as_spins(part, self.least)


def check_array(array: Any, what: str) -> None:
    """Refuse what cannot be (n, *lattice shape) letters at all.

    Raises:
        InputError: For a wrong number of axes, an empty array or values that are no numbers.
    """
    if array.ndim < 2:
        raise InputError(
            f"{what} has shape {array.shape}; expected (n, L, L): n configurations first, then the "
            "axes of the lattice; add a first axis of length 1 for a single chain of spins"
        )
    if 0 in array.shape:
        raise InputError(f"{what} has shape {array.shape}: it is empty; expected (n, L, L)")
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} holds values of type {array.dtype}; {_SPINS} as numbers")
    one = math.prod(array.shape[1:]) * (array.dtype.itemsize + 4)
    check_memory(one, f"one configuration of {what}, shape {array.shape},", "use a smaller lattice")


def pieces(array: Any) -> Iterator[NDArray[Any]]:
    """An array or HDF5 dataset in slices of bounded size along the first axis."""
    rows = max(1, _PIECE_SITES // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), rows):
        yield np.asarray(array[start : start + rows])


def present(parts: Iterable[NDArray[Any]], what: str) -> list[int]:
    """The values that occur, once all have been looked at, in ascending order.

    Args:
        parts: All values, piece by piece.
        what: Name of the source for messages.

    Raises:
        InputError: For NaN, or values that are no whole numbers from -128 to 127.

    >>> present([np.array([0.0, 1.0]), np.array([2.0])], "an array")
    [0, 1, 2]
    """
    seen, start = np.zeros(256, dtype=bool), 0
    for part in parts:
        start += len(part)
        is_zero, is_minus = part == 0, part == -1
        if np.all(is_zero | is_minus | (part == 1)):
            seen[0] |= bool(is_zero.any())
            seen[255] |= bool(is_minus.any())
            seen[1] |= bool(np.count_nonzero(is_zero) + np.count_nonzero(is_minus) < part.size)
            continue
        with np.errstate(invalid="ignore"):
            small = part.astype(np.int8)
        if len(wrong := np.argwhere(small != part)):
            row, *place = wrong[0].tolist()
            raise InputError(
                f"{what} {_found(part)}, in configuration {start - len(part) + row} at {place}; "
                f"{_SPINS}, or letters 0, 1, 2, ..."
            )
        seen |= np.bincount(small.view(np.uint8).ravel(), minlength=256) > 0
    return sorted(_signed(seen))


def spin_values(seen: Sequence[int], what: str) -> Values:
    """What two values stand for, spins of -1 (or 0) and +1.

    Raises:
        InputError: For any others.
    """
    if not set(seen) <= {-1, 1} and not set(seen) <= {0, 1}:
        raise InputError(f"{what} {_listed(seen)}; {_SPINS}")
    return _values(SPIN, {value: int(value > 0) for value in seen}, min(seen))


def letter_values(seen: Sequence[int], alphabet: Alphabet, what: str) -> Values:
    """What values stand for: the letters 0 ... q - 1, or the numbers that the letters are named by.

    Args:
        seen: The values that occur.
        alphabet: The letters; -1 and +1 stand for any two.
        what: Name of the source for messages.

    Returns:
        Letters by value; a value that stands for no letter has none, -1.

    Raises:
        InputError: Where the values are letters and names, of different letters.

    >>> from rsmi.lattice.alphabet import vacant_spins
    >>> letter_values([-1, 0, 1], vacant_spins(), "an array").table[[255, 0, 1]].tolist()
    [0, 1, 2]
    """
    q = alphabet.size
    numbered, named = {a: a for a in range(q)}, _named(alphabet)
    fitting = [codes for codes in (numbered, named) if set(seen) <= set(codes)]
    if len(fitting) == 2 and any(numbered[value] != named[value] for value in seen):
        raise InputError(
            f"{what} {_listed(seen)}, which may be the letters 0 to {q - 1} or what these stand "
            f"for, {', '.join(alphabet.names)}; add 1 to all values in the second case, subtract 1 "
            "in the first, and it is told"
        )
    nearly = max((numbered, named), key=lambda codes: len(set(seen) & set(codes)))
    return _values(alphabet, fitting[0] if fitting else nearly, min(seen))


def unsaid(array: NDArray[Any], seen: Sequence[int], lattice: Sequence[int], what: str) -> str:
    """The question that is left open by values of which nobody said what they are."""
    name, cells, q = UnitCell.hypercubic(len(lattice)).name, list(lattice), max(seen) + 1
    where, say = f"on {name} {cells}", "say which with space=, or --space: "
    if list(seen) == [-1, 0, 1]:
        still = all(bool(((part == 0) == (array[:1] == 0)).all()) for part in pieces(array))
        looks = "; its 0 stand at the same sites in every configuration" if still else ""
        quenched = f"lattice: {name}, cells: {cells}, homogeneous: false"
        return (
            f"{what} holds the three values -1, 0, 1; {_SPINS}, not both, or vacancies{looks}; "
            f"{say}'vacant_spins {where}' where vacancies come and go, "
            f"'{{alphabet: vacant_spins, {quenched}}}' where sites are empty for good"
        )
    if min(seen) < 0 or q < 3:
        return f"{what} {_listed(seen)}; {_SPINS}, or letters 0, 1, 2, ..."
    if min(seen) > 0:
        say, q = f"number them from 0, subtract {min(seen)}, and {say}", q - min(seen)
    turned = f", 'directions({q // 2}) {where}' where they point" if q % 2 == 0 else ""
    return (
        f"{what} {_listed(seen)}; {_SPINS}, or letters that are declared; {say}"
        f"'clock({q}) {where}' where all are alike (Potts){turned}, or another alphabet"
    )


def as_spins(part: NDArray[Any], lower: int) -> NDArray[np.int8]:
    """Values as int8 of +1/-1; `lower` is what stands for spin down.

    >>> as_spins(np.array([0.0, 1.0]), 0).tolist()
    [-1, 1]
    """
    spins = np.array(part, dtype=np.int8)
    if lower >= 0:
        spins *= 2
        spins -= 1
    return spins


def _values(alphabet: Alphabet, codes: Mapping[int, int], least: int) -> Values:
    table = np.full(256, _NONE, dtype=np.int8)
    for value, letter in codes.items():
        table[value & 255] = letter
    return Values(alphabet, table, least)


def _signed(bytes_seen: NDArray[np.bool_]) -> list[int]:
    """Which of the 256 bytes are set, as values from -128 to 127."""
    found: list[int] = np.flatnonzero(bytes_seen).astype(np.uint8).view(np.int8).tolist()
    return found


def _named(alphabet: Alphabet) -> dict[int, int]:
    """Letters by the numbers that they are named by; -1 and +1 stand for any two."""
    if alphabet.size == 2:
        return {-1: 0, 1: 1}
    numbers = [int(name) for name in alphabet.names if _NUMBER.fullmatch(name)]
    told = len(set(numbers)) == alphabet.size
    return {number: letter for letter, number in enumerate(numbers)} if told else {}


def _found(part: NDArray[Any]) -> str:
    if part.dtype.kind == "f" and np.isnan(part).any():
        return f"holds {int(np.isnan(part).sum())} NaN"
    return _listed(np.unique(part).astype(np.float64))


def _listed(values: Sequence[float] | NDArray[np.float64]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:5])
    return f"holds the values {shown}{', ...' if len(values) > 5 else ''}"
