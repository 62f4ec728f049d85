"""The parser's complaints about types and keys, in the words of a user."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from rsmi.errors import InputError

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "tuple": "a list such as [2,2]",
    "list": "a list such as [2,2]",
    "str": "text",
    "bool": "true or false",
    "dict": "`key: value` pairs",
}
_KEY = re.compile(r'Parser key "(?P<key>[^"]+)":')
_GIVEN = re.compile(r"(?:Given value|Got value): (?P<given>[^\n]*)")
_CLASS = re.compile(r"Expected a <class '(\w+)'>")
_LITERAL = re.compile(r"Literal\[([^\]]*)\]")
_UNKNOWN = re.compile(r"Option '([^']+)' is not accepted")


def plain(message: str, options: Iterable[str]) -> str:
    """A complaint of the parser as "what was given; what was expected".

    Args:
        message: What the parser says.
        options: Names of the options there are.

    >>> plain('''Parser key "levels":
    ...   Expected a <class 'int'>. Got value: two''', [])
    'levels is two; expected a whole number'
    """
    if unknown := _UNKNOWN.search(message):
        return _suggest(unknown[1], options)
    key, given = _KEY.search(message), _GIVEN.search(message)
    kinds = [_KINDS[name] for name in _CLASS.findall(message) if name in _KINDS]
    kinds += [f"one of {found.replace(chr(39), '')}" for found in _LITERAL.findall(message)]
    if key is None or given is None or not kinds:
        return message.strip()
    expected = " or ".join(dict.fromkeys(kinds))
    if given["given"] == "None":
        return f"{key['key']} is missing; expected {expected}"
    return f"{key['key']} is {given['given']}; expected {expected}"


def _suggest(name: str, options: Iterable[str]) -> str:
    known = sorted({option.rpartition(".")[2] for option in options})
    close = difflib.get_close_matches(name.rpartition(".")[2], known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else "check its spelling and its indentation"
    return f"the key '{name}' is not accepted; {hint}"


def check_config(path: Path) -> None:
    """Refuse a file that cannot hold options.

    Raises:
        InputError: For a file that is missing, no text, no YAML, or no `key: value` lines.
    """
    if not path.exists():
        raise InputError(f"the config {path} does not exist; give the path of a YAML file")
    if path.is_dir():
        raise InputError(f"the config {path} is a directory; name the YAML file in it")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise InputError(
            f"{path} is no text, so no config; a file of samples is given with --data, or with "
            "--file to `rsmi info`"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"the config {path} is not valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise InputError(
            f"the config {path} holds no options; expected `key: value` lines, such as `seed: 1`"
        )
