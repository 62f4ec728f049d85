"""One look for all figures: fonts that survive a phone, colours that survive colour blindness."""

import functools
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
import numpy.typing as npt

from rsmi.runs.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

P = ParamSpec("P")

WIDTH = 6.4
"""Width of every figure in inches."""

DOTS_PER_INCH = 200
"""1280 pixels across: twice what the page shows."""

# Okabe and Ito, Color Universal Design (2008): told apart by every kind of colour vision.
INK = "#22262b"
GREY = "#80868c"
BLUE = "#0072b2"
VERMILLION = "#d55e00"
GREEN = "#009e73"
ORANGE = "#e69f00"
SKY = "#56b4e9"
PURPLE = "#cc79a7"

CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "D", "^", "v", "P")

SPIN_UP = "#1f3a5f"
SPIN_DOWN = "#f4efe6"

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "legend.frameon": False,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.9,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 7,
    "figure.facecolor": "white",
}


def styled(draw: "Callable[P, Figure]") -> "Callable[P, Figure]":
    """Run a drawing function under the common style, and put the old settings back."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        import matplotlib as mpl

        with mpl.rc_context(_RC):
            return draw(*args, **kwargs)

    return wrapper


def blank(height: float) -> "Figure":
    """An empty figure of the common width, in inches, that arranges its own margins."""
    return _shown()(figsize=(WIDTH, height), layout="constrained")


@functools.cache
def _shown() -> "type[Figure]":
    """The figure that a notebook shows by itself; one of matplotlib waits for pyplot."""
    from matplotlib.figure import Figure

    class Shown(Figure):
        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png")
            return picture.getvalue()

    return Shown


def two_sided() -> "LinearSegmentedColormap":
    """Colour map with a white middle, told apart by every kind of colour vision."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("two_sided", [ORANGE, "#ffffff", BLUE])


def words(name: str) -> str:
    """A name from outside as text of a figure: a `$` in it begins no formula.

    >>> print(words("block$1$"))
    block\\$1\\$
    """
    return name.encode(errors="backslashreplace").decode().replace("$", r"\$")


def legend(figure: "Figure", columns: int = 3) -> None:
    """One legend above all panels, each name once."""
    handles: dict[str, Any] = {}
    for axes in figure.axes:
        drawn, labels = axes.get_legend_handles_labels()
        handles.update(zip(labels, drawn, strict=True))
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=columns)


def save(figure: "Figure", path: Path) -> Path:
    """Write a figure as PNG, whole or not at all.

    Args:
        figure: From one of the drawing functions.
        path: Where it goes, ending in `.png`.

    Returns:
        `path`.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = io.BytesIO()
    # Ticks are made while drawing, hence once more under the style.
    with mpl.rc_context(_RC):
        FigureCanvasAgg(figure)
        figure.savefig(content, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return write_whole(Path(path), content.getvalue())


def save_animation(frames: "Iterable[Figure]", path: Path, per_second: int = 2) -> Path:
    """Write figures of one size as an animated GIF, whole or not at all; the last one stays longer.

    Args:
        frames: From one of the drawing functions.
        path: Where it goes, ending in `.gif`.
        per_second: How many are shown in a second.

    Returns:
        `path`.
    """
    import matplotlib as mpl
    from matplotlib.animation import PillowWriter

    writer = PillowWriter(fps=per_second)
    with TemporaryDirectory() as folder, mpl.rc_context(_RC):
        file = Path(folder) / "frames.gif"
        for place, figure in enumerate(frames):
            if place == 0:
                writer.setup(figure, file, DOTS_PER_INCH / 2)
            writer.fig = figure
            writer.grab_frame()
        for _ in range(2 * per_second):
            writer.grab_frame()
        writer.finish()
        return write_whole(Path(path), file.read_bytes())


def exact_line(axes: "Axes", value: float, label: str) -> None:
    """Draw an exact value as a thin dashed horizontal line."""
    axes.axhline(value, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), zorder=1, label=label)


def ink_on(colour: npt.NDArray[np.float64]) -> str:
    """Dark or white ink, whichever is read on this colour (perceived brightness, Rec. 709)."""
    return INK if float(colour[:3] @ (0.2126, 0.7152, 0.0722)) > 0.5 else "white"


def hide_frame(axes: "Axes") -> None:
    """Take away frame and ticks where position means nothing."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
