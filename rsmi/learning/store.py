"""Trained rules on disk: a YAML that says what it is, and safetensors with the numbers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rsmi.errors import InputError, nearest
from rsmi.learning.filters import TableFilter, decimation, majority

SCHEMA = "rsmi.model/1"
DEFINITION = "model.yaml"
WEIGHTS = "weights.safetensors"

CLASSICAL = {"majority": majority, "plurality": majority, "decimation": decimation}
"""Rules known by name; each takes the block."""


def save_filter(
    filter: TableFilter, directory: str | os.PathLike[str], card: Mapping[str, Any]
) -> None:
    """Write a rule as `model.yaml` and `weights.safetensors`.

    Args:
        filter: The rule.
        directory: Created where it is missing.
        card: What else a user should know: window, training data, seeds, measured numbers.
    """
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    definition = {
        "schema": SCHEMA,
        "class": "rsmi.learning.TableFilter",
        "arguments": {"block": list(filter.block), "n_hidden": filter.n_hidden},
        "card": dict(card),
    }
    save_file(dict(filter.state_dict()), _part(target / WEIGHTS))
    _part(target / DEFINITION).write_text(yaml.safe_dump(definition, sort_keys=False))
    for name in (WEIGHTS, DEFINITION):
        os.replace(_part(target / name), target / name)


def load_filter(rule: str | os.PathLike[str], block: Sequence[int] | None = None) -> TableFilter:
    """A rule by name, or from the directory of a trained one.

    Args:
        rule: `majority`, `decimation`, or a directory written by `save_filter`.
        block: Extents of the block; needed for a rule known by name, checked for a trained one.

    Raises:
        InputError: For an unknown name, a missing or damaged file, or another block.

    >>> load_filter("decimation", (2, 2)).block
    (2, 2)
    """
    if rule in CLASSICAL:
        if block is None:
            raise InputError(f"the rule '{rule}' needs a block; give --block, such as [2,2]")
        return CLASSICAL[str(rule)](block)
    filter = _load(Path(rule))
    if block is not None and tuple(block) != filter.block:
        raise InputError(
            f"the rule in {rule} has block {list(filter.block)}, asked for was {list(block)}; "
            "leave --block out, or choose another rule"
        )
    return filter


def read_card(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save_filter` recorded beside a rule.

    Raises:
        InputError: For a missing or damaged definition.
    """
    return dict(_definition(Path(directory))["card"])


def _load(directory: Path) -> TableFilter:
    definition = _definition(directory)
    try:
        filter = TableFilter(**definition["arguments"])
        tensors = load_file(directory / WEIGHTS)
        return TableFilter(filter.block, tensors["probabilities"])
    except (OSError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(
            f"the rule in {directory} is damaged ({error}); train it again, or restore "
            f"{DEFINITION} and {WEIGHTS}"
        ) from None


def _definition(directory: Path) -> dict[str, Any]:
    path = directory / DEFINITION
    if not path.is_file():
        raise InputError(
            f"there is no rule '{directory}'; {nearest(directory, CLASSICAL)}expected "
            f"{', '.join(CLASSICAL)}, or a directory with {DEFINITION} and {WEIGHTS}"
        )
    try:
        definition = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        definition = None
    if not isinstance(definition, dict) or definition.get("schema") != SCHEMA:
        raise InputError(f"{path} is no definition of a rule (schema {SCHEMA}); train it again")
    return definition


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
