"""Progress bars on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rsmi.progress import Progress


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
