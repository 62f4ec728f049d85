"""Open a collection: read its table of shards, choose among them, join those that are alike."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from rsmi.errors import InputError
from rsmi.storage.base import BaseSamples, check_values_inside, reading
from rsmi.storage.collection import SCHEMA, SHARDS
from rsmi.storage.hdf5 import CACHE_BYTES, Hdf5Samples, plain
from rsmi.storage.interface import Samples
from rsmi.storage.layout import CONTENT_DIGEST
from rsmi.storage.letters import Declared
from rsmi.storage.recorded import Recorded
from rsmi.storage.seal import seal_holds
from rsmi.storage.temperature import choose_temperature

_DERIVED = {"coupling", "temperature"}  # chosen by temperature


class Joined(BaseSamples):
    """The chains of several sources side by side; closing it closes them.

    Configuration `i` is record `i // chains` of chain `i % chains`, where the chains of the first
    source come first.

    Args:
        source: What to call them.
        parts: The sources, with the same shape and number of records.

    Raises:
        InputError: Where a source has more records than another.
    """

    def __init__(self, source: str, parts: Sequence[BaseSamples]) -> None:
        self._parts = parts
        records = {part.n // part.chains for part in parts}
        if len(records) > 1:
            raise InputError(
                f"{source}: the seeds have {sorted(records)} records of each chain; expected the "
                "same number to join them; choose one with seed="
            )
        chains = sum(part.chains for part in parts)
        first = parts[0]
        super().__init__(source, first.shape, records.pop() * chains, chains, first.model)

    @property
    def meaning(self) -> Recorded | Declared | None:
        """That of the first source."""
        return self._parts[0].meaning

    def close(self) -> None:
        """Release all files."""
        for part in self._parts:
            part.close()

    def stored(self) -> dict[str, NDArray[np.float64]]:
        """Energy and magnetisation where every source has them."""
        names = set.intersection(*(set(part.stored()) for part in self._parts))
        return {name: self.observable(name) for name in sorted(names)}

    def _spins(self, start: int, stop: int) -> NDArray[np.int8]:
        first, last = start // self.chains, -(-stop // self.chains)
        rows = [
            part.read(first * part.chains, last * part.chains).numpy()
            .reshape(last - first, part.chains, *self.shape)
            for part in self._parts
        ]  # fmt: skip
        joined = np.concatenate(rows, axis=1).reshape(-1, *self.shape)
        skip = first * self.chains
        return joined[start - skip : stop - skip]

    def _take(self, indices: NDArray[np.int64]) -> NDArray[np.int8]:
        spins = np.empty((len(indices), *self.shape), dtype=np.int8)
        record, chain = np.divmod(indices, self.chains)
        first = 0
        for part in self._parts:
            own = (first <= chain) & (chain < first + part.chains)
            spins[own] = part.take(record[own] * part.chains + chain[own] - first).numpy()
            first += part.chains
        return spins

    def _observable(self, name: str) -> NDArray[np.float64]:
        rows = [part.observable(name).reshape(-1, part.chains) for part in self._parts]
        return np.concatenate(rows, axis=1).ravel()


@dataclass(frozen=True)
class Shard:
    """One row of the table of a collection.

    Args:
        path: The sample file.
        digest: SHA-256 of its content.
        shape: Lattice shape.
        model: Name of its model.
        seed: Seed of its random numbers.
        n: Number of configurations.
        chains: Number of Markov chains.
        couplings: Parameters of its model by name.
    """

    path: Path
    digest: str
    shape: tuple[int, ...]
    model: str
    seed: int
    n: int
    chains: int
    couplings: dict[str, float]

    def open(self, cache: int = CACHE_BYTES) -> Hdf5Samples:
        """The samples of the shard, if they are those that were merged.

        Raises:
            InputError: Where the file is missing or holds something else.
        """
        if not self.path.exists():
            raise InputError(
                f"the shard {self.path} is missing; a collection needs its folder {SHARDS!r} "
                "beside it: copy both, or draw it again with --resume"
            )
        samples = Hdf5Samples(self.path, cache)
        if samples.attributes.get(CONTENT_DIGEST) != self.digest:
            samples.close()
            raise InputError(
                f"the shard {self.path} holds other content than when it was merged; copy it again "
                "from its source, or draw the grid again"
            )
        return samples


def read_collection(path: Path) -> tuple[dict[str, Any], tuple[Shard, ...]]:
    """Root attributes and shards of a collection, whose seal is checked.

    Raises:
        InputError: Where the file is damaged or of a newer schema.
    """
    with reading(str(path)), h5py.File(path, "r", locking="best-effort") as file:
        facts = {name: plain(value) for name, value in file.attrs.items()}
        if facts["schema"] != SCHEMA:
            raise InputError(
                f"{path} has schema {facts['schema']!r}; this version of rsmi reads {SCHEMA!r}: "
                "upgrade rsmi"
            )
        if not seal_holds(path, SCHEMA):
            raise InputError(
                f"{path} does not have the bytes it was written with: its SHA-256 seal is broken; "
                "delete it, then run `rsmi sample` with --resume, which writes it again"
            )
        check_values_inside(path, file[SHARDS])
        table = {name: plain(column[:]) for name, column in file[SHARDS].items()}
        return facts, tuple(_shard(path.parent, table, i) for i in range(len(table["path"])))


def open_collection(
    path: Path,
    temperature: float | None = None,
    shape: Sequence[int] | None = None,
    seed: int | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Samples:
    """The samples of one point of a grid; several seeds are joined as independent chains.

    Args:
        path: A collection.
        temperature: Which temperature, in units of J; may be left out where there is one only.
        shape: Which lattice shape; likewise.
        seed: Which seed; all of them where it is None.
        parameters: Further parameters of the model, such as `crystal_field`; likewise.

    Raises:
        InputError: Where the choice is not there or not unique; the message lists what there is.
    """
    _, shards = read_collection(path)
    chosen = _one_lattice(path, shards, shape)
    for name, value in (parameters or {}).items():
        chosen = _with_parameter(path, chosen, name, value)
    chosen = _one_model(path, chosen, temperature)
    chosen = _seeds(path, chosen, seed)
    opened: list[Hdf5Samples] = []
    try:
        for shard in chosen:
            opened.append(shard.open(CACHE_BYTES // len(chosen)))
        return opened[0] if len(opened) == 1 else Joined(_title(path, chosen), opened)
    except BaseException:
        for samples in opened:
            samples.close()
        raise


def choices(path: Path) -> list[tuple[float | None, tuple[int, ...]]]:
    """Temperature (None of models without one) and lattice of every point of a collection."""
    _, shards = read_collection(path)
    found = dict.fromkeys((s.couplings.get("temperature"), s.shape) for s in shards)
    return sorted(found, key=lambda choice: (choice[1], choice[0] or 0.0))


def _one_lattice(path: Path, shards: Sequence[Shard], shape: Sequence[int] | None) -> list[Shard]:
    present = sorted({shard.shape for shard in shards})
    listed = ", ".join(str(list(found)) for found in present)
    if shape is None:
        if len(present) > 1:
            raise InputError(
                f"{path} holds {len(present)} lattices ({listed}); choose one with shape=, or "
                "--select.shape"
            )
        return list(shards)
    chosen = [shard for shard in shards if shard.shape == tuple(shape)]
    if not chosen:
        raise InputError(f"{path} has no lattice {list(shape)}; it holds {listed}")
    return chosen


def _with_parameter(path: Path, shards: Sequence[Shard], name: str, value: float) -> list[Shard]:
    present = sorted({shard.couplings.get(name, math.nan) for shard in shards})
    chosen = [s for s in shards if math.isclose(s.couplings.get(name, math.nan), value)]
    if not chosen:
        known = ", ".join(sorted({key for shard in shards for key in shard.couplings}))
        listed = ", ".join(f"{found:g}" for found in present if not math.isnan(found))
        holds = f"it holds {listed}" if listed else f"its parameters are {known}"
        raise InputError(f"{path} has no {name} {value:g}; {holds}")
    return chosen


def _one_model(path: Path, shards: Sequence[Shard], temperature: float | None) -> list[Shard]:
    present = sorted({s.couplings["temperature"] for s in shards if "temperature" in s.couplings})
    if present or temperature is not None:
        wanted = choose_temperature(path, present, temperature)
        shards = [shard for shard in shards if shard.couplings.get("temperature") == wanted]
    models = {(shard.model, *shard.couplings.items()) for shard in shards}
    if len(models) > 1:
        _refuse_mixture(path, shards)
    return list(shards)


def _refuse_mixture(path: Path, shards: Sequence[Shard]) -> NoReturn:
    names = sorted({name for shard in shards for name in shard.couplings} - _DERIVED)
    values = {n: sorted({s.couplings.get(n, math.nan) for s in shards}) for n in names}
    listed = "; ".join(
        f"{name} {', '.join(f'{v:g}' for v in found)}"
        for name, found in values.items()
        if len(found) > 1
    )
    if listed:
        raise InputError(
            f"{path} holds several models ({listed}); choose one with parameters=, or "
            "--select.parameters"
        )
    raise InputError(
        f"{path} holds shards of several models; open one of "
        f"{', '.join(str(shard.path) for shard in shards)}"
    )


def _seeds(path: Path, shards: Sequence[Shard], seed: int | None) -> list[Shard]:
    present = sorted({shard.seed for shard in shards})
    chosen = [shard for shard in shards if seed is None or shard.seed == seed]
    if not chosen:
        raise InputError(f"{path} has no seed {seed}; it holds {', '.join(map(str, present))}")
    if len({shard.seed for shard in chosen}) < len(chosen):
        names = ", ".join(str(shard.path) for shard in chosen)
        raise InputError(
            f"{path} holds several shards of the same temperature, lattice and seed; their random "
            f"numbers are not independent; open one of {names}"
        )
    return chosen


def _title(path: Path, shards: Sequence[Shard]) -> str:
    size = "x".join(map(str, shards[0].shape))
    facts = ", ".join(f"{name} {value:g}" for name, value in shards[0].couplings.items())
    return f"{path} ({size}, {facts}, {len(shards)} seeds, {SCHEMA})"


def _shard(directory: Path, table: dict[str, Any], i: int) -> Shard:
    fixed = ("path", CONTENT_DIGEST, "lattice", "model", "seed", "n", "chains")
    return Shard(
        path=directory / table["path"][i],
        digest=table[CONTENT_DIGEST][i],
        shape=tuple(map(int, table["lattice"][i].split("x"))),
        model=table["model"][i],
        seed=table["seed"][i],
        n=table["n"][i],
        chains=table["chains"][i],
        couplings={name: column[i] for name, column in table.items() if name not in fixed},
    )
