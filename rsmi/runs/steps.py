"""Steps that several tasks share: draw samples, iterate a rule; told to whoever watches."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rsmi.learning import Rule, rule_name, usual_rules
from rsmi.progress import Watcher
from rsmi.renormalization import MCRGResult, renormalise
from rsmi.runs.settings import Execution, Exponents, Information
from rsmi.storage import SampleRecipe, Samples, generate
from rsmi.storage.generation import Drawing
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.interface import space_of
from rsmi.storage.room import in_bytes

if TYPE_CHECKING:
    from rsmi.learning import RuleValues


def draw(recipe: SampleRecipe, path: Path, execution: Execution, watcher: Watcher) -> Path:
    """Draw the configurations of a recipe into a file.

    Args:
        recipe: What to draw.
        path: The file.
        execution: With how many workers, on which device, and whether to go on with a file that
            is there.
        watcher: Is told how far it is.

    Returns:
        `path`.

    Raises:
        InputError: Where the file is there already, or memory or disk have no room for it.
    """
    total = recipe.chains * recipe.records
    size = " x ".join(map(str, recipe.shape))
    with (
        watcher.stage("sampling", f"Sampling {total} configurations of {recipe.model} {size}"),
        watcher.counting("configurations") as progress,
    ):
        drawing = Drawing.of(recipe)
        drawing.check_room(path)
        memory, disk = in_bytes(drawing.memory), in_bytes(drawing.disk)
        watcher.say(f"about {memory} of memory and {disk} of disk are needed")
        generate(recipe, path, execution.workers, execution.resume, progress, execution.device)
    with Hdf5Samples(path) as samples:
        facts = samples.attributes
    watcher.say(facts["equilibration_report"])
    watcher.say(f"drawn by {recipe.update}, method {facts['method']} on {facts['device']}")
    return path


def value_task(
    task: Information, samples: Samples, execution: Execution, watcher: Watcher
) -> "RuleValues":
    """What the rules of a task keep, on open samples; also where `check` will refuse it.

    Args:
        task: Which rules, in which window.
        samples: Open samples.
        execution: Whether code of a rule may run.
        watcher: Is told what is done.

    Raises:
        RsmiError: As `rsmi.learning.value_rules`.
    """
    from rsmi.learning import Refused, value_rules

    space = space_of(samples)
    try:
        return value_rules(
            samples,
            task.window.window(space),
            usual_rules(space.alphabet) if task.rules is None else task.rules,
            seed=task.seed,
            trust=execution.trust,
            progress=watcher.visible,
            say=watcher.say,
            **vars(task.learning),
        )
    except Refused as refused:
        return refused.found


def iterate_rule(
    samples: Samples,
    rule: Rule | str,
    settings: Exponents,
    seed: int,
    execution: Execution,
    watcher: Watcher,
    name: str,
    block: tuple[int, ...] | None = None,
) -> MCRGResult:
    """Renormalise samples with one rule.

    Args:
        samples: Open samples.
        rule: The rule, or its name or directory.
        settings: How exponents are measured.
        seed: Of the random entries of the rule.
        execution: With how many workers, and whether code of a rule may run.
        watcher: Is told how far it is.
        name: How the rule was called.
        block: Extents of the block of a rule known by name; 2 along each axis without.

    Raises:
        RsmiError: As `rsmi.renormalization.renormalise`.
    """
    with (
        watcher.stage(f"exponents.{rule_name(name)}", f"Iterating the rule '{name}'"),
        watcher.counting("configurations") as progress,
    ):
        found = renormalise(
            samples,
            rule,
            block=block,
            trust=execution.trust,
            levels=settings.levels,
            reach=settings.reach,
            seed=seed,
            workers=execution.workers,
            blocks=settings.blocks,
            progress=progress,
        )
    for line in found.remarks:
        watcher.say(line)
    return replace(found, rule=rule_name(name))
