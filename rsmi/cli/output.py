"""What every command does with its output directory and its result."""

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rsmi.errors import InputError
from rsmi.information import Outcome, Quantity
from rsmi.progress import Progress
from rsmi.report import Result, write_study
from rsmi.runs.files import write_whole
from rsmi.runs.result import CONFIG_NAME
from rsmi.runs.settings import to_plain
from rsmi.sampling.threads import cores


class Output:
    """The directory, the clock and the printed table of one command.

    Args:
        command: Name of the command, such as `run`.
        settings: Its resolved settings, as plain values.
        directory: Where results go; None to print only.
        resume: Whether to go on in a directory that the same settings began.
        grows: Whether other settings of the same command may go on there too.

    Raises:
        InputError: If the directory holds anything else.
    """

    def __init__(
        self,
        command: str,
        settings: Any,
        directory: str | Path | None,
        resume: bool = False,
        grows: bool = False,
    ) -> None:
        self.command, self._grows = command, grows
        self.settings = to_plain(settings)
        self.directory = None if directory is None else Path(directory)
        self.timings: dict[str, float] = {}
        self.console = Console(stderr=True, highlight=False)
        if self.directory is not None:
            self._claim(self.directory, resume)

    @property
    def visible(self) -> bool:
        """Whether anybody sees a bar."""
        return self.console.is_terminal

    @contextmanager
    def stage(self, name: str, text: str) -> Iterator[None]:
        """Announce a stage and measure how long it takes; bad input leaves no directory behind."""
        self.console.print(text, style="bold", markup=False)
        start = time.perf_counter()
        try:
            yield
        except InputError:
            self._withdraw()
            raise
        self.timings[name] = time.perf_counter() - start

    def counting(self, what: str) -> AbstractContextManager[Progress]:
        """A bar that counts such things; nothing is drawn where there is no terminal."""
        return counting(self.console, what)

    def say(self, text: object) -> None:
        """One line for the person who watches."""
        self.console.print(f"  {text}", markup=False, soft_wrap=True)

    def finish(
        self,
        found: Outcome | list[Quantity],
        seed: int | None,
        device: str = "cpu",
    ) -> Result:
        """Write `result.json`, print the same numbers as a table.

        Args:
            found: A result object, or the numbers themselves.
            seed: Of all random numbers.
            device: Where it ran.
        """
        quantities = found.quantities() if isinstance(found, Outcome) else found
        result = Result(
            self._command_line(), self.settings, seed, _describe(device), self.timings, quantities
        )
        if self.directory is not None:
            result.write(self.directory)
        shown = found if isinstance(found, Outcome) else result
        sys.stdout.write(f"{shown.table()}\n")
        if self.directory is not None:
            self.say(f"{self.directory / 'result.json'}")
        return result

    def page(
        self, found: Outcome, result: Result, title: str, caption: str, picture: str = ""
    ) -> None:
        """Draw what was found, and write the page, where there is a directory.

        Args:
            found: What the command found.
            result: The same as `finish` wrote it.
            title: Of the figure.
            caption: One or two sentences on what is seen and what it means.
            picture: File of the figure; one of the name of the command without.
        """
        if self.directory is not None:
            file = picture or f"figures/{self.command}.png"
            self.say(write_study(self.directory, found, result, file, title, caption))

    def _command_line(self) -> str:
        return " ".join(["rsmi", *sys.argv[1:]]) if len(sys.argv) > 1 else f"rsmi {self.command}"

    def _withdraw(self) -> None:
        """Take back the claim on a directory that holds nothing else yet."""
        if self.directory is not None and os.listdir(self.directory) == [CONFIG_NAME]:
            (self.directory / CONFIG_NAME).unlink()
            self.directory.rmdir()

    def _claim(self, directory: Path, resume: bool) -> None:
        """Make the directory ours, or explain why it cannot be."""
        text = yaml.safe_dump({"command": self.command} | self.settings, sort_keys=False)
        config = directory / CONFIG_NAME
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory} is a file; give --out the name of a directory")
        # A part file is all that a run leaves that was killed before it said what it is.
        ours = resume and self._grows and _is_of(self.command, config)
        used = directory.exists() and any(p.suffix != ".part" for p in directory.iterdir())
        if used and not ours:
            _check_same(directory, config, text, resume)
            return
        try:
            write_whole(config, text.encode())
        except OSError as error:
            raise InputError(
                f"{directory} cannot be written to ({error.strerror}); choose another --out"
            ) from None


def default_out(arguments: Sequence[str]) -> str:
    """`runs/NAME` for the config NAME.yaml.

    Raises:
        InputError: Where no config is named.
    """
    if arguments and not arguments[0].startswith("-"):
        return str(Path("runs") / Path(arguments[0]).stem)
    raise InputError("no output directory; give --out DIR, or a config file as first argument")


def _is_of(command: str, config: Path) -> bool:
    """Whether a directory was begun by a command, with whatever settings."""
    return config.is_file() and config.read_text().startswith(f"command: {command}\n")


def _check_same(directory: Path, config: Path, text: str, resume: bool) -> None:
    """Accept a directory only if this very run began it and is to be resumed."""
    if not config.is_file():
        raise InputError(
            f"{directory} exists and holds other files; choose another --out, or empty it"
        )
    if config.read_bytes() != text.encode():
        raise InputError(
            f"{directory} holds a run with other settings (see {config}); choose another --out"
        )
    if not resume:
        raise InputError(
            f"{directory} holds this very run already; add --resume to go on with it, or choose "
            "another --out"
        )


def _describe(device: str) -> str:
    if device == "cpu":
        return f"cpu ({platform.machine()}, {cores()} cores)"
    return device


@contextmanager
def counting(console: Console, what: str) -> Iterator[Progress]:
    """A bar that is told (done, total), and by a third word that other things are counted now.

    Args:
        console: Where to draw; nothing is drawn where it is no terminal.
        what: Name of the things counted.
    """
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total, now=what: bar.update(
            task, completed=done, total=total, description=now
        )
