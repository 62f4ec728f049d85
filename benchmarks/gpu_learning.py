"""Learning of rules on a CUDA device: windows per second against what its memory could move.

python benchmarks/gpu_learning.py [cuda | cpu]

On the CPU the same functions run at a tiny size, to see that they run.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from rsmi.information import entropy
from rsmi.lattice import Window
from rsmi.learning import JointRSMI, Learning, WindowData
from rsmi.learning.members import Members
from rsmi.learning.windows import WindowPool
from rsmi.storage import SampleRecipe, generate

CASES = (Window((2, 2), 1), Window((4, 4), 2), Window((8, 8), 2))
HIDDEN = (64, 64)


@dataclass(frozen=True)
class Size:
    """How much is done.

    Args:
        batch: Windows of a step.
        steps: Steps that are timed.
        members: Of an ensemble.
        copied: Bytes of a copy that tells the bandwidth.
    """

    batch: int
    steps: int
    members: int
    copied: int


SIZES = {"cuda": Size(1 << 17, 30, 500, 1 << 30), "cpu": Size(1 << 11, 3, 4, 1 << 24)}


def main(device: str) -> None:
    """A line for each block, then for ensembles."""
    size = SIZES[device]
    limit = bandwidth(device, size.copied)
    print(torch.cuda.get_device_name() if device == "cuda" else "cpu, tiny")
    print(f"copying moves {limit / 1e9:.0f} GB/s")
    print("| training | windows/s | of the limit by memory | drawn alone, windows/s |")
    print("|---|---|---|---|")
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "samples.h5"
        recipe = SampleRecipe(
            shape=(32, 32), temperature="critical", chains=64, records=64, seed=1, thin=4,
            equilibration=200,
        )  # fmt: skip
        generate(recipe, path)
        for window in CASES:
            _tried(f"one rule, {_named(window)}", lambda: rule(path, window, device, size, limit))  # noqa: B023
        for window in CASES[:2]:
            _tried(f"{size.members} rules at once, {_named(window)}",
                   lambda: ensemble(path, window, device, size, limit))  # fmt: skip  # noqa: B023


def _named(window: Window) -> str:
    return f"block {' x '.join(map(str, window.block))}, buffer {window.buffer}"


def _tried(name: str, measure: Callable[[], str]) -> None:
    """A line, or why there is none: the others are worth having all the same."""
    try:
        print(f"| {name} | {measure()} |", flush=True)
    except Exception as error:
        print(f"| {name} | FAILED: {type(error).__name__}: {error} | | |", flush=True)


def rule(path: Path, window: Window, device: str, size: Size, limit: float) -> str:
    """Rule and predictor trained together on windows that are cut on the device."""
    data, pool = windows(path, window, device)
    model = JointRSMI(window, hidden=HIDDEN, rule="linear", seed=1)
    model.build(data)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step(v: Tensor, e: Tensor) -> None:
        p = model.filter.log_prob(v).exp().float()
        bound = entropy(p.mean(0).clamp(min=1e-30)) + (p * model.predictor(e)).sum(-1).mean()
        optimizer.zero_grad()
        (-bound).backward()
        optimizer.step()

    return told(pool, step, device, size, limit / moved(data, HIDDEN))


def ensemble(path: Path, window: Window, device: str, size: Size, limit: float) -> str:
    """Many members, all of which see the same windows."""
    data, pool = windows(path, window, device)
    settings = Learning(rule="linear", hidden=(16,))
    members = Members.fresh(data.placement, settings, range(1, size.members + 1))
    members._one.to(device)
    members._weights = [
        {name: w.detach().to(device).requires_grad_() for name, w in part.items()}
        for part in members._weights
    ]
    optimizer = torch.optim.AdamW([w for part in members._weights for w in part.values()], lr=1e-3)

    def step(v: Tensor, e: Tensor) -> None:
        optimizer.zero_grad()
        members._bounds(v, members._one.seen(e), hard=False)
        optimizer.step()

    few = Size(max(256, size.batch >> 7), size.steps, size.members, size.copied)
    return told(pool, step, device, few, limit / (size.members * moved(data, (16,))), size.members)


def windows(path: Path, window: Window, device: str) -> tuple[WindowData, WindowPool]:
    """Windows for what is known in closed form, and a pool of all training ones on the device."""
    data, own = (WindowData(str(path), window, steps_per_epoch=1) for _ in range(2))
    for one in (data, own):
        one.setup("fit")
    part = own._parts[0]
    return data, own.pool(part.letters(0, part.n).to(device), part.chains)


def told(
    pool: WindowPool,
    step: Callable[[Tensor, Tensor], None],
    device: str,
    size: Size,
    limit: float,
    members: int = 1,
) -> str:
    """Windows per second of training, their share of the limit, and of drawing alone."""
    generator = torch.Generator().manual_seed(1)
    drawing = seconds(lambda: pool.draw(size.batch, generator), device, size.steps)
    training = seconds(lambda: step(*pool.draw(size.batch, generator)), device, size.steps)
    each = size.batch / training
    seen = f"{each:.3g} ({each * members:.3g} of members)" if members > 1 else f"{each:.3g}"
    return f"{seen} | {100 * each / limit:.1f} % | {size.batch / drawing:.3g}"


def moved(data: WindowData, hidden: tuple[int, ...]) -> float:
    """Bytes that the training on one window has to move, everything once where it is needed.

    Letters are read from the lattice and written; float32 inputs are written, read forwards and
    read backwards; what each layer answers is written, read forwards and backwards, and so is its
    gradient, written and read.
    """
    placement = data.placement
    letters = placement.n_visible + placement.n_environment
    return 2 * letters + 4 * (3 * letters + 5 * (sum(hidden) + 2))


def bandwidth(device: str, size: int) -> float:
    """Bytes per second that a copy reads and writes."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), device, 10)


def seconds(work: Callable[[], Any], device: str, times: int) -> float:
    """Mean time of some calls, after one that is not counted."""
    work()
    _wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    _wait(device)
    return (time.perf_counter() - start) / times


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "cuda")
