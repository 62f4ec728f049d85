"""A 2 x 2 rule learned from data, and its exact information beside that of the best rule."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytorch_lightning as pl
import torch
from measurement import Measurement, critical_samples

from rsmi.information import best_rule, rule_information
from rsmi.lattice import Window
from rsmi.learning.data import WindowData
from rsmi.learning.learn import Learned, learn, make_trainer
from rsmi.learning.posterior import PosteriorRSMI
from rsmi.sampling import CRITICAL_COUPLING
from rsmi.sampling.exact import ring_posterior

WINDOW = Window((2, 2), 1)


def main() -> Measurement:
    torch.set_num_threads(1)  # on a shared machine two threads wait for each other
    pl.seed_everything(1, verbose=False)
    data = WindowData(str(critical_samples(64, 938)), WINDOW, seed=1)
    learned = train(data)
    rings = 2 * data.test_windows().e[::4] - 1
    posterior = ring_posterior(rings.contiguous(), CRITICAL_COUPLING, (2, 2), 1)
    rule = float(rule_information(posterior, learned.rule.table()))
    _, optimum = best_rule(posterior, z2="impose")
    return Measurement(
        f"{learned.seconds:.0f} s, {learned.curve[-1].step} steps; "
        f"held-out bound {learned.information}",
        f"exact information of the learned rule {rule:.5f}, of the best odd rule "
        f"{optimum.value:.5f} nats",
        f"rule {rule / optimum.value:.4f}, bound {learned.information.value / optimum.value:.3f}",
    )


def train(data: WindowData) -> Learned:
    with TemporaryDirectory() as scratch:
        trainer = make_trainer(Path(scratch), 20, 6, "cpu", progress=False)
        return learn(PosteriorRSMI(WINDOW), data, trainer)
