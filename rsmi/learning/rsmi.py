"""Lightning modules that learn a coarse-graining rule by maximising I(H:E)."""

import math
from collections.abc import Sequence
from typing import Literal

import pytorch_lightning as pl
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information import best_rule, entropy, predictive_bound, predictive_sums
from rsmi.lattice import Window, state_index
from rsmi.learning.filters import (
    Filter,
    LinearFilter,
    TableFilter,
    TrainableTable,
    most_probable,
    orientation,
)
from rsmi.learning.predictor import Predictor

Batch = tuple[Tensor, Tensor]

MAX_POSTERIOR_SITES = 10
_RULE_WINDOWS = 16384  # environments from which the best rule is derived
_TINY = 1e-30
_SOFT = 0.6  # share of a joint training in which the rule may still change


class RSMI(pl.LightningModule):
    r"""Real-space mutual information of a block's coarse variables H with the environment E.

    Maximises the predictive bound (Barber and Agakov 2003), the sum over h done exactly:

    .. math:: I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    Args:
        window: Block, buffer and environment.
        n_hidden: Number of coarse bits.
        z2: `impose` makes rule and predictor odd under flipping every spin; `allow` lets the
            optimum break that symmetry.
        hidden: Widths of the hidden layers of each of the predictor's networks.
        learning_rate: Largest learning rate of AdamW.

    Source: Koch-Janusz and Ringel (2018), arXiv:1704.06279; Lenggenhager et al. (2020),
    arXiv:1809.09632; Gokmen et al. (2021), arXiv:2101.11633.
    """

    rule_table: Tensor

    def __init__(
        self,
        window: Window,
        n_hidden: int = 1,
        z2: Literal["impose", "allow"] = "impose",
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 4e-3,
    ) -> None:
        super().__init__()
        if z2 not in ("impose", "allow"):
            raise InputError(f"z2 is {z2!r}; expected 'impose' or 'allow'")
        self.window = window
        self.n_hidden = n_hidden
        self.z2: Literal["impose", "allow"] = z2
        self.learning_rate = learning_rate
        self.predictor = Predictor(
            window.n_environment, self._n_predicted(), hidden, odd=z2 == "impose"
        )
        start = TableFilter(window.block, n_hidden=n_hidden)
        self.register_buffer("rule_table", start.table())
        self._sums: list[Tensor] = []

    def rule(self) -> TableFilter:
        """The hard rule, known once the module is trained and `settle` was called."""
        return TableFilter(self.window.block, self.rule_table.cpu())

    def settle(self, e: Tensor) -> None:
        """Find the hard rule of the trained module, given held-out environments e (n, n_e)."""
        raise NotImplementedError

    def predictions(self, table: Tensor, e: Tensor) -> Tensor:
        """q(h|e) of each network, for environments e (n, n_e) and a rule's table: (m, n, K)."""
        raise NotImplementedError

    def log_prediction(self, table: Tensor, e: Tensor) -> Tensor:
        """ln q(h|e) of the networks' mixture, for a rule's table: (n, K) float64."""
        return self.predictions(table, e).mean(0).log()

    @property
    def target(self) -> str:
        """Name under `information.exact` of the largest value that validation can reach."""
        return "optimum" if self.z2 == "impose" else "optimum_any"

    def _n_predicted(self) -> int:
        """Number of values of the variable that the predictor predicts."""
        raise NotImplementedError

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        """p(s|v) and ln q(s|e) of the variable s that the predictor is trained for: (n, S) each."""
        raise NotImplementedError

    def validation_step(self, batch: Batch) -> None:
        """Add up held-out pairs for the end of the epoch."""
        p, log_q = self._validated(*batch)
        one_block = torch.zeros(len(p), dtype=torch.int64)
        self._sums.append(predictive_sums(p.cpu(), log_q.cpu(), one_block))

    def on_validation_epoch_end(self) -> None:
        """Log the held-out information of what the predictor is trained for."""
        value = float(predictive_bound(torch.cat(self._sums).sum(0, keepdim=True)))
        self._sums.clear()
        self.log("information/validation", value, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> pl.utilities.types.OptimizerLRScheduler:
        """AdamW; the learning rate rises for a tenth of the steps, then falls as a cosine."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.learning_rate, weight_decay=1e-4)
        steps = int(self.trainer.estimated_stepping_batches)

        def factor(step: int) -> float:
            rise = (step + 1) / max(1, steps // 10)
            return min(rise, 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class PosteriorRSMI(RSMI):
    """Posterior first: learn q(v|e) once; every rule's bound and the best rule follow from it.

    For blocks of at most 10 sites. The training loss is the cross-entropy of the block's
    state, and validation measures the information of the whole block; nothing is assumed of the
    rule, which is found once, from the trained posterior.

    Raises:
        InputError: For a larger block.
    """

    target = "full"

    def _n_predicted(self) -> int:
        if self.window.n_visible > MAX_POSTERIOR_SITES:
            raise InputError(
                f"posterior-first learning needs a block of at most {MAX_POSTERIOR_SITES} sites; "
                f"the block {list(self.window.block)} has {self.window.n_visible}; "
                "use JointRSMI (method: joint)"
            )
        return 1 << self.window.n_visible

    def log_posterior(self, e: Tensor) -> Tensor:
        """ln q(v|e) of environments e (n, n_e): (n, 2**n_v)."""
        return self.predictor(e)

    def predictions(self, table: Tensor, e: Tensor) -> Tensor:
        """q(h|e) = sum over v of p(h|v) q(v|e)."""
        return self.predictor.members(e).double().exp() @ table.double()

    def training_step(self, batch: Batch) -> Tensor:
        """Cross-entropy of the block's state, in nats."""
        v, e = batch
        loss = F.nll_loss(self.log_posterior(e), state_index(v))
        self.log("loss/training", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def settle(self, e: Tensor) -> None:
        """Find the best hard rule of the posterior, at environments spread over those given."""
        chosen = e[:: -(-len(e) // _RULE_WINDOWS)]
        with torch.no_grad():
            posterior = self.log_posterior(chosen).double().exp().cpu()
        posterior /= posterior.sum(1, keepdim=True)
        table, _ = best_rule(posterior, n_symbols=1 << self.n_hidden, z2=self.z2)
        self.rule_table.copy_(table[:, orientation(table)])

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        return F.one_hot(state_index(v), self._n_predicted()), self.log_posterior(e)


class JointRSMI(RSMI):
    """Filter and predictor trained together, for blocks and filters of any size.

    In the last part of the training the rule is hard, so that the predictor learns the
    conditional distribution of the very symbols that are reported.

    Args:
        window: As in `RSMI`.
        n_hidden: As in `RSMI`.
        z2: As in `RSMI`.
        hidden: As in `RSMI`.
        learning_rate: As in `RSMI`.
        filter: `table` for a free table of logits, `linear` for one perceptron per bit.
    """

    naming: Tensor

    def __init__(
        self,
        window: Window,
        n_hidden: int = 1,
        z2: Literal["impose", "allow"] = "impose",
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 4e-3,
        filter: Literal["table", "linear"] = "table",
    ) -> None:
        super().__init__(window, n_hidden, z2, hidden, learning_rate)
        kinds: dict[str, type[TrainableTable] | type[LinearFilter]] = {
            "table": TrainableTable,
            "linear": LinearFilter,
        }
        if filter not in kinds:
            raise InputError(
                f"filter is {filter!r}; {nearest(filter, kinds)}expected one of {', '.join(kinds)}"
            )
        self.filter: Filter = kinds[filter](window.block, n_hidden, odd=z2 == "impose")
        self.register_buffer("naming", torch.arange(1 << n_hidden))

    def _n_predicted(self) -> int:
        return 1 << self.n_hidden

    def settle(self, e: Tensor | None = None) -> None:
        """Harden the filter, and name its symbols anew for rule and predictor alike."""
        hard = self.filter.hardened().table()
        self.naming.copy_(orientation(hard))
        self.rule_table.copy_(hard[:, orientation(hard)])

    def predictions(self, table: Tensor, e: Tensor) -> Tensor:
        """q(h|e) of the jointly trained networks; they serve the rule learned with them.

        Raises:
            InputError: For another rule.
        """
        if not torch.equal(table, self.rule_table):
            raise InputError(
                "a jointly trained predictor knows the rule that was learned with it and no other; "
                "value other rules with PosteriorRSMI (method: posterior)"
            )
        return self.predictor.members(e).double().exp()[..., self.naming]

    def training_step(self, batch: Batch) -> Tensor:
        """Minus the bound, with a soft rule first (its optimum is hard), then hard; nats."""
        v, e = batch
        soft = p = self.filter.log_prob(v).exp()
        if self.trainer.global_step >= _SOFT * self.trainer.estimated_stepping_batches:
            p = most_probable(soft).detach()
        spread = entropy(self._mean(p).clamp(min=_TINY))  # its slope at 0 is infinite
        information = spread + (p * self.predictor(e)).sum(-1).mean()
        self.log("information/training", information, on_step=False, on_epoch=True, sync_dist=True)
        return 0 * soft.sum() - information  # every weight has a gradient, though it be 0

    def _mean(self, p: Tensor) -> Tensor:
        """Mean over the windows of all devices: an entropy of parts is not the whole's."""
        if not (dist.is_available() and dist.is_initialized()):
            return p.mean(0)
        means = self.all_gather(p.mean(0), sync_grads=True)
        assert isinstance(means, Tensor)
        return means.mean(0)

    def on_validation_epoch_start(self) -> None:
        """Harden the rule as it is now."""
        self.settle()

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        return self.rule_table[state_index(v)], self.log_prediction(self.rule_table, e)


def ceiling(n_hidden: int) -> float:
    """Largest information that `n_hidden` bits can keep, ln 2 each, in nats.

    >>> round(ceiling(2), 6)
    1.386294
    """
    return n_hidden * math.log(2)
