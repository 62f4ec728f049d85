"""How the results of theories are drawn, and their pages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rsmi.information import Estimate, Outcome
from rsmi.layers import SawtoothResult
from rsmi.report.drawing import draw
from rsmi.report.figures.style import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    MARKERS,
    PURPLE,
    SKY,
    blank,
    save,
    styled,
    words,
)
from rsmi.report.page import Figure, write_report
from rsmi.runs.result import Result
from rsmi.theory import (
    FloodsResult,
    IntrinsicResult,
    MachinesResult,
    MeasuresResult,
    RecoveryResult,
    StabilityResult,
    initial_fluctuation,
)
from rsmi.theory.flood import NEGLECTS, VERDICTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


@draw.register(MachinesResult)
@styled
def machines_figure(found: MachinesResult) -> "Drawing":
    """Entropy of the functions against depth: dense machines, and machines of gates."""
    figure = blank(8.0 if found.sparse else 4.4)
    panels = figure.subplots(2 if found.sparse else 1, 1, squeeze=False)[:, 0]
    for name, colour in zip(found.wide, CYCLE, strict=False):
        exact = [one.value for one in found.wide[name]]
        panels[0].plot(range(1, len(exact) + 1), exact, color=colour, label=name)
        for kind, marker, shift in (("layered", "o", -0.06), ("recurrent", "s", 0.06)):
            _dots(panels[0], found.counted[name, kind], colour, marker, 1 + shift)
    width = found.settings.width
    for kind, marker in (("layered", "o"), ("recurrent", "s")):
        label = f"width {width}, {kind}"
        panels[0].plot([], [], marker, color=GREY, label=label, markersize=6, fillstyle="none")
    panels[0].set_ylabel(f"$H_L$ (bits), {found.settings.inputs} inputs")
    for place, (gate, values) in enumerate(found.sparse.items()):
        style = {"color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % len(MARKERS)]}
        height = [one.value for one in values]
        panels[1].plot(range(len(height)), height, label=words(gate), linestyle="--", **style)
        panels[1].set_ylabel(f"$H_L$ (bits), {found.settings.gate_inputs} inputs, gates")
    for panel in panels:
        panel.set_xlabel("layer $L$")
        panel.legend(ncols=1 if panel is panels[0] else 2, fontsize=11)
    return figure


def _dots(axes: "Axes", values: Sequence[Estimate], colour: str, marker: str, first: float) -> None:
    height, error = zip(*((one.value, one.error) for one in values), strict=True)
    x = first + np.arange(len(height))
    axes.errorbar(
        x, height, error, fmt=marker, color=colour, fillstyle="none", markersize=6, capsize=2
    )


@styled
def learning_figure(found: MachinesResult) -> "Drawing":
    """Outputs that differ after a change of weights, and which layers settle first."""
    figure = blank(8.0)
    panels = figure.subplots(2, 1)
    for (activation, name), values in found.errors.items():
        place = list(found.settings.perturbations).index(name)
        colour, solid = CYCLE[place % len(CYCLE)], activation == "sign"
        depths = np.arange(1, len(values) + 1)
        line = "-" if solid else "--"
        panels[0].plot(depths, values, line, color=colour, label=f"{name}, {activation}")
        _dots(panels[0], found.measured[activation, name], colour, "o" if solid else "D", 1)
    panels[0].set(xlabel="layer $L$", ylabel="outputs that differ")
    panels[0].legend(ncols=2, fontsize=11)
    for place, one in enumerate(found.settled):
        colour, layers = CYCLE[place % len(CYCLE)], np.arange(1, len(one.overlaps) + 1)
        panels[1].plot(layers, one.overlaps, "-", color=colour, label=f"theory, {one.error:g}")
        if found.order is not None:
            _dots(panels[1], found.order.overlaps[place], colour, "s", 1)
            panels[1].plot([], [], "s", color=colour, fillstyle="none", label=f"SGD, {one.error:g}")
    panels[1].set(xlabel="layer", ylabel="overlap of the weights", ylim=(0, 1.05))
    panels[1].set_xticks(range(1, len(found.settled[0].overlaps) + 1))
    panels[1].legend(ncols=2, fontsize=11, title="outputs that differ", title_fontsize=11)
    return figure


@draw.register(RecoveryResult)
@styled
def recovery_figure(found: RecoveryResult) -> "Drawing":
    """Relative error by restart, and the amplification of the worst changes of the data."""
    figure = blank(8.0 if found.attacked else 4.4)
    panels = figure.subplots(2 if found.attacked else 1, 1, squeeze=False)[:, 0]
    restarts = np.arange(1, found.errors.shape[1] + 1)
    for place, curve in enumerate(found.errors):
        label = "FIRENET, each signal" if place == 0 else None
        panels[0].semilogy(restarts, curve, color=CYCLE[0], linewidth=1, alpha=0.6, label=label)
    start = float(found.errors[:, 0].median())
    law = start * np.exp(1.0 - restarts)
    panels[0].semilogy(restarts, law, "--", color=INK, label="$e^{-1}$ each restart")
    noise = f"floor with {found.settings.noise:.0%} noise"
    panels[0].axhline(found.floor.value, color=CYCLE[1], label=noise)
    panels[0].set(xlabel="restart", ylabel="relative error")
    panels[0].legend(fontsize=11)
    if found.attacked:
        _amplifications(panels[1], found)
    return figure


def _amplifications(axes: "Axes", found: RecoveryResult) -> None:
    """Bars side by side: each radius, then between twin signals with what is forced there."""
    count = len(found.attacked)
    for place, one in enumerate(found.attacked):
        heights = [value.value for value in one.amplification.values()]
        errors = [value.error for value in one.amplification.values()]
        at = np.arange(len(heights) + 1) + (place - (count - 1) / 2) * 0.35
        label = f"{one.name}, error {one.error.value:.1e}"
        axes.bar(at, [*heights, one.found], 0.3, color=CYCLE[place], alpha=0.85, label=label)
        axes.errorbar(at[:-1], heights, errors, fmt="none", color=INK, capsize=3)
        forced = "forced by its accuracy" if place == 0 else None
        axes.plot([at[-1] - 0.15, at[-1] + 0.15], [one.bound] * 2, color=INK, label=forced)
    radii = [f"{radius:.0%} of $|y|$" for radius in found.attacked[0].amplification]
    axes.set_xticks(range(len(radii) + 1), [*radii, "between twins"])
    axes.set_ylabel("amplification found")
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    axes.legend(fontsize=11)


@draw.register(StabilityResult)
@styled
def stability_figure(found: StabilityResult) -> "Drawing":
    """Flips that turn one coarse spin, and a share of each level, by rule."""
    figure = blank(8.0)
    panels = figure.subplots(2, 1)
    for place, (name, own) in enumerate(found.rules.items()):
        colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
        for axes, values in zip(panels, (own.spins, own.shares), strict=True):
            levels = np.arange(1, len(values) + 1)
            height, error = zip(*((one.value, one.error) for one in values), strict=True)
            axes.errorbar(
                levels, height, error, color=colour, marker=marker, label=words(name), capsize=2
            )
            axes.set_xticks(levels)
            axes.set_xlabel("level")
    panels[0].set_ylabel("flips that turn one coarse spin")
    panels[0].set_ylim(0)
    panels[1].set_yscale("log")
    panels[1].set_ylabel(f"flips per site, {found.settings.share:.0%} of a level")
    panels[0].legend()
    return figure


@draw.register(MeasuresResult)
@styled
def measures_figure(found: MeasuresResult) -> "Drawing":
    """Losses of every network by step, from an even start and from a corner; fluctuations."""
    figure = blank(10.4)
    panels = figure.subplots(3, 1)
    for axes, runs, where in (
        (panels[0], found.good, "even start"),
        (panels[1], found.bad, "start in a corner"),
    ):
        for place, (name, run) in enumerate(runs.items()):
            for replica, curve in enumerate(run.losses.T):
                label = name.replace("_", "-") if replica == 0 else None
                axes.semilogy(curve, color=CYCLE[place], linewidth=0.9, alpha=0.7, label=label)
        axes.axhline(found.settings.goal, color=GREY, linewidth=1.2, linestyle=":")
        axes.set(xlabel=f"step ({where})", ylabel="loss")
        axes.legend(fontsize=11)
    _fluctuations(panels[2], found)
    return figure


def _fluctuations(axes: "Axes", found: MeasuresResult) -> None:
    sizes = sorted(set(found.settings.sizes))
    for place, (step, slope) in enumerate(found.slopes.items()):
        own = [found.scatter[n, step] for n in sizes]
        height = [one.value / n for one, n in zip(own, sizes, strict=True)]
        error = [one.error / n for one, n in zip(own, sizes, strict=True)]
        label, colour = f"step {step}, slope {slope}", CYCLE[place]
        axes.errorbar(
            sizes, height, error, fmt=MARKERS[place], color=colour, label=label, capsize=2
        )
    law = initial_fluctuation() / np.asarray(sizes)
    axes.plot(sizes, law, "--", color=INK, label="closed form at step 0")
    axes.set(xscale="log", yscale="log", xlabel="particles $n$", ylabel="Var $f_n$")
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=11)


@draw.register(FloodsResult)
@styled
def floods_figure(found: FloodsResult) -> "Drawing":
    """Where training ends by way, the cost on the way to the perfect weights, and entropies."""
    ways = 0.5 * len(found.ended) + 0.6
    figure = blank(8.0 + ways)
    panels = figure.subplots(3, 1, height_ratios=[ways, 3.4, 3.4])
    _ends(panels[0], found)
    _lines(panels[1], found)
    layers = np.arange(found.settings.depth + 1)
    for place, (name, own) in enumerate(found.entropies.items()):
        style = {"color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % len(MARKERS)]}
        height = [one.value for one in own.inputs]
        panels[2].plot(
            layers, height, label=name, linestyle=":" if name in NEGLECTS else "-", **style
        )
    side = found.settings.enumerated
    panels[2].set_yscale("symlog", linthresh=0.1)
    panels[2].set(xlabel="layer $l$", ylabel=f"$H(X|T_l)$ (bits), $L = {side}$", ylim=(-0.01, 400))
    panels[2].legend(ncols=3, fontsize=11, loc="upper right")
    return figure


def _ends(axes: "Axes", found: FloodsResult) -> None:
    """A bar for each way on the first size that its networks were judged on."""
    firsts = [next(iter(one.judged.values())) for one in found.ended]
    left, rows = np.zeros(len(firsts)), np.arange(len(firsts))
    for verdict, colour in zip(VERDICTS, (GREEN, BLUE, INK, SKY, PURPLE, GREY), strict=True):
        share = np.array([own.verdicts.count(verdict) for own in firsts])
        if share.any():
            axes.barh(rows, share, 0.5, left, color=colour, label=verdict)
        left += share
    for row, one in zip(rows, found.ended, strict=True):
        axes.text(0, row - 0.3, one.way.words, fontsize=10, va="bottom")
    axes.set(xlabel=f"networks of {found.settings.seeds}", xlim=(0, found.settings.seeds))
    axes.set_ylim(len(rows) - 0.6, -1.6)
    axes.set_yticks([])
    axes.locator_params(axis="x", integer=True)
    axes.legend(ncols=4, fontsize=10, loc="upper left", bbox_to_anchor=(0, 1.02))


def _lines(axes: "Axes", found: FloodsResult) -> None:
    """Costs of each unsolvable maze from neglecting minima, a style for each size."""
    t = np.linspace(0, 1, found.settings.line_points)
    sizes = sorted(set(found.settings.line_sizes))
    for colour, kind in zip(CYCLE, (k for k in NEGLECTS if k != "unsolvable"), strict=False):
        for size, style in zip(sizes, _STYLES, strict=False):
            shape = found.lines[kind, size].shape
            height, error = zip(*((one.value, one.error) for one in shape), strict=True)
            axes.errorbar(t, height, error, color=colour, linestyle=style, linewidth=1.4)
        axes.plot([], [], color=colour, label=kind)
    for size, style in zip(sizes, _STYLES, strict=False):
        axes.plot([], [], color=GREY, linestyle=style, label=f"$L = {size}$")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(
        xlabel="$t$, from neglecting to perfect weights", ylabel="cost per unsolvable maze (nats)"
    )
    axes.legend(ncols=2, fontsize=11)


_STYLES = ("-", "--", ":")


@draw.register(IntrinsicResult)
@styled
def intrinsic_figure(found: IntrinsicResult) -> "Drawing":
    """Sizes of scale-invariant weights against intrinsic time, and the losses of two networks."""
    figure = blank(8.0 if found.losses else 4.4)
    panels = figure.subplots(2 if found.losses else 1, 1, squeeze=False)[:, 0]
    for place, (rate, runs) in enumerate(found.runs.items()):
        times = np.arange(runs.shape[1]) / rate.steps
        label = rf"$\eta$ {rate.rate:g}, $\lambda$ {rate.decay:g}, $\mu$ {rate.momentum:g}"
        panels[0].plot(times, runs.mean(0), color=CYCLE[place], label=label, linewidth=1.4)
    law = 1 + (found.settings.start - 1) * np.exp(-times)
    panels[0].plot(times, law, ":", color=INK, label="theory", linewidth=2.2)
    panels[0].set(yscale="log", ylabel=r"$\|w\|^4$ / equilibrium")
    panels[0].set_xlabel(r"steps $\times\; 4\eta\lambda / (1 - \mu)$")
    panels[0].legend(fontsize=11)
    for place, (rate, losses) in enumerate(found.losses.items()):
        size = max(losses.shape[1] // 60, 1)
        blocks = losses[:, : losses.shape[1] // size * size].unflatten(1, (-1, size)).mean((0, 2))
        at = (np.arange(len(blocks)) + 0.5) * size
        label = rf"$\eta$ {rate.rate:g}, $\lambda$ {rate.decay:g}"
        panels[1].plot(at, blocks, color=CYCLE[place], label=label)
    if found.losses:
        if found.comparable is not None:
            panels[1].axvline(found.comparable, color=GREY, linestyle="--", label="comparable from")
        panels[1].set(xlabel="step", ylabel="loss on new rows")
        panels[1].legend(fontsize=11)
    return figure


@draw.register(SawtoothResult)
@styled
def sawtooth_figure(found: SawtoothResult) -> "Drawing":
    """The function after each layer as built, and distances of trained networks by width."""
    figure = blank(8.6)
    panels = figure.subplots(2, 1, height_ratios=[2, 3])
    x = np.linspace(0, 1, (1 << 7) + 1)
    for place, (bits, count) in enumerate(zip(found.forgotten, found.pieces, strict=True)):
        if count < len(x):
            label = f"{bits.value:.0f} bit{'s' * (place > 0)}, {count} pieces"
            height = 1 - np.abs(1 - np.mod(x * count, 2))
            panels[0].plot(x, height, color=CYCLE[place % len(CYCLE)], label=label, linewidth=1.4)
    panels[0].set(xlabel="$x$", ylabel="$T_l(x)$ as built")
    panels[0].legend(fontsize=11, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    widths = sorted({width for _, width in found.trained})
    depths = sorted({depth for depth, _ in found.trained})
    for place, depth in enumerate(depths):
        own = [found.trained[depth, width] for width in widths]
        height, error = zip(*((one.distance.value, one.distance.error) for one in own), strict=True)
        style = {"color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % len(MARKERS)]}
        layers = "1 layer" if depth == 1 else f"{depth} layers"
        panels[1].errorbar(widths, height, error, label=layers, capsize=2, **style)
        best = [one.best for one in own]
        panels[1].plot(widths, best, ":", color=style["color"])
        limits = [found.limit(depth, width) for width in widths]
        panels[1].plot(widths, limits, "--", color=style["color"], linewidth=1)
    panels[1].plot([], [], ":", color=GREY, label="best seed")
    panels[1].plot([], [], "--", color=GREY, label="no network below")
    label = f"built, {len(found.pieces)} layers of 2"
    panels[1].plot([2], [0], "*", color=INK, markersize=13, label=label, clip_on=False)
    panels[1].set(xscale="log", xlabel="width", ylabel="mean of $|f - g|$")
    panels[1].set_ylim(bottom=0)
    panels[1].set_xticks(widths, [str(width) for width in widths])
    panels[1].minorticks_off()
    panels[1].legend(fontsize=11, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


_Drawn = tuple[str, Callable[..., "Drawing"], str, str]

_FIGURES: Mapping[type, tuple[str, Sequence[str], Sequence[_Drawn]]] = {
    MachinesResult: (
        "Random machines",
        ["theory.machines.shared_weights", "theory.machines.accuracy"],
        [
            (
                "entropy",
                machines_figure,
                "Entropy of the functions of a node against depth",
                "Lines: infinitely wide machines. Symbols: machines of finite width, with fresh "
                "weights in every layer and with the same ones. Below, machines of random gates.",
            ),
            (
                "learning",
                learning_figure,
                "A change of weights, and the order of learning",
                "Above, how often an output differs when the weights are changed: lines for wide "
                "machines, symbols counted. Below, overlaps by layer of typical machines at an "
                "error from a reference, and of networks trained by SGD with their own end.",
            ),
        ],
    ),
    RecoveryResult: (
        "FIRENET",
        ["theory.firenet.factor", "theory.firenet.floor"],
        [
            (
                "firenet",
                recovery_figure,
                "Accuracy and stability of FIRENET",
                "Above, the error of each signal by restart without noise, and the floor with "
                "noise. Below, the amplification of the worst changes of the data that gradient "
                "ascent found, at two sizes and between two signals with nearly the same data, "
                "where the accuracy of a method forces the height of the black line.",
            ),
        ],
    ),
    IntrinsicResult: (
        "Intrinsic learning rate",
        ["theory.intrinsic.comparable"],
        [
            (
                "intrinsic",
                intrinsic_figure,
                "Weights whose size changes nothing, on their way to equilibrium",
                "Above, the size of scale-invariant weights against intrinsic time, which is one "
                "curve whatever the rates. Below, two networks whose rates have the same product: "
                "their losses differ by their starts until the line, and not behind it.",
            ),
        ],
    ),
    MeasuresResult: (
        "Two-layer networks as measures",
        ["theory.measures.ratio"],
        [
            (
                "measures",
                measures_figure,
                "How measures of particles learn and scatter",
                "The loss of each network by step: from an even start, and from a corner that "
                "neither the gradient nor births and deaths leave, but refilling does. Below, the "
                "variance between networks against their number of particles.",
            ),
        ],
    ),
    FloodsResult: (
        "Critical mazes",
        [],
        [
            (
                "mazes",
                floods_figure,
                "Training on critical mazes",
                "Above, where the networks of each way of training ended. In the middle, the cost "
                "between weights that neglect a part of the input and the perfect ones. Below, "
                "what each layer forgets of the maze.",
            ),
        ],
    ),
    SawtoothResult: (
        "What depth buys against width",
        [],
        [
            (
                "sawtooth",
                sawtooth_figure,
                "A sawtooth built and learned",
                "Above, each layer of two units folds the input once more: a bit is forgotten, "
                "and the pieces double. Below, how far trained networks of few layers stay from "
                "the last function, above what no network of their depth and width can reach.",
            ),
        ],
    ),
    StabilityResult: (
        "Flips that mislead a rule",
        [],
        [
            (
                "stability",
                stability_figure,
                "How many flips change what a rule says",
                "Least numbers of flipped spins, exact for each configuration: above that turn one "
                "coarse spin of a level, below that turn a share of the level, for each site.",
            ),
        ],
    ),
}


def write_theory(directory: Path, found: Outcome, result: Result) -> Path:
    """Draw every figure of a theory, and write `report.html`.

    Args:
        directory: Receives the page, and the pictures under `figures`.
        found: What was found.
        result: The same as it stands on disk.

    Returns:
        Path of the page.
    """
    title, headline, drawn = _FIGURES[type(found)]
    figures = [
        Figure(save(make(found), directory / "figures" / f"{name}.png"), heading, caption)
        for name, make, heading, caption in drawn
    ]
    known = {quantity.name for quantity in result.numbers}
    shown = [name for name in headline if name in known]
    return write_report(directory, result, figures, shown, title, found.sheets())
