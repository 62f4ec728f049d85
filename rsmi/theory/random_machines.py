"""Random layered machines: which Boolean functions their nodes compute, by theory and at a width.

All :math:`2^n` inputs run through a machine together, so the column of a node's answers is the
Boolean function that it computes. A function is a word: bit x is set where input x gives +1, the
inputs in the order of `rsmi.lattice.states`.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError, nearest
from rsmi.information import Estimate
from rsmi.lattice import states

Array = NDArray[np.float64]
Words = NDArray[np.int64]
Activation = Literal["sign", "relu", "tanh"]

MOST_INPUTS = 3
_EXACT_INPUTS = 2
_MOST_DEPTH = 64
_NODES = 400  # of the quadrature of four-dimensional orthants
_STEP, _REACH = 0.08, 8.0  # of the mean of a product of two tanh, in each variable
_MOST_GAIN = 4.0  # beyond it tanh is too steep for that many nodes
_MOST_TUPLES = 1 << 28  # functions of k nodes that a gate joins
_CHUNK, _GROUPS = 1 << 18, 50

GATES = {
    "and": "0001",
    "or": "0111",
    "xor": "0110",
    "nand": "1110",
    "maj3": "00010111",
    "xor3": "01101001",
}
"""Truth tables by name: the answer to inputs 00..0, 10..0, 01..0 and so on, the first gate input
as the lowest bit."""


@dataclass(frozen=True)
class FunctionSpace:
    r"""The functions that nodes of each layer compute, and how evenly.

    Args:
        probabilities: (depth, 2^(2^n)) P_L(F), L = 1 ... depth, by function word.
        entropies: H_L = - sum_F P_L(F) log2 P_L(F) in bits.
    """

    probabilities: Array
    entropies: tuple[Estimate, ...]


def literals(n: int, constant: bool = True, negated: bool = False) -> Array:
    """Columns that input nodes copy: the n bits, their negations, a constant.

    Args:
        n: Bits of input.
        constant: Whether +1 is one of them.
        negated: Whether minus every bit is.

    Returns:
        (literals, 2^n) of +1 and -1.

    Raises:
        InputError: For fewer than 1 or more than 3 bits.

    >>> literals(1).tolist()
    [[-1.0, 1.0], [1.0, 1.0]]
    """
    if not 1 <= n <= MOST_INPUTS:
        functions = f"2^{1 << n}" if 0 < n < 64 else "no"
        raise InputError(
            f"{n} inputs have {functions} functions; their probabilities are exact for 1 and 2 "
            "inputs and sampled for 3"
        )
    bits = states(n).double().numpy().T
    rows = [bits, *([-bits] if negated else []), *([np.ones((1, 1 << n))] if constant else [])]
    return np.concatenate(rows)


def next_overlaps(overlaps: Array, activation: Activation = "sign", gain: float = 1.0) -> Array:
    r"""Mean products of a wide layer's values from those of the layer below.

    .. math:: q' = \tfrac{2}{\pi} \arcsin q, \qquad
              q' = \tfrac{1}{\pi} [\sqrt{1-q^2} + (\pi - \arccos q)\, q], \qquad
              C'_{ab} = \langle \tanh(g u_a) \tanh(g u_b) \rangle_{u \sim N(0, C)}

    for sign, ReLU (variance kept) and tanh.

    Args:
        overlaps: (..., d, d) mean products C of the values below at d inputs; where the activation
            has no scale, their ratio to the squares on the diagonal counts.
        activation: sign, relu or tanh.
        gain: g of tanh, up to 4.

    Returns:
        The same for the layer.

    Raises:
        InputError: For an unknown activation or a gain that is out of range.

    Source: Mozeika, Li and Saad (2020), arXiv:2004.08930; Cho and Saul (2009).

    >>> float(next_overlaps(np.array([[1.0, 0.5], [0.5, 1.0]]))[0, 1].round(4))
    0.3333
    """
    _check_activation(activation, gain)
    scale = np.sqrt(np.diagonal(overlaps, axis1=-2, axis2=-1))
    q = np.clip(overlaps / (scale[..., :, None] * scale[..., None, :]), -1, 1)
    if activation == "tanh":
        return _tanh_products(q, scale, gain)
    return overlap_map(q, activation)


def overlap_map(q: Array, activation: Activation = "sign") -> Array:
    """The recursion of `next_overlaps` for activations without a scale, entry by entry."""
    if activation == "sign":
        return np.asarray(2 / np.pi * np.arcsin(q))
    return np.asarray((np.sqrt(1 - q * q) + (np.pi - np.arccos(q)) * q) / np.pi)


def _tanh_products(q: Array, scale: Array, gain: float) -> Array:
    """By sums over even steps, once for each value that occurs.

    For a function without poles near the axis they converge faster than any power of the step; the
    nearest pole of tanh lies at half a circle over twice the gain.
    """
    nodes = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    weights = np.exp(-nodes * nodes / 2)
    weights /= weights.sum()
    first = np.broadcast_to(scale[..., :, None], q.shape)
    rows = np.stack([q, first, np.swapaxes(first, -1, -2)], -1).reshape(-1, 3)
    values, back = np.unique(rows.round(14), axis=0, return_inverse=True)
    found = []
    for r, a, b in values:
        other = r * nodes[:, None] + math.sqrt(max(1 - r * r, 0.0)) * nodes
        found.append(weights @ (np.tanh(gain * a * nodes) * (np.tanh(gain * b * other) @ weights)))
    return np.asarray(found)[back.ravel()].reshape(q.shape)


def orthant_probabilities(covariance: Array) -> Array:
    r"""Probability of every sign pattern of a normal vector in 1, 2 or 4 dimensions.

    In four, the derivative along :math:`(1-t)\mathbb{1} + t R` is closed (Plackett 1954):

    .. math:: P = \tfrac{1}{16} + \int_0^1 \sum_{i<j} \frac{r_{ij}}{2\pi\sqrt{1-t^2r_{ij}^2}}
              \Big[\tfrac14 + \tfrac{1}{2\pi}\arcsin\rho_{kl \cdot ij}(t)\Big] dt

    with the partial correlation of the other two.

    Args:
        covariance: (d, d), d = 1, 2 or 4; it may be singular.

    Returns:
        (2^d,) by word of signs, exact to about 1e-9.

    Raises:
        InputError: For another number of dimensions.

    >>> orthant_probabilities(np.array([[1.0, 0.5], [0.5, 1.0]])).round(4).tolist()
    [0.3333, 0.1667, 0.1667, 0.3333]
    """
    d = len(covariance)
    scale = np.sqrt(np.diag(covariance))
    signs = states(d).double().numpy()
    r = covariance / np.outer(scale, scale) * (signs[:, :, None] * signs[:, None, :])
    r = np.clip(r, -1, 1)
    if d == 1:
        return np.full(2, 0.5)
    if d == 2:
        return np.asarray(0.25 + np.arcsin(r[:, 0, 1]) / (2 * np.pi))
    if d != 4:
        raise InputError(f"orthants of {d} dimensions; expected 1, 2 or 4")
    return _four_dimensional(r)


def _four_dimensional(r: Array) -> Array:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    angle = np.pi / 4 * (nodes + 1)  # t = sin(angle) takes the root out of the density
    t, weights = np.sin(angle), np.pi / 4 * weights * np.cos(angle)
    total = np.full(len(r), 1 / 16)
    for i, j in itertools.combinations(range(4), 2):
        k, m = (place for place in range(4) if place not in (i, j))
        a, b = t * r[:, i, j, None], [t * r[:, x, y, None] for x in (k, m) for y in (i, j)]
        rest = 1 - a * a
        both = (
            t * r[:, k, m, None]
            - (b[0] * b[2] + b[1] * b[3] - a * (b[0] * b[3] + b[1] * b[2])) / rest
        )
        one = 1 - (b[0] ** 2 + b[1] ** 2 - 2 * a * b[0] * b[1]) / rest
        two = 1 - (b[2] ** 2 + b[3] ** 2 - 2 * a * b[2] * b[3]) / rest
        size = np.sqrt(np.maximum(one * two, 1e-300))
        inner = 0.25 + np.arcsin(np.clip(both / size, -1, 1)) / (2 * np.pi)
        total += (r[:, i, j, None] / (2 * np.pi * np.sqrt(rest)) * inner) @ weights
    return np.maximum(total, 0.0)


def wide_machines(
    n: int,
    depth: int,
    activation: Activation = "sign",
    *,
    constant: bool = True,
    gain: float = 1.0,
    samples: int = 1_000_000,
    seed: int = 0,
) -> FunctionSpace:
    r"""Which functions the nodes of infinitely wide random machines compute.

    .. math:: P_L(F) = P[\mathrm{sign}\, u = F], \quad u \sim N(0, C^{L-1}), \qquad
              H_L = -\sum_F P_L(F) \log_2 P_L(F)

    :math:`C^0` is the mean product of the literals that input nodes copy, :math:`C^l` follows
    `next_overlaps`; layered machines and those that use the same weights in every layer agree.

    Args:
        n: Bits of input: 1 and 2 are exact, 3 is sampled.
        depth: Largest L; the node that answers is in layer L.
        activation: Of the layers below it: sign, relu or tanh.
        constant: Whether a constant is among the literals.
        gain: Of tanh.
        samples: Sign patterns drawn for n = 3, at each depth.
        seed: Of these.

    Raises:
        InputError: For more than three bits, and other values out of range.

    Source: Mozeika, Li and Saad (2020), arXiv:2004.08930.

    >>> [round(h.value, 4) for h in wide_machines(2, 2).entropies]
    [3.6655, 3.8931]
    """
    columns = literals(n, constant)
    _check_depth(depth)
    if n > _EXACT_INPUTS and samples < 1000:
        raise InputError(f"{samples} samples of sign patterns; expected at least 1000")
    overlaps = columns.T @ columns / len(columns)
    generator, rows, entropies = np.random.default_rng(seed), [], []
    for _ in range(depth):
        if n > _EXACT_INPUTS:
            counts = _sampled_orthants(overlaps, samples, generator)
            rows.append(counts / samples)
            entropies.append(counted_entropy(counts))
        else:
            rows.append(orthant_probabilities(overlaps))
            entropies.append(Estimate(_bits(rows[-1]), 0.0, "exact", "bits"))
        overlaps = next_overlaps(overlaps, activation, gain)
    return FunctionSpace(np.stack(rows), tuple(entropies))


def _sampled_orthants(
    covariance: Array, samples: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """How often each sign pattern was drawn."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    counts = np.zeros(1 << len(covariance), dtype=np.int64)
    for start in range(0, samples, _CHUNK):
        drawn = generator.standard_normal((min(_CHUNK, samples - start), len(root))) @ root.T
        counts += np.bincount(_words_of(drawn), minlength=len(counts))
    return counts


def counted_entropy(counts: NDArray[np.int64]) -> Estimate:
    """Entropy in bits of independent draws, with the bias of first order taken out (Miller 1955).

    >>> counted_entropy(np.array([500, 500])).error < 0.01
    True
    """
    n = int(counts.sum())
    p = counts[counts > 0] / n
    surprise = -np.log2(p)
    mean = float(p @ surprise)
    bias = (len(p) - 1) / (2 * n * math.log(2))
    # Of an even distribution the first order of the error vanishes; the bias has its size.
    error = math.hypot(math.sqrt(max(float(p @ (surprise - mean) ** 2), 0.0) / n), bias)
    return Estimate(mean + bias, error, "estimate", "bits", n)


def finite_machines(
    n: int,
    depth: int,
    width: int,
    machines: int,
    activation: Activation = "sign",
    *,
    recurrent: bool = False,
    constant: bool = True,
    gain: float = 1.0,
    seed: int = 0,
) -> FunctionSpace:
    """Which functions the nodes of random machines of some width compute, counted.

    Each node sums the nodes below with independent normal weights; every node of layer L of every
    machine counts, and the error is the jackknife over groups of machines.

    Args:
        n: Bits of input, 1 to 3.
        depth: Largest L.
        width: Nodes of each layer; input nodes copy literals at random.
        machines: How many, at least 100.
        activation: Of the hidden layers.
        recurrent: Whether one machine has the same weights in every layer.
        constant: Whether a constant is among the literals.
        gain: Of tanh.
        seed: Of literals and weights.

    Returns:
        Frequencies, and entropies with the bias of counting taken out.

    Raises:
        InputError: For values out of range.
    """
    columns = literals(n, constant)
    _check_depth(depth)
    _check_activation(activation, gain)
    if width < 1 or machines < 2 * _GROUPS:
        raise InputError(
            f"{machines} machines of width {width}; expected at least {2 * _GROUPS} machines, of "
            "width 1 or more"
        )
    generator = np.random.default_rng(seed)
    parts = [len(part) for part in np.array_split(np.arange(machines), _GROUPS)]
    counts = np.stack(
        [
            _count_machines(columns, depth, width, own, activation, recurrent, gain, generator)
            for own in parts
        ]
    )
    totals = counts.sum(0)
    return FunctionSpace(totals / totals.sum(1, keepdims=True), _jackknifed(counts))


def _count_machines(
    columns: Array,
    depth: int,
    width: int,
    machines: int,
    activation: Activation,
    recurrent: bool,
    gain: float,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """(depth, functions) counts over the nodes of some machines."""
    size = columns.shape[1]
    values = columns[generator.integers(len(columns), size=(machines, width))].astype(np.float32)
    counts, weights = [], np.zeros(0, dtype=np.float32)
    for layer in range(depth):
        if layer == 0 or not recurrent:
            weights = generator.standard_normal((machines, width, width), dtype=np.float32)
        sums = weights @ values / np.float32(math.sqrt(width))
        counts.append(np.bincount(_words_of(sums).ravel(), minlength=1 << size))
        values = _activated(sums, activation, gain)
    return np.stack(counts)


def _activated(
    sums: NDArray[np.float32], activation: Activation, gain: float
) -> NDArray[np.float32]:
    if activation == "sign":
        return np.where(sums > 0, np.float32(1), np.float32(-1))
    if activation == "relu":
        return np.asarray(np.maximum(sums, 0) * np.float32(math.sqrt(2)))
    return np.tanh(np.float32(gain) * sums)


def _words_of(values: NDArray[np.floating]) -> Words:
    """The word of the signs along the last axis."""
    return np.asarray((values > 0) @ (1 << np.arange(values.shape[-1])))


def _jackknifed(counts: NDArray[np.int64]) -> tuple[Estimate, ...]:
    """Entropy of each depth from (groups, depth, functions) counts, without first-order bias."""
    groups, total = len(counts), counts.sum(0)
    found = []
    for layer in range(counts.shape[1]):
        whole = _bits(total[layer] / total[layer].sum())
        left = total[layer] - counts[:, layer]
        each = np.array([_bits(row / row.sum()) for row in left])
        value = groups * whole - (groups - 1) * float(each.mean())
        error = math.sqrt((groups - 1) * float(each.var()))
        # Near an even distribution the spread is of second order: smaller than the correction.
        error = math.hypot(error, value - whole)
        found.append(Estimate(value, error, "estimate", "bits", int(total[layer].sum())))
    return tuple(found)


def _bits(probabilities: Array) -> float:
    p = probabilities[probabilities > 0]
    return max(float(-(p @ np.log2(p))), 0.0)


def sparse_machines(
    n: int,
    depth: int,
    gate: str | Sequence[str],
    *,
    constant: bool = False,
    negated: bool = False,
) -> FunctionSpace:
    r"""Which functions nodes compute that are gates of k random nodes of the layer below.

    .. math:: P_{l+1}(F) = \sum_{F_1 \dots F_k} \prod_j P_l(F_j)\; [F = g(F_1, \dots, F_k)]

    Exact for wide layers; :math:`P_0` is even over the literals.

    Args:
        n: Bits of input, 1 to 3.
        depth: Number of layers of gates.
        gate: A name from `GATES`, a truth table such as "0111", or several, one of which each
            node takes at random; `random2` stands for all gates of two.
        constant: Whether a constant is among the literals.
        negated: Whether the negated bits are.

    Returns:
        Of layers 0 (the literals) to `depth`.

    Raises:
        InputError: For what is no truth table, or one of too many inputs.

    Source: Mozeika, Li and Saad (2020), arXiv:2004.08930.

    >>> [round(h.value, 3) for h in sparse_machines(3, 3, "maj3").entropies]
    [1.585, 1.997, 1.793, 1.117]
    """
    columns = literals(n, constant, negated)
    _check_depth(depth)
    tables = truth_tables(gate, n)
    row = np.bincount(_words_of(columns), minlength=1 << (1 << n)) / len(columns)
    rows = [row]
    for _ in range(depth):
        rows.append(np.mean([_one_gate(rows[-1], table, 1 << n) for table in tables], 0))
    entropies = (Estimate(_bits(row), 0.0, "exact", "bits") for row in rows)
    return FunctionSpace(np.stack(rows), tuple(entropies))


def truth_tables(gate: str | Sequence[str], n: int) -> list[str]:
    """The truth tables of gates that `sparse_machines` takes.

    Args:
        gate: As there.
        n: Bits of input of the machine.

    Raises:
        InputError: As there.

    >>> truth_tables("xor", 2)
    ['0110']
    """
    tables = [_table(one) for one in _gates(gate)]
    if len({len(table) for table in tables}) != 1:
        raise InputError("gates with different numbers of inputs; give those of one number")
    arity = len(tables[0]).bit_length() - 1
    if (1 << ((1 << n) * arity)) > _MOST_TUPLES:
        raise InputError(
            f"a gate of {arity} nodes with {n} inputs joins 2^{(1 << n) * arity} functions; "
            "expected at most 2^28: take fewer inputs, or a gate of fewer nodes"
        )
    return tables


def _gates(gate: str | Sequence[str]) -> list[str]:
    if gate == "random2":
        return ["".join(row) for row in itertools.product("01", repeat=4)]
    return [gate] if isinstance(gate, str) else list(gate)


def _table(gate: str) -> str:
    table = GATES.get(gate, gate)
    arity = len(table).bit_length() - 1
    if set(table) - {"0", "1"} or len(table) != 1 << arity or arity < 1:
        raise InputError(
            f"gate is {gate!r}; {nearest(gate, GATES)}expected one of {', '.join(GATES)}, random2, "
            "or a truth table of 2, 4, 8, ... digits 0 and 1"
        )
    return table


def _one_gate(row: Array, table: str, size: int) -> Array:
    """The next distribution; words with their probabilities are joined one node at a time."""
    arity, everything = len(table).bit_length() - 1, (1 << size) - 1
    support = np.flatnonzero(row)
    tuples, weights = support[:, None], row[support]
    for _ in range(arity - 2):
        tuples = np.column_stack(
            [np.repeat(tuples, len(support), 0), np.tile(support, len(tuples))]
        )
        weights = np.outer(weights, row[support]).ravel()
    found = np.zeros(1 << size)
    for last in support if arity > 1 else [None]:
        inputs = [*tuples.T] if last is None else [*tuples.T, np.full(len(tuples), last)]
        answer = np.zeros(len(tuples), dtype=np.int64)
        for place in (place for place, digit in enumerate(table) if digit == "1"):
            term = np.full(len(tuples), everything)
            for j, word in enumerate(inputs):
                term &= word if place >> j & 1 else ~word
            answer |= term
        own = weights if last is None else weights * row[last]
        found += np.bincount(answer, own, 1 << size)
    return found


def two_node_machines(depth: int) -> FunctionSpace:
    """Which functions the nodes of machines of width two compute, each any gate of both below.

    The first layer takes the two bits of input. The pair of functions of a layer is a Markov chain
    with 256 states.

    Args:
        depth: Number of layers.

    Returns:
        Of layers 1 to `depth`, exact.

    Source: Mozeika, Li and Saad (2020), arXiv:2004.08930.

    >>> [round(h.value, 4) for h in two_node_machines(4).entropies]
    [4.0, 3.785, 3.4026, 3.0078]
    """
    _check_depth(depth)
    functions = (states(4).numpy() > 0).astype(np.int64)
    place = 2 * functions[:, None] + functions[None, :]  # row of a gate that each input selects
    node = np.zeros((16, 16, 16))  # P(function | the two below)
    for gate in functions:
        words = _words_of(gate[place])
        node[np.arange(16)[:, None], np.arange(16), words] += 1 / 16
    pair, rows = np.full((16, 16), 1 / 256), []
    for _ in range(depth):
        rows.append(pair.sum(1))
        pair = np.einsum("ab,abc,abd->cd", pair, node, node, optimize=True)
    entropies = (Estimate(_bits(row), 0.0, "exact", "bits") for row in rows)
    return FunctionSpace(np.stack(rows), tuple(entropies))


def _check_activation(activation: str, gain: float) -> None:
    if activation not in get_args(Activation):
        raise InputError(
            f"activation is {activation!r}; {nearest(activation, get_args(Activation))}expected "
            f"one of {', '.join(get_args(Activation))}"
        )
    if not 0 < gain <= _MOST_GAIN:
        raise InputError(
            f"gain is {gain}; expected more than 0 and at most {_MOST_GAIN:g}: steeper, take sign"
        )


def _check_depth(depth: int) -> None:
    if not 1 <= depth <= _MOST_DEPTH:
        raise InputError(f"depth is {depth}; expected 1 to {_MOST_DEPTH} layers")
