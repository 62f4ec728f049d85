"""The front door: help, versions, unknown commands, exit codes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

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
        (KeyboardInterrupt(), 130, "interrupted; the same command with --resume goes on from here"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (MemoryError(), 1, "memory ran out; ask for less at once"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "memory ran out"),
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


@pytest.mark.parametrize(("number", "word"), [("SIGINT", "interrupted"), ("SIGTERM", "terminated")])
def test_a_signal_ends_a_command_in_one_line(
    number: str, word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = signal.Signals[number]
    before = signal.signal(asked, signal.SIG_DFL)
    try:
        monkeypatch.setattr("rsmi.cli.info.main", lambda _: signal.raise_signal(asked))
        assert front.main(["info", "x"]) == 128 + asked
        assert signal.getsignal(asked) == signal.SIG_DFL
        line = f"rsmi info: error: {word}; the same command with --resume goes on from here\n"
        assert capsys.readouterr().err == line
    finally:
        signal.signal(asked, before)


def test_what_the_parent_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        monkeypatch.setattr("rsmi.cli.info.main", lambda _: signal.raise_signal(signal.SIGINT))
        assert front.main(["info", "x"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_importing_leaves_no_traceback(number: int, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'rsmi.cli.parsing': os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from rsmi.cli.main import main\n"
        "raise SystemExit(main(['info', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 128 + number
    assert done.stderr.count("\n") == 1
    assert "--resume goes on from here" in done.stderr


def test_a_signal_that_a_destructor_swallows_is_raised_again() -> None:
    code = """
import os, signal, time
from rsmi.cli import main
main._AGAIN = 0.2
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
with main._Signals("rsmi test") as signals:
    signals.importing = False
    try:
        Deaf()
        time.sleep(60)
    except main.Stopped as stopped:
        signals.ignore()
        raise SystemExit(128 + stopped.number)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 143, done.stderr
    assert "Exception ignored" in done.stderr  # the first one was lost


# What a test runs in the background may be told to ignore SIGINT.
INTERRUPTIBLE = """import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from rsmi.cli.main import main
raise SystemExit(main())
"""


@pytest.mark.parametrize(("command", "number"), [("run", 15), ("fit", 2)])
def test_a_signal_while_learning_is_no_success(
    command: str, number: int, samples: Path, tmp_path: Path
) -> None:
    """Lightning's own answer to SIGTERM is exit code 0."""
    options = {
        "run": ["--data", samples, "--learning.max_epochs", 10**6, "--learning.patience", 10**6],
        "fit": [
            "--model", "PosteriorRSMI", "--data.path", samples, "--data.window.block", "[2,2]",
            "--data.window.buffer", 1, "--trainer.max_epochs", 10**6, "--patience", 10**6,
            "--trainer.accelerator", "cpu",
        ],
    }[command]  # fmt: skip
    script = tmp_path / "rsmi"
    script.write_text(INTERRUPTIBLE)
    arguments = map(str, [sys.executable, script, command, *options, "--out", tmp_path / "out"])
    process = subprocess.Popen(list(arguments), stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "out" / "training" / "metrics.csv"
    while process.poll() is None and not (metrics.is_file() and metrics.stat().st_size):
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 128 + number, said
    assert said.rstrip().endswith("the same command with --resume goes on from here")
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "result.json").exists()
