"""Rules as a command names them."""

from collections.abc import Sequence

from torch import Tensor

from rsmi.lattice import Alphabet
from rsmi.lattice.alphabet import SPIN
from rsmi.learning import block_alone, load_rule, rule_name
from rsmi.learning import rules_by_name as named

RULE = "rule"
"""The directory of a learned rule, in that of a run."""

__all__ = ["RULE", "named", "named_tables", "rule_name"]


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
