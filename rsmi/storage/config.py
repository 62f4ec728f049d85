"""YAML of settings, read with care: every key once, nothing longer than anybody would write."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rsmi.errors import InputError

MOST_CHARACTERS = 10_000
_MOST_BYTES, _MOST_VALUES = 1 << 20, 100_000


def read_config(path: Path) -> yaml.MappingNode:
    """The options in a file, as YAML's own nodes, which keep how each was written.

    Raises:
        InputError: For a file that is missing, no text, no YAML, or no `key: value` lines; for keys
            that stand twice, and for text that is longer, or grows longer by its aliases, than any
            config.
    """
    return _composed(_read(path), f"the config {path}")


def mapping_of(text: str, where: str) -> dict[str, Any]:
    """What a text of `key: value` lines says.

    Args:
        text: YAML.
        where: What it is, for messages.

    Raises:
        InputError: As `read_config`.

    >>> mapping_of("shape: [4, 4]", "the recipe")
    {'shape': [4, 4]}
    """
    _composed(text, where)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def _composed(text: str, where: str) -> yaml.MappingNode:
    expected = "expected `key: value` lines, such as `seed: 1`"
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(top, yaml.MappingNode):
            raise InputError(f"{where} holds no options; {expected}")
        check_nodes(top, where)
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not valid YAML: {error}") from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply; {expected}") from None
    return top


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            raise InputError(f"the config {path} is a directory; name the YAML file in it")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(
            f"the config {path} does not exist; give the path of a YAML file"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"the config {path} cannot be read ({error}); check the path") from None
    return _decoded(path, content)


def _decoded(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" not in content and len(content) <= _MOST_BYTES and error.start > 0:
            line = content[: error.start].count(b"\n") + 1
            raise InputError(
                f"the config {path} is not in UTF-8 (byte 0x{content[error.start]:02x} in line "
                f"{line}); save it as UTF-8"
            ) from None
        text = "\0"
    if "\0" in text:
        raise InputError(
            f"{path} is no text, so no config; a file of samples is given with --data, or with "
            "--file to `rsmi info`"
        )
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path} is longer than {_MOST_BYTES} bytes, so no config; check the path")
    return text


def check_nodes(top: yaml.Node, where: str) -> None:
    """Refuse keys that stand twice, and more or longer values than anybody would write."""
    if _size(top, {}, where) > _MOST_VALUES:
        raise InputError(
            f"{where} stands for more than {_MOST_VALUES} values, for its aliases repeat each "
            "other; write the values that are meant"
        )


def _size(node: yaml.Node, known: dict[int, float], where: str) -> float:
    """Number of values that a node stands for, each alias counted as what it repeats."""
    if id(node) not in known:
        known[id(node)] = math.inf  # as long as it is open: an alias of itself never ends
        if isinstance(node, yaml.ScalarNode) and len(node.value) > MOST_CHARACTERS:
            raise InputError(
                f"{where} holds a value of {len(node.value)} characters in line "
                f"{node.start_mark.line + 1}; expected at most {MOST_CHARACTERS}"
            )
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, where)
        known[id(node)] = 1 + sum(_size(child, known, where) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from (key, value)
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _check_keys(node: yaml.MappingNode, where: str) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if isinstance(key, yaml.ScalarNode) and key.value in lines:
            raise InputError(
                f"{where} gives the key '{key.value}' twice, in lines {lines[key.value]} and "
                f"{line}; keep one of the two"
            )
        lines[str(key.value)] = line
