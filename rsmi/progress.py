"""How long work says that it goes on, and to whom."""

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Called now and then with how much is done."""

    def __call__(self, done: int, total: int, what: str = ..., /) -> None:
        """So much of so much is done; `what` names the things where other ones are counted now."""


def silent(done: int, total: int, what: str = "", /) -> None:
    """The progress that nobody watches."""


class Watcher(Protocol):
    """Who is told what a piece of work does, such as the terminal of a command."""

    def stage(self, name: str, text: str, /) -> AbstractContextManager[None]:
        """Announces a stage by its text, and measures how long it takes under its name."""

    def counting(self, what: str, /) -> AbstractContextManager[Progress]:
        """Shows how far a count of such things has come."""

    def say(self, text: object, /) -> None:
        """One line for the person who watches."""
