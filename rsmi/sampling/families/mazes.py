"""Percolation mazes with their solutions."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rsmi.errors import InputError
from rsmi.information import entropy
from rsmi.lattice import Space
from rsmi.lattice.alphabet import occupations
from rsmi.sampling.exact.enumeration import all_values
from rsmi.sampling.families.interface import Example, Family, Setup
from rsmi.sampling.families.parameters import Parameter
from rsmi.sampling.interface import Sampler
from rsmi.sampling.maze_sampler import MazeModel, MazeSampler
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD
from rsmi.sampling.select import Method, Update


def _build(model: MazeModel, seed: int, workers: int) -> Sampler:
    """One thread draws all mazes of a sweep at once."""
    return MazeSampler(model, seed)


class MazeFamily(Family):
    """`shape` is [L, L]; stored are open (+1) and closed (-1) sites; there is no temperature."""

    name: ClassVar[str] = "mazes"
    registry: ClassVar[Mapping[str, Update[Any]]] = {
        "independent": Update({"numpy": Method(_build)}, independent=True)
    }
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "probability": Parameter("number", "of a site to be open", PERCOLATION_THRESHOLD),
    }
    has_temperature: ClassVar[bool] = False
    classes: ClassVar[tuple[type, ...]] = (MazeModel,)
    examples: ClassVar[tuple[Example, ...]] = (Example("", (3, 3)),)
    listed: ClassVar[str] = "listing up to 22 sites"
    reported: ClassVar[tuple[str, ...]] = ("solvable",)
    encoding: ClassVar[str] = "sites: +1 is open, -1 is closed"

    def check_temperature(self, value: object, shape: tuple[float, ...]) -> None:
        """Raise InputError if there is one."""
        if value is not None:
            raise InputError(
                f"temperature is {value!r}, but mazes have none; leave it out and give "
                "the parameter probability"
            )

    def model(self, setup: Setup) -> MazeModel:
        """The law of the mazes."""
        return MazeModel(setup.shape, setup.parameters["probability"])

    def space(self, model: Any) -> Space:
        """Open and closed sites of a square; independent ones, so its border does not matter."""
        return Space.hypercubic(model.shape, occupations())

    def law(self, model: Any) -> tuple[Tensor, Tensor]:
        """Up to 22 sites, of which the centre is open."""
        states = (2 * all_values(2, math.prod(model.shape)) - 1).reshape(-1, *model.shape)
        states = states[states[:, model.shape[0] // 2, model.shape[1] // 2] > 0]
        open_sites = (states > 0).flatten(1).sum(1).double() - 1
        p, others = model.probability, math.prod(model.shape) - 1
        return states, p**open_sites * (1 - p) ** (others - open_sites)

    def closed_entropy(self, model: Any) -> float:
        """Every site but the centre is open or closed by itself."""
        chances = torch.tensor([model.probability, 1 - model.probability], dtype=torch.float64)
        return (math.prod(model.shape) - 1) * float(entropy(chances))

    def iteration(self, model: Any) -> str:
        """No."""
        return (
            "its sites are independent, so no interaction of spins flows; percolation is a matter "
            "of clusters"
        )

    def couplings(self, setup: Setup, model: Any) -> dict[str, float]:
        """The probability; sites are independent, as at infinite temperature."""
        return {"probability": model.probability, "temperature": math.inf}

    def sites(self, model: Any) -> int:
        """One: label and depth belong to a maze as a whole."""
        return 1

    def units(self, model: Any) -> dict[str, str]:
        """Open minus closed sites, the label and the depth."""
        return {"magnetisation": "1", "solvable": "1", "depth": "steps"}

    def observables(self, model: Any, states: Tensor) -> dict[str, Tensor]:
        """Open minus closed sites, the label (1 or 0) and the depth (-1 without a way)."""
        depth = model.depth(states)
        return {
            "magnetisation": model.magnetisation(states),
            "solvable": (depth >= 0).to(torch.int64),
            "depth": depth,
        }
