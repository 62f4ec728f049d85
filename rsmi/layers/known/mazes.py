"""Known answers of mazes: the network that floods them, and fresh weights."""

import math

import torch

from rsmi.lattice import states
from rsmi.layers.analyse import analyse_layers
from rsmi.layers.building import untrained
from rsmi.layers.inputs import Inputs, finite_inputs
from rsmi.layers.interval import Interval
from rsmi.layers.known.check import Check, bits
from rsmi.layers.known.maze_network import perfect_maze_network
from rsmi.sampling.mazes import PERCOLATION_THRESHOLD, sample_mazes, solve


def all_mazes(size: int) -> Inputs:
    """Every maze of a small size with an open centre, its probability and its label."""
    sites = size * size
    open_sites = (states(sites) > 0).reshape(-1, size, size)
    open_sites = open_sites[open_sites[:, size // 2, size // 2]]
    count = open_sites.flatten(1).sum(1).double() - 1
    p = PERCOLATION_THRESHOLD
    weights = p**count * (1 - p) ** (sites - 1 - count)
    labels = torch.from_numpy(solve(open_sites.numpy()).solvable).long()
    return finite_inputs(open_sites.float(), labels, weights)


def maze_checks() -> list[Check]:
    """H(Y|T) of the answer, and the share of mazes that can be solved."""
    network, inputs = perfect_maze_network(4), all_mazes(4)
    perfect = analyse_layers(network, inputs, layers="answer")
    fresh = analyse_layers(untrained(network), inputs, layers="answer")
    known = fresh.entropy_y
    h_y = bits(known) if isinstance(known, Interval) else math.nan
    solvable = float(sample_mazes(50_000, 17, seed=3).solvable.mean())
    return [
        Check("perfect maze network: H(Y|T)", 0.0, bits(perfect["answer"].interval("H(Y|T)")), 0.0),
        Check(
            "untrained maze network: H(Y|T)",
            h_y,
            bits(fresh["answer"].interval("H(Y|T)")),
            0.05 * h_y,
        ),
        Check("17x17 mazes that can be solved", 0.861, solvable, 0.01, "1"),
    ]
