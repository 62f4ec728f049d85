"""Rules, and how they are learned and valued.

What trains needs Lightning, and is imported when it is first asked for, so that rules can be used
without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from rsmi.learning.classical import (
    CLASSICAL,
    block_alone,
    classical_for,
    columnar_field,
    decimation,
    electric_field,
    majority,
    named_rule,
    usual_rules,
)
from rsmi.learning.equivariance import Equivariance
from rsmi.learning.exact import SolvedRules, TradeOff, solve_rules
from rsmi.learning.rules import (
    HardRule,
    Rule,
    TableRule,
    influence,
    measure_symmetry,
    orientation,
)
from rsmi.learning.settings import Learning
from rsmi.learning.store import (
    describe_rule,
    load_rule,
    read_card,
    rule_has_digest,
    rule_name,
    rules_by_name,
    save_rule,
)
from rsmi.learning.trainable import (
    ConvRule,
    LinearRule,
    LogitRule,
    MLPRule,
    NetworkRule,
    TrainableTable,
    make_rule,
)

if TYPE_CHECKING:
    from rsmi.learning.boltzmann import Boltzmann, ProxyRule, learn_by_proxy
    from rsmi.learning.conventional import METHODS, TrainedRule, train_by
    from rsmi.learning.data import WindowData
    from rsmi.learning.ensemble import Ensemble, learn_ensemble
    from rsmi.learning.growth import LearningCurve
    from rsmi.learning.joint import JointRSMI
    from rsmi.learning.learn import Learned, make_trainer
    from rsmi.learning.manifold import Degeneracy, degeneracy
    from rsmi.learning.phases import Phases, phase_entropy
    from rsmi.learning.posterior import PosteriorRSMI
    from rsmi.learning.results import LearnedRule, Refused, RuleValues
    from rsmi.learning.session import learn_rule, value_rules
    from rsmi.learning.streaming import StreamingWindowData

_TRAINING = {
    "boltzmann": ("Boltzmann", "ProxyRule", "learn_by_proxy"),
    "conventional": ("METHODS", "TrainedRule", "train_by"),
    "data": ("WindowData",),
    "growth": ("LearningCurve",),
    "joint": ("JointRSMI",),
    "manifold": ("Degeneracy", "degeneracy"),
    "ensemble": ("Ensemble", "learn_ensemble"),
    "learn": ("Learned", "make_trainer"),
    "phases": ("Phases", "phase_entropy"),
    "posterior": ("PosteriorRSMI",),
    "results": ("LearnedRule", "Refused", "RuleValues"),
    "session": ("learn_rule", "value_rules"),
    "streaming": ("StreamingWindowData",),
}


def __getattr__(name: str) -> Any:
    for module, names in _TRAINING.items():
        if name in names:
            return getattr(importlib.import_module(f"rsmi.learning.{module}"), name)
    raise AttributeError(f"module 'rsmi.learning' has no attribute {name!r}")


__all__ = [
    "CLASSICAL",
    "METHODS",
    "Boltzmann",
    "ConvRule",
    "Degeneracy",
    "Ensemble",
    "Equivariance",
    "HardRule",
    "JointRSMI",
    "Learned",
    "LearnedRule",
    "Learning",
    "LearningCurve",
    "LinearRule",
    "LogitRule",
    "MLPRule",
    "NetworkRule",
    "Phases",
    "PosteriorRSMI",
    "ProxyRule",
    "Refused",
    "Rule",
    "RuleValues",
    "SolvedRules",
    "StreamingWindowData",
    "TableRule",
    "TradeOff",
    "TrainableTable",
    "TrainedRule",
    "WindowData",
    "block_alone",
    "classical_for",
    "columnar_field",
    "decimation",
    "degeneracy",
    "describe_rule",
    "electric_field",
    "influence",
    "learn_by_proxy",
    "learn_ensemble",
    "learn_rule",
    "load_rule",
    "majority",
    "make_rule",
    "make_trainer",
    "measure_symmetry",
    "named_rule",
    "orientation",
    "phase_entropy",
    "read_card",
    "rule_has_digest",
    "rule_name",
    "rules_by_name",
    "save_rule",
    "solve_rules",
    "train_by",
    "usual_rules",
    "value_rules",
]
