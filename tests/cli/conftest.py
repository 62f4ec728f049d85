"""Runs a command in this process as a user would, and hands back what it said."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from rsmi.cli.main import main


class Said(NamedTuple):
    code: int
    out: str
    err: str


Rsmi = Callable[..., Said]


@pytest.fixture
def rsmi(capsys: pytest.CaptureFixture[str]) -> Rsmi:
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
