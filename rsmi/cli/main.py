"""The entry point: finds the command, runs it, turns errors into messages and exit codes."""

import importlib
import io
import os
import sys
from collections.abc import Sequence

import rsmi
from rsmi.errors import InputError, RsmiError, nearest, shortened

COMMANDS = {
    "run": "the whole pipeline of a config: sample, learn, measure, exponents, report",
    "sample": "draw configurations into an HDF5 file",
    "fit": "train a rule with Lightning's own command line (LightningCLI)",
    "information": "information a rule keeps about the environment, from samples",
    "exponents": "critical exponents by Monte Carlo RG with a learned or classical rule",
    "layers": "what each layer of a network forgets, and studies of it",
    "exact": "exact information of rules on small windows, without samples",
    "verify": "recompute known exact values with the installed code",
    "info": "what a sample, rule or result file holds, and whether it is whole",
}

BAD_INPUT, FAILED = 2, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run `rsmi COMMAND [ARGUMENTS]`.

    Args:
        argv: The arguments after the program's name; those of the process by default.

    Returns:
        The exit code: 0 done, 1 failed or a check did not hold, 2 bad input.
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
    return _run(command, rest)


def _print_anything() -> None:
    """Let no name of a file, nor a narrow encoding of the terminal, lose what is to be printed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(command: str, arguments: list[str]) -> int:
    program = f"rsmi {command}"
    module = importlib.import_module(f"rsmi.cli.{command}")
    try:
        return int(module.main(arguments) or 0)
    except InputError as error:
        return _complain(program, str(error), BAD_INPUT)
    except RsmiError as error:
        return _complain(program, str(error), FAILED)
    except KeyboardInterrupt:
        return _complain(
            program, "interrupted; the same command with --resume goes on from here", FAILED
        )
    except BrokenPipeError:  # the reader of a pipe went away, as in `rsmi info FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _complain(program, f"{error}; nothing that was finished is lost", FAILED)


def _complain(program: str, message: str, code: int) -> int:
    sys.stderr.write(f"{program}: error: {shortened(message)}\n")
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
