import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from rsmi.errors import InputError
from rsmi.report import figures

LAYERS = ["T1", "T2", "output"]
EXACT = figures.Depth("network", [0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
LOOSE = figures.Depth("samples", [0.0, 0.5, math.nan], [0.2, 1.5, math.nan], [0.1, 0.1, 0.0])
CONTROL = figures.Depth("untrained", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], None, True)
NAME = "$\\frac{$ \udcff"  # no formula, and no text either: a name that somebody gave
ODD = figures.Depth(NAME, [0.0, 1.0], [0.0, 1.0])
SHORT = figures.Depth("network", [0.0, 1.0], [0.0, 1.0])
PATHS = [figures.Path("T1", [1.0, 2.0, 1.5], [0.1, 0.4, 0.6]), figures.Path("T2", [1.0], [0.2])]

DRAWINGS: dict[str, tuple[Callable[[], Figure], int]] = {
    "depth, one": (lambda: figures.depth(LAYERS, {"H(X|T)": [EXACT]}), 1),
    "depth": (lambda: figures.depth(LAYERS, {"H(X|T)": [EXACT, LOOSE], "H(Y|T)": [CONTROL]}), 2),
    "plane": (lambda: figures.plane({"tanh": PATHS}, limits=(2.5, 0.69)), 1),
    "plane, three": (lambda: figures.plane({"a": PATHS, "b": PATHS, "c": PATHS[:1]}), 4),
    "depth, names": (lambda: figures.depth([NAME, "9"], {"H(T)": [ODD, SHORT]}), 1),
    "plane, names": (lambda: figures.plane({"a": [figures.Path(NAME, [1.0], [0.2])]}), 1),
    "depth, titles": (lambda: figures.depth(["0", "9"], {"a": [SHORT]}, "H(X|T)", "epoch"), 1),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_figure_is_drawn_and_saved_in_the_common_width(name: str, tmp_path: Path) -> None:
    from matplotlib.image import imread

    draw, n_axes = DRAWINGS[name]
    figure = draw()
    assert len(figure.axes) == n_axes
    pixels = imread(figures.save(figure, tmp_path / "figure.png"))
    assert pixels.shape[1] == 1280
    assert pixels[..., :3].std() > 0.01


def test_bars_run_from_lower_to_upper_with_the_error_outside() -> None:
    axes = figures.depth(LAYERS, {"H(X|T)": [LOOSE]}).axes[0]
    (bars,) = axes.containers
    ends = np.array([segment[:, 1] for segment in bars[2][0].get_segments()[:2]])
    np.testing.assert_allclose(ends, [[-0.1, 0.3], [0.4, 1.6]])


def test_exact_values_have_no_bars() -> None:
    axes = figures.depth(LAYERS, {"H(X|T)": [EXACT]}).axes[0]
    assert not axes.containers[0][2]


def test_axes_say_what_they_show() -> None:
    left, right = figures.depth(["0", "9"], {"a": [SHORT], "b": [SHORT]}, "H(X|T)", "epoch").axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("H(X|T) (nats)", "")
    assert (left.get_title(loc="left"), left.get_xlabel()) == ("a", "epoch")
    assert figures.depth(LAYERS, {"H(X|T)": [EXACT]}).axes[0].get_ylabel() == "H(X|T) (nats)"
    figure = figures.plane({"a": PATHS}, axes=("H(X|T)", "I(T;E)"))
    words = {text.get_text() for text in figure.texts}
    assert words >= {"H(X|T) (nats)", "I(T;E) (nats)"}


def test_a_network_keeps_its_colour_in_all_panels() -> None:
    figure = figures.depth(LAYERS, {"a": [EXACT, CONTROL], "b": [CONTROL]})
    first, second = (axes.containers[-1][0].get_color() for axes in figure.axes)
    assert first == second


def test_seven_networks_are_told_apart() -> None:
    series = [figures.Depth(str(k), [k, 1, 1], [k, 1, 1]) for k in range(7)]
    axes = figures.depth(LAYERS, {"a": series}).axes[0]
    assert len({container[0].get_color() for container in axes.containers}) == 7


def test_paths_end_filled() -> None:
    axes = figures.plane({"tanh": PATHS[:1]}).axes[0]
    hollow, filled = axes.lines[-2:]
    assert hollow.get_markerfacecolor() == "white"
    assert list(filled.get_xdata()) == [1.5]
    assert list(filled.get_ydata()) == [0.6]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "lengths": (lambda: figures.depth(["T1"], {"a": [EXACT]}), "3 lower and 3 upper values for 1"),
    "nothing": (lambda: figures.depth(LAYERS, {"a": []}), "no value to draw"),
    "no path": (lambda: figures.plane({"a": []}), "0 paths"),
    "empty path": (lambda: figures.plane({"a": [figures.Path("T", [], [])]}), "with points"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_data_is_refused(case: str) -> None:
    draw, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        draw()


def test_sixty_layers_are_named_as_far_as_they_can_be_read() -> None:
    names = [f"encoder.layers.{k}.attention.output.dense" for k in range(60)]
    flat = [1.0] * 60
    figure = figures.depth(names, {q: [figures.Depth("a", flat, flat)] for q in ("H(T)", "H(X|T)")})
    left = {round(axes.get_position().x0, 2) for axes in figure.axes}
    assert len(left) == 1
    for axes in figure.axes:
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert 12 <= len(labels) <= 16
        assert max(map(len, labels)) <= 20
        assert labels[0] == "encode..output.dense"
        assert len(axes.lines[0].get_xdata()) == 60
