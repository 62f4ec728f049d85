"""Tasks shared among processes that may die, or as a job array of a cluster, by submitit."""

import importlib.util
import math
import multiprocessing
import shutil
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from rsmi.errors import InputError
from rsmi.progress import Progress

T = TypeVar("T")

Failures = list[str | None]


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


@dataclass(frozen=True)
class Cluster:
    """Where the jobs of an array run, and what each of them may use.

    Args:
        executor: `slurm`; `local` for processes of this machine; `debug` for this process.
        partition: Slurm partition; the cluster's default where it is None.
        minutes: Most minutes of a job; one that is stopped then is queued again and goes on.
        memory_gb: Memory of a job in GB.
        jobs: Most jobs of the array, each with an equal share of the tasks; one job for each task
            where it is None.

    Raises:
        InputError: For an unknown executor or a number that is not positive.
    """

    executor: Literal["slurm", "local", "debug"]
    partition: str | None = None
    minutes: int = 240
    memory_gb: float = 4.0
    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.executor not in ("slurm", "local", "debug"):
            raise InputError(
                f"cluster is {self.executor!r}; expected 'slurm', 'local' or 'debug'; choose one"
            )
        numbers = {"minutes": self.minutes, "memory_gb": self.memory_gb, "jobs": self.jobs}
        for name, value in numbers.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; expected a number above 0; give more")

    def check(self) -> None:
        """Raise InputError where jobs cannot be submitted from here."""
        if importlib.util.find_spec("submitit") is None:
            raise InputError(
                f"cluster is {self.executor!r}, but submitit is not installed; install it with "
                "`pip install 'rsmi[cluster]'`, or use --processes on this machine"
            )
        if self.executor == "slurm" and shutil.which("srun") is None:
            raise InputError(
                "cluster is 'slurm', but there is no srun on this machine; run the command on a "
                "login node of the cluster, or use --processes on this machine"
            )


@dataclass(frozen=True)
class Job:
    """What a job of the cluster may use.

    Args:
        partition: Slurm partition; the cluster's default without one.
        minutes: Most minutes of a job; one that is stopped then is queued again and goes on.
        memory_gb: Memory of a job in GB.
        most: Most jobs of the array, which share the cells; one for each cell without a number.
    """

    partition: str | None = None
    minutes: int = 240
    memory_gb: float = 4.0
    most: int | None = None

    def cluster(self, executor: Literal["slurm", "local", "debug"] | None) -> Cluster | None:
        """The cluster of such jobs; None where none is named."""
        if executor is None:
            return None
        return Cluster(executor, self.partition, self.minutes, self.memory_gb, self.most)


def submit(
    tasks: Sequence[T],
    work: Callable[[T], str | None],
    cluster: Cluster,
    threads: int,
    directory: Path,
) -> Iterator[tuple[int, str | None]]:
    """Carry out tasks as one job array and wait for it.

    Args:
        tasks: What to do; values that can be pickled.
        work: A function of a module that returns why a task failed, or None. It may be called
            again for a task that was interrupted.
        cluster: Where.
        threads: Processor cores of each job.
        directory: Receives the jobs' logs.

    Yields:
        The position of a task and why it failed, or None, job by job.

    Raises:
        InputError: Where submitit or the cluster is not there.
    """
    executor = _executor(cluster, threads, directory)
    count = min(len(tasks), cluster.jobs or len(tasks))
    shares = [range(first, len(tasks), count) for first in range(count)]
    jobs = executor.map_array(_Share(work), [[tasks[i] for i in share] for share in shares])
    for job, share in zip(jobs, shares, strict=True):
        yield from zip(share, _failures(job, len(share)), strict=True)


def _executor(cluster: Cluster, threads: int, directory: Path) -> Any:
    cluster.check()
    import submitit

    executor = submitit.AutoExecutor(directory, cluster=cluster.executor)
    executor.update_parameters(
        name="rsmi",
        timeout_min=cluster.minutes,
        mem_gb=cluster.memory_gb,
        cpus_per_task=threads,
        **({} if cluster.partition is None else {"slurm_partition": cluster.partition}),
    )
    return executor


def _failures(job: Any, count: int) -> Failures:
    """What a job says of its tasks, or why none of them is known to be done."""
    try:
        found: Failures = job.result()
    except Exception as error:  # whatever ended the job, the other jobs' samples are kept
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return [f"its job {job.job_id} failed ({reason}); see {job.paths.stderr}"] * count
    return found


class _Share(Generic[T]):
    """The tasks of one job, one after another; a job that is stopped begins them again."""

    def __init__(self, work: Callable[[T], str | None]) -> None:
        self._work = work

    def __call__(self, tasks: list[T]) -> Failures:
        return [self._work(task) for task in tasks]

    def checkpoint(self, tasks: list[T]) -> Any:
        """What submitit queues in place of a job that ran out of time."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, tasks)
