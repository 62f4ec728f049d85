"""Tasks shared among processes that may die: what a dead one held is named, the rest goes on."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Generic, NamedTuple, TypeVar

from rsmi.progress import Progress

T = TypeVar("T")


class Told(NamedTuple):
    """How a task ended, or how far it is.

    Args:
        task: Its position in the list of tasks.
        done: What it has told so far, None at its end.
        failure: Why it failed; None where it did not.
    """

    task: int
    done: int | None
    failure: str | None


def run_tasks(
    tasks: Sequence[T], work: Callable[[T, Progress], str | None], processes: int
) -> Iterator[Told]:
    """Carry out tasks in fresh processes, each of which takes one after another.

    The processes are spawned, not forked: threads of this one leave no locked lock behind.

    Args:
        tasks: What to do; values that can be pickled.
        work: A function of a module, called with a task and a function to tell (done, total);
            returns why it failed, or None.
        processes: How many at the same time.

    Yields:
        Progress and ends, as they come.
    """
    waiting = deque(range(len(tasks)))
    busy: dict[Connection, _Process[T]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < processes:
                fresh = _Process(work)
                busy[fresh.pipe] = fresh
                fresh.give(waiting[0], tasks[waiting.popleft()])
            for pipe in wait(list(busy)):
                process = busy[pipe]  # type: ignore[index]
                outcome = process.hear()
                yield outcome
                if outcome.done is not None:
                    continue
                if waiting and process.alive:
                    process.give(waiting[0], tasks[waiting.popleft()])
                else:
                    busy.pop(process.pipe).release()
    finally:
        for process in busy.values():
            process.stop()


class _Process(Generic[T]):
    """A process that waits for tasks."""

    def __init__(self, work: Callable[[T, Progress], str | None]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.alive = True
        self._task = -1
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, number: int, task: T) -> None:
        """Hand over a task."""
        self._task = number
        try:
            self.pipe.send(task)
        except OSError:
            self.alive = False  # `hear` then finds the pipe closed and names the task

    def hear(self) -> Told:
        """Wait for the next word of the process, or for its death."""
        try:
            done, failure = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            self._process.join()
            return Told(self._task, None, _death(self._process.exitcode))
        return Told(self._task, done, failure)

    def release(self) -> None:
        """Let the process end by itself."""
        self.pipe.close()
        self._process.join()
        self._process.close()

    def stop(self) -> None:
        """End the process at once."""
        self._process.terminate()
        self.release()


def _serve(pipe: Connection, work: Callable[[T, Progress], str | None]) -> None:
    """The life of a process: take a task, do it, say how it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send((None, work(task, lambda done, total, what="": pipe.send((done, None)))))


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was killed ({signal.Signals(-code).name}); was memory short?"
    return f"its process ended with exit code {code}"
