"""What must hold of a source of configurations before a number is taken from it."""

import itertools
import math
from typing import NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t as student

from rsmi.compiling import njit
from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.graphs import BUILT_IN, UnitCell, unit_cell
from rsmi.sampling.order import FALSE_ALARM, OrderReport, order_report
from rsmi.storage.base import BaseSamples
from rsmi.storage.letters import Declared
from rsmi.storage.recorded import Recorded

_PIECE_SITES = 1 << 22
_AXES_SITES = 1 << 24  # that the axes are judged by, at most
_AXES_ROWS = 1 << 12
_PARTS = 32
_COMPARISONS = 100  # that a false alarm is shared among
_NARROW = 4  # an axis of fewer sites than this is hardly one of the lattice
_OFFSET_ROWS = ("triangular", "honeycomb")

Series = NDArray[np.float64]


class Rows(Protocol):
    """What is needed of a source; every reader of this room has it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a configuration."""
        ...

    @property
    def chains(self) -> int:
        """Markov chains, side by side."""
        ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> torch.Tensor: ...  # noqa: D102


def check_source(samples: Rows) -> OrderReport:
    """Refuse configurations whose averages would have wrong values or errors that are too small.

    Checked are the lattice that the source speaks of, the axes of an array that nobody declared,
    and the order of the rows: the energy of neighbours, the magnetisation, that of every other
    site, and the longest wave, see `rsmi.sampling.order_report`. The source is read once, in
    pieces; of a sample file of this project its stored observables are enough.

    Args:
        samples: Any source.

    Returns:
        How much the rows remember, and how many independent blocks of them there are.

    Raises:
        InputError: For axes that are not those of a lattice; for rows that drift, that differ
            between chains, that repeat a period, or that remember each other for so long that no
            error can be told.

    >>> from rsmi.storage import samples_of
    >>> spins = 2 * np.random.default_rng(0).integers(0, 2, (64, 8, 8), dtype=np.int8) - 1
    >>> print(check_source(samples_of(spins)))
    64 rows of 1 chain are worth 64 independent ones
    """
    check_lattice(samples)
    report = order_report(_name(samples), samples.chains, observed(samples))
    report.check()
    return report


def check_lattice(samples: Rows) -> None:
    """Refuse configurations whose array is not the lattice that blocks are cut from.

    Raises:
        InputError: For a lattice whose rows are shifted against each other, or axes that are not
            those of a lattice.
    """
    model = getattr(samples, "model", None) or {}
    name = _name(samples)
    # The family of a model that is known says what its cells are.
    own = isinstance(getattr(samples, "meaning", None), Recorded)
    if model.get("lattice") in _OFFSET_ROWS and not own:
        raise InputError(
            f"{name}: the rows of its {model['lattice']} lattice are shifted against each other, "
            "so blocks of the array differ from row to row; expected a chain, a square or a cubic "
            "lattice; bring configurations of one of these"
        )
    if reason := strange_axes(samples):
        refuse_axes(samples, reason)


def refuse_axes(samples: Rows, reason: str) -> NoReturn:
    """Say what the axes of an array look like, and how to declare its lattice."""
    shape = (len(samples), *samples.shape)
    raise InputError(
        f"{_name(samples)} is an array of shape {shape}: {reason}; expected (n, L, L), "
        "configurations first, then the axes of the lattice; say which lattice it is with shape=, "
        f"or --select.shape, such as {example(shape)}, {_cells(shape)}or reshape it"
    )


def _cells(shape: tuple[int, ...]) -> str:
    """How to say that the last axis of an array of spins counts sites of a cell, if it may."""
    *cells, sites = shape[1:]
    fitting = [name for name in sorted(BUILT_IN) if _fits(unit_cell(name), len(cells), sites)]
    texts = " or ".join(f"'spins on {name} {cells}'" for name in fitting)
    if not fitting:
        return ""
    axis = list(shape[1:])
    return f"--select.shape {axis} for a further axis, --space {texts} for sites of a cell, "


def _fits(cell: UnitCell, axes: int, sites: int) -> bool:
    return (len(cell.vectors), len(cell.basis)) == (axes, sites) and sites > 1


def _name(samples: Rows) -> str:
    return getattr(samples, "source", "the samples")


def observed(samples: Rows) -> dict[str, Series]:
    """Observables that tell the rows from each other, (n,) each: stored ones, or from the spins."""
    stored = samples.stored() if isinstance(samples, BaseSamples) else {}
    told = {name: np.abs(v) if name == "magnetisation" else v for name, v in stored.items()}
    if any(np.ptp(values) > 0 for values in told.values()):
        return told
    n, shape = len(samples), tuple(samples.shape)
    step = max(1, _PIECE_SITES // math.prod(shape))
    if isinstance(samples, BaseSamples) and (space := _letter_space(samples)) is not None:
        parts = [samples.letters(i, min(i + step, n)).numpy() for i in range(0, n, step)]
        columns = np.concatenate([_measure_letters(part, space) for part in parts])
        return dict(zip(_LETTERS, columns.T, strict=True))
    pieces = [samples.read(i, min(i + step, n)).numpy() for i in range(0, n, step)]
    columns = np.concatenate([_measure_rows(piece, shape) for piece in pieces])
    return dict(zip(_SPINS, columns.T, strict=True))


_SPINS = ("energy of neighbours", "magnetisation", "staggered magnetisation", "longest wave")
_LETTERS = ("equal neighbours", "share of letters", "staggered share of letters", "longest wave")


def _letter_space(samples: BaseSamples) -> Space | None:
    """The space of more than two letters, or of several sites in a cell, if it was declared."""
    if not samples.declared or not isinstance(samples.meaning, Declared):
        return None
    space = samples.meaning.space
    return None if space.alphabet.size == 2 and space.sites == 1 else space


def _measure_letters(letters: NDArray[np.int8], space: Space) -> Series:
    """What does not depend on the names of letters: bonds between equal ones, their shares, (n, 4).

    Shares enter by the sum of their squares: of all cells, of those of one parity less the others,
    and of the longest wave along the first axis.
    """
    flat, bonds = letters.reshape(len(letters), -1), space.bonds.numpy()
    equal = (flat[:, bonds[:, 0]] == flat[:, bonds[:, 1]]).sum(1)
    places = np.indices(space.cells)
    signs = np.repeat(1 - 2 * (places.sum(0).ravel() % 2), space.sites)
    wave = np.repeat(np.exp(2j * np.pi * places[0].ravel() / space.cells[0]), space.sites)
    squares = np.zeros((len(flat), 3))
    for letter in range(space.alphabet.size):
        here = (flat == letter).astype(np.float64)
        sums = here @ np.stack([np.ones(len(signs)), signs, wave], 1)
        squares += np.abs(sums) ** 2
    return np.concatenate([-equal[:, None], squares], 1)


def _measure_rows(spins: NDArray[np.int8], shape: tuple[int, ...]) -> Series:
    """Neighbour energy, |M|, |M| of every other site and the longest wave, (n, 4)."""
    n = len(spins)
    flat = np.ascontiguousarray(spins).reshape(n, -1)
    energy = np.zeros(n)
    for axis, length in enumerate(shape):
        _add_bonds(flat, length, math.prod(shape[axis + 1 :]), energy)
    parity = np.indices(shape).sum(0).ravel() % 2
    plane = flat.shape[1] // shape[0]
    planes = _dot(flat.reshape(-1, plane), np.ones(plane, dtype=np.int8)).reshape(n, -1)
    wave = np.abs(planes @ np.exp(2j * np.pi * np.arange(shape[0]) / shape[0])) ** 2
    staggered = np.abs(_dot(flat, (1 - 2 * parity).astype(np.int8)))
    return np.stack([-energy, np.abs(planes.sum(1)), staggered, wave], 1).astype(np.float64)


@njit(cache=True, nogil=True)
def _add_bonds(spins, length, stride, total):  # type: ignore[no-untyped-def]
    """Add the products of neighbours along one axis of a torus to each row's total."""
    n, sites = spins.shape
    block = length * stride
    for i in range(n):
        row = spins[i]
        found = np.int32(0)
        for begin in range(0, sites, block):
            end = begin + block - stride
            first, second = row[begin:end], row[begin + stride : begin + block]
            for x in range(len(first)):  # narrow integers, so that many fit one instruction
                found += np.int32(first[x] * second[x])
            for x in range(stride):
                found += np.int32(row[end + x] * row[begin + x])
        total[i] += found


@njit(cache=True, nogil=True)
def _dot(spins, signs):  # type: ignore[no-untyped-def]
    """Sum over the sites of each row, with signs."""
    found = np.zeros(len(spins), dtype=np.int64)
    for i in range(len(spins)):
        total = 0
        for x in range(len(signs)):
            total += spins[i, x] * signs[x]
        found[i] = total
    return found


def strange_axes(samples: object) -> str:
    """Why the axes of an array after the first do not look like those of one lattice.

    Args:
        samples: A source; only an array whose lattice nobody declared is doubted.

    Returns:
        What the shape looks like; empty where nothing is strange.
    """
    if not isinstance(samples, BaseSamples) or samples.declared:
        return ""
    return strange_shape((samples.n, *samples.shape)) or _strange_neighbours(samples)


def strange_shape(shape: tuple[int, ...]) -> str:
    """What the extents alone give away; empty for a plausible lattice."""
    lattice = shape[1:]
    if 1 in lattice:
        return f"axis {1 + lattice.index(1)} has one site, which looks like channels of an image"
    if len(lattice) > 1 and min(lattice) < _NARROW <= max(lattice):
        axis = 1 + lattice.index(min(lattice))
        return (
            f"axis {axis} has {min(lattice)} sites, which looks like sites of a cell (honeycomb), "
            "channels or replicas"
        )
    if len(lattice) > 2 and len(set(lattice)) > 1:
        return (
            "its last axes differ in extent, which looks like (chains, draws, L, L) or "
            "(temperatures, n, L, L)"
        )
    return ""


def example(shape: tuple[int, ...]) -> list[int]:
    """A lattice that the array may have meant."""
    lattice = [extent for extent in shape[1:] if extent > 1] or [shape[0]]
    root = math.isqrt(lattice[0])
    if len(lattice) == 1 and root**2 == lattice[0]:
        return [root, root]
    return lattice if min(lattice) < _NARROW else lattice[-2:]


def _strange_neighbours(samples: Rows) -> str:
    """What neighbours along the axes give away, each quantity in 32 parts of the rows."""
    n, sites = len(samples), math.prod(samples.shape)
    rows = np.arange(0, n, max(1, n * sites // _AXES_SITES, n // _AXES_ROWS))
    groups = np.array_split(rows, min(_PARTS, len(rows)))
    parts = [_taken(samples, group) for group in groups]
    if len(samples.shape) == 1:
        return _flattened(np.array([_along_chain(part) for part in parts]), sites)
    return _unlike_axes(np.array([_along_axes(part) for part in parts]))


def _taken(samples: Rows, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    read = [samples.read(i, i + 1) for i in rows.tolist()]
    return torch.cat(read).numpy().astype(np.float32)


def _along_axes(spins: NDArray[np.float32]) -> Series:
    """Agreement of neighbours inside and across the border, (axes, 2)."""
    moved = [np.moveaxis(spins, axis, 1) for axis in range(1, spins.ndim)]
    return np.array([[(m[:, 1:] * m[:, :-1]).mean(), (m[:, 0] * m[:, -1]).mean()] for m in moved])


def _along_chain(spins: NDArray[np.float32]) -> Series:
    """Mean of s(i) s(i + j) for j = 0 ... m / 2, periodic."""
    length = spins.shape[1]
    power = (np.abs(np.fft.rfft(spins, axis=1)) ** 2).mean(0)
    found: Series = np.fft.irfft(power, length)[: length // 2 + 1] / length
    return found


def _unlike_axes(found: Series) -> str:
    """Axes whose neighbours agree far less than those of another, or that are not closed."""
    inside, border = found[:, :, 0], found[:, :, 1]
    for axis, other in itertools.permutations(range(found.shape[1]), 2):
        if _below_half(inside[:, axis], inside[:, other]):
            mean = inside.mean(0)
            return (
                f"neighbours along axis {1 + axis} agree by {mean[axis]:.2f}, along axis "
                f"{1 + other} by {mean[other]:.2f}, so axis {1 + axis} looks like chains, draws or "
                "temperatures (or the configurations come last: np.moveaxis(array, -1, 0))"
            )
    for axis in range(found.shape[1]):
        if _below_half(border[:, axis], inside[:, axis]):
            return (
                f"the first and the last site along axis {1 + axis} agree far less than "
                "neighbours, so it is no axis of a periodic lattice"
            )
    return ""


def _flattened(found: Series, sites: int) -> str:
    """In a flat array of a lattice the neighbours of the next row agree again, one row further."""
    size, alike = np.abs(found), np.abs(found.mean(0))
    widths = [w for w in range(3, found.shape[1]) if sites % w == 0]
    for width in sorted(widths, key=lambda w: -alike[w]):
        nearer = 1 + int(np.argmin(alike[1:width]))
        if _beyond(size[:, width] - size[:, nearer]):
            return (
                f"sites {width} apart agree by {alike[width]:.2f}, more than sites {nearer} apart "
                f"({alike[nearer]:.2f}), which looks like rows of {width} sites one behind another"
            )
    root = math.isqrt(sites)
    if root**2 == sites and root >= 3 and not _beyond(size[:, 1] - size[:, root]):
        return (
            f"{sites} sites may be a chain or a lattice of {root} x {root}, and the spins do not "
            "tell which"
        )
    return ""


def _below_half(small: Series, large: Series) -> bool:
    return _beyond(np.abs(large) / 2 - np.abs(small))


def _beyond(differences: Series) -> bool:
    """Whether the mean of parts is above zero beyond chance."""
    count = len(differences)
    if count < 2:
        return False
    error = float(differences.std(ddof=1)) / math.sqrt(count) + 1e-6
    return float(differences.mean()) > error * student.isf(FALSE_ALARM / _COMPARISONS, count - 1)
