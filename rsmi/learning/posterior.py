"""Posterior first: one predictor of block states, from which every rule's bound follows."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import best_rule
from rsmi.information.assignments import Action
from rsmi.lattice import word_index, words
from rsmi.learning.equivariance import make_images
from rsmi.learning.rsmi import RSMI, Batch
from rsmi.learning.rules import (
    Rule,
    TableRule,
    check_fit,
    check_table_size,
    most_probable,
    orientation,
)
from rsmi.learning.settings import MAX_WORDS
from rsmi.learning.windowed import WindowedData

_RULE_WINDOWS = 16384  # environments from which the best rule is derived
_CHUNK = 4096  # words compared at once with those that came


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
        self.register_buffer("words", words)
        self.register_buffer("number", word_index(words, alphabet.size))
        frequency = counts.double() + 0.5
        if self._others:
            frequency = torch.cat([frequency, frequency.new_tensor([0.5])])
        actions = self._moved(torch.tensor(alphabet.symmetries, dtype=torch.int8)[:, words.long()])
        self.predictor = self._predictor(len(frequency), actions if self.imposes else None)
        if self.imposes:
            frequency = frequency[actions].mean(0)
        self.predictor.begin_at((frequency / frequency.sum()).log())

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
        rows = extended(table, self.words, self.number, alphabet.size)
        self._rule = TableRule(alphabet, rows, self.window.block)

    def _validated(self, v: Tensor, e: Tensor) -> Batch:
        return self.probabilities(None, v), self.log_posterior(e)


def extended(table: Tensor, known: Tensor, number: Tensor, q: int) -> Tensor:
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
