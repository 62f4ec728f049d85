"""Random machines beside others with nearly the same weights: what a change of weights costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom
from torch import Tensor
from torch.nn.functional import softplus

from rsmi.errors import AnalysisError, InputError, nearest
from rsmi.information import Estimate
from rsmi.theory.random_machines import Array, overlap_map

Perturbation = Literal["binarise", "dilute", "noise"]
Scaleless = Literal["sign", "relu"]
"""Activations whose overlaps follow one number."""

_MOST_WIDTH = 2000
_LEAST_MACHINES = 20
_GRID = 801
_STRENGTHS = (-60.0, 300.0)
"""Logarithms of the odds of the first layer, between a coin and an error of 1e-9."""


def weight_overlap(perturbation: Perturbation, strength: float = 0.5) -> float:
    r"""Correlation of a normal weight with what is left of it.

    .. math:: \eta = \sqrt{2/\pi}\;\text{(sign alone)}, \quad \sqrt{1-s}\;\text{(a share s is cut)},
              \quad 1/\sqrt{1+s^2}\;\text{(noise of s standard deviations)}

    Args:
        perturbation: binarise, dilute or noise.
        strength: s; binarise has none.

    Raises:
        InputError: For another word, or a strength out of range.

    >>> round(weight_overlap("dilute", 0.5), 4)
    0.7071
    """
    if perturbation not in get_args(Perturbation):
        known = get_args(Perturbation)
        raise InputError(
            f"perturbation is {perturbation!r}; {nearest(perturbation, known)}expected one of "
            f"{', '.join(known)}"
        )
    if perturbation == "binarise":
        return math.sqrt(2 / math.pi)
    if not (0 <= strength < 1 if perturbation == "dilute" else 0 <= strength < math.inf):
        raise InputError(
            f"strength of {perturbation} is {strength}; expected a share from 0 to below 1 of "
            "weights to cut, or a noise of at least 0 standard deviations"
        )
    return math.sqrt(1 - strength) if perturbation == "dilute" else 1 / math.hypot(1, strength)


def output_errors(overlap: float, depth: int, activation: Scaleless = "sign") -> list[float]:
    r"""How often an output node of two wide machines differs, whose weights have an overlap.

    .. math:: \epsilon_L = \tfrac{1}{\pi} \arccos(\eta\, q_{L-1}), \qquad
              q_l = \kappa(\eta\, q_{l-1}), \; q_0 = 1

    Args:
        overlap: Correlation eta of the weights of every layer.
        depth: Largest L.
        activation: Of the hidden layers, sign or relu.

    Returns:
        For L = 1 ... depth.

    Raises:
        InputError: For an overlap that is none, or another activation.

    Source: Li and Saad (2018), arXiv:1708.01422; (2020), arXiv:1910.05769.

    >>> [round(e, 3) for e in output_errors(weight_overlap("binarise"), 2)]
    [0.206, 0.345]
    """
    _check_scaleless(activation)
    if not 0 <= overlap <= 1:
        raise InputError(f"overlap of the weights is {overlap}; expected 0 to 1")
    q, found = np.float64(1.0), []
    for _ in range(depth):
        found.append(float(np.arccos(overlap * q) / np.pi))
        q = np.float64(overlap_map(np.asarray(overlap * q), activation))
    return found


def measured_errors(
    perturbation: Perturbation,
    strength: float,
    depth: int,
    width: int,
    machines: int,
    activation: Scaleless = "sign",
    seed: int = 0,
) -> list[Estimate]:
    """The same counted in machines of some width, for a random input each.

    Args:
        perturbation: binarise, dilute or noise.
        strength: As of `weight_overlap`.
        depth: Largest L.
        width: Nodes of each layer.
        machines: How many, at least 20; the error is the spread between them.
        activation: Of the hidden layers.
        seed: Of weights, inputs and perturbation.

    Raises:
        InputError: For values out of range.
    """
    weight_overlap(perturbation, strength)
    _check_scaleless(activation)
    if machines < _LEAST_MACHINES or width < 1:
        raise InputError(
            f"{machines} machines of width {width}; expected at least {_LEAST_MACHINES}, of width "
            "1 or more"
        )
    generator = np.random.default_rng(seed)
    wrong = np.empty((machines, depth))
    for machine in range(machines):
        values = np.sign(generator.standard_normal(width)).repeat(2).reshape(width, 2)
        for layer in range(depth):
            weights = generator.standard_normal((width, width))
            other = _perturbed(weights, perturbation, strength, generator)
            sums = np.stack([weights @ values[:, 0], other @ values[:, 1]], 1)
            ones = np.where(sums > 0, 1.0, -1.0)
            wrong[machine, layer] = (ones[:, 0] != ones[:, 1]).mean()
            values = ones if activation == "sign" else np.maximum(sums, 0)
    errors = wrong.std(0, ddof=1) / math.sqrt(machines)
    return [
        Estimate(float(mean), float(error), "estimate", "1", machines)
        for mean, error in zip(wrong.mean(0), errors, strict=True)
    ]


def _perturbed(
    weights: Array, perturbation: Perturbation, strength: float, generator: np.random.Generator
) -> Array:
    if perturbation == "binarise":
        return np.sign(weights)
    if perturbation == "dilute":
        return weights * (generator.random(weights.shape) >= strength)
    return weights + strength * generator.standard_normal(weights.shape)


def agreement_law(overlap: float, depth: int, width: int) -> Array:
    r"""Law of how many of N output nodes agree in two sign machines of width N, exactly.

    Given the layer below, its overlap :math:`q = 2m/N - 1` alone, the nodes agree independently:

    .. math:: P(m' | m) = \mathrm{Binomial}\big(N,\, 1 - \tfrac{1}{\pi}\arccos(\eta q)\big)

    for weights with normal noise; of other perturbations it is the limit of large N.

    Args:
        overlap: Correlation eta of the weights.
        depth: Layer of the nodes.
        width: N.

    Returns:
        (N + 1,) probabilities of m = 0 ... N.

    Raises:
        InputError: For an overlap that is none, or a width of more than 2000.

    >>> law = agreement_law(0.8, 1, 10)
    >>> bool(abs(1 - law @ np.arange(11) / 10 - output_errors(0.8, 1)[0]) < 1e-12)
    True
    """
    if not 1 <= width <= _MOST_WIDTH or depth < 1 or not 0 <= overlap <= 1:
        raise InputError(
            f"width {width}, depth {depth}, overlap {overlap}; expected a width of 1 to "
            f"{_MOST_WIDTH}, a depth of at least 1 and an overlap from 0 to 1"
        )
    agree = np.arange(width + 1)
    chance = 1 - np.arccos(overlap * (2 * agree / width - 1)) / np.pi
    kernel = np.asarray(binom.pmf(agree[None, :], width, chance[:, None]))
    row = kernel[-1]
    for _ in range(depth - 1):
        row = row @ kernel
    return row


def agreement_rate(overlap: float, depth: int, shares: Array) -> Array:
    r"""Rate I(a) at which :math:`P(m' = a N) \approx e^{-N I(a)}` in `agreement_law`.

    .. math:: I_{l}(a') = \min_a \big[ I_{l-1}(a) +
              \mathrm{KL}\big(a' \,\|\, 1 - \tfrac1\pi\arccos(\eta(2a-1))\big) \big]

    Args:
        overlap: Correlation eta of the weights.
        depth: Layer of the nodes.
        shares: (k,) shares a of nodes that agree, strictly between 0 and 1.

    Returns:
        (k,) nats per node; the minimum over the layers between is taken on a grid.

    >>> float(agreement_rate(0.8, 2, np.array([1 - output_errors(0.8, 2)[1]])).round(4)[0])
    0.0
    """
    typical = [1 - e for e in output_errors(overlap, depth)]
    grid = np.unique(np.concatenate([np.linspace(0, 1, _GRID)[1:-1], typical]))
    rate = None
    for layer in range(depth):
        ends = shares if layer == depth - 1 else grid
        if rate is None:
            rate = _divergence(ends, np.asarray(typical[0]))
            continue
        chance = 1 - np.arccos(overlap * (2 * grid - 1)) / np.pi
        rate = (rate[:, None] + _divergence(ends[None, :], chance[:, None])).min(0)
    assert rate is not None, "at least one layer"
    return rate


def _divergence(a: Array, p: Array) -> Array:
    return np.asarray(a * np.log(a / p) + (1 - a) * np.log((1 - a) / (1 - p)))


@dataclass(frozen=True)
class Settled:
    """The most typical machines at some error from a reference.

    Args:
        error: Share of outputs that differ.
        overlaps: Of the weights of each layer with those of the reference, from the first on.
        entropy: Sum over the layers of 1/2 ln(1 - eta^2), in nats per weight of a layer.
    """

    error: float
    overlaps: tuple[float, ...]
    entropy: float


def machines_at_error(error: float, depth: int, activation: Scaleless = "sign") -> Settled:
    r"""Entropy of the machines at an output error from a reference, and which layers are fixed.

    .. math:: s(\epsilon) = \max_{\eta} \sum_l \tfrac12 \ln(1 - \eta_l^2), \qquad
              \tfrac1\pi \arccos(\eta_L q_{L-1}) = \epsilon, \quad q_l = \kappa(\eta_l q_{l-1})

    Where the sum is stationary, each layer follows from the one before, so that one number is left:

    .. math:: \frac{\eta_{l+1}^2}{1 - \eta_{l+1}^2} = \frac{\eta_l^2}{1 - \eta_l^2}\,
              \frac{q_l}{\eta_l q_{l-1}\, \kappa'(\eta_l q_{l-1})}

    Args:
        error: epsilon, between 0 and 1/2.
        depth: L.
        activation: Of the hidden layers, sign or relu.

    Returns:
        The overlaps of the layers; a larger one means a layer that is settled earlier.

    Raises:
        InputError: For an error outside (0, 1/2).

    Source: Li and Saad (2018), arXiv:1708.01422.

    >>> [round(eta, 4) for eta in machines_at_error(0.2, 3).overlaps]
    [0.9994, 0.9888, 0.9686]
    """
    _check_scaleless(activation)
    if not 0 < error < 0.5 or depth < 1:
        raise InputError(
            f"error {error} at depth {depth}; expected an error between 0 and 0.5 (a coin) and at "
            "least one layer"
        )

    def excess(strength: float) -> float:
        return _stationary(strength, depth, activation)[1] / math.pi - error

    odds, _ = _stationary(brentq(excess, *_STRENGTHS, xtol=1e-12), depth, activation)
    return Settled(
        error,
        tuple(math.sqrt(o / (1 + o)) for o in odds),
        -0.5 * sum(map(math.log1p, odds)),
    )


def _stationary(strength: float, depth: int, activation: Scaleless) -> tuple[list[float], float]:
    """Odds eta^2 / (1 - eta^2) of all layers from the logarithm of the first; the last angle.

    Near eta = 1 only 1 - eta^2 = 1 / (1 + odds) keeps its digits, and so for q: each layer hands
    on 1 - q and takes the angle arccos(eta q) from its sine.
    """
    odds, angle, short = [math.exp(strength)], 0.0, 0.0
    for layer in range(depth):
        eta_squared, lost = odds[-1] / (1 + odds[-1]), 1 / (1 + odds[-1])
        sine_squared = lost + eta_squared * short * (2 - short)
        u = math.sqrt(eta_squared) * (1 - short)
        angle = math.atan2(math.sqrt(sine_squared), u)
        if layer < depth - 1:
            short, slope = _layer(angle, activation)
            odds.append(odds[-1] * (1 - short) / (u * slope))
    return odds, angle


def _layer(angle: float, activation: Scaleless) -> tuple[float, float]:
    """1 - q and the slope of the map of `overlap_map` at the cosine of an angle."""
    if activation == "sign":
        return 2 / math.pi * angle, 2 / (math.pi * math.sin(angle))
    lost = 2 * math.sin(angle / 2) ** 2 + (angle * math.cos(angle) - math.sin(angle)) / math.pi
    return lost, 1 - angle / math.pi


@dataclass(frozen=True)
class Learning:
    """How networks are trained whose order of learning is measured.

    Args:
        depth: Layers of weights.
        width: Nodes of each layer, inputs and outputs included.
        seeds: Networks, at least 10, each with a teacher of its own.
        steps: Of SGD, of `batch` fresh inputs each.
        batch: Inputs of one step.
        rate: Learning rate.
        errors: Shares of outputs at which overlaps are read, between 0 and 1/2.
        gain: Steepness of the tanh of the hidden layers.
    """

    depth: int = 3
    width: int = 32
    seeds: int = 10
    steps: int = 4000
    batch: int = 64
    rate: float = 4.0
    errors: tuple[float, ...] = (0.3, 0.2, 0.1)
    gain: float = 1.5

    def __post_init__(self) -> None:
        if self.seeds < 10 or self.depth < 2 or min(self.width, self.steps, self.batch) < 2:
            raise InputError(
                f"{self.seeds} networks of {self.depth} layers, width {self.width}, {self.steps} "
                f"steps of {self.batch} inputs; expected at least 10 networks of 2 layers, and 2 "
                "of the others"
            )
        if not self.errors or any(not 0 < error < 0.5 for error in self.errors):
            raise InputError(f"errors are {self.errors}; expected shares between 0 and 0.5")
        if not self.rate > 0 or not self.gain > 0:
            raise InputError(f"rate {self.rate}, gain {self.gain}; expected more than 0")


@dataclass(frozen=True)
class LearningOrder:
    """In which order layers settled while networks were trained.

    Args:
        errors: Shares of outputs that still differ from those of the trained network.
        overlaps: For each of these, of each layer with its final weights, mean over the networks.
        in_order: For each of these, the share of networks whose first layer is nearest to its end
            and so on, as the theory says.
        accuracy: Of the trained networks on new inputs.
    """

    errors: tuple[float, ...]
    overlaps: tuple[tuple[Estimate, ...], ...]
    in_order: tuple[Estimate, ...]
    accuracy: Estimate


def learning_order(settings: Learning, seed: int = 0) -> LearningOrder:
    """Train networks by SGD on random teachers, and see which layers settle first.

    The trained network is the reference: at the first moment at which the outputs differ from its
    own by no more than a given share, every layer has some overlap with its final weights.

    Args:
        settings: Networks and training.
        seed: Of everything that is drawn.

    Raises:
        AnalysisError: Where a network begins nearer to its end than the largest error asked for.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (settings.seeds, settings.depth, settings.width, settings.width)
    teacher, weights = (torch.randn(shape, generator=generator) for _ in range(2))
    weights.requires_grad_(True)
    marks = set(np.unique(np.geomspace(1, settings.steps, 120).astype(int)))
    kept = [weights.detach().clone()]
    for step in range(1, settings.steps + 1):
        x = _signs(settings, settings.batch, generator)
        with torch.no_grad():
            labels = _outputs(teacher, x, settings.gain).sign()
        loss = softplus(-labels * _outputs(weights, x, settings.gain)).mean((1, 2)).sum()
        (slope,) = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            # The gradient of a mean over nodes has to be multiplied by their number.
            share = 1 - (step - 1) / settings.steps
            weights -= settings.rate * settings.width * share * slope
        if step in marks:
            kept.append(weights.detach().clone())
    return _order(settings, teacher, kept, generator)


def _order(
    settings: Learning, teacher: Tensor, kept: Sequence[Tensor], generator: torch.Generator
) -> LearningOrder:
    final, x = kept[-1], _signs(settings, 2000, generator)
    answers = _outputs(final, x, settings.gain) > 0
    right = (answers == (_outputs(teacher, x, settings.gain) > 0)).double().mean((1, 2)).numpy()
    wrong = [((_outputs(w, x, settings.gain) > 0) != answers).double().mean((1, 2)) for w in kept]
    errors = torch.stack(wrong).numpy()  # (moments, seeds)
    cosines = torch.stack(
        [torch.cosine_similarity(w.flatten(2), final.flatten(2), dim=2) for w in kept]
    ).numpy()
    if (errors[0] < max(settings.errors)).any():
        raise AnalysisError(
            f"a network begins {errors[0].min():.3f} from its end; ask for smaller `errors`, or "
            "train longer"
        )
    overlaps, in_order = [], []
    for level in settings.errors:
        first = (errors <= level).argmax(0)
        own = cosines[first, np.arange(settings.seeds)]  # (seeds, depth)
        overlaps.append(tuple(_mean(column) for column in own.T))
        in_order.append(_mean((np.diff(own, axis=1) < 0).all(1).astype(float)))
    return LearningOrder(tuple(settings.errors), tuple(overlaps), tuple(in_order), _mean(right))


def _signs(settings: Learning, inputs: int, generator: torch.Generator) -> Tensor:
    """(seeds, width, inputs) of +1 and -1."""
    bits = torch.randint(2, (settings.seeds, settings.width, inputs), generator=generator)
    return 2.0 * bits - 1


def _outputs(weights: Tensor, x: Tensor, gain: float) -> Tensor:
    for layer in range(weights.shape[1]):
        x = weights[:, layer] @ (x if layer == 0 else torch.tanh(gain * x)) / x.shape[1] ** 0.5
    return x


def _mean(values: NDArray[np.float64]) -> Estimate:
    """Mean over networks; where all agree, as the next one might not (rule of succession)."""
    n = len(values)
    spread = float(values.std(ddof=1)) or 1 / (n + 1)
    return Estimate(float(values.mean()), spread / math.sqrt(n), "estimate", "1", n)


def _check_scaleless(activation: str) -> None:
    if activation not in get_args(Scaleless):
        raise InputError(
            f"activation is {activation!r}; expected sign or relu, whose overlaps follow one number"
        )
