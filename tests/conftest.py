"""What holds for every test: one thread, one seed, interpreted Triton, one chi-square test."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chi2

if not torch.cuda.is_available():  # read by Triton when a kernel is defined
    os.environ["TRITON_INTERPRET"] = "1"

Numbers = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Test problems are small: more threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    """The same numbers in every run; another seed looks for tests that pass by luck."""
    torch.manual_seed(int(os.environ.get("RSMI_TEST_SEED", "0")))


@pytest.fixture(scope="session")
def p_value() -> Callable[[Numbers, Numbers], float]:
    """Chi-square p-value of counts; cells that expect fewer than 10 are put together.

    A count in a cell of probability zero is an impossible event: p = 0.
    """

    def test(counts: Numbers, probability: Numbers) -> float:
        if counts[probability < 1e-14].sum() > 0:
            return 0.0
        expected = probability * counts.sum()
        rare = expected < 10
        observed = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
        observed, expected = observed[expected > 1], expected[expected > 1]
        statistic = ((observed - expected) ** 2 / expected).sum()
        return float(chi2.sf(statistic, len(observed) - 1))

    return test


@pytest.fixture(scope="session")
def after() -> Callable[[Any, int, list[int]], torch.Tensor]:
    """The state of some chains after calls of so many sweeps each, one behind the other."""

    def run(sampler: Any, chains: int, calls: list[int]) -> torch.Tensor:
        state = sampler.initial(chains)
        done = 0
        for sweeps in calls:
            sampler.advance(state, done, sweeps)
            done += sweeps
        return state

    return run


class Said(NamedTuple):
    code: int
    out: str
    err: str


Rsmi = Callable[..., Said]


@pytest.fixture
def rsmi(capsys: pytest.CaptureFixture[str]) -> Rsmi:
    """Runs a command in this process as a user would, and hands back what it said."""
    from rsmi.cli.main import main

    def run(*arguments: str | Path) -> Said:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small critical sample file."""
    from rsmi.storage import SampleRecipe, generate

    recipe = SampleRecipe(
        shape=(16, 16), temperature="critical", chains=16, records=64, seed=2, thin=2,
        equilibration=64,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("cli") / "samples.h5"
    generate(recipe, path)
    return path
