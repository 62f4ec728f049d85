"""Lightning modules that learn a coarse-graining rule by maximising I(H:E)."""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Self, get_args

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsmi.errors import InputError, nearest
from rsmi.information import best_rule, entropy, predictive_bound, predictive_sums
from rsmi.information.assignments import Action
from rsmi.lattice import Placement, Window, word_index, words
from rsmi.learning.equivariance import Use, block_symmetries, make_images, symbol_action
from rsmi.learning.predictor import Predictor
from rsmi.learning.rules import (
    MAX_SYMBOLS,
    Rule,
    TableRule,
    check_fit,
    check_table_size,
    most_probable,
    orientation,
)
from rsmi.learning.settings import MAX_WORDS, OPTIMA, RuleKind, Symmetry
from rsmi.learning.trainable import make_rule
from rsmi.learning.windowed import WindowedData

Batch = tuple[Tensor, Tensor]

_RULE_WINDOWS = 16384  # environments from which the best rule is derived
_TINY = 1e-30
_CHUNK = 4096  # words compared at once with those that came
_ANEW = 104729  # between the seeds of a module and of the one that judges its rule
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
        _check_choice("symmetry", symmetry, get_args(Symmetry))
        _check_choice("point_group", point_group, get_args(Use))
        if not 2 <= symbols <= MAX_SYMBOLS:
            raise InputError(f"symbols is {symbols}; expected 2 to {MAX_SYMBOLS}")
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

    def _predictor(
        self, n_symbols: int, symbols: Tensor | None, start: Tensor | None = None
    ) -> Predictor:
        """For a variable of so many values, which the letters' symmetries permute (G, n)."""
        alphabet = self.placement.space.alphabet
        action = None if symbols is None else (torch.tensor(alphabet.symmetries), symbols)
        return Predictor(
            alphabet, self.placement.n_environment, n_symbols, self.hidden, action, start, self.seed
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


class PosteriorRSMI(RSMI):
    """Posterior first: learn q(v|e) once; every rule's bound and the best rule follow from it.

    For blocks whose training windows make at most 1024 different words. The training loss is the
    cross-entropy of the block's word, and validation measures the information of the whole block;
    nothing is assumed of the rule, which is found once, from the trained posterior. The untrained
    posterior is the frequency of each word. Words that never come share one value.

    Raises:
        InputError: In `build`, for more words.
    """

    target = "full"
    words: Tensor
    number: Tensor

    def check_rule(self, data: WindowedData) -> None:
        """Refuse a rule that cannot be; the best one is a table."""
        super().check_rule(data)
        space = data.placement.space
        check_table_size(space.alphabet, data.placement.n_visible, self.symbols)

    def _build(self, data: WindowedData) -> None:
        found = data.frequent_words(MAX_WORDS)
        alphabet, n_v = self.placement.space.alphabet, self.placement.n_visible
        if found is None:
            raise InputError(
                f"posterior-first learning needs a block that shows at most {MAX_WORDS} different "
                f"words; the {n_v} sites with {alphabet.size} letters of {self.window} show more; "
                "use JointRSMI (method: joint)"
            )
        words, counts = found
        number = word_index(words, alphabet.size)
        self.register_buffer("words", words)
        self.register_buffer("number", number)
        n_words = alphabet.size**n_v
        frequency = counts.double() + 0.5
        if len(words) < n_words:
            frequency = torch.cat([frequency, frequency.new_tensor([0.5])])
        actions = self._moved(torch.tensor(alphabet.symmetries, dtype=torch.int8)[:, words.long()])
        if self.imposes:
            frequency = frequency[actions].mean(0)
        start = (frequency / frequency.sum()).log()
        self.predictor = self._predictor(len(frequency), actions if self.imposes else None, start)

    def _moved(self, images: Tensor) -> Tensor:
        """Numbers (G, S) of words (G, S, n_v); with the one for all others, which stay it."""
        moved = self._state(images)
        rest = self._others
        return F.pad(moved, (0, 1), value=len(self.words)) if rest else moved

    @property
    def _others(self) -> int:
        """How many words never came."""
        return int(self.placement.space.alphabet.size**self.placement.n_visible) - len(self.words)

    def _state(self, v: Tensor) -> Tensor:
        """Numbers (...) of blocks (..., n_v) among the words that come; S for all others."""
        index = word_index(v, self.placement.space.alphabet.size)
        if not self._others:
            return index
        place = torch.searchsorted(self.number, index).clamp(max=len(self.number) - 1)
        return torch.where(self.number[place] == index, place, len(self.number))

    def log_posterior(self, e: Tensor) -> Tensor:
        """ln q(v|e) of environments e (n, n_e): (n, S), words as in `words`, then all others."""
        return self.predictor(e)

    def predictions(self, rule: Rule | None, e: Tensor) -> Tensor:
        """q(h|e) = sum over v of p(h|v) q(v|e)."""
        posterior = self.predictor.members(e).double().exp()
        if rule is None:
            return posterior
        check_fit(rule, self.placement)
        p = rule.log_prob(self.words).double().exp()
        if self._others:
            p = torch.cat([p, p.new_full((1, rule.n_symbols), 1 / rule.n_symbols)])
        return posterior @ p

    def probabilities(self, rule: Rule | None, v: Tensor) -> Tensor:
        """p(h|v) of blocks (n, n_v)."""
        if rule is not None:
            return super().probabilities(rule, v)
        return F.one_hot(self._state(v), self.predictor.symbols.shape[1]).double()

    def training_step(self, batch: Batch) -> Tensor:
        """Cross-entropy of the block's word, in nats."""
        v, e = batch
        loss = F.nll_loss(self.log_posterior(e), self._state(v))
        self.log("loss/training", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def settle(self, v: Tensor, e: Tensor) -> None:
        """Find the best hard rule of the posterior, at environments spread over those given."""
        chosen = e[:: -(-len(e) // _RULE_WINDOWS)]
        with torch.no_grad():
            posterior = self.log_posterior(chosen).double().exp().cpu()[:, : len(self.words)]
        posterior /= posterior.sum(1, keepdim=True)
        images = make_images(self.placement, self.symbols, self._use, self.point_group)
        action = Action(self._state(images(self.words)), images.symbols)
        table, _ = best_rule(posterior, n_symbols=self.symbols, z2=action)
        alphabet = self.placement.space.alphabet
        if not self._names_given:
            table = table[:, orientation(table, self.words, alphabet)]
        rows = _extended(table, self.words, self.number, alphabet.size)
        self._rule = TableRule(alphabet, rows, self.window.block)

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        return self.probabilities(None, v), self.log_posterior(e)


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
            _check_choice("rule", rule, get_args(RuleKind))
        self._kind = [rule]  # in a list, so that a network is not taken for a part of this one

    def _build(self, data: WindowedData) -> None:
        kind, use = self._kind[0], self._use
        if isinstance(kind, Rule):
            check_fit(kind, self.placement)
            self.filter: Rule = deepcopy(kind).requires_grad_(False)
        else:
            self.filter = make_rule(
                kind, self.placement, self.symbols, symmetry=use, point_group=self.point_group,
                seed=self.seed + 1,
            )  # fmt: skip
        v, _ = next(iter(data.val_dataloader()))
        action = self.renamings(self.filter, v)
        self.predictor = self._predictor(self.symbols, action)
        self.register_buffer("naming", torch.arange(self.symbols))

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
        p = self.filter.log_prob(v).double().exp()
        return p if self.fixed else most_probable(p), self.predictor(e)


def ceiling(symbols: int) -> float:
    """Largest information that so many symbols can keep, in nats.

    >>> round(ceiling(4), 6)
    1.386294
    """
    return math.log(symbols)


def _extended(table: Tensor, known: Tensor, number: Tensor, q: int) -> Tensor:
    """A rule for all words, those that never came being taken for the nearest that did.

    Args:
        table: (S, K) rule of the words that came.
        known: (S, n_v) these words, and their numbers (S,).
        number: See `known`.
        q: Letters.
    """
    seen = F.one_hot(known.long(), q).flatten(1).float()
    rows = []
    for start in range(0, q ** known.shape[1], _CHUNK):
        stop = min(start + _CHUNK, q ** known.shape[1])
        others = F.one_hot(words(q, known.shape[1], start, stop), q).flatten(1).float()
        alike = others @ seen.T
        nearest_ones = (alike == alike.amax(1, keepdim=True)).double()
        rows.append(most_probable(nearest_ones @ table / nearest_ones.sum(1, keepdim=True)))
    found = torch.cat(rows)
    found[number] = table
    return found


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


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(
            f"{name} is {value!r}; {nearest(value, choices)}expected one of {', '.join(choices)}"
        )
