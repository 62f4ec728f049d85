"""Whether layers trained toward an entropy reach it, over seeds, against what enumeration knows."""

import math
import time
from collections.abc import Iterator

import torch

from rsmi.information import frontier
from rsmi.layers import (
    Fit,
    Goal,
    TrainedLayers,
    analyse_layers,
    coded_network,
    sampled_inputs,
    train_layers,
    untrained,
    window_inputs,
)
from studies.twelve_bits import inputs as every_pattern

SEEDS = range(10)
CONFIDENCE = 0.99
_BIT = math.log(2)
_SHOWN = ("H(X|T)", "H(Y|T)", "H(X|T,Y)")
_ROWS = (1000, 4000, 20_000)
_OPTIMA = {2: 0.467434, 3: 0.516479}
"""Of rules of so many symbols on a 2 x 2 block of the critical 6 x 6 torus, buffer 1, in nats."""


def training() -> None:
    twelve_bits()
    block_spins()


def twelve_bits(seeds: range = SEEDS) -> None:
    """The 12-bit task: the goal, the frontier, the time, and certified values of samples."""
    inputs = every_pattern()
    batch = next(inputs.stream(1 << 13))
    joint = torch.zeros(len(batch.x), 2, dtype=torch.float64)
    joint[torch.arange(len(batch.x)), batch.y] = batch.weights
    line = frontier(joint, [2, 4, 16])
    most = line.entropy_x - line.entropy_y
    print("| seed | layer | codes | H(Y\\|T) bit | H(X\\|T) bit | of H(X)-H(Y) | of frontier | s |")
    print("|---|---|---|---|---|---|---|---|")
    inside: list[bool] = []
    worst = [0.0, 1.0, 1.0]
    for seed in seeds:
        net = untrained(coded_network(12, [4, 2, 1], hidden=48), seed)
        begin = time.process_time()
        found = train_layers(net, inputs, fit=Fit(epochs=40), seed=seed)
        seconds = time.process_time() - begin
        for codes, row in zip((16, 4, 2), found.report.rows, strict=True):
            missing, forgotten = (row.quantities[q].middle for q in ("H(Y|T)", "H(X|T)"))
            reach = line.forgotten(max(missing, line.least))[1].value
            numbers = f"{missing / _BIT:.4f} | {forgotten / _BIT:.4f} | {forgotten / most:.4f}"
            print(f"| {seed} | {row.name} | {codes} | {numbers} | {forgotten / reach:.4f} "
                  f"| {seconds:.0f} |", flush=True)  # fmt: skip
            worst[2] = min(worst[2], forgotten / reach)
        worst[0] = max(worst[0], missing / _BIT)
        worst[1] = min(worst[1], forgotten / most)
        inside += certified(found, batch.x, batch.y, inputs.entropy, seed)
    print(f"last layer, worst of {len(seeds)}: H(Y|T) {worst[0]:.4f} bit, H(X|T) {worst[1]:.4f} of "
          f"H(X) - H(Y); any layer: {worst[2]:.4f} of the frontier")  # fmt: skip
    print(f"certified at {CONFIDENCE}: {sum(inside)} of {len(inside)} intervals of samples hold "
          "the enumerated value")  # fmt: skip


def certified(found: TrainedLayers, x, y, entropy, seed: int) -> Iterator[bool]:
    """Whether intervals of drawn rows hold what all rows say, for both networks of a run."""
    names = [row.name for row in found.report.rows]
    for n in _ROWS:
        generator = torch.Generator().manual_seed(1000 * seed + n)
        rows = torch.randint(0, len(x), (n,), generator=generator)
        drawn = sampled_inputs(x[rows], y[rows], kind="discrete", entropy=entropy)
        report = analyse_layers(found.network, drawn, layers=names)
        for name in names:
            for quantity in _SHOWN:
                value = report[name].quantities[quantity]
                truth = found.report[name].quantities[quantity].middle
                yield value.contains(truth, CONFIDENCE)


def block_spins(seeds: range = SEEDS) -> None:
    """Layers trained with Y = the environment, as shares of the best one of their alphabet."""
    inputs = window_inputs({"shape": (6, 6)}, (2, 2), 1)
    fit = Fit(epochs=20, steps=12, restarts=4)
    print("| symbols | method | seeds | least I(T;E) | of best | seeds at .99 of best or above |")
    print("|---|---|---|---|---|---|")
    for levels, best in _OPTIMA.items():
        for method, goal in (("rsmi", None), ("entropy", Goal(slack=0.05))):
            kept = [_kept(inputs, levels, method, goal, fit, seed) for seed in seeds]
            reached = sum(value >= 0.99 * best for value in kept)
            print(f"| {levels} | {method} | {len(kept)} | {min(kept):.6f} | {min(kept) / best:.4f} "
                  f"| {reached} |", flush=True)  # fmt: skip


def _kept(inputs, levels: int, method: str, goal: Goal | None, fit: Fit, seed: int) -> float:
    net = untrained(coded_network(4, [1], levels=levels, hidden=16), seed)
    found = train_layers(net, inputs, method=method, goal=goal, fit=fit, seed=seed)
    return found.report["T1"].quantities["I(T;Y)"].middle
