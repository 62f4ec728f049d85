"""How long work says that it goes on, and to whom."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Called now and then with how much is done."""

    def __call__(self, done: int, total: int, what: str = ..., /) -> None:
        """So much of so much is done; `what` names the things where other ones are counted now."""


def silent(done: int, total: int, what: str = "", /) -> None:
    """The progress that nobody watches."""


class Watcher(Protocol):
    """Who is told what a piece of work does, such as the terminal of a command."""

    @property
    def visible(self) -> bool:
        """Whether anybody sees a bar."""

    def stage(self, name: str, text: str, /) -> AbstractContextManager[None]:
        """Announces a stage by its text, and measures how long it takes under its name."""

    def counting(self, what: str, /) -> AbstractContextManager[Progress]:
        """Shows how far a count of such things has come."""

    def say(self, text: object, /) -> None:
        """One line for the person who watches."""


class Unwatched:
    """The watcher of work that nobody watches: it keeps what was said, and how long stages took."""

    visible = False

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}
        self.lines: list[str] = []

    @contextmanager
    def stage(self, name: str, text: str, /) -> Iterator[None]:
        """Measures how long a stage takes."""
        self.say(text)
        start = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - start

    @contextmanager
    def counting(self, what: str, /) -> Iterator[Progress]:
        """Counts for nobody."""
        yield silent

    def say(self, text: object, /) -> None:
        """Keeps a line."""
        self.lines.append(str(text))
