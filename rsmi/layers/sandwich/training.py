"""Training of autoregressive models, and their evaluation on many rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rsmi.layers.sandwich.autoregressive import Autoregressive

_EVALUATION = 8192


@dataclass(frozen=True)
class Training:
    """How autoregressive models are trained.

    Args:
        hidden: Units of each hidden layer.
        epochs: Passes over the training part, at most.
        batch: Rows per step, at most.
        rate: Peak learning rate.
        seed: Of weights and order.
    """

    hidden: int = 128
    epochs: int = 20
    batch: int = 512
    rate: float = 4e-3
    seed: int = 0


def fit(symbols: Tensor, levels: int, context: Tensor | None, training: Training) -> Autoregressive:
    """Train on the rows given, and keep the state that was best on their last eighth.

    Args:
        symbols: (n, sites) int64 in 0..levels-1.
        levels: Values of a site.
        context: (n, c) float32, or None.
        training: Options.

    Returns:
        The model in evaluation mode.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        width = 0 if context is None else context.shape[1]
        model = Autoregressive(symbols.shape[1], levels, width, training.hidden)
        _train(model, symbols, context, training)
    return model.eval()


@torch.no_grad()
def log_prob(model: Autoregressive, symbols: Tensor, context: Tensor | None) -> Tensor:
    """ln q of many rows, (n,) float64, a part at a time."""
    parts = [
        model.log_prob(symbols[i : i + _EVALUATION], _part(context, i, _EVALUATION)).double()
        for i in range(0, len(symbols), _EVALUATION)
    ]
    return torch.cat(parts)


def _train(
    model: Autoregressive, symbols: Tensor, context: Tensor | None, options: Training
) -> None:
    cut = max(len(symbols) * 7 // 8, 1)
    # Small samples are cut into at least 64 steps, or the rate would never come down.
    batch = min(options.batch, max(cut // 64, 16))
    steps = options.epochs * -(-cut // batch)
    optimiser = torch.optim.Adam(model.parameters(), options.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, steps, pct_start=0.2)
    best, state = float("inf"), model.state_dict()
    for _ in range(options.epochs):
        for rows in torch.randperm(cut).split(batch):
            loss = -model.log_prob(symbols[rows], None if context is None else context[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        held_out = context if context is None else context[cut:]
        value = -float(log_prob(model, symbols[cut:], held_out).mean())
        if value < best:
            best, state = value, {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)


def _part(context: Tensor | None, start: int, size: int) -> Tensor | None:
    return None if context is None else context[start : start + size]
