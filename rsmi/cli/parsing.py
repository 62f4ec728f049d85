"""Turns a command's arguments and its YAML into settings, or explains what is wrong with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from rsmi.cli.complaints import plain
from rsmi.cli.configs import with_config
from rsmi.cli.options import Option, options_of
from rsmi.errors import InputError
from rsmi.sampling.select import AUTO, check_device
from rsmi.sampling.threads import cores


@dataclass(frozen=True)
class Execution:
    """How a command is carried out; it changes no number.

    Args:
        out: Directory for everything the command leaves behind.
        resume: Whether to go on with an interrupted run.
        workers: Threads for sampling and measuring.
        device: Where samples are drawn.
        trust: Whether code of a rule's own network may run.
    """

    out: str | None
    resume: bool
    workers: int
    device: str = AUTO
    trust: bool = False


class Explaining(ArgumentParser):
    """Raises instead of printing its usage, so that every error leaves by the same door."""

    known: Mapping[str, Option] = {}

    def error(self, message: str, ex: Exception | None = None) -> None:  # type: ignore[override]
        """Report bad arguments."""
        ours = _input_error(ex)
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


def _input_error(error: BaseException | None) -> str | None:
    """Our own message, where a check of ours lies behind the parser's complaint."""
    while error is not None:
        if isinstance(error, InputError):
            return str(error)
        error = error.__cause__ or error.__context__
    return None
