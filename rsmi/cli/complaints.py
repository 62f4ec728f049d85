"""The parser's complaints about types and keys, in the words of a user."""

import re
from collections.abc import Mapping

from rsmi.cli.options import Option
from rsmi.errors import closest, nearest
from rsmi.learning.settings import RENAMED, renamed

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "tuple": "a list such as",
    "list": "a list such as",
    "collections.abc.Sequence": "a list such as",
    "str": "text",
    "bool": "true or false",
    "dict": "`key: value` pairs",
}
_KEY = re.compile(r'Parser key "(?P<key>[^"]+)":')
_GIVEN = re.compile(r"(?:Given value|Got value): (?P<given>[^\n]*)")
_CLASS = re.compile(r"Expected a <class '([\w.]+)'>")
_LITERAL = re.compile(r"Literal\[([^\]]*)\]")
_UNKNOWN = re.compile(
    r"Option '(?P<key>[^']+)' is not accepted"
    r"|Group '(?P<group>[^']+)' does not accept option '(?P<option>[^']+)'"
    r"|unrecognized arguments: --(?P<typed>[^\s=]+)"
)


def plain(message: str, options: Mapping[str, Option]) -> str:
    """A complaint of the parser as "what was given; what was expected".

    Args:
        message: What the parser says.
        options: The options there are, by dotted name.

    >>> plain('''Parser key "levels":
    ...   Expected a <class 'int'>. Got value: two''', {})
    'levels is two; expected a whole number'
    """
    if unknown := _UNKNOWN.search(message):
        return _suggest(unknown.groupdict(), options)
    key, given = _KEY.search(message), _GIVEN.search(message)
    if key is None or given is None:
        return message.strip()
    hint, expected = _expected(message, given["given"], _find(key["key"], options))
    if not expected:
        return message.strip()
    if given["given"] == "None":
        return f"{key['key']} is missing; expected {expected}"
    return f"{key['key']} is {given['given']}; {hint}expected {expected}"


def _find(key: str, options: Mapping[str, Option]) -> Option | None:
    """The option of a key, which a parser within the parser names without its group."""
    return next((o for name, o in options.items() if f".{name}".endswith(f".{key}")), None)


def _expected(message: str, given: str, option: Option | None) -> tuple[str, str]:
    """What may have been meant, and everything that could have been."""
    example = (option or Option(tuple[int, ...])).example
    kinds = [_KINDS[name] for name in _CLASS.findall(message) if name in _KINDS]
    kinds = [f"{kind} {example}" if kind.endswith("such as") else kind for kind in kinds]
    choices = [found.replace("'", "") for found in _LITERAL.findall(message)]
    hint = nearest(given, [word for found in choices for word in found.split(", ")])
    return hint, " or ".join(dict.fromkeys([*kinds, *(f"one of {found}" for found in choices)]))


def _suggest(found: Mapping[str, str | None], options: Mapping[str, Option]) -> str:
    """The option that is nearest to one that is not known."""
    typed, dashes = found["typed"], "--" if found["typed"] else ""
    name = typed or found["key"] or f"{found['group']}.{found['option']}"
    if (old := name.rpartition(".")[2]) in RENAMED:
        return f"the option '{dashes}{name}' has another name now: {renamed(old)}"
    last = {option.rpartition(".")[2]: option for option in reversed(list(options))}
    # A parser within the parser names the key without its group.
    alone = closest(name.rpartition(".")[2], last)
    close = closest(name, options) or (last[alone] if alone else None)
    hint = f"did you mean '{dashes}{close}'?" if close else "check its spelling"
    if not close and not typed:
        hint += " and its indentation"
    return f"the {'option' if typed else 'key'} '{dashes}{name}' is not accepted; {hint}"
