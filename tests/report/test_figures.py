from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from rsmi.errors import InputError
from rsmi.learning.growth import Amount, LearningCurve, fit_growth
from rsmi.report import Quantity, figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANDOM = np.random.default_rng(5)
UP = np.array([state.bit_count() for state in range(16)])
MAJORITY = np.stack([1 - np.sign(UP - 2) / 2 - 0.5, np.sign(UP - 2) / 2 + 0.5], axis=1)


def spins(side: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return RANDOM.choice([-1, 1], (side, side))


def table(n_states: int, symbols: int) -> torch.Tensor:
    return torch.from_numpy(RANDOM.dirichlet(np.ones(symbols), n_states))


def scan() -> list[figures.ScanRow]:
    even = [figures.ScanRow(level, n, "even", 1.0, 0.01) for level in (1, 2) for n in (1, 2, 3)]
    odd = [figures.ScanRow(level, n, "odd", 1.87, 0.001) for level in (1, 2) for n in (1, 2)]
    return even + odd


LINES = {"even": figures.Line(1.0, 0.999, 0.002), "odd": figures.Line(exact=1.875)}
CURVE = figures.Curve(np.arange(9.0), np.linspace(0, 0.4, 9), np.linspace(0, 0.5, 9), "seconds")
NEAR = [figures.Bar("learned", 0.460, 0.001, highlight=True), figures.Bar("optimum", 0.4616)]
GROWTH = LearningCurve(
    tuple(Amount(n, (0.46 - 2 / n, 0.46 - 2 / n + 1e-4)) for n in (100, 200, 400, 800)),
    0.002,
    fit_growth([Amount(n, (0.46 - 2 / n, 0.46 - 2 / n + 1e-4)) for n in (100, 200, 400, 800)]),
).quantities()


def filters(axes: int, depth: int) -> "Figure":
    pictures = [RANDOM.normal(size=(2, 3, depth)) for _ in range(2)]
    labels = RANDOM.integers(-1, 3, 30)
    return figures.filters(RANDOM.normal(size=(30, axes)), labels, pictures, [4, 7])


# What is drawn, and how many axes (colour bars count) it should have.
DRAWINGS: dict[str, tuple[Callable[[], "Figure"], int]] = {
    "levels": (lambda: figures.levels([spins(16), spins(8), spins(4)]), 3),
    "levels, four": (lambda: figures.levels([spins(16), spins(8), spins(4), spins(2)]), 4),
    "levels, chain": (lambda: figures.levels([spins(4)[0], spins(2)[0]]), 2),
    "levels, cube": (lambda: figures.levels([np.stack([spins(4)] * 4)]), 1),
    "rule": (lambda: figures.rule(MAJORITY, (2, 2)), 2),
    "rule, two bits": (lambda: figures.rule(table(16, 4), (2, 2)), 4),
    "rule, chain": (lambda: figures.rule(table(4, 2), (2,)), 2),
    "rule, large": (lambda: figures.rule(table(512, 2), (3, 3)), 2),
    "rule, cube": (lambda: figures.rule(table(256, 2), (2, 2, 2)), 3),
    "information": (lambda: figures.information([figures.Bar("majority", 0.46)]), 1),
    "information, near": (lambda: figures.information([*NEAR, figures.Bar("null", 0, 0.1)]), 2),
    "learning curve": (lambda: figures.learning_curve(GROWTH), 1),
    "learning curve, flat": (lambda: figures.learning_curve(GROWTH[:4]), 1),
    "filters": (lambda: figures.filters(RANDOM.normal(size=(30, 1)), np.zeros(30)), 1),
    "filters, plane": (lambda: filters(2, 1), 3),
    "filters, more axes": (lambda: filters(4, 3), 4),
    "training": (lambda: figures.training(CURVE, 0.41, 7.0), 1),
    "exponents": (lambda: figures.exponents(scan(), LINES), 2),
    "exponents, even": (lambda: figures.exponents(scan()[:6]), 1),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_figure_has_its_panels_with_finite_limits(name: str) -> None:
    draw, n_axes = DRAWINGS[name]
    figure = draw()
    assert len(figure.axes) == n_axes
    for axes in figure.axes:
        assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()


@pytest.mark.parametrize("name", ["levels", "rule", "information, near", "training", "exponents"])
def test_saved_figure_is_a_picture_of_the_common_width(name: str, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = figures.save(DRAWINGS[name][0](), tmp_path / "figure.png")
    pixels = imread(path)
    assert pixels.shape[1] == 1280
    assert pixels[..., :3].std() > 0.01
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]


def test_a_notebook_shows_every_figure_by_itself() -> None:
    picture = DRAWINGS["rule"][0]()._repr_png_()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000


def test_style_leaves_global_settings_alone(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    figures.save(figures.training(CURVE), tmp_path / "figure.png")
    assert dict(mpl.rcParams) == before


def test_pictograms_show_each_state_with_its_probability() -> None:
    axes = figures.rule(MAJORITY, (2, 2)).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert [texts.count(word) for word in ("0.00", "0.50", "1.00")] == [5, 6, 5]
    squares = [patch for patch in axes.patches if patch.get_width() < 0.5]
    assert len(squares) == 16 * 4


def test_response_of_decimation_is_one_spin() -> None:
    states = np.arange(2**6)
    up = (states >> 2) & 1
    axes = figures.rule(np.stack([1 - up, up], axis=1), (2, 3)).axes[0]
    shown = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shown, [[0, 0, 1], [0, 0, 0]], atol=1e-12)


def test_magnified_panel_holds_only_near_rules() -> None:
    figure = figures.information([*NEAR, figures.Bar("decimation", 0.38)])
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == [
        "learned",
        "optimum",
    ]


def test_bars_come_from_information_quantities(quantities: list[Quantity]) -> None:
    bars = figures.bars(quantities)
    assert [(bar.label, bar.exact) for bar in bars] == [
        ("best rule", True),
        ("learned rule", False),
        ("majority", True),
        ("decimation", False),
        ("shuffled null", False),
    ]
    assert [bar.label for bar in bars if bar.highlight] == ["learned rule"]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no levels": (lambda: figures.levels([]), "no configuration to draw"),
    "not spins": (lambda: figures.levels([np.zeros((4, 4))]), "nothing but .1 and -1"),
    "labels": (lambda: figures.levels([spins(4)], ["a", "b"]), "2 labels for 1"),
    "table shape": (lambda: figures.rule(MAJORITY, (3, 3)), r"expected \(512, 2\*\*n_hidden\)"),
    "table sums": (lambda: figures.rule(MAJORITY * 0.9, (2, 2)), "expected rows summing to 1"),
    "three symbols": (lambda: figures.rule(table(16, 3), (2, 2)), r"shape \(16, 3\)"),
    "no learning curve": (lambda: figures.learning_curve([]), "set learning.curve: true"),
    "no rules": (lambda: figures.information([]), "0 rules; expected at least one"),
    "no filters": (lambda: figures.filters(np.zeros((0, 2)), []), r"shape \(0, 2\)"),
    "filters without pictures": (
        lambda: figures.filters(np.zeros((3, 2)), [0, 0, 0], [], [1]),
        "0 pictures of 1 rules",
    ),
    "curve length": (lambda: figures.training(figures.Curve([1, 2], [1])), r"held_out has shape"),
    "curve nan": (lambda: figures.training(figures.Curve([1], [np.nan])), "not finite"),
    "no scan": (lambda: figures.exponents([]), "the scan holds no exponent"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_data_is_refused(case: str) -> None:
    draw, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        draw()


def test_operators_are_drawn_with_and_without_curves() -> None:
    sizes, one = np.array([8.0, 16.0]), np.ones(2)
    fall = figures.Fall("operator 1: 0.5", sizes, np.array([0.4, 0.2]), 0.01 * one, 0.5)
    curve = figures.Correlation(8, np.arange(1.0, 3.0), np.array([0.5, -0.1]), 0.01 * one)
    sites = [(0.0, 0.0, 1.0), (1.0, 0.0, -0.5)]
    shown = figures.Filter("operator 1", sites, [((0.0, 0.0), (1.0, 0.0), 0.3)])
    bars = figures.Filter("operator 2", shares=[("1-site", 1.0), ("2-site", -0.2)])
    assert len(figures.operators([curve], [fall], [shown, bars]).axes) == 5
    assert len(figures.operators([], [fall]).axes) == 1
    with pytest.raises(InputError, match="there is no operator to draw"):
        figures.operators([curve], [])
