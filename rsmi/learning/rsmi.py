"""What the Lightning modules that learn a rule by maximising I(H:E) share."""

import math
from collections.abc import Sequence
from typing import get_args

import pytorch_lightning as pl
import torch
from torch import Tensor

from rsmi.errors import InputError, nearest
from rsmi.information import predictive_bound, predictive_sums
from rsmi.lattice import Placement, Window
from rsmi.learning.equivariance import Use, block_symmetries, make_images, symbol_action
from rsmi.learning.predictor import Predictor
from rsmi.learning.rules import (
    MAX_SYMBOLS,
    Rule,
)
from rsmi.learning.settings import OPTIMA, Symmetry
from rsmi.learning.windowed import WindowedData

Batch = tuple[Tensor, Tensor]

_RULE_WINDOWS = 16384  # environments from which the best rule is derived
_TINY = 1e-30
_CHUNK = 4096  # words compared at once with those that came
_SOFT = 0.6  # share of a joint training in which the rule may still change


class RSMI(pl.LightningModule):
    r"""Real-space mutual information of a block's coarse variable H with the environment E.

    Maximises the predictive bound (Barber and Agakov 2003), the sum over h done exactly:

    .. math:: I(H:E) \ge H(\bar p) + \Big\langle \sum_h p(h|v) \ln q(h|e) \Big\rangle

    Args:
        window: Block, buffer and environment.
        symbols: K, how many values H takes, 2 to 16.
        symmetry: Of the letters. `impose` makes rule and predictor equivariant under it; `allow`
            lets the optimum break it; `measure` too, and the result says how far; `none` uses no
            symmetry of letters or space.
        point_group: `impose` makes the rule invariant under rotations and reflections of the
            block; `allow` and `measure` do not.
        hidden: Widths of the hidden layers of each of the predictor's networks.
        learning_rate: Largest learning rate of AdamW.
        seed: Of all weights.

    Raises:
        InputError: For an unknown option, or a number of symbols out of range.

    Source: Koch-Janusz and Ringel (2018), arXiv:1704.06279; Lenggenhager et al. (2020),
    arXiv:1809.09632; Gokmen et al. (2021), arXiv:2101.11633.
    """

    placement: Placement
    predictor: Predictor

    def __init__(
        self,
        window: Window,
        symbols: int = 2,
        symmetry: Symmetry = "impose",
        point_group: Use = "allow",
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 4e-3,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_choice("symmetry", symmetry, get_args(Symmetry))
        check_choice("point_group", point_group, get_args(Use))
        if not 2 <= symbols <= MAX_SYMBOLS:
            raise InputError(f"symbols is {symbols}; expected 2 to {MAX_SYMBOLS}")
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise InputError(f"learning_rate is {learning_rate}; expected a number above 0")
        self.window, self.symbols = window, symbols
        self.symmetry, self.point_group = symmetry, point_group
        self.hidden, self.learning_rate, self.seed = tuple(hidden), learning_rate, seed
        self._rule: Rule | None = None
        self._sums: list[Tensor] = []

    def build(self, data: WindowedData) -> None:
        """Make the networks for the space of the data, which are set up; once is enough.

        Raises:
            InputError: Where the data break a symmetry that is imposed, or the block is too large.
        """
        if self.symmetry == "none":
            data.without_symmetry()
        data.symmetry.check("impose" if self.imposes else "allow")
        if self.point_group == "impose":
            _check_turns(data)
        if not hasattr(self, "placement"):
            self.placement = data.placement
            with torch.random.fork_rng(devices=[]):  # Lightning's loaders draw from the global one
                self._build(data)

    def check_rule(self, data: WindowedData) -> None:
        """Refuse a rule that cannot be, before anything is trained; the data are set up.

        Raises:
            InputError: For symbols that the letters' symmetry cannot act on, or a table that would
                not fit in memory.
        """
        make_images(data.placement, self.symbols, self._use, self.point_group)

    def rule(self) -> Rule:
        """The hard rule, known once the module is trained and `settle` was called."""
        assert self._rule is not None, "training and `settle` come first"
        return self._rule

    def settle(self, v: Tensor, e: Tensor) -> None:
        """Find the hard rule of the trained module, given held-out windows (n, n_v), (n, n_e)."""
        raise NotImplementedError

    @property
    def chooses(self) -> bool:
        """Whether the predictor learns together with a rule, which another one has to value."""
        return False

    def judge(self) -> "RSMI":
        """A fresh module whose predictor values the frozen hard rule."""
        raise NotImplementedError

    def predictions(self, rule: Rule | None, e: Tensor) -> Tensor:
        """q(h|e) of each network, for environments e (n, n_e) and a rule: (m, n, K).

        Without a rule H is the block as it is.
        """
        raise NotImplementedError

    def probabilities(self, rule: Rule | None, v: Tensor) -> Tensor:
        """p(h|v) of blocks (n, n_v) by a rule, or by the rule that keeps the block: (n, K)."""
        assert rule is not None, "only a posterior knows of the whole block"
        return rule.log_prob(v).double().exp()

    def log_prediction(self, rule: Rule | None, e: Tensor) -> Tensor:
        """ln q(h|e) of the networks' mixture, for a rule: (n, K) float64."""
        return self.predictions(rule, e).mean(0).log()

    def renamings(self, rule: Rule | None, v: Tensor) -> Tensor | None:
        """What the letters' symmetries do to the symbols of a rule that commutes with them.

        Args:
            rule: Any rule, or None for the block as it is.
            v: (n, n_v) blocks on which it is tried.

        Returns:
            (G, K) int64; None where the predictor has no symmetry built in, or the rule breaks it.
        """
        if not self.imposes:
            return None
        if rule is None:
            return self.predictor.symbols
        try:
            symbols = torch.tensor(symbol_action(rule.alphabet, rule.n_symbols))
        except InputError:
            return None
        p = rule.log_prob(v).exp()
        for letters, answer in zip(rule.alphabet.symmetries, symbols, strict=True):
            image = rule.log_prob(torch.tensor(letters, dtype=torch.int8)[v.long()]).exp()
            if not torch.allclose(image[:, answer], p, atol=1e-6):
                return None
        return symbols

    @property
    def imposes(self) -> bool:
        """Whether rule and predictor are equivariant under the letters' symmetry."""
        return self.symmetry == "impose"

    @property
    def _use(self) -> Use:
        return "impose" if self.imposes else "allow"

    @property
    def _names_given(self) -> bool:
        """Whether the symmetry that is imposed leaves nothing of a symbol's name to choose."""
        return self.imposes and len(self.placement.space.alphabet.symmetries) > 2

    @property
    def target(self) -> str:
        """Name under `information.exact` of the largest value that validation can reach."""
        return OPTIMA[self._use]

    def _build(self, data: WindowedData) -> None:
        raise NotImplementedError

    def _predictor(self, n_symbols: int, symbols: Tensor | None) -> Predictor:
        """For a variable of so many values, which the letters' symmetries permute (G, n)."""
        alphabet = self.placement.space.alphabet
        action = None if symbols is None else (torch.tensor(alphabet.symmetries), symbols)
        return Predictor(
            alphabet, self.placement.n_environment, n_symbols, self.hidden, action, self.seed
        )

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


def ceiling(symbols: int) -> float:
    """Largest information that so many symbols can keep, in nats.

    >>> round(ceiling(4), 6)
    1.386294
    """
    return math.log(symbols)


def _check_turns(data: WindowedData) -> None:
    """Refuse to impose rotations and reflections that the data break."""
    kept = {g.name for g in data.symmetry.moves}
    broken = [g.name for g in block_symmetries(data.placement) if g.name not in kept]
    if broken:
        raise InputError(
            "point_group is 'impose', which makes a rule invariant under rotations and "
            f"reflections of its block, yet the data break {'; '.join(broken)} "
            f"({data.symmetry.against}); set point_group: allow"
        )


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise InputError for a word that is none of the choices."""
    if value not in choices:
        raise InputError(
            f"{name} is {value!r}; {nearest(value, choices)}expected one of {', '.join(choices)}"
        )
