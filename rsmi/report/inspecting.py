"""What a file or directory holds, and what is known of its being whole.

It knows every room, so it is imported by name: `rsmi.report.inspecting`.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from rsmi.errors import InputError, shortened
from rsmi.information import Outcome, Quantity, Sheet
from rsmi.information.outcome import text_width
from rsmi.layers.building import WEIGHT_FILES, read_weights
from rsmi.learning import describe_rule, load_rule, read_card, rule_has_digest
from rsmi.learning.store import DEFINITION
from rsmi.runs.result import (
    CONFIG_NAME,
    FILE_NAME,
    RULE_NAME,
    SAMPLES_NAME,
    Result,
    read_result,
    result_has_digest,
)
from rsmi.storage import FileReport, Samples, Selection, check_source, verify
from rsmi.storage.collection import SCHEMA as COLLECTION
from rsmi.storage.source import strange_axes

_DIGEST = "its content is as it was written (SHA-256)"
_NO_DIGEST = (
    "no checksum: written by version 0.1.0, so numbers that were changed later cannot be seen"
)
_ALL = Selection()


@dataclass(frozen=True)
class Part:
    """One thing that was found.

    Args:
        title: What and where it is.
        facts: What is known of it, by name.
        result: Its numbers, where it is the result of a command.
        notes: What was checked, one line each.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    result: Result | None = None
    notes: Sequence[str] = ()

    def lines(self, width: int) -> Iterator[str]:
        """As plain text; long facts continue below their beginning."""
        yield self.title
        indent = max(map(len, self.facts), default=0) + 3
        for name, value in self.facts.items():
            for place, line in enumerate(_folded(value, max(width - indent, 20))):
                yield f" {'' if place else name:<{indent - 1}}{line}"
        if self.result is not None:
            yield self.result.table(width)
        yield from (f"  {note}" for note in self.notes)


@dataclass(frozen=True, repr=False)
class Inspection(Outcome):
    """Everything that a path holds.

    Args:
        parts: One for each thing.
    """

    parts: Sequence[Part]

    def quantities(self) -> list[Quantity]:
        """The numbers of results among what was found."""
        return [q for part in self.parts if part.result for q in part.result.quantities()]

    def sheets(self) -> list[Sheet]:
        """Facts and numbers, one table each."""
        found = []
        for part in self.parts:
            rows = [[name, value] for name, value in part.facts.items()]
            found += [Sheet(part.title, ["", ""], rows or [[""]], "\n".join(part.notes), words=2)]
            found += part.result.sheets() if part.result else []
        return found

    def table(self, width: int | None = None) -> str:
        """Plain text: a title, facts, numbers and what was checked."""
        return "\n".join(line for part in self.parts for line in part.lines(width or text_width()))


def inspect_path(path: str | Path, select: Selection = _ALL) -> Inspection:
    """Check a file or directory from end to end, and say what it holds and what the check can see.

    Args:
        path: A file of configurations, weights of a network (.safetensors, .pt, .pth, .ckpt), a
            `result.json`, or a directory with a trained rule or with what a command left behind.
        select: Which samples to describe, of a file that holds several.

    Raises:
        InputError: For anything else, or a file that is damaged.
    """
    path = Path(path)
    if (path / DEFINITION).is_file():
        return Inspection(list(_rule(path)))
    if path.is_dir():
        return Inspection(list(_run(path, select)))
    if path.suffix == ".json":
        return Inspection([_result(path)])
    return Inspection([_weights(path) if path.suffix in WEIGHT_FILES else _samples(path, select)])


def _folded(text: str, width: int) -> list[str]:
    """Lines of at most this width; those of a recipe keep their indentation."""
    folded = (
        textwrap.wrap(line, width, drop_whitespace=False, replace_whitespace=False) or [""]
        for line in text.splitlines() or [""]
    )
    return [line.rstrip() for lines in folded for line in lines]


def _run(directory: Path, select: Selection) -> Iterator[Part]:
    """What a command left behind: samples, a rule, numbers, or that it has not ended."""
    result, config = directory / FILE_NAME, directory / CONFIG_NAME
    if not result.is_file() and not config.is_file():
        raise InputError(
            f"{directory} is a directory without {FILE_NAME}, {CONFIG_NAME} or {DEFINITION}, so no "
            "run and no rule; name the file in it that is meant"
        )
    if (directory / SAMPLES_NAME).is_file():
        yield _samples(directory / SAMPLES_NAME, select)
    if (directory / RULE_NAME / DEFINITION).is_file():
        yield next(_rule(directory / RULE_NAME))
    if result.is_file():
        yield _result(result)
    else:
        title = f"{directory} holds a run without {FILE_NAME}: it has not ended"
        yield Part(title, notes=["the same command with --resume goes on from here"])


def _result(path: Path) -> Part:
    found = read_result(path)
    seconds = f"{sum(found.timings.values()):.1f} s"
    about = {"seed": str(found.seed), "device": found.device, "time": seconds}
    return Part(f"result of {found.command}", about, found, [_digest(result_has_digest(path))])


def _digest(kept: bool) -> str:
    return _DIGEST if kept else _NO_DIGEST


def _rule(path: Path) -> Iterator[Part]:
    """What a rule says of itself, its card and a small table; its code, if any, does not run."""
    facts = describe_rule(path)
    yield Part(f"rule in {path}", facts, notes=[_digest(rule_has_digest(path))])
    card = yaml.safe_dump(read_card(path), sort_keys=False).splitlines()
    yield Part("card", notes=card)
    rule = None if "network" in facts else load_rule(path)
    if rule is not None and rule.n_words <= 16 and rule.alphabet.size == rule.n_symbols == 2:
        up = rule.table()[:, 1].tolist()
        rows = {f"state {v}": f"{p:.4f}" for v, p in enumerate(up)}
        yield Part("p(h = +1 | v), bit i of the state set where spin i is up", rows)


def _weights(path: Path) -> Part:
    weights, check = read_weights(path)
    count = sum(tensor.numel() for tensor in weights.values())
    rows = {name: f"{list(t.shape)} {str(t.dtype)[6:]}" for name, t in weights.items()}
    wrong = [
        name for name, t in weights.items() if t.is_floating_point() and not t.isfinite().all()
    ]
    found = f"not finite: {', '.join(wrong)}; refused unless fresh weights are so too"
    notes = [*([found] if wrong else []), check]
    return Part(f"{path}: {count} numbers in {len(weights)} tensors", rows, notes=notes)


def _samples(path: Path, select: Selection) -> Part:
    report = verify(path, select)
    attributes = {name: shortened(str(value)) for name, value in report.attributes.items()}
    if select == _ALL and str(report.attributes.get("schema")).startswith(COLLECTION):
        return Part(report.source, _facts(report) | attributes, notes=report.checks)
    with select.open(path) as samples:
        facts = _facts(samples) | (attributes if select == _ALL else {})
        return Part(samples.source, facts, notes=[*report.checks, _judged(samples)])


def _judged(samples: Samples) -> str:
    """What can be said of averages over these rows."""
    try:
        return str(check_source(samples))
    except InputError as error:
        return f"NOT fit for averages: {error}"


def _facts(samples: FileReport | Samples) -> dict[str, str]:
    if strange_axes(samples):
        return {"array": f"of shape {(samples.n, *samples.shape)}, whose axes must be declared"}
    model = samples.model
    named = "unknown" if model is None else ", ".join(f"{n} {value}" for n, value in model.items())
    return {
        "configurations": f"{samples.n} in {samples.chains} chain{'s' * (samples.chains != 1)}",
        "lattice": " x ".join(map(str, samples.shape)) or "several",
        **({} if isinstance(samples, FileReport) else {"space": _space(samples)}),
        "model": named,
    }


def _space(samples: Samples) -> str:
    """Letters and lattice as text, or why there are none."""
    try:
        space = samples.space
    except InputError as error:
        return f"none: {error}"
    return "unknown" if space is None else shortened(space.to_text())
