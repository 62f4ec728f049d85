"""Windows: a visible block V, a buffer B around it, and the environment E beyond."""

from dataclasses import dataclass

from rsmi.errors import InputError


@dataclass(frozen=True)
class Window:
    """A block, a buffer shell around it and an environment shell around that.

    The block is a box of cells, a disk, a ball, or a list of sites; give one of the four. For a
    model with nearest-neighbour couplings one shell of environment carries all that the whole
    outside knows of the block (Markov property).

    Args:
        block: Extents of a box, in cells; shells around it are boxes too.
        buffer: Width of the buffer shell, 0 for none: in cells around a box, in units of the cell
            vectors around a disk, in bonds around a ball or a list of sites.
        environment: Width of the environment shell, in the same units; None for all that lies
            beyond the buffer.
        disk: Radius of a disk around the site `at`, in units of the cell vectors.
        ball: Radius of a ball around the site `at`, in bonds.
        sites: The sites themselves, by number.
        at: Site in whose cell a box begins, or in the middle of a disk or ball. It matters only
            where the cells of a space differ; else the window is moved to every cell.

    Raises:
        InputError: For no block or several, extents below 1, or a negative width.

    >>> print(Window((2, 2), buffer=1))
    the window with block [2, 2], buffer 1, environment 1
    """

    block: tuple[int, ...] = ()
    buffer: int = 1
    environment: int | None = 1
    disk: float | None = None
    ball: int | None = None
    sites: tuple[int, ...] = ()
    at: int = 0

    def __post_init__(self) -> None:
        kinds = (bool(self.block), self.disk is not None, self.ball is not None, bool(self.sites))
        radius = min(self.disk or 0, self.ball or 0)
        widths = self.buffer, 1 if self.environment is None else self.environment - 1
        if sum(kinds) != 1 or min((*self.block, 1)) < 1 or min(*widths, radius, self.at) < 0:
            raise InputError(
                f"{self}; expected one of block (extents >= 1, such as [2, 2]), disk, ball or "
                "sites, with buffer >= 0 and environment >= 1, or null for all beyond"
            )

    def __str__(self) -> str:
        kinds = {
            "block": list(self.block),
            "disk": self.disk,
            "ball": self.ball,
            "sites": list(self.sites),
        }
        given = {name: value for name, value in kinds.items() if value not in (None, [])}
        shown = ", ".join(f"{name} {value}" for name, value in given.items()) or "no block"
        beyond = "all beyond" if self.environment is None else self.environment
        return f"the window with {shown}, buffer {self.buffer}, environment {beyond}"

    @property
    def margin(self) -> int:
        """Distance from the block to the edge of the environment, or to its first shell."""
        return self.buffer + (1 if self.environment is None else self.environment)
