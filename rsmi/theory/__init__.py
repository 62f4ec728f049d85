"""Networks whose behaviour is known in closed form, beside what they do when they are run."""

from typing import TYPE_CHECKING, Any

from rsmi.theory.firenet import Firenet
from rsmi.theory.machines import Machines, MachinesResult, study_machines
from rsmi.theory.measure_dynamics import (
    METHODS,
    Equilibrium,
    Langevin,
    Particles,
    Play,
    Regression,
    Trajectory,
    birth_death,
    circle_game,
    drawn_particles,
    fluctuation,
    gaussian_example,
    gradient_step,
    initial_fluctuation,
    neighbour_entropy,
    normal_unit,
    play_zero_sum,
    relu_unit,
    symmetrised,
    train_measure,
)
from rsmi.theory.measures import Measures, MeasuresResult, study_measures
from rsmi.theory.operators import (
    DenseOperator,
    GivenOperator,
    LinearOperator,
    SubsampledTransform,
    check_operator,
    frequencies,
    haar,
    haar_inverse,
    walsh,
)
from rsmi.theory.perturbed_machines import (
    Learning,
    LearningOrder,
    Perturbation,
    Scaleless,
    Settled,
    agreement_law,
    agreement_rate,
    learning_order,
    machines_at_error,
    measured_errors,
    output_errors,
    weight_overlap,
)
from rsmi.theory.random_machines import (
    GATES,
    Activation,
    FunctionSpace,
    finite_machines,
    literals,
    next_overlaps,
    orthant_probabilities,
    sparse_machines,
    two_node_machines,
    wide_machines,
)
from rsmi.theory.recovery import (
    Attack,
    Problem,
    Recovery,
    RecoveryResult,
    study_recovery,
    train_shrinkage,
    twin_signals,
)
from rsmi.theory.rule_stability import (
    RuleStability,
    Stability,
    StabilityResult,
    rule_stability,
    study_stability,
)
from rsmi.theory.stability import (
    FlipCosts,
    Flips,
    Perturbed,
    flip_costs,
    worst_case_perturbation,
    worst_flips,
)

if TYPE_CHECKING:
    from rsmi.theory.strategy import BirthDeath


def __getattr__(name: str) -> Any:
    """`BirthDeath` alone needs Lightning, which is imported when it is asked for."""
    if name == "BirthDeath":
        from rsmi.theory.strategy import BirthDeath

        return BirthDeath
    raise AttributeError(f"module 'rsmi.theory' has no attribute {name!r}")


__all__ = [
    "GATES",
    "METHODS",
    "Activation",
    "Attack",
    "BirthDeath",
    "DenseOperator",
    "Equilibrium",
    "Firenet",
    "FlipCosts",
    "Flips",
    "FunctionSpace",
    "GivenOperator",
    "Langevin",
    "Learning",
    "LearningOrder",
    "LinearOperator",
    "Machines",
    "MachinesResult",
    "Measures",
    "MeasuresResult",
    "Particles",
    "Perturbation",
    "Perturbed",
    "Play",
    "Problem",
    "Recovery",
    "RecoveryResult",
    "Regression",
    "RuleStability",
    "Scaleless",
    "Settled",
    "Stability",
    "StabilityResult",
    "SubsampledTransform",
    "Trajectory",
    "agreement_law",
    "agreement_rate",
    "birth_death",
    "check_operator",
    "circle_game",
    "drawn_particles",
    "finite_machines",
    "flip_costs",
    "fluctuation",
    "frequencies",
    "gaussian_example",
    "gradient_step",
    "haar",
    "haar_inverse",
    "initial_fluctuation",
    "learning_order",
    "literals",
    "machines_at_error",
    "measured_errors",
    "neighbour_entropy",
    "next_overlaps",
    "normal_unit",
    "orthant_probabilities",
    "output_errors",
    "play_zero_sum",
    "relu_unit",
    "rule_stability",
    "sparse_machines",
    "study_machines",
    "study_measures",
    "study_recovery",
    "study_stability",
    "symmetrised",
    "train_measure",
    "train_shrinkage",
    "twin_signals",
    "two_node_machines",
    "walsh",
    "weight_overlap",
    "wide_machines",
    "worst_case_perturbation",
    "worst_flips",
]
