"""What the dotted names of quantities mean, for tables and pages."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """Meaning of one dotted name.

    Args:
        symbol: How a formula writes it, in HTML.
        meaning: One line of plain English.
    """

    symbol: str
    meaning: str


GLOSSARY = {
    "information.learned": Entry("I(H:E)", "learned rule, held-out configurations"),
    "information.learned.null": Entry(
        "I<sub>null</sub>", "same training on shuffled pairs; the true value is 0"
    ),
    "information.learned.fraction": Entry(
        "I / I<sub>exact</sub>", "learned predictor against the exact one, same windows"
    ),
    "information.exact.optimum": Entry(
        "max I(H:E)", "best rule for this window and symmetry setting"
    ),
    "information.exact.full": Entry("I(V:E)", "whole visible block, no compression"),
    "information.exact.<rule>": Entry("I(H:E)", "exact information of the named rule"),
    "information.majority": Entry("I(H:E)", "majority rule, ties random, from samples"),
    "information.decimation": Entry("I(H:E)", "decimation, from samples"),
    "information.ceiling": Entry("H(H)", "entropy of the coarse variable, an upper limit"),
    "exponents.y_t": Entry("y<sub>t</sub>", "thermal exponent"),
    "exponents.y_h": Entry("y<sub>h</sub>", "magnetic exponent"),
    "exponents.nu": Entry("&nu;", "correlation-length exponent, 1/y_t"),
    "exponents.eta": Entry("&eta;", "correlation-function exponent, d + 2 - 2 y_h"),
    "exponents.delta_sigma": Entry(
        "&Delta;<sub>&sigma;</sub>", "scaling dimension of the spin, d - y_h"
    ),
    "exponents.delta_epsilon": Entry(
        "&Delta;<sub>&epsilon;</sub>", "scaling dimension of the energy, d - y_t"
    ),
    "sampling.energy": Entry("&lang;E&rang;/N", "energy per site"),
    "sampling.magnetisation": Entry("&lang;|M|&rang;/N", "absolute magnetisation per site"),
    "sampling.tau_int.energy": Entry(
        "&tau;<sub>E</sub>", "integrated autocorrelation time of the energy"
    ),
    "sampling.tau_int.magnetisation": Entry(
        "&tau;<sub>|M|</sub>", "integrated autocorrelation time of the absolute magnetisation"
    ),
}
"""Every documented name; `<rule>` stands for the name of a rule. `docs/results.md` says more."""


def entry(name: str) -> Entry | None:
    """Meaning of a dotted name; None for a name that is not documented.

    >>> entry("information.exact.majority").meaning
    'exact information of the named rule'
    """
    if name in GLOSSARY:
        return GLOSSARY[name]
    return GLOSSARY.get(re.sub(r"^information\.exact\.[^.]+$", "information.exact.<rule>", name))
