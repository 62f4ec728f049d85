"""Settings of the study."""

from dataclasses import dataclass, field
from typing import Literal

from rsmi.cli.studies.ensemble import Fit
from rsmi.errors import InputError
from rsmi.layers import Training


@dataclass(frozen=True)
class Digits:
    """The study; X is one of the 1797 images, each as likely as the others.

    Args:
        study: Its name.
        levels: Numbers of levels of quantised networks, between -1 and 1.
        noise: Standard deviations of the noise of noisy networks, beside tanh units between -1
            and 1.
        seeds: Number of networks of each kind.
        at: Epochs at which the quantised networks with the most levels are measured.
        fit: How the networks are trained.
        training: Of the classifiers that bound H(Y|T) of noisy layers.
        seed: Of the first network.
    """

    study: Literal["digits"] = "digits"
    levels: tuple[int, ...] = (2, 3)
    noise: tuple[float, ...] = (0.25, 1.0)
    seeds: int = 4
    at: tuple[int, ...] = (0, 1, 3, 10, 40)
    fit: Fit = field(default_factory=lambda: Fit(40, 64, 3e-3))
    training: Training = field(default_factory=lambda: Training(hidden=64, epochs=8))
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise InputError(f"seeds is {self.seeds}; the spread between seeds needs at least 2")
        if not self.levels or list(self.at) != sorted(set(self.at)) or self.at[:1] != (0,):
            raise InputError(
                f"levels {list(self.levels)} and epochs {list(self.at)}; expected at least one "
                "number of levels, and increasing epochs that begin with 0"
            )
        if self.at[-1] != self.fit.epochs:
            raise InputError(
                f"the last epoch measured is {self.at[-1]} and training has {self.fit.epochs}; "
                "make them equal"
            )
