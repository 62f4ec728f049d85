"""Configurations written by the `mcising` package (HDF5, one group per temperature).

The layout is that of `mcising.io.save_hdf5`, versions 0.23 to 1.1: groups `T=2.269000` with the
attribute `temperature`, `configurations` int8 (n, *shape), `energy` and `magnetization` per site.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.lattice import Space
from rsmi.lattice.alphabet import spins
from rsmi.sampling.families import find_family
from rsmi.sampling.families.ising import antiferromagnet
from rsmi.sampling.ising import Ising
from rsmi.storage.base import BaseSamples, check_values_inside, reading
from rsmi.storage.letters import Declared, check_array, pieces, present, spin_values
from rsmi.storage.recorded import Recorded
from rsmi.storage.temperature import choose_temperature

_THIRD = {"chain": -1, "square": 1, "cubic": -1}
"""Sign of J3 once every other site is flipped: +1 where third neighbours are on one sublattice."""
_DEFAULTS = {"j1": 1.0, "j2": 0.0, "j3": 0.0, "h": 0.0}
_SERIES = {"energy": "energy", "magnetisation": "magnetization"}


def is_mcising(file: Any) -> bool:
    """Whether an open HDF5 file has the groups of `mcising`."""
    return any(name.startswith("T=") for name in file)


class McisingSamples(BaseSamples):
    """The configurations of one temperature of an `mcising` file, as one chain.

    Args:
        path: The file.
        temperature: Which of its temperatures; may be left out where there is one only.

    Raises:
        InputError: Where the temperature is not in the file, it stored no configurations, or it
            is damaged.
    """

    def __init__(self, path: Path, temperature: float | None = None) -> None:
        self._path = path
        with reading(str(path)):
            self._file = h5py.File(path, "r", locking="best-effort")
        try:
            self._open(temperature)
        except BaseException:
            self._file.close()
            raise

    def _open(self, temperature: float | None) -> None:
        check_values_inside(self._path, self._file)
        with reading(f"{self._path}: its temperatures"):
            groups = {float(g.attrs["temperature"]): g for g in _groups(self._file)}
        chosen = choose_temperature(self._path, sorted(groups), temperature)
        self._group = groups[chosen]
        if "configurations" not in self._group:
            raise InputError(
                f"{self._path} has no configurations at temperature {chosen:g}; run mcising with "
                "store_configs=True"
            )
        what = f"{self._path}: {self._group.name}/configurations"
        with reading(what):
            self._spins_set = self._group["configurations"]
            check_array(self._spins_set, what)
            self._values = spin_values(present(pieces(self._spins_set), what), what)
        n, *shape = self._spins_set.shape
        source = f"{self._path} (mcising, temperature {chosen:g})"
        model = _model(self._file, chosen) or {}
        super().__init__(source, tuple(shape), n, 1, model or None)
        # Energies are in units of J, where the model has one J only.
        self._unit = chosen / float(model["temperature"]) if model else 1.0

    @cached_property
    def meaning(self) -> Recorded | Declared | None:
        """The Ising ferromagnet, or spins with any couplings; a field leaves no flip.

        None on a lattice of shifted rows, which is no array of cells.
        """
        facts = self.model or {}
        if facts.get("model") == "ising":
            return Recorded(find_family("ising"), Ising(self.shape, float(facts["coupling"])))
        if facts.get("lattice", "square") not in _THIRD:
            return None
        space = Space.hypercubic(self.shape, spins(flip=not facts.get("h")))
        return Declared(space, doubt=competing(facts) if facts else "")

    @property
    def iteration(self) -> str:
        """Why the Hamiltonian cannot be iterated; empty where it can, or is not told."""
        return competing(self.model or {}) if self.meaning is None else self.meaning.iteration

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        with reading(f"{self._path}: {self._spins_set.name}"):
            return self._values.spins(self._spins_set[start:stop])

    def _observable(self, name: str) -> NDArray[np.float64]:
        stored = _SERIES.get(name)
        if stored is None or stored not in self._group:
            return super()._observable(name)
        with reading(f"{self._path}: {self._group.name}/{stored}"):
            per_site = np.asarray(self._group[stored][:], dtype=np.float64)
        unit = self._unit if name == "energy" else 1.0
        # Couplings of one digit make totals round numbers; nine decimals drop the division's error.
        totals: NDArray[np.float64] = np.round(per_site * np.prod(self.shape) / unit, 9)
        return totals


def competing(facts: Mapping[str, str | float]) -> str:
    """Why couplings to three shells and a field cannot be iterated; empty where they can.

    >>> competing({"lattice": "square", "j1": 1.0, "j2": 0.2})
    ''
    """
    lattice = str(facts.get("lattice", "square"))
    if lattice not in _THIRD:
        return (
            f"its lattice is {lattice}; bring configurations of a chain, a square or cubic lattice"
        )
    if field := float(facts.get("h", 0.0)):
        return (
            f"its field h = {field:g} breaks the flip of all spins, which tells even from odd "
            "interactions; bring configurations without a field"
        )
    first, second, third = (float(facts.get(name, 0.0)) for name in ("j1", "j2", "j3"))
    if min(first, second, third) >= 0:
        return ""
    if min(-first, second, _THIRD[lattice] * third) >= 0:
        return antiferromagnet(first)
    return (
        f"its couplings compete (J1 = {first:g}, J2 = {second:g}, J3 = {third:g}), so its order is "
        "not uniform; bring configurations with couplings >= 0"
    )


def _groups(file: Any) -> list[Any]:
    return [file[name] for name in file if name.startswith("T=")]


def _model(file: Any, temperature: float) -> dict[str, str | float] | None:
    """What the file says of its Hamiltonian; `ising` for the pure ferromagnet on a torus only.

    ```
    H = -J1 sum_1 s s' - J2 sum_2 s s' - J3 sum_3 s s' - h sum s
    ```

    over first, second and third neighbours. What an older file leaves out has its default.
    """
    try:
        lattice = json.loads(file["metadata"].attrs["config_json"])["lattice"]
        couplings = {name: float(lattice.get(name, _DEFAULTS[name])) for name in _DEFAULTS}
        kind = str(lattice.get("lattice_type", "square"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    j1, *others = couplings.values()
    if j1 > 0 and not any(others) and kind in _THIRD:
        return {"model": "ising", "coupling": j1 / temperature, "temperature": temperature / j1}
    return {"model": "mcising", "lattice": kind, "temperature": temperature, **couplings}
