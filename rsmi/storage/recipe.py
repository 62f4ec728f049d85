"""A recipe: everything that fixes a data set, as a few lines of YAML."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

import yaml

from rsmi.errors import InputError
from rsmi.sampling.registry import registry

_MAX_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SampleRecipe:
    """How to draw a data set; equal recipes give equal files.

    Args:
        shape: Lattice shape.
        temperature: In units of J, or `critical` for the exact critical temperature.
        chains: Independent Markov chains.
        records: Configurations to keep of each chain.
        seed: Seed of the counter-based random numbers, 0 .. 2**63 - 1.
        model: `ising`.
        update: `swendsen_wang`, `metropolis` or `wolff`, whose sweep is one cluster.
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

    model: str = "ising"
    shape: tuple[int, ...]
    temperature: float | str
    update: str = "swendsen_wang"
    chains: int
    records: int
    seed: int
    thin: int | None = None
    equilibration: int | None = None

    def __post_init__(self) -> None:
        _choice("model", self.model, ["ising"])
        _choice("update", self.update, sorted(registry))
        if not isinstance(self.shape, tuple | list) or not self.shape:
            raise InputError(f"recipe: shape is {self.shape!r}; expected extents such as [64, 64]")
        for extent in self.shape:
            _integer("each extent of shape", extent, 2)
        object.__setattr__(self, "shape", tuple(self.shape))
        _check_temperature(self.temperature, self.shape)
        _integer("chains", self.chains, 1)
        _integer("records", self.records, 1)
        _integer("seed", self.seed, 0, _MAX_SEED)
        if self.thin is not None:
            _integer("thin", self.thin, 1)
        if self.equilibration is not None:
            _integer("equilibration", self.equilibration, 0)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Read a recipe from YAML.

        Raises:
            InputError: For text that is no YAML mapping, an unknown or missing key, a wrong value.
        """
        facts = _mapping(text)
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(map(str, facts)) - known):
            raise InputError(
                f"recipe: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}"
            )
        required = {"shape", "temperature", "chains", "records", "seed"}
        if missing := sorted(required - set(facts)):
            raise InputError(f"recipe: {', '.join(missing)} missing; add a line for each")
        return cls(**facts)

    def to_yaml(self) -> str:
        """The whole recipe, defaults included, as YAML."""
        facts = dataclasses.asdict(self) | {"shape": list(self.shape)}
        return yaml.safe_dump(facts, sort_keys=False, default_flow_style=None)


def _mapping(text: str) -> dict[str, Any]:
    try:
        facts = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"recipe: not valid YAML: {error}") from None
    if not isinstance(facts, dict):
        raise InputError("recipe: expected `key: value` lines, such as `shape: [64, 64]`")
    return facts


def _choice(name: str, value: object, allowed: list[str]) -> None:
    if value not in allowed:
        raise InputError(f"recipe: {name} is {value!r}; expected {' or '.join(allowed)}")


def _integer(name: str, value: object, low: int, high: int | None = None) -> None:
    wrong = isinstance(value, bool) or not isinstance(value, int)
    if wrong or value < low or (high is not None and value > high):  # type: ignore[operator]
        limit = f"at least {low}" if high is None else f"from {low} to {high}"
        raise InputError(f"recipe: {name} is {value!r}; expected a whole number, {limit}")


def _check_temperature(value: object, shape: tuple[int, ...]) -> None:
    if value == "critical":
        if len(shape) != 2:
            raise InputError(
                f"recipe: the critical temperature is known exactly in two dimensions only, shape "
                f"is {list(shape)}; give temperature as a number"
            )
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
        raise InputError(
            f"recipe: temperature is {value!r}; expected a number above 0 in units of J, or "
            "'critical'"
        )
