"""Many rules with their predictors, whose weights lie side by side and are trained in one pass."""

import math
import time
from collections.abc import Sequence
from copy import deepcopy
from itertools import islice, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from rsmi.errors import AnalysisError
from rsmi.information import entropy
from rsmi.lattice import Placement
from rsmi.learning.data import WindowData
from rsmi.learning.rules import most_probable
from rsmi.learning.settings import Learning, imposed
from rsmi.learning.trainable import LogitRule, make_rule

Weights = dict[str, Tensor]

TOGETHER = 125
"""Members of one pass: what they compute stays in the cache."""

WINDOWS = 4096
"""Valued at once."""

_SOFT = 0.6  # share of a training in which the rules may still change
_TINY = 1e-30


class Members:
    """Rules and predictors whose weights lie side by side.

    Args:
        one: A member, of which all others differ in their weights alone.
        weights: Those of some members each, by name: (members, ...).
    """

    def __init__(self, one: "_Member", weights: Sequence[Weights]) -> None:
        self._one, self._weights = one, list(weights)

    @classmethod
    def fresh(cls, placement: Placement, settings: Learning, seeds: Sequence[int]) -> "Members":
        """Untrained members with these seeds."""
        every = [_Member(placement, settings, seed) for seed in seeds]
        stacked, _ = stack_module_state(every)
        parts = range(0, len(seeds), TOGETHER)
        weights = [
            {k: w[i : i + TOGETHER].detach().clone().requires_grad_() for k, w in stacked.items()}
            for i in parts
        ]
        return cls(every[0], weights)

    def __len__(self) -> int:
        """How many there are."""
        return sum(len(next(iter(part.values()))) for part in self._weights)

    def rule(self, member: int) -> LogitRule:
        """The soft rule of a member."""
        part, place = divmod(member, TOGETHER)
        one = deepcopy(self._one)
        one.load_state_dict({k: w.detach()[place] for k, w in self._weights[part].items()}, False)
        return one.filter.requires_grad_(False)

    def learn(self, data: WindowData, settings: Learning) -> float:
        """Train on the windows of the data; the seconds that it took.

        Raises:
            AnalysisError: For a value that is no number.
        """
        begin, steps = time.perf_counter(), settings.max_epochs * settings.steps_per_epoch
        every = [w for part in self._weights for w in part.values()]
        optimizer = torch.optim.AdamW(every, lr=settings.learning_rate, weight_decay=1e-4)
        for step, (v, e) in enumerate(islice(data.stream(), steps)):
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * _rate(step, steps)
            optimizer.zero_grad()
            values = self._bounds(v, self._one.seen(e), hard=step >= _SOFT * steps)
            if not bool(torch.isfinite(values).all()):
                raise AnalysisError(
                    f"the training failed in step {step + 1} of {steps}: the value of member "
                    f"{int((~torch.isfinite(values)).int().argmax())} is no number; lower "
                    f"learning_rate (now {settings.learning_rate})"
                )
            optimizer.step()
        return time.perf_counter() - begin

    def _bounds(self, v: Tensor, x: Tensor, hard: bool) -> Tensor:
        """The bound of each member on a batch, (M,); its gradient is left in the weights."""

        def bound(weights: Weights) -> Tensor:
            log_p, log_q = functional_call(self._one, weights, (v, x))
            p = most_probable(log_p.detach().exp()) if hard else log_p.exp()
            return entropy(p.mean(0).clamp(min=_TINY)) + (p.T * log_q).sum(0).mean()

        found = []
        for part in self._weights:
            values = vmap(bound)(part)
            (-values.sum()).backward()
            found.append(values.detach())
        return torch.cat(found)

    @torch.no_grad()
    def logits(self, v: Tensor) -> Tensor:
        """Logits of every soft rule for blocks (n, n_v), which add up to 0: (M, n, K)."""

        def centred(weights: Weights) -> Tensor:
            log_p, _ = functional_call(self._one, weights, (v, nowhere))
            return log_p - log_p.mean(-1, keepdim=True)

        nowhere = self._one.seen(v.new_zeros(1, self._one.n_environment))
        return torch.cat([vmap(centred)(part) for part in self._weights])

    @torch.no_grad()
    def sums(self, v: Tensor, e: Tensor, groups: Tensor, labels: int) -> Tensor:
        """Sufficient statistics of every member's bound: (M, labels, K + 2) float64."""
        found: list[Tensor] = []

        def scores(weights: Weights, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            log_p, log_q = functional_call(self._one, weights, (v, x))
            p = most_probable(log_p.exp())
            return p, (p.T * log_q).sum(0)

        for part in self._weights:
            total = torch.zeros(())
            for rows in torch.arange(len(v)).split(WINDOWS):
                p, score = vmap(scores, (0, None, None))(part, v[rows], self._one.seen(e[rows]))
                ones = torch.ones_like(score)
                every = torch.cat([p, score[..., None], ones[..., None]], 2).transpose(0, 1)
                into = torch.zeros(labels, *every.shape[1:], dtype=torch.float64)
                total = total + into.index_add_(0, groups[rows], every.double())
            found.append(total.transpose(0, 1))
        return torch.cat(found)


class _Member(nn.Module):
    """A rule, and a perceptron that predicts its symbol from the environment.

    Layers have windows last, so that all members of a pass share their input.
    """

    features: Tensor

    def __init__(self, placement: Placement, settings: Learning, seed: int) -> None:
        super().__init__()
        alphabet, self.n_environment = placement.space.alphabet, placement.n_environment
        self.filter = make_rule(
            settings.rule, placement, settings.symbols, symmetry=imposed(settings),
            point_group=settings.point_group, seed=seed + 1,
        )  # fmt: skip
        self.register_buffer("features", alphabet.values, persistent=False)
        inputs = placement.n_environment * alphabet.values.shape[1]
        generator = torch.Generator().manual_seed(seed)
        shapes = list(pairwise([inputs, *settings.hidden, settings.symbols]))
        self.weights = nn.ParameterList(_drawn(n, (m, n), generator) for n, m in shapes)
        self.biases = nn.ParameterList(_drawn(n, (m, 1), generator) for n, m in shapes)
        nn.init.zeros_(self.weights[-1])  # start from independence, where the bound is 0
        nn.init.zeros_(self.biases[-1])

    def seen(self, e: Tensor) -> Tensor:
        """Features of environments (n, n_e): (n_e d, n)."""
        return F.embedding(e.int(), self.features).flatten(1).T.contiguous()

    def forward(self, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """ln p(h|v) (n, K), and ln q(h|e) (K, m) of environments as seen."""
        *layers, (weight, bias) = zip(self.weights, self.biases, strict=True)
        for w, b in layers:
            x = F.relu(w @ x + b)
        return self.filter.log_prob(v), F.log_softmax(weight @ x + bias, 0)


def _drawn(inputs: int, shape: tuple[int, int], generator: torch.Generator) -> nn.Parameter:
    reach = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(shape).uniform_(-reach, reach, generator=generator))


def _rate(step: int, steps: int) -> float:
    """Rises for a tenth of the steps, then falls as a cosine."""
    rise = (step + 1) / max(1, steps // 10)
    return min(rise, 0.5 * (1 + math.cos(math.pi * step / steps)))
