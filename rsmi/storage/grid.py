"""A grid: one recipe whose keys may be lists, and the cells it stands for."""

import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import yaml

from rsmi.errors import InputError, nearest
from rsmi.storage.config import mapping_of
from rsmi.storage.recipe import SampleRecipe

GRID = "grid"

MOST_CELLS = 100_000
"""Most cells of a grid: each is a file, and a job or a share of one."""

# Text that may stand in the name of a file on every system.
_PLAIN = re.compile(r"[\w.+-]{1,60}")


@dataclass(frozen=True)
class Cell:
    """One point of a grid.

    Args:
        name: Unique in its grid, and the name of its file; only the recipe says what it holds.
        choice: The values of the grid's keys here.
        recipe: What to draw.
    """

    name: str
    choice: Mapping[str, Any]
    recipe: SampleRecipe


@dataclass(frozen=True)
class SampleGrid:
    """Every combination of some values of some keys of a recipe; equal grids give equal files.

    Args:
        base: The keys of `SampleRecipe` that are the same everywhere.
        grid: The values to combine by key; the last key varies fastest.

    Raises:
        InputError: For an unknown key, an empty list, a value that stands twice, a key in both
            mappings, or a cell that is no recipe; the message names it.

    >>> base = {"shape": [8, 8], "chains": 2, "records": 5}
    >>> grid = SampleGrid(base, {"temperature": [2.0, "critical"], "seed": [1, 2]})
    >>> [cell.name for cell in grid.cells()][:3]
    ['temperature=2.0_seed=1', 'temperature=2.0_seed=2', 'temperature=critical_seed=1']
    """

    base: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]]
    _cells: tuple[Cell, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_keys(self.base, self.grid)
        for key, values in self.grid.items():
            _check_values(key, values)
        if (count := math.prod(map(len, self.grid.values()))) > MOST_CELLS:
            raise InputError(
                f"grid: {count} combinations, each of which is a file of its own; expected at "
                f"most {MOST_CELLS}; give fewer values, or several grids"
            )
        combinations = itertools.product(*self.grid.values())
        cells = tuple(self._cell(dict(zip(self.grid, c, strict=True))) for c in combinations)
        object.__setattr__(self, "_cells", cells)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a grid from YAML: the keys of a recipe and `grid`, a mapping of keys to lists.

        Raises:
            InputError: For text that is no grid.

        >>> text = "{shape: [8], temperature: 2.0, chains: 1, records: 1, grid: {seed: [1, 2]}}"
        >>> len(SampleGrid.from_yaml(text).cells())
        2
        """
        facts = mapping_of(text, "the grid")
        if not isinstance(facts.get(GRID), dict):
            raise InputError(
                "grid: expected the keys of a recipe and `grid:` with a list for each key to vary, "
                "such as `grid: {temperature: [2.0, critical], seed: [1, 2]}`"
            )
        return cls({key: value for key, value in facts.items() if key != GRID}, facts[GRID])

    def to_yaml(self) -> str:
        """The grid as YAML; undone by `from_yaml`."""
        return yaml.safe_dump(self.to_plain(), sort_keys=False, default_flow_style=None)

    def to_plain(self) -> dict[str, Any]:
        """The grid as one mapping of plain values."""
        facts = {**self.base, GRID: {key: list(values) for key, values in self.grid.items()}}
        plain: dict[str, Any] = json.loads(json.dumps(facts))
        return plain

    def cells(self) -> tuple[Cell, ...]:
        """Every combination, in the order of the lists."""
        return self._cells

    def _cell(self, choice: dict[str, Any]) -> Cell:
        try:
            recipe = SampleRecipe.from_plain(_plain({**self.base, **choice}))
        except InputError as error:
            where = ", ".join(f"{key}: {value}" for key, value in choice.items())
            raise InputError(f"grid: the cell ({where}) is no recipe. {error}") from None
        return Cell("_".join(f"{key}={word(v)}" for key, v in choice.items()), choice, recipe)


def _check_keys(base: Mapping[str, Any], grid: Mapping[str, Any]) -> None:
    known = [field.name for field in dataclasses.fields(SampleRecipe)]
    for key in [*base, *grid]:
        if key not in known:
            raise InputError(
                f"grid: unknown key {key!r}; {nearest(key, known)}expected "
                f"{', '.join(sorted(known))}"
            )
    if twice := [key for key in grid if key in base]:
        raise InputError(
            f"grid: {twice[0]} stands both outside and inside `grid`; keep one of the two"
        )
    if not grid:
        raise InputError("grid: no key varies; give at least one list, such as `seed: [1, 2]`")


def _check_values(key: str, values: object) -> None:
    if not isinstance(values, list | tuple) or not values:
        raise InputError(
            f"grid: {key} is {values!r}; expected a list with at least one value, such as "
            f"`{key}: [...]`"
        )
    for i, value in enumerate(values):
        if value in values[:i]:
            raise InputError(
                f"grid: {key} holds {value!r} twice, so two cells are the same; remove one"
            )


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples as lists, which is what YAML knows."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in facts.items()}


def word(value: Any) -> str:
    """A value as part of a file name; digits are never dropped, so different values differ."""
    text = "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if _PLAIN.fullmatch(text):
        return text
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
