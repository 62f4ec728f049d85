"""Time and memory of measuring layers, against the number of inputs.

python benchmarks/layers.py [LAYERS WIDTH N ...]

prints one line of a markdown table for each N. Every N is measured in a process of its own, so
that the peak memory is its own; that of Python and torch before the measurement stands beside
it. Inputs are streamed, activations are made by an MLP of this many layers, and only 16 bytes of
each row and layer stay. Seconds are those of the processor, which other programs do not lengthen;
the forward pass alone is timed on the same batches, without measuring anything.
"""

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from measurement import Measurement

if TYPE_CHECKING:
    from torch import nn

    from rsmi.layers import Batch

LAYERS, WIDTH, SIZES = 10, 1024, (10_000, 30_000, 100_000)
_INPUTS, _BATCH = 64, 1024
_HEAD = "N | layers | width | s | s of forward pass | wall s | us per row and layer | peak MB"


@dataclass(frozen=True)
class Cost:
    """What one measurement took.

    Args:
        seconds: Of the processor.
        forward: Of those, what the network alone takes.
        wall: Seconds on the clock.
        peak: Memory of the process, MB.
        before: The same before the measurement.
    """

    seconds: float
    forward: float
    wall: float
    peak: float
    before: float


def main() -> Measurement:
    """10 layers of width 1024 at one size, with the network alone as the peer."""
    n = SIZES[0]
    cost = _apart(LAYERS, WIDTH, n)
    each = 1e6 * cost.seconds / (n * LAYERS)
    return Measurement(
        f"{LAYERS} layers of width {WIDTH}, N = {n}: {each:.1f} us per row and layer, "
        f"{cost.peak - cost.before:.0f} MB added",
        f"the network alone: {1e6 * cost.forward / (n * LAYERS):.1f} us",
        f"{cost.seconds / cost.forward:.2f}",
    )


def table(layers: int, width: int, sizes: list[int]) -> None:
    sys.stdout.write(f"| {_HEAD} (before) |\n|{'---|' * 8}\n")
    for n in sizes:
        c = _apart(layers, width, n)
        each = 1e6 * c.seconds / (n * layers)
        cells = (n, layers, width, f"{c.seconds:.1f}", f"{c.forward:.1f}", f"{c.wall:.0f}")
        memory = f"{c.peak:.0f} ({c.before:.0f})"
        sys.stdout.write(f"| {' | '.join(map(str, cells))} | {each:.2f} | {memory} |\n")
        sys.stdout.flush()


def _apart(layers: int, width: int, n: int) -> Cost:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (layers, width, n))


def measure(layers: int, width: int, n: int) -> Cost:
    """One measurement of H(X|T) and its companions by counting."""
    import torch
    from torch import nn

    from rsmi.layers import Inputs, Options, analyse_layers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    modules: list[nn.Module] = [nn.Linear(_INPUTS, width)]
    for _ in range(layers - 1):
        modules += [nn.Tanh(), nn.Linear(width, width)]
    network = nn.Sequential(*modules, nn.Tanh())

    def report(count: int) -> None:
        inputs = Inputs("discrete", partial(_stream, count), None, None, count)
        options = Options(keep=0, batch_size=_BATCH, progress=_tell)
        analyse_layers(network, inputs, layers=nn.Tanh, options=options)

    report(2 * _BATCH)  # compiles and fills what is filled once
    before = _peak()
    wall, start = time.perf_counter(), time.process_time()
    report(n)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    return Cost(seconds, _forward(network, n), wall, _peak(), before)


def _stream(count: int, size: int) -> "Iterator[Batch]":
    import torch

    from rsmi.layers import Batch

    generator = torch.Generator().manual_seed(1)
    for start in range(0, count, size):
        rows = torch.randint(0, 2, (min(size, count - start), _INPUTS), generator=generator)
        yield Batch(2.0 * rows - 1.0, rows[:, 0], None)


def _forward(network: "nn.Module", n: int, batches: int = 16) -> float:
    """Seconds of the network alone, from some batches."""
    import torch

    some = [batch.x for batch in _stream(batches * _BATCH, _BATCH)]
    start = time.process_time()
    with torch.no_grad():
        for x in some:
            network(x)
    return (time.process_time() - start) * n / (batches * _BATCH)


def _tell(done: int, count: int, what: str) -> None:
    tenth = max(count // 10, 1)
    if done // tenth > (done - _BATCH) // tenth and what == "inputs" and count > 50_000:
        sys.stderr.write(f"{done} of {count} rows\n")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    table(*(words[:2] or (LAYERS, WIDTH)), words[2:] or list(SIZES))
