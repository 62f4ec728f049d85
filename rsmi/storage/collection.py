"""The layout of a collection, schema `rsmi.collection/1`: many sample files seen as one.

Spins and observables stay in the shards; virtual datasets of HDF5 show them side by side.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

import rsmi
from rsmi.errors import InputError
from rsmi.storage.disk import write_file
from rsmi.storage.grid import Cell, SampleGrid
from rsmi.storage.hdf5 import Hdf5Samples
from rsmi.storage.header import SampleHeader
from rsmi.storage.layout import CONTENT_DIGEST, FORMAT, OBSERVABLES, stored, write_series
from rsmi.storage.seal import SEAL_BYTES, SPINS, Shell, seal_holds

SCHEMA = "rsmi.collection/1"
SHARDS = "shards"
COLUMNS = "columns"


def lattice_name(shape: Sequence[int]) -> str:
    """Name of the group of one lattice shape.

    >>> lattice_name((32, 64))
    '32x64'
    """
    return "x".join(map(str, shape))


def merge(grid: SampleGrid, shards: Sequence[Path], path: Path) -> Path:
    """Show finished shards as one file, which refers to them by relative paths.

    Args:
        grid: What they were drawn for.
        shards: Their sample files, in the order of the cells.
        path: The collection to write; replaced as a whole where it exists.

    Returns:
        `path`.

    Raises:
        InputError: Where a shard is missing, is not sealed or belongs to another recipe.
        AnalysisError: Where the disk refuses; a collection that was there stays as it was.
    """
    parts = [
        _look(shard, cell, path.parent) for shard, cell in zip(shards, grid.cells(), strict=True)
    ]
    shell = Shell(())
    with h5py.File(shell, "w", libver=FORMAT, userblock_size=SEAL_BYTES) as file:
        _write(file, grid, parts)
    write_file(path, shell.sealed(SCHEMA))
    return path


@dataclass(frozen=True)
class _Part:
    """What the collection says about one shard.

    Args:
        place: Its path relative to the collection.
        header: The facts of its data set.
        digest: SHA-256 of its content.
        types: Type and shape of each dataset to show, by name.
    """

    place: str
    header: SampleHeader
    digest: str
    types: dict[str, tuple[np.dtype[Any], tuple[int, ...]]]

    @property
    def lattice(self) -> str:
        """Name of its lattice shape."""
        return lattice_name(self.header.shape)


def _look(path: Path, cell: Cell, directory: Path) -> _Part:
    """Take down a shard, if it is whole and the right one."""
    if not path.exists():
        raise InputError(f"the shard {path} is missing; draw it again with --resume")
    if not seal_holds(path):
        raise InputError(
            f"the shard {path} does not have the bytes it was written with: its SHA-256 seal is "
            "broken; delete it and draw it again with --resume"
        )
    with Hdf5Samples(path) as shard:
        shard.check_content()
        if shard.header.recipe != cell.recipe.to_yaml():
            raise InputError(
                f"{path} was drawn by another recipe than that of its cell; move it away and draw "
                "it again with --resume"
            )
        names = [SPINS, *(f"{OBSERVABLES}/{name}" for name in shard.header.observables)]
        sets = {name: shard.raw()[name] for name in names}
        types = {name: (found.dtype, found.shape) for name, found in sets.items()}
        place = Path(os.path.relpath(path, directory)).as_posix()
        return _Part(place, shard.header, shard.attributes[CONTENT_DIGEST], types)


def _write(file: Any, grid: SampleGrid, parts: Sequence[_Part]) -> None:
    facts = {
        "schema": SCHEMA,
        "schema_version": 1,
        "rsmi_version": rsmi.__version__,
        "created": max(part.header.created for part in parts),
        "recipe": grid.to_yaml(),
        "n": sum(part.header.n for part in parts),
    }
    for name, value in facts.items():
        file.attrs[name] = stored(value)
    for name, values in _table(parts).items():
        write_series(file, f"{SHARDS}/{name}", values, "1")
    for lattice in dict.fromkeys(part.lattice for part in parts):
        own = [i for i, part in enumerate(parts) if part.lattice == lattice]
        _write_lattice(file.create_group(lattice), parts, own)


def _table(parts: Sequence[_Part]) -> dict[str, NDArray[Any]]:
    """One row for each shard: where it is, what it must hold, how it is divided into chains."""
    heads = [part.header for part in parts]
    return {
        "path": np.array([part.place.encode() for part in parts]),
        CONTENT_DIGEST: np.array([part.digest.encode() for part in parts]),
        "lattice": np.array([part.lattice.encode() for part in parts]),
        "model": np.array([head.model.encode() for head in heads]),
        "n": np.array([head.n for head in heads]),
        "chains": np.array([head.chains for head in heads]),
        **_parameters(heads),
    }


def _parameters(heads: Sequence[SampleHeader]) -> dict[str, NDArray[Any]]:
    """Seed and couplings of each shard; NaN where its model has no coupling of that name."""
    names = sorted({name for head in heads for name in head.couplings})
    couplings = {n: np.array([head.couplings.get(n, np.nan) for head in heads]) for n in names}
    return {"seed": np.array([head.seed for head in heads]), **couplings}


def _write_lattice(group: Any, parts: Sequence[_Part], own: Sequence[int]) -> None:
    """What one lattice shape has: virtual spins and observables, a column for each parameter."""
    shards = [parts[i] for i in own]
    head = shards[0].header
    group.attrs["shape"] = stored(np.array(head.shape, dtype=np.int64))
    for name in shards[0].types:
        _write_virtual(group, name, shards)
    for name, unit in head.observables.items():
        group[OBSERVABLES][name].attrs["unit"] = stored(unit)
    heads = [shard.header for shard in shards]
    for name, values in {"shard": np.array(own), **_parameters(heads)}.items():
        rows = np.repeat(values, [head.n for head in heads])
        write_series(group, f"{COLUMNS}/{name}", rows, "1")


def _write_virtual(group: Any, name: str, shards: Sequence[_Part]) -> None:
    """One dataset of all shards, one after another."""
    shapes = [_shape(group, name, shard, shards[0]) for shard in shards]
    dtype, (_, *row) = shards[0].types[name]
    total = (sum(shape[0] for shape in shapes), *row)
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.VIRTUAL)
    plan.set_obj_track_times(False)  # h5py's own virtual datasets keep the time of day
    if dtype.kind == "f":  # a shard that is missing shows as NaN to other programs
        plan.set_fill_value(np.full(1, np.nan, dtype))
    start = 0
    for shard, shape in zip(shards, shapes, strict=True):
        rows = h5py.h5s.create_simple(total)
        rows.select_hyperslab((start, *(0 for _ in row)), shape)
        theirs = h5py.h5s.create_simple(shape)
        plan.set_virtual(rows, shard.place.encode(), name.encode(), theirs)
        start += shape[0]
    parent, _, last = name.rpartition("/")
    place = group.require_group(parent) if parent else group
    kind = h5py.h5t.py_create(dtype)
    h5py.h5d.create(place.id, last.encode(), kind, h5py.h5s.create_simple(total), dcpl=plan)


def _shape(group: Any, name: str, shard: _Part, first: _Part) -> tuple[int, ...]:
    """Shape of a shard's dataset, if it can stand beside those of the first shard."""
    expected, found = first.types[name], shard.types.get(name)
    if found is None or (found[0], found[1][1:]) != (expected[0], expected[1][1:]):
        raise InputError(
            f"{shard.place} has {name} {found}, but {first.place}, which has the same lattice, "
            f"has {expected}; draw different models into different directories"
        )
    return found[1]
