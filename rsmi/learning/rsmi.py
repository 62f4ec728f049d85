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
from rsmi.information import best_rule, entropy, predictive_information, rule_prediction
from rsmi.lattice import Window, state_index
from rsmi.learning.filters import Filter, LinearFilter, TableFilter, TrainableTable, oriented
from rsmi.learning.predictor import Predictor

Batch = tuple[Tensor, Tensor]

MAX_POSTERIOR_SITES = 10
_RULE_WINDOWS = 16384  # environments from which a validation derives the best rule


class RSMI(pl.LightningModule):
    r"""Real-space mutual information of a block's coarse variables H with the environment E.

    Maximises the predictive bound (Barber and Agakov 2003), the sum over h done exactly:

    .. math:: I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    Args:
        window: Block, buffer and environment.
        n_hidden: Number of coarse bits.
        z2: `impose` makes rule and predictor odd under flipping every spin; `allow` lets the
            optimum break that symmetry.
        hidden: Widths of the predictor's hidden layers.
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
        hidden: Sequence[int] = (128, 128),
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
        self._validation: list[Batch] = []

    def rule(self) -> TableFilter:
        """The hard rule found at the last validation."""
        return TableFilter(self.window.block, self.rule_table.cpu())

    def log_prediction(self, table: Tensor, e: Tensor) -> Tensor:
        """ln q(h|e) of environments e (n, n_e) for a rule's table: (n, K)."""
        raise NotImplementedError

    def _n_predicted(self) -> int:
        """Number of values of the variable that the predictor predicts."""
        raise NotImplementedError

    def _update_rule(self, e: Tensor) -> None:
        """Set `rule_table` to the current best hard rule, given held-out environments."""
        raise NotImplementedError

    def validation_step(self, batch: Batch) -> None:
        """Keep the held-out pairs for the end of the epoch."""
        self._validation.append(batch)

    def on_validation_epoch_end(self) -> None:
        """Harden the rule and log its held-out information."""
        v, e = (torch.cat(parts) for parts in zip(*self._validation, strict=True))
        self._validation.clear()
        self._update_rule(e)
        table = self.rule_table
        value = predictive_information(
            table[state_index(v)].cpu(), self.log_prediction(table, e).cpu()
        )
        self.log("information/validation", value.value, prog_bar=True, sync_dist=True)

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
    state; `ln 2**n_v` minus nothing is assumed of the rule while it is learned.

    Raises:
        InputError: For a larger block.
    """

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

    def log_prediction(self, table: Tensor, e: Tensor) -> Tensor:
        """ln q(h|e) = ln of the sum over v of p(h|v) q(v|e)."""
        return rule_prediction(self.log_posterior(e), table)

    def training_step(self, batch: Batch) -> Tensor:
        """Cross-entropy of the block's state, in nats."""
        v, e = batch
        loss = F.nll_loss(self.log_posterior(e), state_index(v))
        self.log("loss/training", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def _update_rule(self, e: Tensor) -> None:
        posterior = self.log_posterior(e[:_RULE_WINDOWS]).double().exp().cpu()
        posterior /= posterior.sum(1, keepdim=True)
        table, _ = best_rule(posterior, n_symbols=1 << self.n_hidden, z2=self.z2)
        self.rule_table.copy_(oriented(table))


class JointRSMI(RSMI):
    """Filter and predictor trained together, for blocks and filters of any size.

    Args:
        window: As in `RSMI`.
        n_hidden: As in `RSMI`.
        z2: As in `RSMI`.
        hidden: As in `RSMI`.
        learning_rate: As in `RSMI`.
        filter: `table` for a free table of logits, `linear` for one perceptron per bit.
    """

    def __init__(
        self,
        window: Window,
        n_hidden: int = 1,
        z2: Literal["impose", "allow"] = "impose",
        hidden: Sequence[int] = (128, 128),
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

    def _n_predicted(self) -> int:
        return 1 << self.n_hidden

    def log_prediction(self, table: Tensor, e: Tensor) -> Tensor:
        """ln q(h|e) of the jointly trained predictor; it serves the rule learned with it."""
        return self.predictor(e)

    def training_step(self, batch: Batch) -> Tensor:
        """Minus the bound with a soft rule, whose optimum is hard; nats."""
        v, e = batch
        p = self.filter.log_prob(v).exp()
        information = entropy(self._mean(p)) + (p * self.predictor(e)).sum(-1).mean()
        self.log("information/training", information, on_step=False, on_epoch=True, sync_dist=True)
        return -information

    def _mean(self, p: Tensor) -> Tensor:
        """Mean over the windows of all devices: an entropy of parts is not the whole's."""
        if not (dist.is_available() and dist.is_initialized()):
            return p.mean(0)
        means = self.all_gather(p.mean(0), sync_grads=True)
        assert isinstance(means, Tensor)
        return means.mean(0)

    def _update_rule(self, e: Tensor) -> None:
        self.rule_table.copy_(self.filter.hardened().table())


def ceiling(n_hidden: int) -> float:
    """Largest information that `n_hidden` bits can keep, ln 2 each, in nats.

    >>> round(ceiling(2), 6)
    1.386294
    """
    return n_hidden * math.log(2)
