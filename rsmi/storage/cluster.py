"""Tasks as a job array of a cluster, by submitit."""

import importlib.util
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from rsmi.errors import InputError

T = TypeVar("T")

Failures = list[str | None]


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
