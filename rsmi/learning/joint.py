"""Rule and predictor trained together, for blocks and rules of any size."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Self, get_args

import torch
from torch import Tensor, nn

from rsmi.errors import InputError
from rsmi.information import entropy
from rsmi.lattice import Window
from rsmi.learning.equivariance import Use
from rsmi.learning.linear import begin_rule
from rsmi.learning.rsmi import RSMI, Batch, check_choice
from rsmi.learning.rules import Rule, check_fit, most_probable, orientation
from rsmi.learning.settings import RuleKind, Symmetry
from rsmi.learning.trainable import LinearRule, make_rule
from rsmi.learning.windowed import WindowedData

_TINY = 1e-30
_TRIED = 4096  # blocks on which it is tried whether a rule commutes with a symmetry
_ANEW = 104729  # between the seeds of a module and of the one that judges its rule
_SOFT = 0.6  # share of a joint training in which the rule may still change


class JointRSMI(RSMI):
    """Rule and predictor trained together, for blocks and rules of any size.

    In the last part of the training the rule is hard, so that the predictor learns the
    conditional distribution of the very symbols that are reported.

    Args:
        window: As in `RSMI`.
        symbols: As in `RSMI`.
        symmetry: As in `RSMI`.
        point_group: As in `RSMI`.
        hidden: As in `RSMI`.
        learning_rate: As in `RSMI`.
        seed: As in `RSMI`.
        rule: `table`, `linear`, `mlp`, `conv`, or a network that takes features
            (n, n_v, d) and gives logits (n, K); or a rule that stays as it is, for which the
            predictor alone is trained.
    """

    naming: Tensor
    filter: Rule

    def __init__(
        self,
        window: Window,
        symbols: int = 2,
        symmetry: Symmetry = "impose",
        point_group: Use = "allow",
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 4e-3,
        seed: int = 0,
        rule: RuleKind | nn.Module = "table",
    ) -> None:
        symbols = rule.n_symbols if isinstance(rule, Rule) else symbols
        super().__init__(window, symbols, symmetry, point_group, hidden, learning_rate, seed)
        if isinstance(rule, str):
            check_choice("rule", rule, get_args(RuleKind))
        self._kind = [rule]  # in a list, so that a network is not taken for a part of this one

    def _build(self, data: WindowedData) -> None:
        kind, (v, e) = self._kind[0], data.some_windows()
        self.filter = self._begun(v, e) if not isinstance(kind, Rule) else self._kept(kind)
        self.predictor = self._predictor(self.symbols, self.renamings(self.filter, v[:_TRIED]))
        with torch.no_grad():
            p = self._valued(v).float()
        # A network of one's own has nothing to begin with, and need not give numbers.
        if isinstance(kind, str | Rule):
            self.predictor.begin(e, p, self.placement.near)
        self.register_buffer("naming", torch.arange(self.symbols))

    def _kept(self, rule: Rule) -> Rule:
        check_fit(rule, self.placement)
        return deepcopy(rule).requires_grad_(False)

    def _begun(self, v: Tensor, e: Tensor) -> Rule:
        """A rule to be trained; one of ours is from the beginning the best linear one."""
        kind, use = self._kind[0], self._use
        rule = make_rule(
            kind, self.placement, self.symbols, symmetry=use, point_group=self.point_group,
            seed=self.seed + 1,
        )  # fmt: skip
        if isinstance(kind, str):
            group = deepcopy(rule.images)  # each rule keeps in it what it needs again
            leading = LinearRule(rule.alphabet, rule.n_sites, self.symbols, images=group)
            begin_rule(leading, v, e[:, self.placement.near], self.seed)
            rule.begin(leading, v)
        return rule

    @property
    def fixed(self) -> bool:
        """Whether the rule stays as it is."""
        return isinstance(self._kind[0], Rule)

    @property
    def chooses(self) -> bool:
        """Whether the rule is learned too."""
        return not self.fixed

    def judge(self) -> "JointRSMI":
        """A fresh module for the frozen hard rule."""
        return JointRSMI(
            self.window, self.symbols, self.symmetry, self.point_group, self.hidden,
            self.learning_rate, self.seed + _ANEW, self.rule(),
        )  # fmt: skip

    def train(self, mode: bool = True) -> Self:
        """Train the predictor; a rule that stays as it is answers as it would without it."""
        super().train(mode)
        if self.fixed and hasattr(self, "filter"):
            self.filter.eval()
        return self

    def settle(self, v: Tensor, e: Tensor) -> None:
        """Harden the rule, and name its symbols anew for rule and predictor alike."""
        alphabet, self._rule = self.placement.space.alphabet, self.filter
        if self.fixed:
            return
        hard = self.filter.hardened()
        if not self._names_given:
            with torch.no_grad():
                self.naming.copy_(orientation(hard.log_prob(v).exp(), v, alphabet))
        self._rule = hard.renamed(self.naming.tolist())

    def predictions(self, rule: Rule | None, e: Tensor) -> Tensor:
        """q(h|e) of the jointly trained networks; they serve the rule learned with them.

        Raises:
            InputError: For another rule.
        """
        if rule is None or rule is not self._rule:
            raise InputError(
                "a jointly trained predictor knows the rule that was learned with it and no other; "
                "value other rules with PosteriorRSMI (method: posterior)"
            )
        return self.predictor.members(e).double().exp()[..., self.naming]

    def training_step(self, batch: Batch) -> Tensor:
        """Minus the bound, with a soft rule first (its optimum is hard), then hard; nats."""
        v, e = batch
        soft = p = self.filter.log_prob(v).exp().to(torch.float32)
        late = self.trainer.global_step >= _SOFT * self.trainer.estimated_stepping_batches
        if late and not self.fixed:
            p = most_probable(soft).detach()
        spread = entropy(self._mean(p).clamp(min=_TINY))  # its slope at 0 is infinite
        information = spread + (p * self.predictor(e)).sum(-1).mean()
        self.log("information/training", information, on_step=False, on_epoch=True, sync_dist=True)
        return 0 * soft.sum() - information  # every weight has a gradient, though it be 0

    def _mean(self, p: Tensor) -> Tensor:
        """Mean over the windows of all devices: an entropy of parts is not the whole's."""
        if self.trainer.world_size == 1:
            return p.mean(0)
        means = self.all_gather(p.mean(0), sync_grads=True)
        assert isinstance(means, Tensor)
        return means.mean(0)

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        return self._valued(v), self.predictor(e)

    def _valued(self, v: Tensor) -> Tensor:
        """p(h|v) of the rule as it is valued, (n, K) float64."""
        p = self.filter.log_prob(v).double().exp()
        return p if self.fixed else most_probable(p)
