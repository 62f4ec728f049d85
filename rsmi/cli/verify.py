"""`rsmi verify`: known exact values, computed again by the installed code."""

from collections.abc import Sequence
from dataclasses import dataclass

from rsmi.cli.output import Output
from rsmi.cli.parsing import parse
from rsmi.errors import InputError, nearest
from rsmi.known import SECTIONS, Checked, Verification, check

DESCRIPTION = (
    "Compute known exact values again with the installed code: `rsmi verify [all]` or "
    f"`rsmi verify SECTION ...` with sections {', '.join(SECTIONS)}. Exit code 1 if any differs."
)
EVERYTHING = "all"


@dataclass(frozen=True)
class Verify:
    """Which sections to check.

    Args:
        sections: Names of sections, or `all`.
    """

    sections: tuple[str, ...] = (EVERYTHING,)

    def __post_init__(self) -> None:
        known = [EVERYTHING, *SECTIONS]
        unknown = [name for name in self.sections if name not in known]
        if unknown or not self.sections:
            raise InputError(
                f"unknown section {', '.join(map(repr, unknown)) or '(none)'}; "
                f"{nearest(unknown[0] if unknown else '', known)}expected {', '.join(known)}"
            )

    @property
    def names(self) -> list[str]:
        """The sections to check, each once."""
        everything = EVERYTHING in self.sections
        return [name for name in SECTIONS if everything or name in self.sections]


def main(arguments: Sequence[str]) -> int:
    """Parse, check, print the table; 0 if every check passed, else 1."""
    task, execution = parse("verify", Verify, _with_sections(arguments), DESCRIPTION)
    output = Output("verify", task, execution.out, execution.resume)
    checked: list[Checked] = []
    for name in task.names:
        with output.stage(name, f"Checking {name}"):
            checked += check(name).checked
    found = Verification(checked)
    output.finish(found, seed=None)
    output.say(f"{len(checked) - len(found.failed)} of {len(checked)} checks passed")
    for failed in found.failed:
        output.say(f"failed: {failed.name} {failed.failure}")
    return 0 if found.passed else 1


def _with_sections(arguments: Sequence[str]) -> list[str]:
    """Leading words are names of sections."""
    words = list(arguments)
    count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    if count == 0:
        return words
    return [f"--sections=[{','.join(words[:count])}]", *words[count:]]
