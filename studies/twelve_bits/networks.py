"""The networks, and every pattern on twelve points of a sphere with the rule that labels it."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.lattice import states
from studies.training import Labelled, keep_variance
from studies.twelve_bits.settings import Kind, Settings

_POINTS = 12
_DEGREE_WEIGHTS = (1.0, 0.5)
"""Weights of the dipole (l = 1) and quadrupole (l = 2) power; they tell most orbits apart."""


def icosahedron() -> NDArray[np.float64]:
    """The twelve vertices on the unit sphere, (12, 3).

    >>> len({round(float(c), 6) for c in (icosahedron() @ icosahedron().T).ravel()})
    4
    """
    golden = (1 + math.sqrt(5)) / 2
    plane = [(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = np.array([np.roll(point, turn) for turn in range(3) for point in plane])
    return points / math.sqrt(1 + golden**2)


def all_patterns() -> Tensor:
    """The 4096 patterns of +1 and -1, (4096, 12) float32."""
    return states(_POINTS).float()


def power(patterns: Tensor) -> Tensor:
    r"""A rotation-invariant number of each pattern, (n,) float64.

    .. math:: u(x) = \sum_{l=1,2} w_l \sum_{ij} \frac{1+x_i}2 \frac{1+x_j}2 P_l(r_i \cdot r_j)

    By the addition theorem the inner sum is the power of the points that are lit in the
    spherical harmonics of degree l, so turning the sphere changes nothing.
    """
    cosine = torch.from_numpy(icosahedron() @ icosahedron().T)
    legendre = (cosine, 1.5 * cosine.square() - 0.5)
    kernel = sum(w * p for w, p in zip(_DEGREE_WEIGHTS, legendre, strict=True))
    lit = 0.5 * (1 + patterns.double())
    return torch.einsum("ni,ij,nj->n", lit, torch.as_tensor(kernel), lit)


def label_probability(patterns: Tensor, steepness: float | None = None) -> Tensor:
    r"""p(y = 1|x) of the rule, (n,) float64.

    .. math:: y = [u(x) > \theta] \quad \mathrm{or} \quad
              p(y{=}1|x) = \frac{1}{1 + e^{-\gamma (u(x) - \theta)}}

    The threshold is put between two values of u such that p(y = 1) is as near 1/2 as it can be.

    Args:
        patterns: (n, 12) of +1 and -1, every pattern once.
        steepness: gamma of the smooth rule; the threshold itself without.

    Raises:
        InputError: For a steepness that is not positive.

    >>> round(float(label_probability(all_patterns()).mean()), 1)
    0.5
    """
    if steepness is not None and not steepness > 0:
        raise InputError(f"steepness is {steepness}; expected a number above 0, or none")
    u = power(patterns).round(decimals=9)
    values, counts = u.unique(return_counts=True)
    below = counts.cumsum(0)[:-1]
    place = int((below - len(u) / 2).abs().argmin())
    threshold = 0.5 * (values[place] + values[place + 1])
    if steepness is None:
        return (u > threshold).double()
    return torch.sigmoid(steepness * (u - threshold))


def read_mat(path: str) -> tuple[Tensor, Tensor]:
    """Patterns and labels of the original data, as others distribute them.

    Args:
        path: A `.mat` file with `F` (4096, 12) of 0 and 1 and `y` (4096 numbers 0 or 1).

    Returns:
        Patterns of +1 and -1 (n, 12) float32, and p(y = 1|x) (n,) float64.

    Raises:
        InputError: For another file.
    """
    from scipy.io import loadmat

    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; leave `mat` out to use the rule of this study")
    try:
        content = loadmat(path, variable_names=("F", "y"))
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise InputError(f"{path} is no readable .mat file ({error})") from None
    if not {"F", "y"} <= set(content):
        raise InputError(f"{path} holds no F and y; expected patterns F (n, 12) and labels y (n)")
    x, y = np.asarray(content["F"], float), np.asarray(content["y"], float).ravel()
    if x.ndim != 2 or x.shape[1] != _POINTS or len(y) != len(x) or not _two_valued(x, y):
        raise InputError(
            f"{path} holds F of shape {x.shape} and {len(y)} labels; expected (n, 12) of 0 and 1 "
            "(or -1 and 1) and n labels 0 or 1"
        )
    return torch.from_numpy(np.where(x > 0, 1.0, -1.0)).float(), torch.from_numpy(y)


def _two_valued(x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    return bool(np.isin(x, (-1, 0, 1)).all() and np.isin(y, (0, 1)).all())


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


def patterns(task: Settings) -> Labelled:
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
