"""Rules as a command names them."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from rsmi.cli.settings import block_for
from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.learning import load_filter
from rsmi.learning.filters import decimation_table, plurality_table, vacancy_majority_table
from rsmi.learning.store import CLASSICAL

RULE = "rule"
"""The directory of a learned rule, in that of a run."""


def rule_name(rule: str) -> str:
    """The last part of a rule's path, to stand in a quantity's name, which holds no blank or dot.

    >>> rule_name("models/ising2d_2x2/"), rule_name("my rules/block of 2.5/")
    ('ising2d_2x2', 'block_of_2_5')
    """
    return re.sub(r"[\s.]", "_", Path(rule).resolve().name)


def named(rules: Sequence[str]) -> dict[str, str]:
    """Rules by the names under which their values are reported.

    Raises:
        InputError: Where two rules have the same name, so that one would hide the other.

    >>> named(["majority", "runs/fit/rule"])
    {'majority': 'majority', 'rule': 'runs/fit/rule'}
    """
    found: dict[str, str] = {}
    for rule in rules:
        name = rule_name(rule)
        if name in found:
            raise InputError(
                f"the rules '{found[name]}' and '{rule}' would both be reported as '{name}'; name "
                "each once, and give directories different last names"
            )
        found[name] = rule
    return found


def named_tables(
    rules: Sequence[str], block: Sequence[int], n_letters: int = 2
) -> dict[str, Tensor]:
    """Tables p(h|v) of rules for a block of letters, by name.

    Raises:
        InputError: For two rules of one name, an unknown rule, or one of another block or
            alphabet.
    """
    return {name: _table(rule, block, n_letters) for name, rule in named(rules).items()}


def load_rule(
    rule: str, block: Sequence[int] | None, space: Space | None
) -> tuple[Tensor, tuple[int, ...]]:
    """Table and block of a rule for the letters of a space, 2 cells along each axis without block.

    Raises:
        InputError: For an unknown rule, or one of another block or alphabet.
    """
    letters = 2 if space is None else space.alphabet.size
    if rule in (*CLASSICAL, *_ANY_LETTERS) and space is not None:
        chosen = block_for(block, space.cells)
        return _table(rule, chosen, letters), chosen
    if letters != 2:
        return _table(rule, (), letters), ()
    filter = load_filter(rule, block)
    return filter.table(), filter.block


def _table(rule: str, block: Sequence[int], n_letters: int) -> Tensor:
    if n_letters == 2 and rule != _VACANCY:
        return load_filter(rule, block).table()
    if rule not in _ANY_LETTERS:
        raise InputError(
            f"the rule '{rule}' is for two letters, the model has {n_letters}; expected one of "
            f"{', '.join(_ANY_LETTERS)}"
        )
    return _ANY_LETTERS[rule](n_letters, math.prod(block))


_VACANCY = "vacancy_majority"
_ANY_LETTERS = {
    "plurality": plurality_table,
    "decimation": decimation_table,
    _VACANCY: vacancy_majority_table,
}
