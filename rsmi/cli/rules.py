"""Rules as a command names them."""

from collections.abc import Sequence

from torch import Tensor

from rsmi.errors import InputError
from rsmi.lattice import Alphabet
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import block_alone, load_rule, rule_name

RULE = "rule"
"""The directory of a learned rule, in that of a run."""


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
    rules: Sequence[str], block: Sequence[int], alphabet: Alphabet = SPIN
) -> dict[str, Tensor]:
    """Tables p(h|v) of rules for a block of letters, by name.

    Raises:
        InputError: For two rules of one name, an unknown rule, or one of another block or
            alphabet.
    """
    placed = block_alone(block, alphabet)
    return {name: load_rule(rule, placed).table() for name, rule in named(rules).items()}
