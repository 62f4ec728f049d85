"""The rule that keeps most information, for a known posterior p(v|e)."""

import torch
from torch import Tensor

from rsmi.information.ascent import ascend
from rsmi.information.assignments import Z2, Action
from rsmi.information.discrete import check_posterior, rule_information
from rsmi.information.merging import merge_equal, merge_similar
from rsmi.information.number import Estimate
from rsmi.information.partitions import SUBSETS, best_partition

_EXHAUSTIVE = 1 << 16  # most rules that are all tried
_FEW = 4  # most symbols of a block whose sets of states are all compared
_STAGES = (256, 4096)  # merged environments on which rules are tried first
_AFFORDABLE = 1 << 24  # pairs of rules and environments evaluated without such a trial


def best_rule(
    posterior: Tensor,
    weights: Tensor | None = None,
    n_symbols: int = 2,
    z2: Z2 | Action = "impose",
    seed: int = 0,
) -> tuple[Tensor, Estimate]:
    r"""Find the coarse-graining rule with the largest I(H:E).

    I(H:E) is convex in p(h|v), so some deterministic rule is best of all. Up to 65 536 of them are
    all tried, and so are all sets of up to 16 states for up to 4 symbols that nothing ties to the
    states (see `best_partition`); beyond that a local search from random starts is used, whose
    value is a lower bound of the optimum.

    Args:
        posterior: (n, V) float64, row e is p(v|e).
        weights: (n,) weights of the environments; equal without.
        n_symbols: Number K of coarse symbols; a power of 2 with `impose`.
        z2: `impose` rules of bits odd under a global spin flip, `allow` all rules, or the action of
            a group on states and symbols that the rule must commute with; where it leaves a state
            alone and no symbol with it, the best rule draws one at random.
        seed: Of the random starts.

    Returns:
        The table (V, K) float64 and its information in nats for the weights given: `exact` if
        every rule was tried, else `lower`.

    Raises:
        InputError: For an unusable posterior or option.

    >>> posterior = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    >>> table, value = best_rule(posterior)
    >>> table.tolist(), str(value)
    ([[1.0, 0.0], [0.0, 1.0]], '0.36806421 nats (exact)')
    """
    action = Action.of(z2, posterior.shape[-1], n_symbols)
    rows, w = merge_equal(posterior, check_posterior(posterior, weights))
    sets = len(action.states) == 1 and action.states.shape[1] <= SUBSETS and n_symbols <= _FEW
    exact = sets or action.n_rules <= _EXHAUSTIVE
    if action.n_rules <= _EXHAUSTIVE:
        winner = _best_of_all(rows, w, action)
    elif sets:
        winner = best_partition((rows * w[:, None]).T, n_symbols).label.clamp(min=0)
    else:
        winner = ascend(*merge_similar(rows, w, _STAGES[1]), action, seed)
    table = action.named(winner)
    value = float(rule_information(rows, table, w))
    return table, Estimate(value, 0.0, "exact" if exact else "lower")


def _best_of_all(posterior: Tensor, weights: Tensor, action: Action) -> Tensor:
    """Best of all assignments (b, V), without evaluating each on every environment.

    On merged environments each rule loses at most what I(V:E) loses. Rules that stay below
    the best known value even with that loss given back are dropped, so the winner is exact.
    """
    rules = action.complete(action.every())
    everything = torch.eye(posterior.shape[1], dtype=torch.float64)
    full = rule_information(posterior, everything, weights)
    for bins in _STAGES:
        if len(posterior) * len(rules) <= _AFFORDABLE or len(posterior) <= bins:
            break
        merged, w = merge_similar(posterior, weights, bins)
        loss = full - rule_information(merged, everything, w)
        values = rule_information(merged, action.tables(rules), w)
        leader = action.tables(rules[values.argmax()])
        floor = rule_information(posterior, leader, weights)
        rules = rules[values + loss >= floor - 1e-12]
    values = rule_information(posterior, action.tables(rules), weights)
    return rules[values.argmax()]
