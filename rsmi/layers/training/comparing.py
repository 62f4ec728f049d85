"""Many ways to train the same layers beside each other: what each of them forgets, over seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from rsmi.errors import InputError, RsmiError, nearest
from rsmi.information import Estimate
from rsmi.layers.inputs import InputKind
from rsmi.layers.trained import TrainedLayers, TrainingComparison
from rsmi.layers.training.data import Fit
from rsmi.layers.training.fit import TRAININGS, check_training, train_layers
from rsmi.layers.training.objectives import Goal
from rsmi.progress import Progress, silent

Make = Callable[[int], nn.Module]
"""A fresh network of a seed."""


@dataclass(frozen=True)
class Way:
    """One way to train, as it stands in a comparison.

    Args:
        method: Name in `TRAININGS`.
        goal: Prices and limits; those of the comparison without.
        fit: How long and how fast; likewise.
        make: Makes its network, where that is another one; its layers have the same names.
        data: What it learns from, where that is not what is measured, such as phases of whole
            lattices beside blocks and their environments.
    """

    method: str
    goal: Goal | None = None
    fit: Fit | None = None
    make: Make | None = None
    data: Any = None


def compare_trainings(
    make: Make,
    data: Any,
    labels: Any = None,
    *,
    ways: Mapping[str, Way] | Sequence[str] | None = None,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    reference: str | None = None,
    layers: Sequence[str] | None = None,
    kind: InputKind | None = None,
    entropy: Estimate | float | None = None,
    chains: int | Literal["independent"] | None = None,
    goal: Goal | None = None,
    fit: Fit | None = None,
    best: Mapping[str, Estimate] | None = None,
    directory: str | Path | None = None,
    progress: Progress = silent,
) -> TrainingComparison:
    """Train the same layers in many ways from several seeds, and measure them alike.

    Every network is measured on rows that it never saw, see `train_layers`; the control is the
    way `untrained`. A way that cannot be used on this network or these data is left out, with the
    reason.

    Args:
        make: Makes a fresh network of a seed, of which all ways begin.
        data: As in `train_layers`; what all ways are measured on, and learn from where they bring
            nothing else.
        labels: Likewise.
        ways: By name, or names of methods; all of `TRAININGS` without.
        seeds: At least two.
        reference: The way that the others are compared with; `untrained`, or the first, without.
        layers: As in `train_layers`.
        kind: Likewise.
        entropy: Likewise.
        chains: Likewise.
        goal: Of ways that bring none of their own.
        fit: Likewise.
        best: Largest I(T;Y) of a layer of so many values, where it is known, by layer.
        directory: Where states are kept, a folder for each way and seed; what is finished is not
            done again.
        progress: Told how many networks are trained.

    Returns:
        All networks with their reports.

    Raises:
        InputError: For an unknown method or reference, or fewer than two seeds.

    >>> import torch
    >>> from rsmi.layers import coded_network, untrained
    >>> x = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    >>> quick = Fit(epochs=20, steps=8, batch_size=8, restarts=1)
    >>> found = compare_trainings(
    ...     lambda seed: untrained(coded_network(3, [1], hidden=8), seed), x, x[:, 0] > 0,
    ...     kind="finite", ways=["untrained", "entropy"], seeds=[0, 1], fit=quick,
    ... )
    >>> round(found.mean("entropy", "T1", "H(Y|T)").mean, 6)
    0.0
    """
    chosen = _ways(ways)
    check_seeds(seeds)
    first = reference or ("untrained" if "untrained" in chosen else next(iter(chosen)))
    if first not in chosen:
        raise InputError(
            f"there is no way {first!r} to compare with; {nearest(first, chosen)}expected one of "
            f"{', '.join(chosen)}"
        )
    trained: dict[str, list[TrainedLayers]] = {}
    refused: dict[str, str] = {}
    about: dict[str, Any] = {"kind": kind, "entropy": entropy, "chains": chains}
    done, total = 0, len(chosen) * len(seeds)
    for name, way in chosen.items():
        for seed in seeds:
            folder = None if directory is None else Path(directory) / name / f"seed_{seed}"
            own: dict[str, Any] = (
                {"data": data, "labels": labels, **about}
                if way.data is None
                else {"data": way.data, "measured": data}
            )
            try:
                run = train_layers(
                    (way.make or make)(seed), **own, method=way.method, layers=layers,
                    goal=way.goal or goal, fit=way.fit or fit, seed=seed, directory=folder,
                )  # fmt: skip
            except RsmiError as reason:
                refused[name] = str(reason)
                trained.pop(name, None)
                break
            trained.setdefault(name, []).append(run)
            progress(done := done + 1, total, "networks")
    found = TrainingComparison(trained, refused, first, best or {})
    found.check()
    return found


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise InputError for fewer than two different seeds."""
    if len(set(seeds)) < max(2, len(seeds)):
        raise InputError(
            f"seeds are {list(seeds)}; expected at least two different ones, since the spread "
            "between seeds is the error of every difference"
        )


def _ways(ways: Mapping[str, Way] | Sequence[str] | None) -> dict[str, Way]:
    chosen = (
        dict(ways)
        if isinstance(ways, Mapping)
        else {name: Way(name) for name in (TRAININGS if ways is None else ways)}
    )
    for way in chosen.values():
        check_training(way.method)
    if not chosen:
        raise InputError(f"no way of training was named; choose of {', '.join(TRAININGS)}")
    return chosen
