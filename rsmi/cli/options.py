"""The options of a command as its types say, and how a list of each may be written."""

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

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
