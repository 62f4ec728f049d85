"""What layers of networks that flood critical mazes forget at L = 17: certified, and by floods.

python benchmarks/mazes.py [ROWS] [NETWORK ...]
"""

import math
import sys
from collections.abc import Sequence

import torch
from torch import Tensor

from rsmi.information import Estimate
from rsmi.layers import Options, Training, analyse_layers, sampled_inputs, value_text
from rsmi.theory import (
    FloodNetwork,
    Stage,
    explored_entropies,
    flood_weights,
    judge_floods,
    maze_tensors,
    neglecting_weights,
    site_entropy,
    solvable_share,
    starting_weights,
    train_floods,
)

SIZE, LAYERS, SEED = 17, 68, 3
SHOWN = (4, 68)


def main(rows: int, names: Sequence[str] = ()) -> None:
    """A line for each network (those named, or all) and layer, in bits."""
    open_sites, labels = maze_tensors(rows, SIZE, 2 * SEED + 1)
    known_x = Estimate((SIZE * SIZE - 1) * site_entropy(), 0.0, "exact")
    inputs = sampled_inputs(open_sites, labels.long(), entropy=known_x)
    options = Options(
        quantise=2, range=(0.0, 1.0), keep=rows, training=Training(epochs=10),
        quantities=["H(X|T)", "H(Y|T)"],
    )  # fmt: skip
    seen = explored_entropies(SIZE, rows, max(SHOWN), SEED + 1)
    print(f"{rows} mazes, H(X) = {known_x.value / math.log(2):.3f} bits")
    print("| network | layer | H(X|T) | from the flood | H(Y|T) |\n|---|---|---|---|---|")
    for name, weights in networks().items():
        if names and name not in names:
            continue
        steps = [f"steps.{layer - 1}" for layer in SHOWN]
        report = analyse_layers(
            FloodNetwork.of(weights, LAYERS), inputs, layers=steps, options=options
        )
        for layer, step in zip(SHOWN, steps, strict=True):
            row = report[step].quantities
            told = [value_text(bits(row[symbol])) for symbol in ("H(X|T)", "H(Y|T)")]
            flood = str(seen[layer]) if name == "perfect" else ""
            print(f"| {name} | {layer} | {told[0]} | {flood} | {told[1]} |", flush=True)


def networks() -> dict[str, Tensor]:
    """Perfect weights, the best of 20 that were trained, and weights that neglect."""
    start = starting_weights("identity", 20, torch.Generator().manual_seed(SEED), "cross")
    bank, _ = train_floods(start, [Stage(5, 6, 600, 0.05, 16)], SEED, 0.005)
    best = int(judge_floods(bank, SIZE, LAYERS, 200, SEED).accuracy.argmax())
    share = solvable_share(SIZE, 1000, SEED).value
    return {
        "perfect": flood_weights()[None],
        "trained": bank[:, best],
        "walls": neglecting_weights("walls", share)[None],
        "solvable": neglecting_weights("solvable", share)[None],
    }


def bits(value):
    """An interval, or one side of it, in bits."""
    if isinstance(value, Estimate):
        return Estimate(value.value / math.log(2), value.error / math.log(2), value.kind, "bits")
    return type(value)(bits(value.lower), bits(value.upper))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000, sys.argv[2:])
