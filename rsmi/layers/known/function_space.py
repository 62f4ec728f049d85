"""Random layered machines: which Boolean functions their nodes compute, layer by layer.

All 2^n inputs run together, so the column of a node is the function it computes. The entropy of
that function over random machines has a closed recursion for very wide layers.
"""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from rsmi.information import entropy
from rsmi.lattice import states
from rsmi.layers.counting import dense_labels, label_entropy, row_ids
from rsmi.layers.known.check import BIT, Check
from rsmi.layers.probe import Probe

_WIDTH, _LAYERS = 4096, 4


class SignLayer(nn.Module):
    """Signs of random sums of all nodes below."""

    weight: Tensor

    def __init__(self, below: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(below, width, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """+1 or -1, (n, width)."""
        return (x @ self.weight).sign()


def literals(n: int) -> Tensor:
    """Columns of the machine's inputs, (2**n, n + 1) of +1 and -1: the n bits and a constant."""
    bits = states(n).float()
    return torch.cat([bits, torch.ones(len(bits), 1)], 1)


def sign_machine_entropies(n: int, layers: int) -> list[float]:
    r"""H of the function of a node in each layer of wide sign machines, in nats.

    Overlaps of two inputs go from layer to layer as :math:`q \to \frac2\pi \arcsin q`, and a
    function has the probability of its orthant under a normal distribution with them.

    Args:
        n: Bits of input, 1 or 2; the literals are these and a constant.
        layers: Number of layers.

    >>> abs(sign_machine_entropies(2, 1)[0] / BIT - 3.6656) < 0.002
    True
    """
    columns = literals(n).double().numpy()
    overlap = columns @ columns.T / columns.shape[1]
    signs = states(len(overlap)).double().numpy()[: 1 << (len(overlap) - 1)]
    result = []
    for _ in range(layers):
        # Every orthant is the lower one of a normal with some axes turned round, and has the
        # probability of the opposite one.
        half = [_lower_orthant(overlap * np.outer(s, s)) for s in signs]
        p = torch.tensor(half, dtype=torch.float64)
        result.append(float(entropy(p / p.sum())) + BIT)
        overlap = 2 / np.pi * np.arcsin(np.clip(overlap, -1, 1))
    return result


def _lower_orthant(covariance: NDArray[np.float64]) -> float:
    origin = np.zeros(len(covariance))
    return float(
        multivariate_normal.cdf(origin, None, covariance, True, maxpts=20_000, abseps=1e-5)
    )


def gate_machine_entropies(layers: int) -> list[float]:
    """H of the function of a node in each layer of a machine two nodes wide, in nats.

    Each node is any of the 16 gates of the two nodes below, in the first layer of the two bits.
    Exact: the pair of functions of a layer is a Markov chain with 256 states.

    >>> [round(h / BIT, 4) for h in gate_machine_entropies(4)]
    [4.0, 3.785, 3.4026, 3.0078]
    """
    functions = (states(4) > 0).long()  # the column of each function
    place = 2 * functions[:, None] + functions[None, :]  # row of a gate that each input selects
    node = torch.zeros(16, 16, 16, dtype=torch.float64)  # p(function | the two below)
    for gate in functions:
        column = (gate[place] << torch.arange(4)).sum(2)
        node.scatter_add_(2, column[..., None], torch.full((16, 16, 1), 1 / 16).double())
    pair = torch.full((16, 16), 1 / 256, dtype=torch.float64)
    result = []
    for _ in range(layers):
        result.append(float(entropy(pair.sum(1))))
        pair = torch.einsum("ab,abc,abd->cd", pair, node, node)
    return result


def measured_sign_machine(n: int, layers: int, width: int, seed: int) -> list[float]:
    """The same entropies counted over the nodes of one machine, in nats."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [n + 1] + [width] * layers
    machine = nn.Sequential(*[SignLayer(a, b, generator) for a, b in itertools.pairwise(sizes)])
    with Probe(machine) as probe:
        found = probe(literals(n))
    equal = np.full(width, 1 / width)
    return [label_entropy(dense_labels(row_ids(t.T).numpy()), equal) for t in found.values()]


def function_space_checks() -> list[Check]:
    """Functions of two bits in one wide machine, beside the recursion for infinite width."""
    exact = sign_machine_entropies(2, _LAYERS)
    found = measured_sign_machine(2, _LAYERS, _WIDTH, seed=0)
    quoted = (4.0, 3.7850, 3.4026, 3.0078)
    gates = gate_machine_entropies(len(quoted))
    return [
        *(
            Check(f"random sign machine, layer {k}: H(function)", e / BIT, g / BIT, 0.05)
            for k, (e, g) in enumerate(zip(exact, found, strict=True), 1)
        ),
        *(
            Check(f"random gates, layer {k}: H(function)", q, g / BIT, 5e-5)
            for k, (q, g) in enumerate(zip(quoted, gates, strict=True), 1)
        ),
    ]
