"""The entry point: finds the command, runs it, turns errors into messages and exit codes."""

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, Self

import rsmi
from rsmi.errors import InputError, RsmiError, nearest, shortened

COMMANDS = {
    "run": "the whole pipeline of a config: sample, learn, measure, exponents, report",
    "scan": "any task at every point of a grid of its settings, with fits, one table and figure",
    "sample": "draw configurations into an HDF5 file",
    "fit": "train a rule with Lightning's own command line (LightningCLI)",
    "ensemble": "many rules at once, and the manifold that the best of them form",
    "information": "information a rule keeps about the environment, from samples",
    "exponents": "critical exponents by Monte Carlo RG with a learned or classical rule",
    "flow": "T_c and nu from how a rule moves the temperature, by two-lattice matching",
    "compare": "rules of RSMI and of conventional trainings beside each other on one data set",
    "couplings": "couplings of the Hamiltonian that a rule leaves, exact or from samples",
    "invert": "larger lattices from small ones by the inverse of a rule, as samples of the model",
    "operators": "operators of a symmetry sector with their scaling dimensions, by L and 2L",
    "layers": "what each layer of a network forgets, and studies of it",
    "scaling": "T_c and exponents from several lattice sizes and temperatures",
    "percolation": "p_c and exponents of percolation by clusters, on any lattice",
    "theory": "networks known in closed form: random machines, FIRENET, measures, mazes",
    "exact": "exact information of rules on small windows, without samples",
    "verify": "recompute known exact values with the installed code",
    "estimate": "mutual information of paired rows x and y by any estimator, beside its null",
    "info": "what a file holds: samples, a rule, weights, a result; and whether it is as written",
}

BAD_INPUT, FAILED, SIGNALLED = 2, 1, 128

_NO_MEMORY = (
    "memory ran out; ask for less at once (fewer chains, a smaller batch_size, fewer "
    "configurations), or use a machine with more; nothing that was finished is lost"
)
_ENDED = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_AGAIN = 5.0  # seconds after which a signal that came to nothing is raised once more


class Stopped(BaseException):
    """A signal asks this process to end; no `Exception`, so that nobody takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(argv: Sequence[str] | None = None) -> int:
    """Run `rsmi COMMAND [ARGUMENTS]`.

    Args:
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code: 0 done, 1 failed or a check did not hold, 2 bad input, 130 ended by Ctrl-C
        (SIGINT), 143 ended by SIGTERM.
    """
    # Threads of torch that wait by spinning would starve each other on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _print_anything()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"rsmi {rsmi.__version__}\n")
        return 0
    command, *rest = arguments
    if command not in COMMANDS:
        return _complain("rsmi", _unknown(command), BAD_INPUT)
    code = _run(command, rest)
    if argv is None and code > SIGNALLED:
        # A thread may still be inside torch, where the end of the interpreter would abort it.
        sys.stdout.flush()
        os._exit(code)
    return code


def _print_anything() -> None:
    """Let no name of a file, nor a narrow encoding of the terminal, lose what is to be printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(command: str, arguments: list[str]) -> int:
    program = f"rsmi {command}"
    with _Signals(program) as signals:
        try:
            module = importlib.import_module(f"rsmi.cli.{command}")
            signals.importing = False
            return int(module.main(arguments) or 0)
        except InputError as error:
            return _complain(program, str(error), BAD_INPUT)
        except RsmiError as error:
            return _complain(program, str(error), FAILED)
        except (Stopped, KeyboardInterrupt) as error:
            signals.ignore()
            return _ended(program, getattr(error, "number", signal.SIGINT))
        except BrokenPipeError:  # the reader of a pipe went away, as in `rsmi info FILE | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except OSError as error:
            return _complain(program, f"{error}; nothing that was finished is lost", FAILED)
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            return _complain(program, _NO_MEMORY, FAILED)


class _Signals:
    """Makes SIGINT and SIGTERM end a command in one line, whatever other handlers would do.

    An exception that is raised inside a destructor or a callback from C is lost, so an alarm raises
    it again until the command has ended.

    Args:
        program: Name of the command, for the line.
    """

    def __init__(self, program: str) -> None:
        self.importing = True
        self._program = program
        self._asked: int = signal.SIGINT
        self._former = {number: signal.getsignal(number) for number in (*_ENDED, signal.SIGALRM)}

    def __enter__(self) -> Self:
        self._install(self)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            self._install(handler or signal.SIG_DFL, number)

    def __call__(self, number: int, _: FrameType | None) -> None:
        """End the command, tidily once there is anything to tidy up."""
        if self.importing:  # code in C that imports may lose an exception, and nothing is begun
            os._exit(_ended(self._program, number))
        if number != signal.SIGALRM:
            self._asked = number
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        raise Stopped(self._asked)

    def ignore(self) -> None:
        """Let no further signal disturb the end."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._install(signal.SIG_IGN)

    def _install(self, handler: Any, *numbers: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in numbers or self._former:
            # What a parent told us to ignore, as a shell does for a job in the background, stays.
            if self._former[signal.Signals(number)] != signal.SIG_IGN:
                signal.signal(number, handler)


def _is_memory(error: Exception) -> bool:
    """Whether memory was short; torch says so in words."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error)


def _ended(program: str, number: int) -> int:
    how = _ENDED[signal.Signals(number)]
    line = f"{how}; the same command with --resume goes on from here"
    return _complain(program, line, SIGNALLED + number)


def _complain(program: str, message: str, code: int) -> int:
    sys.stderr.write(f"{program}: error: {shortened(message)}\n")
    sys.stderr.flush()
    return code


def _unknown(command: str) -> str:
    hint = nearest(command, COMMANDS)
    return f"unknown command '{command}'; {hint}expected one of {', '.join(COMMANDS)}"


def _help() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items())
    return (
        f"rsmi {rsmi.__version__}: learn real-space renormalisation from data by information "
        f"theory\n\nusage: rsmi COMMAND [ARGUMENTS]\n\ncommands:\n{rows}\n\n"
        "`rsmi COMMAND --help` explains a command.\n"
    )
