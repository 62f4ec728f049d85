"""How often gradient descent finds the network that floods critical mazes: success tables.

python benchmarks/gpu_mazes.py [cuda | cpu] [FOLDER]

20 networks of each start, with and without annealed steepness, are trained together. With a folder,
the study of `rsmi theory mazes` is made instead, with more mazes than a CPU has time for, and left
there as a pickle. On the CPU the same functions run at a tiny size, to see that they run.
"""

import pickle
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from rsmi.sampling.mazes import sample_mazes
from rsmi.theory.flood import (
    STARTS,
    Kernel,
    Stage,
    judge_floods,
    starting_weights,
    train_floods,
)
from rsmi.theory.mazes import Floods, Way, study_floods

SEED = 1
GROWTH = 0.003


@dataclass(frozen=True)
class Size:
    """How much is done.

    Args:
        seeds: Networks of each start.
        school: The curriculum; networks are judged after every stage of a size of 9 or more.
        cells: Sizes and layers of networks that are trained without one, the cheap ones first.
        steps: Of these.
        patience: Steps of the first stage of the curriculum for networks that see nothing else.
        mazes: Held-out ones.
        drawn: Mazes to train on.
        budget: Seconds after which no further cell is begun; half of them are for curricula.
        study: Of `rsmi theory mazes`.
    """

    seeds: int
    school: Sequence[Stage]
    cells: Sequence[tuple[int, int]]
    steps: int
    patience: int
    mazes: int
    drawn: int
    budget: float
    study: Floods


WAYS = (
    Way(growth=GROWTH),
    Way(),
    Way(curriculum=False, growth=GROWTH),
    Way(start="default", growth=GROWTH),
    Way("full", growth=GROWTH),
    Way(weights="untied", growth=GROWTH),
    Way(weights="own", growth=GROWTH),
)
SCHOOL = (Stage(5, 6, 1000), Stage(9, 16, 250, batch=16), Stage(17, 64, 100, batch=16))
STUDY = Floods(
    WAYS, SCHOOL, mazes=4000, line_points=41, line_mazes=2000
)  # fmt: skip
TINY = Floods(
    WAYS[-2:], (Stage(5, 4, 20), Stage(7, 6, 2)), seeds=10, mazes=200, sizes=(5,),
    line_sizes=(5, 7), line_mazes=200, enumerated=4, depth=3,
)  # fmt: skip
SIZES = {
    "cuda": Size(
        20,
        (
            Stage(5, 6, 1000),
            Stage(9, 16, 250, batch=16),
            Stage(17, 64, 120, batch=16),
            Stage(33, 128, 40, batch=8),
            Stage(65, 128, 20, batch=4),
        ),
        (
            (9, 16), (9, 32), (17, 32), (9, 64), (17, 64), (9, 128), (17, 128), (33, 64),
            (33, 128), (65, 128),
        ),
        250, 5000, 1000, 4096, 95.0, STUDY,
    ),
    "cpu": Size(
        2, (Stage(5, 4, 20), Stage(9, 8, 4, batch=4)), ((9, 8),), 4, 8, 64, 128, 60.0, TINY
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Networks that have begun alike.

    Args:
        way: How they were trained, in words.
        start: Their start.
        growth: Of their weights.
        size: L.
        layers: Of the networks.
        verdicts: How many ended where.
        best: The largest accuracy.
        median: The one in the middle.
    """

    way: str
    start: str
    growth: float
    size: int
    layers: int
    verdicts: Counter[str]
    best: float
    median: float


def main(device: str, folder: str | None = None) -> None:
    """The tables, and how long they took."""
    size, began = SIZES[device], time.perf_counter()
    if device == "cuda":
        torch.backends.cudnn.allow_tf32 = False
        print(torch.cuda.get_device_name())
    if folder is not None:
        found = study_floods(replace(size.study, device=device))
        Path(folder, "mazes.pkl").write_bytes(pickle.dumps(found))
        print(f"{found.table()}\n\n{time.perf_counter() - began:.0f} s")
        return
    print(f"seeds {size.seeds} of each row; ended: perfect is an accuracy of at least .999\n")
    print("mazes that a network can solve at all, by the length of their shortest way:")
    for length, layers in size.cells:
        print(f"  L = {length}, {layers} layers: {ceiling(length, layers):.4f}")
    print("\n| trained | start | growth | L | layers | perfect | ended | best | median |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in taught(size, device, began):
        print(told(row, size.seeds), flush=True)
    for row in patient(size, device):
        print(told(row, size.seeds), flush=True)
    for row in direct(size, device, began):
        print(told(row, size.seeds), flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


def ceiling(size: int, layers: int) -> float:
    """Largest accuracy with so many layers: mazes with a longer way are called unsolvable."""
    return float((sample_mazes(4000, size, SEED).depth <= layers).mean())


def told(row: Row, seeds: int) -> str:
    ended = ", ".join(f"{n} {name}" for name, n in row.verdicts.most_common())
    return (
        f"| {row.way} | {row.start} | {row.growth:g} | {row.size} | {row.layers} | "
        f"{row.verdicts['perfect']}/{seeds} | {ended} | {row.best:.4f} | {row.median:.4f} |"
    )


def begun(size: Size, kernel: Kernel, rows: int, device: str) -> tuple[Tensor, Tensor]:
    """Weights of all starts, and the growth of each network."""
    generator = torch.Generator().manual_seed(SEED)
    parts = [
        starting_weights(start, size.seeds, generator, kernel, rows)
        for start in STARTS
        for _ in range(2)
    ]
    growth = torch.tensor([0.0, GROWTH]).repeat_interleave(size.seeds).repeat(len(STARTS))
    return torch.cat(parts, 1).to(device), growth.to(device)


def taught(size: Size, device: str, began: float) -> Iterator[Row]:
    """Curricula over size and depth; shared weights are judged at every depth."""
    for kernel, shared in product(("full", "cross"), (True, False)):
        weights, growth = begun(size, kernel, 1 if shared else size.school[0].layers, device)
        way = f"curriculum, {kernel}, {'shared' if shared else 'own'} weights"
        for place, stage in enumerate(size.school):
            weights, _ = train_floods(weights, [stage], SEED + place, growth, size.drawn)
            depths = {d for length, d in size.cells if length == stage.size} if shared else set()
            if stage.size >= 9:
                for layers in sorted({stage.layers, *depths}):
                    yield from judged(weights, way, stage.size, layers, size)
            if time.perf_counter() - began > size.budget / 2:
                print(f"| {way}: stopped after L = {stage.size}, out of time |")
                break


def patient(size: Size, device: str) -> Iterator[Row]:
    """Networks that see the smallest mazes alone, and these for long."""
    first, (length, layers) = size.school[0], size.cells[0]
    for kernel in ("cross", "full"):
        weights, growth = begun(size, kernel, 1, device)
        stage = replace(first, steps=size.patience)
        weights, _ = train_floods(weights, [stage], SEED, growth, size.drawn)
        way = f"L = {first.size} for {size.patience} steps, {kernel}, shared weights"
        yield from judged(weights, way, length, layers, size)


def direct(size: Size, device: str, began: float) -> Iterator[Row]:
    """Networks that see mazes of one size alone."""
    for (length, layers), shared in product(size.cells, (True, False)):
        if time.perf_counter() - began > size.budget:
            print(f"| direct, L = {length}, {layers} layers: left out, out of time |")
            continue
        weights, growth = begun(size, "full", 1 if shared else layers, device)
        batch = max(4, 16 * 289 // max(289, length * length))
        stage = Stage(length, layers, size.steps, batch=batch)
        weights, _ = train_floods(weights, [stage], SEED, growth, size.drawn)
        way = f"{size.steps} steps of one size, full, {'shared' if shared else 'own'} weights"
        yield from judged(weights, way, length, layers, size)


def judged(weights: Tensor, way: str, length: int, layers: int, size: Size) -> Iterator[Row]:
    """A row for each start and growth."""
    found = judge_floods(weights, length, layers, size.mazes, SEED)
    for place, (start, growth) in enumerate(product(STARTS, (0.0, GROWTH))):
        own = slice(place * size.seeds, (place + 1) * size.seeds)
        right = found.accuracy[own]
        best, median = float(right.max()), float(right.median())
        counts = Counter(found.verdicts[own])
        yield Row(way, start, growth, length, layers, counts, best, median)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["cuda"]))
