"""Turns a command's arguments and its YAML into settings, or explains what is wrong with them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from rsmi.cli.configs import Option, options_of, with_config
from rsmi.errors import InputError, closest, nearest
from rsmi.learning.settings import RENAMED
from rsmi.runs.settings import Execution
from rsmi.sampling.select import AUTO, check_device
from rsmi.sampling.threads import cores


class Explaining(ArgumentParser):
    """Raises instead of printing its usage, so that every error leaves by the same door."""

    known: Mapping[str, Option] = {}

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        """Report bad arguments."""
        ours = input_error(ex)
        # A parser within the parser has the name of the script alone.
        help = f"\nSee `{self.prog} --help`." if self.prog.startswith("rsmi ") else ""
        own = {
            action.dest: Option(getattr(action, "_typehint", Any), action.default)
            for action in self._actions
        }
        raise InputError(ours or plain(message, own | dict(self.known)) + help) from None


def parse(
    command: str,
    target: Callable[..., Any],
    arguments: Sequence[str],
    description: str,
    sampling: bool = False,
    rules: bool = False,
) -> tuple[Any, Execution]:
    """Parse arguments into what a function or dataclass takes.

    A first argument that is no option is the path of a YAML config; dotted options after it
    override single keys.

    Args:
        command: Name of the command, for messages.
        target: Function or dataclass; its signature says which options exist.
        arguments: The command's arguments.
        description: One sentence for `--help`.
        sampling: Whether the command draws samples, so that there is a device to choose.
        rules: Whether it takes rules, which may hold code of somebody's own.

    Returns:
        The dataclass built, or the function with its parameters bound; and how to execute.

    Raises:
        InputError: For unknown keys, wrong types or values out of range.
    """
    parser = Explaining(prog=f"rsmi {command}", description=description, allow_abbrev=False)
    parser.known = options_of(target)
    parser.add_argument("--config", action="config", help="YAML file with any of these options")
    parser.add_argument("--out", type=str | None, help="directory for everything left behind")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--workers", type=int, default=cores(), help="threads; they change no number"
    )
    if sampling:
        parser.add_argument(
            "--device", default=AUTO, help="where samples are drawn: auto, cpu, cuda or cuda:1"
        )
    if rules:
        parser.add_argument(
            "--trust", action="store_true", help="run the code of networks that rules hold"
        )
    add = parser.add_class_arguments if isinstance(target, type) else parser.add_function_arguments
    names = add(target)
    values = _values(parser, with_config(arguments, command, parser.known))
    return _call(target, names, values), _execution(values)


def _values(parser: Explaining, arguments: Sequence[str]) -> Namespace:
    parsed = parser.parse_args(list(arguments))
    try:
        return parser.instantiate(parsed)
    except ValueError as error:
        parser.error(str(error), error)
        raise


def _call(target: Callable[..., Any], names: Sequence[str], values: Namespace) -> Any:
    """`target` with the parameters that the parser found for it."""
    own = {name.split(".")[0] for name in names}
    return target(**{name: values[name] for name in own})


def _execution(values: Namespace) -> Execution:
    if values["workers"] < 1:
        raise InputError(f"workers is {values['workers']}; expected a whole number of at least 1")
    device = values.get("device", AUTO)
    if device != AUTO:
        check_device(device)
    trust = bool(values.get("trust", False))
    return Execution(values["out"], values["resume"], values["workers"], device, trust)


def input_error(error: BaseException | None) -> str | None:
    """Our own message, where a check of ours lies behind the parser's complaint."""
    while error is not None:
        if isinstance(error, InputError):
            return str(error)
        error = error.__cause__ or error.__context__
    return None


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
        return f"the option '{dashes}{name}' has another name now: {RENAMED[old]}"
    last = {option.rpartition(".")[2]: option for option in reversed(list(options))}
    # A parser within the parser names the key without its group.
    alone = closest(name.rpartition(".")[2], last)
    close = closest(name, options) or (last[alone] if alone else None)
    hint = f"did you mean '{dashes}{close}'?" if close else "check its spelling"
    if not close and not typed:
        hint += " and its indentation"
    return f"the {'option' if typed else 'key'} '{dashes}{name}' is not accepted; {hint}"
