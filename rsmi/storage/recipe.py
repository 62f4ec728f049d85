"""A recipe: everything that fixes a data set, as a few lines of YAML."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

import yaml

from rsmi.errors import InputError, nearest
from rsmi.sampling.families import DEFAULT, Family, Setup, System, find_family
from rsmi.sampling.families.parameters import complete
from rsmi.sampling.select import AUTO
from rsmi.storage.config import mapping_of

_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SampleRecipe:
    """How to draw a data set; equal recipes give equal files.

    Args:
        shape: Lattice shape; unit cells for `ising_graph`, sites for the quantum chains.
        temperature: In units of J (for dimers of the attraction), `inf`, or `critical` for the
            exact critical temperature; left out for mazes and ground states.
        chains: Independent Markov chains.
        records: Configurations to keep of each chain.
        seed: Seed of the counter-based random numbers, 0 .. 2**63 - 1.
        model: `ising`, `ising_graph`, `potts`, `blume_capel`, `dimers`, `decorated_dimers`,
            `mazes`, `tfim` or `heisenberg`.
        parameters: What the model needs beside shape and temperature, such as `states` of Potts.
        update: Name of an update of the model; its default where it is None.
        method: What carries the update out, such as `numba` or `triton`; `auto` takes the fastest
            for model and device, and the file says which that was.
        thin: Sweeps between kept configurations; measured where it is None.
        equilibration: Sweeps to drop first; measured where it is None.

    Raises:
        InputError: For a value of a wrong type or out of range.

    >>> print(SampleRecipe(shape=(8, 8), temperature=2.5, chains=2, records=5, seed=1).to_yaml())
    model: ising
    shape: [8, 8]
    temperature: 2.5
    update: swendsen_wang
    chains: 2
    records: 5
    seed: 1
    thin: null
    equilibration: null
    <BLANKLINE>
    """

    model: str = DEFAULT
    shape: tuple[int, ...]
    temperature: float | str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    update: str | None = None
    method: str = AUTO
    chains: int
    records: int
    seed: int
    thin: int | None = None
    equilibration: int | None = None

    def __post_init__(self) -> None:
        family = find_family(self.model)
        if not isinstance(self.shape, tuple | list) or not self.shape:
            raise InputError(f"recipe: shape is {self.shape!r}; expected extents such as [64, 64]")
        for extent in self.shape:
            _integer("each extent of shape", extent, 2)
        shape = tuple(self.shape)
        update = family.updates[0] if self.update is None else self.update
        _choice("update", update, sorted(family.updates))
        family.check_method(update, self.method)
        parameters = complete(family.name, family.parameters, self.parameters)
        temperature = family.check_temperature(self.temperature, shape)
        _integer("chains", self.chains, 1)
        _integer("records", self.records, 1)
        _integer("seed", self.seed, 0, _MAX_SEED)
        if self.thin is not None:
            _integer("thin", self.thin, 1)
        if self.equilibration is not None:
            _integer("equilibration", self.equilibration, 0)
        resolved = {"shape": shape, "update": update, "temperature": temperature}
        for name, value in {**resolved, "parameters": parameters}.items():
            object.__setattr__(self, name, value)

    @property
    def family(self) -> Family:
        """The kind of model."""
        return find_family(self.model)

    @property
    def system(self) -> System:
        """The model on its lattice."""
        return System(self.shape, self.model, self.temperature, self.parameters)

    @property
    def setup(self) -> Setup:
        """What the family builds the model from."""
        update = str(self.update)
        return Setup(self.shape, self.temperature, self.parameters, update, self.seed, self.method)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a recipe from YAML.

        Raises:
            InputError: For text that is no YAML mapping, an unknown or missing key, a wrong value.
        """
        return cls.from_plain(mapping_of(text, "the recipe"))

    @classmethod
    def from_plain(cls, facts: dict[str, Any]) -> Self:
        """Read a recipe from the values that YAML holds.

        Raises:
            InputError: For an unknown or missing key, a wrong value.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(map(str, facts)) - known):
            raise InputError(
                f"recipe: unknown key {unknown[0]!r}; {nearest(unknown[0], known)}expected "
                f"{', '.join(sorted(known))}"
            )
        required = {"shape", "chains", "records", "seed"}
        if find_family(facts.get("model", DEFAULT)).has_temperature:
            required.add("temperature")
        if missing := sorted(required - set(facts)):
            raise InputError(f"recipe: {', '.join(missing)} missing; add a line for each")
        return cls(**facts)

    def to_yaml(self) -> str:
        """The whole recipe, defaults included, as YAML; without what the model does not have.

        A method is named only where it was chosen: `auto` is the same recipe on every machine.
        """
        facts = dataclasses.asdict(self) | {"shape": list(self.shape)}
        if self.method == AUTO:
            del facts["method"]
        if not self.family.parameters:
            del facts["parameters"]
        if not self.family.has_temperature:
            del facts["temperature"]
        return yaml.safe_dump(facts, sort_keys=False, default_flow_style=None)


def _choice(name: str, value: object, allowed: list[str]) -> None:
    if value not in allowed:
        hint = nearest(value, allowed)
        raise InputError(f"recipe: {name} is {value!r}; {hint}expected {' or '.join(allowed)}")


def _integer(name: str, value: object, low: int, high: int | None = None) -> None:
    wrong = isinstance(value, bool) or not isinstance(value, int)
    if wrong or value < low or (high is not None and value > high):  # type: ignore[operator]
        limit = f"at least {low}" if high is None else f"from {low} to {high}"
        raise InputError(f"recipe: {name} is {value!r}; expected a whole number, {limit}")
