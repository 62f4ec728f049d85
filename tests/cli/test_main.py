"""The front door: help, versions, unknown commands, exit codes."""

import subprocess
import sys

import pytest

import rsmi
from rsmi.cli import main as front
from rsmi.errors import AnalysisError, InputError


def test_help_needs_no_heavy_import() -> None:
    heavy = ("torch", "numba", "h5py", "matplotlib", "pytorch_lightning", "netket", "jsonargparse")
    code = (
        "import sys; from rsmi.cli.main import main; main(['--help']); "
        f"assert not set({heavy!r}) & set(sys.modules), set({heavy!r}) & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in front.COMMANDS)


def test_samplers_and_rules_need_no_optional_package() -> None:
    forbidden = ("netket", "jax", "matplotlib", "jsonargparse", "pytorch_lightning")
    code = (
        "import sys, rsmi.sampling, rsmi.storage, rsmi.learning, rsmi.renormalization; "
        f"assert not set({forbidden!r}) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_version(rsmi_said: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert front.main(["--version"]) == 0
    assert capsys.readouterr().out == f"rsmi {rsmi.__version__}\n"


@pytest.fixture
def rsmi_said() -> None:
    """Nothing to prepare; named so that the module is not shadowed."""


@pytest.mark.parametrize("command", list(front.COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        front.main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: rsmi {command}" in capsys.readouterr().out


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert front.main(["exponent"]) == 2
    assert "did you mean 'exponents'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("bad spins"), 2, "error: bad spins"),
        (AnalysisError("no room"), 1, "error: no room"),
        (KeyboardInterrupt(), 1, "--resume goes on from here"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
)
def test_errors_become_messages_and_codes(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: list[str]) -> None:
        raise error

    monkeypatch.setattr("rsmi.cli.info.main", fail)
    assert front.main(["info", "x"]) == code
    assert words in capsys.readouterr().err
