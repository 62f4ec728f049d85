"""`rsmi info`: what a file or directory holds, and what is known of its being whole."""

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsmi.cli.output import CONFIG_NAME
from rsmi.cli.parsing import parse
from rsmi.cli.rules import RULE
from rsmi.cli.sample import FILE_NAME as SAMPLES
from rsmi.errors import InputError, shortened
from rsmi.layers.building import WEIGHT_FILES, read_weights
from rsmi.learning import describe_rule, load_rule, read_card, rule_has_digest
from rsmi.learning.store import DEFINITION
from rsmi.report import read_result, result_has_digest
from rsmi.report.result import FILE_NAME as RESULT
from rsmi.storage import FileReport, Samples, Selection, check_source, verify
from rsmi.storage.collection import SCHEMA as COLLECTION
from rsmi.storage.source import strange_axes

DESCRIPTION = (
    "Check a sample file, a trained rule, weights of a network, a result.json or the directory of "
    "a run from end to end, say what that check can see, and describe it."
)

_DIGEST = "its content is as it was written (SHA-256)"
_NO_DIGEST = (
    "no checksum: written by version 0.1.0, so numbers that were changed later cannot be seen"
)


def main(arguments: Sequence[str]) -> None:
    """Parse and run; `rsmi info FILE` is short for `--file FILE`."""
    if arguments and not arguments[0].startswith("-"):
        arguments = ["--file", *arguments]
    parse("info", info, arguments, DESCRIPTION)


def info(file: str, select: Selection = Selection()) -> None:  # noqa: B008, it is frozen
    """Describe a file.

    Args:
        file: A file of configurations, weights of a network (.safetensors, .pt, .pth, .ckpt), a
            `result.json`, or a directory with a trained rule or with what a command left behind.
        select: Which samples to describe, of a collection or an mcising file.
    """
    path = Path(file)
    if (path / DEFINITION).is_file():
        _print_rule(path)
    elif path.is_dir():
        _print_run(path, select)
    elif path.suffix == ".json":
        sys.stdout.write(f"{read_result(path).table()}\n")
        _print_digest(result_has_digest(path))
    elif path.suffix in WEIGHT_FILES:
        _print_weights(path)
    else:
        _print_samples(path, select)


def _print_run(directory: Path, select: Selection) -> None:
    """What a command left behind: samples, a rule, numbers, or that it has not ended."""
    result, config = directory / RESULT, directory / CONFIG_NAME
    if not result.is_file() and not config.is_file():
        raise InputError(
            f"{directory} is a directory without {RESULT}, {CONFIG_NAME} or {DEFINITION}, so no "
            "run and no rule; name the file in it that is meant"
        )
    if (directory / SAMPLES).is_file():
        _print_samples(directory / SAMPLES, select)
    if (directory / RULE / DEFINITION).is_file():
        _print_title(directory / RULE)
    if result.is_file():
        found = read_result(result)
        about = {"device": found.device, "time": f"{sum(found.timings.values()):.1f} s"}
        _print(f"result of {found.command}", {"seed": str(found.seed)} | about)
        sys.stdout.write(f"{found.table()}\n")
        _print_digest(result_has_digest(result))
    else:
        _print(f"{directory} holds a run without {RESULT}: it has not ended", {})
        Console().print("  the same command with --resume goes on from here", highlight=False)


def _print_samples(path: Path, select: Selection) -> None:
    report = verify(path, select)
    findings = list(report.checks)
    attributes = {name: shortened(str(value)) for name, value in report.attributes.items()}
    if select == Selection() and str(report.attributes.get("schema")).startswith(COLLECTION):
        _print(report.source, _facts(report) | attributes)
    else:
        with select.open(path) as samples:
            _print(samples.source, _facts(samples) | (attributes if select == Selection() else {}))
            findings.append(_judged(samples))
    for finding in findings:
        _print_check(finding)


def _judged(samples: Samples) -> str:
    """What can be said of averages over these rows."""
    try:
        return str(check_source(samples))
    except InputError as error:
        return f"NOT fit for averages: {error}"


def _print_check(text: str) -> None:
    Console().print(f"  {text}", markup=False, highlight=False, soft_wrap=True)


def _print_digest(kept: bool) -> None:
    _print_check(_DIGEST if kept else _NO_DIGEST)


def _print_weights(path: Path) -> None:
    weights, check = read_weights(path)
    count = sum(tensor.numel() for tensor in weights.values())
    rows = {name: f"{list(t.shape)} {str(t.dtype)[6:]}" for name, t in weights.items()}
    _print(f"{path}: {count} numbers in {len(weights)} tensors", rows)
    wrong = [
        name for name, t in weights.items() if t.is_floating_point() and not t.isfinite().all()
    ]
    if wrong:
        _print_check(f"not finite: {', '.join(wrong)}; refused unless fresh weights are so too")
    _print_check(check)


def _facts(samples: FileReport | Samples) -> dict[str, str]:
    if strange_axes(samples):
        return {"array": f"of shape {(samples.n, *samples.shape)}, whose axes must be declared"}
    return {
        "configurations": f"{samples.n} in {samples.chains} chain{'s' * (samples.chains != 1)}",
        "lattice": " x ".join(map(str, samples.shape)) or "several",
        **({} if isinstance(samples, FileReport) else {"space": _space(samples)}),
        "model": "unknown" if samples.model is None else _pairs(samples.model),
    }


def _space(samples: Samples) -> str:
    """Letters and lattice as text, or why there are none."""
    try:
        space = samples.space
    except InputError as error:
        return f"none: {error}"
    return "unknown" if space is None else shortened(space.to_text())


def _print_title(path: Path) -> dict[str, str]:
    """What a rule says of itself; code that it may hold does not run."""
    facts = describe_rule(path)
    _print(f"rule in {path}", facts)
    _print_digest(rule_has_digest(path))
    return facts


def _print_rule(path: Path) -> None:
    facts = _print_title(path)
    Console().print(yaml.safe_dump(read_card(path), sort_keys=False), markup=False, highlight=False)
    rule = None if "network" in facts else load_rule(path)
    if rule is not None and rule.n_words <= 16 and rule.alphabet.size == rule.n_symbols == 2:
        up = rule.table()[:, 1].tolist()
        rows = {f"state {v}": f"{p:.4f}" for v, p in enumerate(up)}
        _print("p(h = +1 | v), bit i of the state set where spin i is up", rows)


def _print(title: str, facts: dict[str, str]) -> None:
    console = Console(highlight=False)
    console.print(title, markup=False, style="bold", soft_wrap=True)
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, Text(value))
    console.print(table)


def _pairs(facts: dict[str, str | float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
