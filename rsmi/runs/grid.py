"""One task whose settings vary by dotted path, and the points that this stands for."""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rsmi.digest import plain_digest
from rsmi.errors import InputError, closest, nearest
from rsmi.information.quantity import plain
from rsmi.runs.settings import Compare, Exact, ExponentsTask, Information, Run, to_plain
from rsmi.sampling.families.interface import CRITICAL
from rsmi.storage import SampleRecipe
from rsmi.storage.grid import word


@dataclass(frozen=True)
class Command:
    """A command whose settings only its own parser knows, carried out in a process of its own.

    Args:
        name: Of the command, such as `fit`.
        settings: As its config has them.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


Task = Run | Compare | Information | Exact | ExponentsTask | SampleRecipe | Command

COMMANDS: Mapping[str, type[Task]] = {
    "run": Run,
    "compare": Compare,
    "information": Information,
    "exact": Exact,
    "exponents": ExponentsTask,
    "sample": SampleRecipe,
}
"""Tasks whose settings may vary, by the command that carries one out."""

MOST_POINTS = 10_000
"""Most points of a scan: each is a folder, and a task or a share of one."""

_EXTENTS = re.compile(r"\d+(x\d+)+")
_KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Point:
    """One point of a scan.

    Args:
        choice: The values of the settings that vary, by dotted path.
        task: What to do there.
    """

    choice: Mapping[str, Any]
    task: Task

    @property
    def command(self) -> str:
        """The command that carries the task out."""
        return command_of(self.task)

    @property
    def settings(self) -> dict[str, Any]:
        """Of the task, as `result.json` holds them."""
        own = self.task.settings if isinstance(self.task, Command) else to_plain(self.task)
        settings: dict[str, Any] = plain(own, "config")
        return settings

    @property
    def digest(self) -> str:
        """SHA-256 of the command with its settings."""
        return plain_digest({"command": self.command, **self.settings})

    @property
    def name(self) -> str:
        """Of its folder: what varies, and the beginning of the digest."""
        words = short_names(list(self.choice))
        text = "_".join(f"{words[key]}={word(value)}" for key, value in self.choice.items())
        return f"{text[:100]}-{self.digest[:8]}"

    @property
    def recipe(self) -> SampleRecipe | None:
        """What is drawn for it, where anything is."""
        return self.task.samples if isinstance(self.task, Run | Compare) else None

    def number(self, key: str) -> float | None:
        """A varying setting as a finite number to draw and fit against; None where it is none.

        An extent stands for a lattice or block of equal extents, and `critical` for its value.
        """
        value = self.choice[key]
        if isinstance(value, list | tuple) and len(set(value)) == 1:
            value = value[0]
        if value == CRITICAL:
            found = self.recipe or self.task
            coupling = getattr(getattr(found, "system", None), "coupling", None)
            return None if coupling is None else 1 / coupling
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if number and math.isfinite(value) else None


def command_of(task: Task) -> str:
    """The command that carries out a task."""
    if isinstance(task, Command):
        return task.name
    return next(name for name, kind in COMMANDS.items() if type(task) is kind)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last word of each dotted path where that tells it from the others.

    >>> short_names(["samples.seed", "seed", "window.buffer"])
    {'samples.seed': 'samples.seed', 'seed': 'seed', 'window.buffer': 'buffer'}
    """
    last = [key.rpartition(".")[2] for key in keys]
    return {key: one if last.count(one) == 1 else key for key, one in zip(keys, last, strict=True)}


def expand(
    task: Task, grid: Mapping[str, Sequence[Any]], together: Mapping[str, Sequence[Any]]
) -> tuple[Point, ...]:
    """Every combination of some values of some settings of a task.

    Args:
        task: With the settings that are the same everywhere.
        grid: The values to combine, by dotted path such as `window.buffer`; the last key varies
            fastest.
        together: Values that vary together, lists of equal length; slower than those of the grid.

    Raises:
        InputError: For an unknown key, an empty list, a value that stands twice, lists of unequal
            length, too many points, or a point that cannot be; the message names it.

    >>> points = expand(Exact((8,)), {"temperature": [1.0, 2.0], "buffer": [0, 1]}, {})
    >>> [point.choice["buffer"] for point in points], points[3].task.temperature
    ([0, 1, 0, 1], 2.0)
    """
    check_grid(type(task), grid, together)
    lengths = {len(values) for values in together.values()}
    if len(lengths) > 1:
        said = ", ".join(f"{key}: {len(values)}" for key, values in together.items())
        raise InputError(f"zip: lists of unequal length ({said}); expected as many values of each")
    count = math.prod([*map(len, grid.values()), *lengths])
    if count > MOST_POINTS:
        raise InputError(
            f"grid: {count} points, each of which is a task of its own; expected at most "
            f"{MOST_POINTS}; give fewer values, or several scans"
        )
    rows = list(zip(*together.values(), strict=True)) or [()]
    choices = (
        dict(zip([*together, *grid], [*row, *values], strict=True))
        for row in rows
        for values in itertools.product(*grid.values())
    )
    return tuple(_point(task, choice) for choice in choices)


def _point(task: Task, choice: dict[str, Any]) -> Point:
    if isinstance(task, Command):
        settings = task.settings
        for key, value in choice.items():
            settings = nested(settings, key.split("."), value)
        return Point(choice, Command(task.name, settings))
    try:
        return Point(choice, _changed(task, choice))
    except InputError as error:
        where = ", ".join(f"{key}: {value}" for key, value in choice.items())
        raise InputError(f"grid: the point ({where}) cannot be. {error}") from None


def check_grid(
    kind: type[Task], grid: Mapping[str, Sequence[Any]], together: Mapping[str, Sequence[Any]]
) -> None:
    """Refuse settings that a kind of task does not have, and lists that are none.

    Raises:
        InputError: Names the setting.
    """
    known, keys, free = settings_of(kind), [*grid, *together], kind is Command
    if not keys:
        raise InputError(
            "grid: no setting varies; give at least one list, such as `window.buffer: [0, 1, 2]`"
        )
    for key in keys:
        if not free and not _is_known(key, known):
            last = {path.rpartition(".")[2]: path for path in reversed(list(known))}
            alone = closest(key.rpartition(".")[2], last)
            close = closest(key, known) or (last[alone] if alone else None)
            hint = f"did you mean {close!r}? " if close else ""
            raise InputError(
                f"grid: there is no setting {key!r}; {hint}expected the dotted path of a setting, "
                f"such as {', '.join(list(known)[:4])}"
            )
        above = [other for other in keys if key.startswith(f"{other}.")]
        if keys.count(key) > 1 or above:
            raise InputError(
                f"grid: {key!r} varies twice, as {', '.join(map(repr, above)) or 'grid and zip'} "
                "does too; keep one of the two"
            )
    for key, values in {**grid, **together}.items():
        _check_values(key, values, twice=key in together)


def _check_values(key: str, values: object, twice: bool) -> None:
    if not isinstance(values, list | tuple) or not values:
        raise InputError(
            f"grid: {key} is {values!r}; expected a list with at least one value, such as "
            f"`{key}: [...]`"
        )
    for place, value in enumerate(values):
        if not twice and value in values[:place]:
            raise InputError(
                f"grid: {key} holds {value!r} twice, so two points are the same; remove one"
            )


def _is_known(key: str, known: Mapping[str, Any]) -> bool:
    """Whether a path leads to a setting, or into one whose keys are free."""
    parent = key.rpartition(".")[0]
    return key in known or get_origin(known.get(parent)) is dict


def settings_of(kind: type, prefix: str = "") -> dict[str, Any]:
    """Types of the settings of a task, by dotted path.

    >>> list(settings_of(Information))[:4]
    ['data', 'select', 'select.temperature', 'select.shape']
    """
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        if name.startswith("_"):
            continue
        found[f"{prefix}{name}"] = hint
        for part in _parts(hint):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                found |= settings_of(part, f"{prefix}{name}.")
    return found


def _parts(hint: Any) -> Iterator[Any]:
    """A type, or each of a union."""
    yield from get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _changed(task: Any, changes: Mapping[str, Any], prefix: str = "") -> Any:
    """A dataclass with some settings changed at once, each checked against its type."""
    hints, new = get_type_hints(type(task)), {}
    deeper: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        if rest:
            deeper.setdefault(name, {})[rest] = value
        else:
            new[name] = fitting(hints[name], value, f"{prefix}{path}")
    for name, inner in deeper.items():
        current = getattr(task, name)
        if isinstance(current, Mapping):
            new[name] = {**current, **inner}
        elif current is None:
            raise InputError(
                f"{prefix}{name}.{next(iter(inner))} varies, but the task has no {prefix}{name}; "
                "give one"
            )
        else:
            new[name] = _changed(current, inner, f"{prefix}{name}.")
    return dataclasses.replace(task, **new)


def nested(settings: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Nested settings with one of them set.

    >>> nested({"window": {"block": [2, 2]}}, ["window", "buffer"], 1)
    {'window': {'block': [2, 2], 'buffer': 1}}
    """
    name, *rest = path
    inner = settings.get(name)
    inner = inner if isinstance(inner, Mapping) else {}
    return {**settings, name: nested(inner, rest, value) if rest else value}


def fitting(hint: Any, value: Any, where: str) -> Any:
    """A plain value as a setting of some type takes it.

    Args:
        hint: The type.
        value: As YAML holds it.
        where: Dotted path of the setting, for messages.

    Raises:
        InputError: For a value of another type.

    >>> fitting(tuple[int, ...] | None, [2, 2], "block"), fitting(tuple[int, ...], "4x4", "block")
    ((2, 2), (4, 4))
    """
    refused = []
    for part in _parts(hint):
        try:
            return _as(part, value, where)
        except InputError as error:
            refused.append(error)
    if len(refused) == 1 or isinstance(value, Mapping):
        raise refused[0]
    words = " or ".join(dict.fromkeys(_kind(part) for part in _parts(hint)))
    raise InputError(f"{where} is {value!r}; expected {words}")


def _as(kind: Any, value: Any, where: str) -> Any:
    """A value of one type that is no union."""
    wrong = InputError(f"{where} is {value!r}; expected {_kind(kind)}")
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _made(kind, value, where)
    if get_origin(kind) is tuple:
        return _listed(kind, value, where)
    if get_origin(kind) is dict or kind is dict:
        fits = isinstance(value, Mapping)
    elif get_origin(kind) is Literal:
        fits = value in get_args(kind)
    elif kind is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        value = float(value) if fits else value
    else:
        fits = kind is Any or (type(value) is kind or (kind is NoneType and value is None))
    if not fits:
        raise wrong
    return value


def _made(kind: type, value: Any, where: str) -> Any:
    """A dataclass of its fields."""
    hints = settings_of(kind)
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise InputError(f"{where} is {value!r}; expected `key: value` pairs")
    for key in value:
        if key not in hints:
            raise InputError(f"{where} has no setting {key!r}; {nearest(key, hints)}check it")
    try:
        return kind(**{k: fitting(hints[k], v, f"{where}.{k}") for k, v in value.items()})
    except TypeError as error:
        raise InputError(f"{where}: {error}; give what is missing") from None


def _listed(kind: Any, value: Any, where: str) -> Any:
    """A tuple of its values; `4x4` is short for [4, 4]."""
    if isinstance(value, str) and _EXTENTS.fullmatch(value):
        value = [int(extent) for extent in value.split("x")]
    if not isinstance(value, list | tuple):
        raise InputError(f"{where} is {value!r}; expected {_kind(kind)}")
    inner = get_args(kind)
    each = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
    if len(each) != len(value):
        raise InputError(f"{where} is {value!r}; expected {len(each)} values")
    return tuple(fitting(hint, one, where) for hint, one in zip(each, value, strict=True))


def _kind(kind: Any) -> str:
    if kind is NoneType:
        return "null"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        return "a list such as [2, 2]"
    return _KINDS.get(kind, "`key: value` pairs")
