"""Learn real-space renormalisation from data, and measure what each layer of a network forgets.

The names below are imported from their folders when they are first used, so `import rsmi` costs
nothing and needs no package that is not called for.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "rsmi.errors": ("AnalysisError", "InputError"),
    "rsmi.lattice": ("Hypercubic", "Space", "Window"),
    "rsmi.information": ("Estimate",),
    "rsmi.sampling": ("CRITICAL_COUPLING", "Ising", "Metropolis", "SwendsenWang"),
    "rsmi.sampling.exact": ("exact_window", "kaufman", "ring_posterior"),
    "rsmi.storage": ("SampleRecipe", "generate", "open_samples", "samples_of"),
    "rsmi.learning": (
        "Rule",
        "TableRule",
        "decimation",
        "learn_rule",
        "load_rule",
        "majority",
        "make_rule",
        "named_rule",
        "save_rule",
        "value_rules",
    ),
    "rsmi.learning.session": ("learn_rule", "value_rules"),
    "rsmi.learning.data": ("WindowData",),
    "rsmi.learning.learn": ("learn", "make_trainer"),
    "rsmi.learning.rsmi": ("JointRSMI", "PosteriorRSMI"),
    "rsmi.renormalization": ("coarse_grain", "coarse_samples", "renormalise"),
    "rsmi.layers": ("analyse_layers",),
    "rsmi.runs": ("Run", "Scan", "run", "scan"),
    "rsmi.known": ("check",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rsmi' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
