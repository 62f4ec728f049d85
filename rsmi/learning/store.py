"""Trained rules on disk: a YAML that says what it is, and safetensors with the numbers."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from rsmi.digest import KEY, plain_digest
from rsmi.errors import InputError, nearest
from rsmi.learning.filters import TableFilter, decimation, majority

SCHEMA = "rsmi.model/1"
DEFINITION = "model.yaml"
WEIGHTS = "weights.safetensors"

_TYPES = {"schema": str, "class": str, "arguments": dict, "card": dict}

CLASSICAL = {"majority": majority, "plurality": majority, "decimation": decimation}
"""Rules known by name; each takes the block."""


def save_filter(
    filter: TableFilter, directory: str | os.PathLike[str], card: Mapping[str, Any]
) -> None:
    """Write a rule as `model.yaml` and `weights.safetensors`, with one digest of both.

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
    definition = json.loads(json.dumps(definition))  # nothing is shared, so nothing is an alias
    text = yaml.safe_dump(definition, sort_keys=False)
    digest = plain_digest(definition, _part(target / WEIGHTS).read_bytes())
    _part(target / DEFINITION).write_text(f"{text}{KEY}: {digest}\n")
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
    return dict(_definition(Path(directory))[0]["card"])


def rule_has_digest(directory: str | os.PathLike[str]) -> bool:
    """Whether a rule carries a digest, and so is known to be as it was written.

    Rules of version 0.1.0 carry none.

    Raises:
        InputError: For a missing or damaged file.
    """
    return KEY in _definition(Path(directory))[0]


def _load(directory: Path) -> TableFilter:
    definition, weights = _definition(directory)
    try:
        block = TableFilter(**definition["arguments"]).block
        return TableFilter(block, load(weights)["probabilities"])
    except (KeyError, TypeError, ValueError, SafetensorError) as error:
        raise _damaged(directory, error) from None


def _damaged(directory: Path, reason: object) -> InputError:
    return InputError(
        f"the rule in {directory} is damaged ({reason}); train it again, or restore {DEFINITION} "
        f"and {WEIGHTS}"
    )


def _definition(directory: Path) -> tuple[dict[str, Any], bytes]:
    """What a rule says it is, and the bytes of its weights, as they were written."""
    path = directory / DEFINITION
    if not path.is_file():
        raise InputError(
            f"there is no rule '{directory}'; {nearest(directory, CLASSICAL)}expected "
            f"{', '.join(CLASSICAL)}, or a directory with {DEFINITION} and {WEIGHTS}"
        )
    try:
        definition, weights = yaml.safe_load(path.read_text()), (directory / WEIGHTS).read_bytes()
    except (yaml.YAMLError, ValueError, RecursionError):
        definition = None
    except OSError as error:
        raise _damaged(directory, error) from None
    if not isinstance(definition, dict) or definition.get("schema") != SCHEMA:
        raise InputError(f"{path} is no definition of a rule (schema {SCHEMA}); train it again")
    for name in {*_TYPES, *definition} - {KEY}:
        if name not in _TYPES or not isinstance(definition.get(name), _TYPES[name]):
            raise _damaged(directory, f"{name!r} is {definition.get(name)!r:.60}")
    if KEY in definition and not _digest_holds(path, definition, weights):
        raise _damaged(directory, f"its content is not what its {KEY} says")
    return definition, weights


def _digest_holds(path: Path, definition: dict[str, Any], weights: bytes) -> bool:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(path.read_text())):
        return False  # `save_filter` writes none, and a few lines of them could stand for gigabytes
    content = {name: value for name, value in definition.items() if name != KEY}
    try:
        return plain_digest(content, weights) == definition[KEY]
    except (TypeError, ValueError, RecursionError):
        return False


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
