"""Known answers, recomputed by the installed code: what `rsmi verify layers` runs."""

from collections.abc import Callable

from rsmi.layers.known.check import Check
from rsmi.layers.known.continuous import folding_checks, linear_gaussian_checks, sawtooth_checks
from rsmi.layers.known.finite import control_checks, decimation_checks, random_map_checks
from rsmi.layers.known.function_space import function_space_checks
from rsmi.layers.known.lattices import (
    enumerated_ising_checks,
    input_entropy_checks,
    sampled_ising_checks,
)
from rsmi.layers.known.mazes import maze_checks


def known_answers() -> list[Check]:
    """Recompute every known answer, in about fifteen seconds on one core.

    Source: closed forms, or as named in the functions that give the answer.
    """
    groups: list[Callable[[], list[Check]]] = [
        random_map_checks,
        sawtooth_checks,
        folding_checks,
        linear_gaussian_checks,
        decimation_checks,
        enumerated_ising_checks,
        sampled_ising_checks,
        input_entropy_checks,
        function_space_checks,
        maze_checks,
        control_checks,
    ]
    return [check for group in groups for check in group()]
