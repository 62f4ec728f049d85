"""Time and memory of measuring layers, against the number of inputs.

python benchmarks/layers.py [LAYERS WIDTH N ...]

prints one line of a markdown table for each N. Every N is measured in a process of its own, so
that the peak memory is its own; the memory of Python and torch before the measurement is
subtracted. Activations are streamed, and only 16 bytes of each row and layer stay.
"""

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from functools import partial

LAYERS, WIDTH, SIZES = 10, 1024, (10_000, 30_000, 100_000)
_INPUTS = 64


def main(arguments: list[int]) -> None:
    layers, width, *sizes = arguments or (LAYERS, WIDTH, *SIZES)
    print("| N | layers | width | s | us per row and layer | peak memory added (MB) |")
    print("|---|---|---|---|---|---|")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for n in sizes or SIZES:
            seconds, megabytes = pool.apply(measure, (layers, width, n))
            each = 1e6 * seconds / (n * layers)
            print(
                f"| {n} | {layers} | {width} | {seconds:.1f} | {each:.2f} | {megabytes:.0f} |",
                flush=True,
            )


def measure(layers: int, width: int, n: int) -> tuple[float, float]:
    """Seconds and megabytes of one measurement of H(X|T) and its companions by counting."""
    import torch
    from torch import nn

    from rsmi.layers import Batch, Inputs, Options, analyse_layers

    torch.set_num_threads(1)
    torch.manual_seed(0)
    modules: list[nn.Module] = [nn.Linear(_INPUTS, width)]
    for _ in range(layers - 1):
        modules += [nn.Tanh(), nn.Linear(width, width)]
    network = nn.Sequential(*modules, nn.Tanh())

    def stream(count: int, size: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(1)
        for start in range(0, count, size):
            rows = torch.randint(0, 2, (min(size, count - start), _INPUTS), generator=generator)
            yield Batch(2.0 * rows - 1.0, rows[:, 0], None)

    def report(count: int) -> None:
        inputs = Inputs("discrete", partial(stream, count), None, None, count)
        analyse_layers(network, inputs, layers=nn.Tanh, options=Options(keep=0))

    report(2048)  # compiles and fills what is filled once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    report(n)
    seconds = time.perf_counter() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
