"""Spaces as text: a line where every part is built in, otherwise a mapping (JSON, so YAML too)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import yaml

from rsmi.errors import InputError, nearest
from rsmi.lattice.alphabet import (
    Alphabet,
    clock,
    directions,
    occupations,
    spins,
    vacant_spins,
)
from rsmi.lattice.graphs import BUILT_IN, GraphLattice, UnitCell, unit_cell
from rsmi.lattice.space import Space, graph_space

ALPHABETS = (
    "spins, spins(field), vacant_spins, vacant_spins(field), occupations, clock(q), "
    "directions(axes), and products of these such as directions(2) * spins"
)
_FIELD = "field"
_PLAIN: dict[str, Callable[..., Alphabet]] = {"spins": spins, "vacant_spins": vacant_spins}
_COUNTED: dict[str, Callable[[int], Alphabet]] = {
    "clock": clock,
    "potts": clock,
    "directions": directions,
}
_WORDS = [*_PLAIN, *_COUNTED, "occupations"]
_LINE = re.compile(r"\s*(?P<alphabet>.+?)\s+on\s+(?P<lattice>\w+)\s*\[(?P<cells>[\d\s,]*)\]\s*")
_HYPERCUBIC = "hypercubic"
_LATTICE_KEYS = ("alphabet", "lattice", "cells", "homogeneous")
_GRAPH_KEYS = ("alphabet", "edges", "sites", "name")
_EXPECTED = (
    "expected 'ALPHABET on LATTICE [CELLS]', such as 'clock(3) on square [32, 32]', or a mapping "
    "with alphabet, lattice and cells, or with alphabet, edges and sites"
)


def space_text(space: Space) -> str:
    """A space as text that `space_of` reads.

    >>> space_text(Space.of("kagome", (4, 4), clock(3)))
    'clock(3) on kagome [4, 4]'
    """
    letters = alphabet_text(space.alphabet)
    lattice = _lattice(space.cell)
    if isinstance(letters, str) and isinstance(lattice, str) and space.homogeneous:
        return f"{letters} on {lattice} {list(space.cells)}"
    facts: dict[str, Any] = {"alphabet": letters}
    if _is_graph(space):
        edges = " ".join(f"{a}-{b}" for a, b, _ in space.cell.bonds)
        return json.dumps(facts | {"edges": edges, "sites": space.sites, "name": space.cell.name})
    facts |= {"lattice": lattice, "cells": list(space.cells)}
    return json.dumps(facts if space.homogeneous else facts | {"homogeneous": False})


def space_of(text: str | Mapping[str, Any]) -> Space:
    """The space that a text or a mapping describes.

    A line, `ALPHABET on LATTICE [CELLS]`, says every alphabet and lattice that is built in, and
    products of alphabets. A mapping says any other: `alphabet`, as in the line or with the fields
    of `Alphabet`; `lattice`, a name or the fields of `UnitCell`; `cells`; and `homogeneous: false`
    with quenched disorder or an open boundary. A graph has `edges`, `0-1 1-2` or pairs of sites,
    `sites` and `name` instead of a lattice.

    Args:
        text: The line, YAML or JSON of the mapping, or the mapping itself.

    Raises:
        InputError: For a text that describes no space.

    >>> space_of("spins on honeycomb [4, 6]").shape
    (4, 6, 2)
    >>> space_of({"alphabet": "vacant_spins", "edges": "0-1 1-2 2-0", "sites": 3}).n_sites
    3
    """
    facts = _read(text) if isinstance(text, str) else text
    if isinstance(facts, str):
        return _from_line(facts)
    if not isinstance(facts, Mapping):
        raise InputError(f"the space is {text!r}; {_EXPECTED}")
    keys = _GRAPH_KEYS if "edges" in facts else _LATTICE_KEYS
    if unknown := [key for key in facts if key not in keys]:
        hint = nearest(unknown[0], keys)
        raise InputError(f"the space has a key {unknown[0]!r}; {hint}expected {', '.join(keys)}")
    if missing := [key for key in keys[:3] if key not in facts]:
        raise InputError(f"the space lacks {', '.join(missing)}; {_EXPECTED}")
    with_letters = alphabet_of(facts["alphabet"])
    if "edges" in facts:
        return _from_edges(facts, with_letters)
    cell = _cell(facts["lattice"], facts["cells"])
    alike = facts.get("homogeneous", True)
    if not isinstance(alike, bool):
        raise InputError(f"homogeneous of the space is {alike!r}; expected true or false")
    return Space(_whole("cells", facts["cells"]), with_letters, cell, alike)


def alphabet_text(alphabet: Alphabet) -> str | dict[str, Any]:
    """An alphabet in words, or where there are none its fields.

    >>> alphabet_text(directions(2) * spins(flip=False))
    'directions(2) * spins(field)'
    """
    parts = [name.split(" ") for name in alphabet.names]
    if len({len(part) for part in parts}) == 1:
        factors = [tuple(dict.fromkeys(column)) for column in zip(*parts, strict=True)]
        for words in product(*map(_words, factors)):
            if alphabet_of(text := " * ".join(words)) == alphabet:
                return text
    fields = {
        "names": alphabet.names,
        "features": alphabet.features,
        "symmetries": alphabet.symmetries,
        "directions": alphabet.directions,
    }
    return {name: value for name, value in fields.items() if value}


def alphabet_of(given: str | Mapping[str, Any]) -> Alphabet:
    """The alphabet that words or fields describe.

    Raises:
        InputError: For an alphabet that is none.

    >>> alphabet_of("potts(4)").size, alphabet_of("clock(3) * spins").size
    (4, 6)
    """
    if isinstance(given, str):
        factors = [_factor(word.strip()) for word in given.split("*")]
        found = factors[0]
        for factor in factors[1:]:
            found = found * factor
        return found
    known = ("names", "features", "symmetries", "directions")
    wrong = not isinstance(given, Mapping) or not {"names", "features"} <= set(given) <= set(known)
    if wrong:
        raise InputError(
            f"the alphabet is {given!r}; expected {ALPHABETS}; or a mapping with names and "
            "features, and symmetries and directions where there are any"
        )
    try:
        rows = {name: tuple(map(tuple, given.get(name, ()))) for name in known[1:]}
        return Alphabet(tuple(map(str, given["names"])), **rows)
    except TypeError:
        raise InputError(
            f"the alphabet is {given!r}; expected names as a list, the rest as lists of rows"
        ) from None


def _words(names: tuple[str, ...]) -> Iterator[str]:
    """What may be said of an alphabet with these names."""
    if names in (spins().names, vacant_spins().names):
        word = "spins" if len(names) == 2 else "vacant_spins"
        yield from (word, f"{word}({_FIELD})")
    if names == occupations().names:
        yield "occupations"
    if names == tuple(map(str, range(len(names)))):
        yield f"clock({len(names)})"
    if names == directions(len(names) // 2).names:
        yield f"directions({len(names) // 2})"


def _factor(word: str) -> Alphabet:
    """One alphabet that is built in, by its word."""
    name, _, argument = word.partition("(")
    argument = argument.removesuffix(")").strip()
    if name in _PLAIN and argument in ("", _FIELD):
        return _PLAIN[name](flip=not argument)
    if name == "occupations" and not argument:
        return occupations()
    if name in _COUNTED and argument.isdecimal() and len(argument) < 4:
        return _COUNTED[name](int(argument))
    raise InputError(f"the alphabet is {word!r}; {nearest(name, _WORDS)}expected {ALPHABETS}")


def _read(text: str) -> Any:
    """What YAML makes of a text; JSON is read faster."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"the space is {text!r}; {_EXPECTED}") from None


def _from_line(line: str) -> Space:
    found = _LINE.fullmatch(line)
    if found is None:
        raise InputError(f"the space is {line!r}; {_EXPECTED}")
    cells = [int(extent) for extent in found["cells"].replace(",", " ").split()]
    return Space(tuple(cells), alphabet_of(found["alphabet"]), _cell(found["lattice"], cells))


def _cell(given: object, cells: object) -> UnitCell:
    """The cell of a lattice by its name, or from its fields."""
    if given == _HYPERCUBIC and isinstance(cells, Sequence) and cells:
        return UnitCell.hypercubic(len(cells))
    if not isinstance(given, Mapping):
        return unit_cell(str(given))
    try:
        return UnitCell(
            str(given["name"]),
            tuple(tuple(map(float, row)) for row in given["vectors"]),
            tuple(tuple(map(float, row)) for row in given["basis"]),
            tuple((int(a), int(b), tuple(map(int, step))) for a, b, step in given["bonds"]),
            tuple(map(int, given.get("kinds", ()))),
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"the lattice is {given!r}; expected one of {', '.join(sorted(BUILT_IN))}, hypercubic, "
            "or a mapping with name, vectors, basis and bonds [site, site, [cells between]]"
        ) from None


def _lattice(cell: UnitCell) -> str | dict[str, Any]:
    """The name of a lattice that is built in, or the fields of its cell."""
    dimension = len(cell.vectors)
    if cell.name in BUILT_IN and cell == unit_cell(cell.name):
        return cell.name
    if cell == UnitCell.hypercubic(dimension):
        return _HYPERCUBIC
    fields = vars(cell)
    return {name: value for name, value in fields.items() if name != "kinds" or value}


def _is_graph(space: Space) -> bool:
    """Whether `graph_space` made it."""
    edges = np.array([bond[:2] for bond in space.cell.bonds], dtype=np.int64).reshape(-1, 2)
    if space.homogeneous or space.cells != (1,) or (edges[:, 0] == edges[:, 1]).any():
        return False
    lattice = GraphLattice(space.sites, edges, space.cell.name, (space.sites,))
    return graph_space(lattice, space.alphabet).cell == space.cell


def _from_edges(facts: Mapping[str, Any], alphabet: Alphabet) -> Space:
    edges, (sites,) = facts["edges"], _whole("sites", [facts["sites"]])
    try:
        pairs = [edge.split("-") for edge in edges.split()] if isinstance(edges, str) else edges
        found = np.array([(int(a), int(b)) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    except (TypeError, ValueError):
        raise InputError(
            f"the edges of the space are {edges!r}; expected pairs of sites such as '0-1 1-2'"
        ) from None
    name = str(facts.get("name", "graph"))
    return graph_space(GraphLattice(sites, found, name, (sites,)), alphabet)


def _whole(name: str, values: object) -> tuple[int, ...]:
    if not isinstance(values, Sequence) or any(type(value) is not int for value in values):
        raise InputError(f"{name} of the space are {values!r}; expected whole numbers")
    return tuple(values)
