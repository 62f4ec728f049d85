"""Somebody else's numbers, computed again by the installed code: what `rsmi verify` runs."""

from rsmi.known.checking import Check, Checked, Verification
from rsmi.known.sections import SECTIONS, check
from rsmi.known.tasks import (
    Task,
    known_task,
    known_tasks,
    mapped,
    normal_information,
    normal_task,
    spin_task,
    student_information,
    student_task,
    uniform_noise_information,
)

__all__ = [
    "SECTIONS",
    "Check",
    "Checked",
    "Task",
    "Verification",
    "check",
    "known_task",
    "known_tasks",
    "mapped",
    "normal_information",
    "normal_task",
    "spin_task",
    "student_information",
    "student_task",
    "uniform_noise_information",
]
