"""The two ways a request can fail, told apart by who can mend it."""


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
