"""I(X;T) of a network with known Gaussian noise, between two certified values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import Estimate
from rsmi.information.contrastive import infonce_terms, leave_one_out_terms
from rsmi.layers.bounds import lower_average, upper_average
from rsmi.layers.changes import GaussianNoise
from rsmi.layers.collecting import Collected
from rsmi.layers.counting import Labels
from rsmi.layers.inputs import Inputs, Layout, rows_at
from rsmi.layers.interval import Interval
from rsmi.layers.probe import Probe
from rsmi.layers.selection import layer_names, output_module, unwrapped


def linear_gaussian_information(weight: Tensor, sigma: float, covariance: Tensor) -> float:
    r"""I(X;T) of T = W X + noise for Gaussian X, exactly.

    .. math:: I(X;T) = \tfrac12 \ln\det(1 + W \Sigma_X W^T / \sigma^2)

    Args:
        weight: W, (d_t, d_x).
        sigma: Standard deviation of the noise on each entry of T.
        covariance: Of X, (d_x, d_x).

    Returns:
        Nats.

    >>> one = torch.eye(1)
    >>> round(linear_gaussian_information(one, 1.0, one), 6)
    0.346574
    """
    w, c = weight.double(), covariance.double()
    signal = w @ c @ w.T / sigma**2
    return 0.5 * float(torch.linalg.slogdet(torch.eye(len(w), dtype=torch.float64) + signal)[1])


_SEED = 20180101
_ROWS = 4096
_AT_ONCE = 1024


@dataclass(frozen=True)
class Draws:
    """Samples of X, and with labels of (X, Y).

    Args:
        x: (n, ...) inputs.
        y: (n,) labels, or None.
        layout: Of several tensors in each row of x.
    """

    x: Tensor
    y: Labels | None
    layout: Layout | None


def independent_draws(inputs: Inputs, found: Collected) -> Draws:
    """Rows of a finite set drawn by their probabilities, or rows kept of samples, shuffled."""
    rng = np.random.default_rng(_SEED)
    if inputs.kind == "finite":
        steps = found.weights.cumsum()
        rows = np.searchsorted(steps, steps[-1] * rng.random(_ROWS), side="right")
        x = rows_at(inputs, rows)
    else:
        some = rng.permutation(len(found.kept))[:_ROWS]
        rows, x = found.kept[some], found.kept_x[torch.from_numpy(some)]
    return Draws(x, found.y[rows] if found.labelled else None, found.layout)


def drawn_activations(model: nn.Module, layer: str, draws: Draws) -> Tensor:
    """Activations (n, width) of one layer, with noise of their own for every row."""
    with Probe(model, [layer]) as probe:
        parts = draws.x.split(_AT_ONCE)
        return torch.cat([probe(part, draws.layout)[layer].cpu() for part in parts])


Run = dict[str, tuple[Tensor, Tensor]]


def noisy_layers(model: nn.Module) -> dict[str, GaussianNoise]:
    """The layers that carry noise of their own, with it, by name."""
    found = {name: output_module(module) for name, module in layer_names(model).items()}
    return {name: last for name, last in found.items() if isinstance(last, GaussianNoise)}


def is_chain(model: nn.Module) -> bool:
    """Whether every noisy layer sees the input only through the one before.

    So it is for the modules of one `nn.Sequential` that calls them one after the other; of other
    networks, and of classes derived from it with a forward pass of their own, it is not known.
    """
    inner = unwrapped(model)
    own = vars(inner).get("forward", type(inner).forward)
    return own is nn.Sequential.forward and not any("." in n for n in noisy_layers(inner))


def noisy_information(
    model: nn.Module,
    x: Tensor,
    *,
    batch: int = 512,
    draws: int = 8,
    chain: bool = False,
    layout: Layout | None = None,
) -> dict[str, Interval]:
    r"""Lower and upper value of I(X;T) for every noisy layer.

    Below: InfoNCE whose critic is the mean of p(t|x, noise of earlier layers) over `draws`
    draws of that noise, independent of the one that made t. Above: leave-one-out for
    I(M;T), M the layer's activation before its own noise, which X reaches T through. In the
    first noisy layer M is a function of X, and both have the true conditional. Errors come from
    all pairs and know what an input that was not seen may add, see `upper_average`: an input
    told from all others, by as much as any that was seen.

    Args:
        model: From `with_noise`.
        x: (n, ...) independent samples of X, cut into batches of K; n >= 2 K.
        batch: K; the lower value cannot exceed ln K. Takes n K time.
        draws: Draws of the earlier noise for the critic.
        chain: Whether each noisy layer sees the input only through the one before (no skip
            connections); then no layer's upper value exceeds that of the layer before.
        layout: Of several tensors in each row of x.

    Returns:
        Nats, by layer.

    Raises:
        InputError: For a network without noise or too few samples.

    Source: Poole et al. (2019), arXiv:1905.06922.
    """
    names = list(noisy_layers(model))
    if not names:
        raise InputError(
            "no layer of this network carries noise; put it in with with_noise(model, layers, "
            "sigma)"
        )
    if draws < 1:
        raise InputError(f"{draws} draws of the earlier noise; expected at least 1")
    if len(x) < 2 * batch or batch < 2:
        raise InputError(
            f"{len(x)} samples in batches of {batch}; the bounds need at least two batches: give "
            "more samples or a smaller batch"
        )
    scores = _scores(model, x[: len(x) // batch * batch].split(batch), layout, draws)
    return _intervals(scores, chain)


def _intervals(scores: dict[str, tuple[Tensor, Tensor]], chain: bool) -> dict[str, Interval]:
    result: dict[str, Interval] = {}
    previous = None
    for name, (critic, conditional) in scores.items():
        lower, upper = _lower(critic), _upper(conditional)
        if chain and previous is not None and previous.value < upper.value:
            upper = previous
        result[name] = Interval(lower, upper)
        previous = upper
    return result


def _lower(critic: Tensor) -> Estimate:
    """I(X;T) of a channel is concave in p(x), as a counted entropy is in the shares."""
    return lower_average(infonce_terms(critic).flatten())


def _upper(conditional: Tensor) -> Estimate:
    """An input that was not seen may be told from all others, and what it does as well as any."""
    terms = leave_one_out_terms(conditional).flatten()
    return upper_average(terms, math.log(len(terms)) + max(float(terms.max()), 0.0))


def _scores(
    model: nn.Module, batches: Sequence[Tensor], layout: Layout | None, draws: int
) -> dict[str, tuple[Tensor, Tensor]]:
    """Critic and conditional of each layer, (batches, K, K): rows are t, columns are x."""
    noise = noisy_layers(model)
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
    with Probe(model, list(noise)) as probe:
        for inputs in batches:
            run = partial(_run, probe, noise, inputs, layout)
            truth = run()
            others = [run() for _ in range(draws if len(noise) > 1 else 0)]
            for place, (name, (mean, t)) in enumerate(truth.items()):
                conditional = critic = _log_kernel(t, mean, noise[name].sigma)
                if place:  # the mean of the first noisy layer is the same in every draw
                    means = [other[name][0] for other in others]
                    critic = _log_mixture(t, means, noise[name].sigma)
                parts.setdefault(name, []).append((critic, conditional))
    return {
        name: (torch.stack([c for c, _ in pairs]), torch.stack([p for _, p in pairs]))
        for name, pairs in parts.items()
    }


def _run(
    probe: Probe, noise: dict[str, GaussianNoise], inputs: Tensor, layout: Layout | None
) -> Run:
    """Activation before and after the noise, by layer in order of use."""
    found = probe(inputs, layout).items()
    return {name: (noise[name].mean.flatten(1), t) for name, t in found}


def _log_mixture(t: Tensor, means: list[Tensor], sigma: float) -> Tensor:
    return torch.stack([_log_kernel(t, mean, sigma) for mean in means]).logsumexp(0)


def _log_kernel(t: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """ln p(t_i | mean_j) up to a constant that cancels in both bounds, (K, K)."""
    squares = torch.cdist(t.double(), mean.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return (-squares.square() / (2 * sigma**2)).cpu()
