"""The two ways a request can fail, told apart by who can mend it, and how a message is worded."""

import difflib
from collections.abc import Iterable

_LONGEST_LINE, _MOST_LINES = 600, 60


class RsmiError(Exception):
    """Base of every error this library raises on purpose."""


class InputError(RsmiError, ValueError):
    """The input cannot be used: the message says what was given, what is expected, what to do.

    The command line turns it into exit code 2.
    """


class AnalysisError(RsmiError, RuntimeError):
    """The input was fine, yet the work could not be finished (disk full, singular matrix).

    The command line turns it into exit code 1.
    """


def closest(word: str, known: Iterable[str]) -> str | None:
    """What a word that may be misspelt was meant to be, or None.

    >>> closest("lerning.Method", ["learning.method", "seed"])
    'learning.method'
    """
    lower = {name.lower(): name for name in known}
    # A word this long is none, and comparing it would take long too.
    found = difflib.get_close_matches(word[:100].lower(), lower, n=1)
    return lower[found[0]] if found else None


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint for a word that may be misspelt, to stand before what is expected; or nothing.

    Args:
        word: What was given.
        known: What could have been meant.

    >>> nearest("majorty", ["majority", "decimation"]), nearest("xyz", ["majority"])
    ("did you mean 'majority'? ", '')
    """
    close = closest(str(word), known)
    return f"did you mean '{close}'? " if close else ""


def shortened(message: str) -> str:
    """A message without the middle of what is too long to be read.

    >>> given = shortened(f"x is {10_000 * 'a'}; expected a number")
    >>> len(given) < 700, given[-20:]
    (True, 'a; expected a number')
    """
    lines = [_cut(line) for line in message.splitlines()]
    if len(lines) <= _MOST_LINES:
        return "\n".join(lines)
    left_out = f"... ({len(lines) - _MOST_LINES} lines) ..."
    return "\n".join([*lines[: _MOST_LINES - 10], left_out, *lines[-10:]])


def _cut(line: str) -> str:
    if len(line) <= _LONGEST_LINE:
        return line
    return f"{line[:400]} ... ({len(line) - _LONGEST_LINE} characters) ... {line[-200:]}"
