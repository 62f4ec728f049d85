"""Rules as a command names them."""

from collections.abc import Sequence

from torch import Tensor

from rsmi.errors import InputError
from rsmi.learning import load_filter


def rule_name(rule: str) -> str:
    """The last part of a rule's path, to stand in a quantity's name.

    >>> rule_name("models/ising2d_2x2/")
    'ising2d_2x2'
    """
    return rule.rstrip("/").rsplit("/", 1)[-1]


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


def named_tables(rules: Sequence[str], block: Sequence[int]) -> dict[str, Tensor]:
    """Tables p(h|v) of rules for a block, by name.

    Raises:
        InputError: For two rules of one name, an unknown rule, or one of another block.
    """
    return {name: load_filter(rule, block).table() for name, rule in named(rules).items()}
