"""The networks, and every pattern as their input."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rsmi.cli.studies.ensemble import Labelled
from rsmi.cli.studies.initial import keep_variance
from rsmi.cli.studies.twelve_bits.sphere import all_patterns, label_probability, read_mat
from rsmi.cli.studies.twelve_bits.task import Kind, TwelveBits

_UNITS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def network(widths: Sequence[int], kind: Kind) -> nn.Sequential:
    """Linear layers and unit functions `T1`, `T2` ..., then two logits.

    >>> [name for name, _ in network((3, 2), Kind("tanh", "pytorch")).named_children()]
    ['linear1', 'T1', 'linear2', 'T2', 'logits']
    """
    layers: list[tuple[str, nn.Module]] = []
    for place, (before, after) in enumerate(zip((12, *widths), widths, strict=False), start=1):
        layers += [
            (f"linear{place}", nn.Linear(before, after)),
            (f"T{place}", _UNITS[kind.activation]()),
        ]
    whole = nn.Sequential(OrderedDict([*layers, ("logits", nn.Linear(widths[-1], 2))]))
    if kind.initial == "pytorch":
        return whole
    return keep_variance(whole, "relu" if kind.activation == "relu" else "linear")


def patterns(task: TwelveBits) -> Labelled:
    """Every pattern in a fixed random order; one with two possible labels has two rows.

    The order makes every part of the rows a fair sample of the patterns.
    """
    if task.mat is not None:
        x, p = read_mat(task.mat)
    else:
        x = all_patterns()
        p = label_probability(x, task.steepness)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    x, y, weights = _rows(x[order], p[order])
    even = bool((weights == weights[0]).all())
    return Labelled(x, y, None if even else weights)


def _rows(x: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weights = torch.cat([1 - p, p])
    labels = torch.arange(2).repeat_interleave(len(x))
    met = weights > 0
    order = torch.argsort(torch.arange(len(x)).repeat(2)[met], stable=True)
    return x.repeat(2, 1)[met][order], labels[met][order], weights[met][order]
