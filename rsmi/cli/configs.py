"""Options as types say, and configs as text, checked before the parser sees them."""

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from rsmi.errors import InputError, shortened
from rsmi.storage.config import MOST_CHARACTERS, check_nodes, read_config

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*(e[-+]?\d+)?|\.\d+|inf)", re.IGNORECASE)
_COMMA = re.compile(r",(?![^()\[\]{}]*[)\]}])")  # none within brackets, as in H(X|T,Y)


@dataclass(frozen=True)
class Option:
    """One option.

    Args:
        hint: Its type.
        default: Its default; `inspect.Parameter.empty` without one.
    """

    hint: Any
    default: Any = inspect.Parameter.empty

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return _listed(self.hint) is not None

    @property
    def example(self) -> str:
        """A list as this option takes it.

        >>> Option(tuple[int, ...]).example, Option(tuple[str, ...], ("a", "b")).example
        ('[2,2]', '[a,b]')
        """
        if isinstance(self.default, tuple) and self.default:
            return f"[{','.join(map(str, self.default))}]"
        return "[first,second]" if self.is_list and self._takes_text else "[2,2]"

    @property
    def _takes_text(self) -> bool:
        kinds = {part for kind in get_args(_listed(self.hint)) for part in _parts(kind)}
        return not kinds & {int, float}

    def written(self, value: str) -> str:
        """A list as YAML writes it, where a person wrote it shorter; other values as they are.

        >>> Option(tuple[int, ...]).written("2x2"), Option(tuple[int, ...]).written("16, 8")
        ('[2,2]', '[16,8]')
        >>> Option(tuple[str, ...]).written("H(X|T),H(X|T,Y)")
        '["H(X|T)", "H(X|T,Y)"]'
        >>> Option(str).written("2x2"), Option(tuple[int, ...]).written("[2,2]")
        ('2x2', '[2,2]')
        """
        if not self.is_list or value[:1] in ("[", "{", "") or value in ("null", "~"):
            return value
        if self._takes_text:
            return json.dumps([word.strip() for word in _COMMA.split(value)], ensure_ascii=False)
        parts = [part.strip() for part in re.split("[,x\N{MULTIPLICATION SIGN}]", value)]
        if len(parts) < 2 or not all(map(_NUMBER.fullmatch, parts)):
            return value
        return f"[{','.join(parts)}]"


def options_of(target: Callable[..., Any], prefix: str = "") -> dict[str, Option]:
    """What a function or dataclass takes, by dotted name, with what its dataclasses take.

    >>> def draw(shape: tuple[int, ...], seed: int = 0) -> None: ...
    >>> list(options_of(draw)), options_of(draw)["seed"].default
    (['shape', 'seed'], 0)
    """
    hints = get_type_hints(target.__init__ if isinstance(target, type) else target)  # type: ignore[misc]
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        hint = hints.get(name, Any)
        found[f"{prefix}{name}"] = Option(hint, parameter.default)
        for part in _parts(hint):
            if isinstance(part, type) and dataclasses.is_dataclass(part):
                found |= options_of(part, f"{prefix}{name}.")
    return found


def _listed(hint: Any) -> Any:
    """The list among what a type allows, or None; where text is allowed too, none is meant."""
    parts = list(_parts(hint))
    lists = [part for part in parts if get_origin(part) in (tuple, list, Sequence)]
    return lists[0] if lists and str not in parts else None


def _parts(hint: Any) -> Iterator[Any]:
    """A type, or each of a union."""
    inner = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    yield from inner or (hint,)


COMMAND, CONFIG = "command", "config"

_WORDS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")
"""What YAML takes the words null, true, on and so on for."""
SPACE = "space"
"""Short for `select.space`."""


def with_config(arguments: Sequence[str], command: str, options: Mapping[str, Option]) -> list[str]:
    """Arguments with the text of each config in place of its path, and lists as YAML writes them.

    Args:
        arguments: Of the command; a first one that is no option is the path of a config.
        command: Whose they are.
        options: What the command knows.

    Raises:
        InputError: For a config that cannot be one, or a value nobody could mean.
    """
    found: list[str] = []
    for name, value, words in _words(arguments):
        if name == CONFIG and value is not None:
            found += [f"--{CONFIG}", _text(Path(value), command, options)]
        elif value is not None and name == SPACE and SPACE not in options:
            full = f"select.{SPACE}"
            found.append(f"--{next((o for o in options if o.endswith(full)), full)}={value}")
        elif value is not None and name in options:
            _check_value(name, value)
            found.append(f"--{name}={options[name].written(value)}")
        else:
            _check_value(name, value or "")
            found += words
    return found


def given(arguments: Sequence[str]) -> dict[str, str]:
    """Options with a value, by name; of one that is given twice the last.

    >>> given(["--study", "digits", "--resume"])
    {'study': 'digits'}
    """
    return {name: value for name, value, _ in _words(arguments) if name and value is not None}


def config_of(arguments: Sequence[str]) -> dict[str, str]:
    """Plain values at the top of the configs among the arguments; "" for a list or mapping.

    >>> config_of(["--seed", "1"])
    {}
    """
    paths = [Path(value) for name, value, _ in _words(arguments) if name == CONFIG and value]
    tops = (entry for path in paths for entry in read_config(path).value)
    return {key.value: value.value if _is_plain(value) else "" for key, value in tops}


def _is_plain(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _text(path: Path, command: str, options: Mapping[str, Option]) -> str:
    """A config as the parser reads it: without the name of the command, with lists as lists."""
    top = read_config(path)
    top.value = [pair for pair in top.value if not _is_command(pair, command, path)]
    _write_lists(top, "", options)
    return str(yaml.serialize(top, allow_unicode=True))


def _is_command(pair: tuple[yaml.Node, yaml.Node], command: str, path: Path) -> bool:
    """Whether this is the line by which a run's own config says whose it is."""
    key, value = pair
    if key.value == CONFIG:
        raise InputError(
            f"the config {path} names another config; give that one as `--{CONFIG} FILE` on the "
            "command line, or copy its lines"
        )
    if key.value != COMMAND:
        return False
    if value.value != command:
        raise InputError(
            f"the config {path} is one of `rsmi {value.value}`; give it to that command, or take "
            f"its line `{COMMAND}` out"
        )
    return True


def _write_lists(node: yaml.Node, prefix: str, options: Mapping[str, Option]) -> None:
    """Put what stands for a list, such as `2x2`, as a list, and every key as text."""
    if not isinstance(node, yaml.MappingNode):
        return
    for place, (key, value) in enumerate(node.value):
        if key.tag in _WORDS:
            key.tag = "tag:yaml.org,2002:str"  # `null: false` is the option of that name
        name = f"{prefix}{key.value}"
        option = options.get(name)
        if option is not None and isinstance(value, yaml.ScalarNode):
            written = option.written(value.value)
            if written != value.value:
                node.value[place] = (key, yaml.compose(written, Loader=yaml.SafeLoader))
        _write_lists(value, f"{name}.", options)


def _check_value(name: str, value: str) -> None:
    """Refuse a value of the command line as one of a config would be."""
    if len(value) > MOST_CHARACTERS:
        raise InputError(
            f"--{shortened(name)} has a value of {len(value)} characters; expected at most "
            f"{MOST_CHARACTERS}"
        )
    if value[:1] in tuple("{[&"):
        try:
            check_nodes(yaml.compose(value, Loader=yaml.SafeLoader), f"--{name}")
        except yaml.YAMLError:
            return  # the parser knows what was expected here
        except RecursionError:
            raise InputError(f"--{name} has a value nested too deeply; write it plainly") from None


def _words(arguments: Sequence[str]) -> Iterator[tuple[str, str | None, list[str]]]:
    """Name and value of each option, and the words that said so; no name for a lone value."""
    words = list(arguments)
    if words and not words[0].startswith("-"):
        words[0] = f"--{CONFIG}={words[0]}"
    while words:
        word = words.pop(0)
        word = f"--{CONFIG}" if word == "-c" else word
        name, joined, value = word.partition("=")
        if not name.startswith("--"):
            yield "", word, [word]
        elif joined:
            yield name[2:], value, [word]
        elif words and not words[0].startswith("--"):
            yield name[2:], words[0], [word, words.pop(0)]
        else:
            yield name[2:], None, [word]
