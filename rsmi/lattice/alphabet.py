"""Alphabets: the letters that one variable of a lattice can take, and how they may be renamed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from rsmi.errors import InputError

_TINY = 1e-6
MAX_LETTERS = 127
_MOST_PERMUTED = 5  # letters of which every permutation is listed


@dataclass(frozen=True)
class Alphabet:
    """The q letters 0 ... q - 1 of one variable.

    Args:
        names: What each letter stands for, such as `-1` and `+1`.
        features: (q, d) numbers by which networks and operators see the letters.
        symmetries: Permutations p of the letters under which every weight is the same, letter a
            becoming p[a]; a group whose first element is the identity.
        directions: (q, dimension) where a letter points, in cell vectors; a symmetry of the
            lattice turns such letters. Empty where letters do not point.

    Raises:
        InputError: For fewer than 2 or more than 127 letters, features of another length, or
            permutations that are no group.

    >>> SPIN.size, SPIN.symmetries
    (2, ((0, 1), (1, 0)))
    """

    names: tuple[str, ...]
    features: tuple[tuple[float, ...], ...]
    symmetries: tuple[tuple[int, ...], ...] = ()
    directions: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        q = len(self.names)
        if not self.symmetries:
            object.__setattr__(self, "symmetries", (tuple(range(q)),))
        if not 2 <= q <= MAX_LETTERS or len(self.features) != q:
            raise InputError(
                f"an alphabet has {q} letters and features of {len(self.features)}; expected 2 to "
                f"{MAX_LETTERS} letters and as many rows of features"
            )
        if len(self.directions) not in (0, q):
            raise InputError(
                f"{len(self.directions)} of {q} letters have a direction; expected all or none"
            )
        _check_group(self.symmetries, q)

    @property
    def size(self) -> int:
        """q."""
        return len(self.names)

    @property
    def values(self) -> Tensor:
        """Features as a table, (q, d) float32."""
        return torch.tensor(self.features, dtype=torch.float32)

    @property
    def order(self) -> Tensor:
        """Features (q, d) less their mean over the symmetries: what is 0 where none is broken.

        >>> vacant_spins().order.tolist()
        [[-1.0], [0.0], [1.0]]
        """
        odd = self.values - self.values[torch.tensor(self.symmetries)].mean(0)
        return odd[:, odd.abs().amax(0) > _TINY]

    def turned(self, matrix: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]") -> tuple[int, ...]:
        """The permutation of the letters when the lattice is mapped by x -> x @ matrix.

        >>> directions(2).turned(np.array([[0, 1], [1, 0]]))
        (2, 3, 0, 1)
        """
        if not self.directions:
            return tuple(range(self.size))
        pointing = np.array(self.directions)
        return _matched(pointing @ matrix, pointing, self.size)

    def __mul__(self, other: "Alphabet") -> "Alphabet":
        """Pairs of letters (a, b), numbered a + q b; the symmetries of both, independently."""
        q = self.size
        pairs = [(a, b) for b in range(other.size) for a in range(q)]
        points = self.directions or ((),) * q, other.directions or ((),) * other.size
        if all(points[0]) and all(points[1]):
            raise InputError("both letters of a pair point; expected at most one that does")
        pointing = tuple(points[0][a] + points[1][b] for a, b in pairs)
        return Alphabet(
            tuple(f"{self.names[a]} {other.names[b]}" for a, b in pairs),
            tuple(self.features[a] + other.features[b] for a, b in pairs),
            tuple(
                tuple(p[a] + q * r[b] for a, b in pairs)
                for p in self.symmetries
                for r in other.symmetries
            ),
            pointing if any(pointing) else (),
        )


def spins(*, flip: bool = True) -> Alphabet:
    """-1 and +1; without `flip` for spins in a field.

    >>> spins(flip=False).symmetries
    ((0, 1),)
    """
    return Alphabet(("-1", "+1"), ((-1.0,), (1.0,)), ((0, 1), (1, 0)) if flip else ())


def vacant_spins(*, flip: bool = True) -> Alphabet:
    """-1, 0 (a vacancy) and +1; the features are s and whether there is a spin.

    >>> vacant_spins().symmetries
    ((0, 1, 2), (2, 1, 0))
    """
    symmetries = ((0, 1, 2), (2, 1, 0)) if flip else ()
    return Alphabet(("-1", "0", "+1"), ((-1.0, 1.0), (0.0, -1.0), (1.0, 1.0)), symmetries)


def clock(states: int) -> Alphabet:
    """Potts states 0 ... q - 1, all alike; the features are which one, centred.

    Up to 5 states every permutation is listed, beyond that the cyclic ones, which suffice to make
    all states alike.

    >>> clock(3).features[0]
    (2.0, -1.0, -1.0)
    """
    features = tuple(
        tuple(float(states - 1) if a == b else -1.0 for b in range(states)) for a in range(states)
    )
    if states <= _MOST_PERMUTED:
        symmetries = tuple(permutations(range(states)))
    else:
        symmetries = tuple(tuple((a + k) % states for a in range(states)) for k in range(states))
    return Alphabet(tuple(map(str, range(states))), features, symmetries)


def occupations() -> Alphabet:
    """0 (empty) and 1 (occupied), not alike.

    >>> occupations().names
    ('0', '1')
    """
    return Alphabet(("0", "1"), ((-1.0,), (1.0,)))


def directions(axes: int) -> Alphabet:
    """Where the dimer of a site goes: letter 2 a forward along axis a, 2 a + 1 back.

    >>> directions(2).names
    ('+0', '-0', '+1', '-1')
    """
    steps = [(a, sign) for a in range(axes) for sign in (1, -1)]
    pointing = tuple(tuple(sign * (b == a) for b in range(axes)) for a, sign in steps)
    names = tuple(f"{'+' if sign > 0 else '-'}{a}" for a, sign in steps)
    features = tuple(
        tuple(1.0 if k == letter else -1.0 for k in range(2 * axes)) for letter in range(2 * axes)
    )
    return Alphabet(names, features, directions=pointing)


def _matched(
    images: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    letters: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]",
    size: int,
) -> tuple[int, ...]:
    """Which letter each image is; letters of one direction keep their order."""
    found: list[int] = []
    for a in range(size):
        alike = [b for b in range(size) if np.array_equal(images[a], letters[b])]
        earlier = sum(np.array_equal(letters[a], letters[c]) for c in range(a))
        if earlier >= len(alike):
            raise InputError(
                f"letter {a} points along {letters[a].tolist()}, and a symmetry of the lattice "
                f"turns it to {images[a].tolist()}, where no letter points"
            )
        found.append(alike[earlier])
    return tuple(found)


def _check_group(symmetries: Sequence[tuple[int, ...]], q: int) -> None:
    identity, known = tuple(range(q)), set(symmetries)
    permuted = all(sorted(p) == list(identity) for p in symmetries)
    closed = permuted and all(
        tuple(p[r[a]] for a in range(q)) in known for p in symmetries for r in symmetries
    )
    if not (closed and symmetries[0] == identity and len(known) == len(symmetries)):
        raise InputError(
            f"the symmetries of {q} letters are no group of permutations that begins with the "
            "identity; list every product of two of them, each once"
        )


SPIN = spins()
"""Ising spins without a field."""
