"""Tasks of a task runner: their attempts, the queue of waiting tasks, and the events of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from pipelines.cluster.config import TRIES
from pipelines.cluster.hosts.identity import LeftOut, WorkerName


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig:
    """Limits of a task runner.

    Attributes:
        tries: Number of failed attempts after which a task is given up.
        tasks_per_thread: Tasks that a worker holds for each of its threads.
        look_every_s: Seconds between two looks at the workers.
        silence_s: A scheduler that does not answer for this long counts as lost.
        no_workers_s: Time to wait for new workers after the last one is gone.
        warn_after_s: Time without workers after which a warning is logged.
        other_host_s: Time that a task waits for a host whose workers are gone, when the other
            hosts cannot do the task.
        probe_after: Tasks in a row that no host could do, after which the hosts are probed.
    """

    tries: int = TRIES
    tasks_per_thread: int = 1
    look_every_s: float = 0.5
    silence_s: float = 300.0
    no_workers_s: float = 600.0
    warn_after_s: float = 30.0
    other_host_s: float = 60.0
    probe_after: int = 3


@dataclass(eq=False, kw_only=True)
class Task:
    """Attempts of one task.

    Attributes:
        worker: Worker of the present attempt.
        host: Key of its host.
        failed_workers: Workers that died during an attempt.
        failed_hosts: Keys of their hosts.
        reasons: Reason of each failed attempt.
        lost_results: Number of results that were lost with their worker.
        faults: Key of each host that cannot read the files of the task -> its worker, and why.
        fault_result: Result of the task if no host can read its files.
    """

    worker: str = ""
    host: str = ""
    failed_workers: list[str] = field(default_factory=list)
    failed_hosts: set[str] = field(default_factory=set)
    reasons: list[str] = field(default_factory=list)
    lost_results: int = 0
    faults: dict[str, tuple[WorkerName, str]] = field(default_factory=dict)
    fault_result: Any = None

    @property
    def tried(self) -> bool:
        """True after the first attempt."""
        return bool(self.failed_workers or self.lost_results or self.faults)


T = TypeVar("T", bound=Task)
Call: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """A task and its result.

    Attributes:
        task: The task.
        result: Its result, or that of its last ``HostFault``.
        everywhere: True if no host could read the files of the task.
    """

    task: T
    result: Any
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Retried(Generic[T]):
    """A task that waits for another attempt, because its worker died."""

    task: T
    message: str


@dataclass(frozen=True, slots=True)
class Moved(Generic[T]):
    """A task that waits for another host, because this one cannot read its files."""

    task: T
    message: str


@dataclass(frozen=True, slots=True)
class GivenUp(Generic[T]):
    """A task whose last attempt failed.

    Attributes:
        task: The task.
        reasons: Distinct reasons of its attempts, joined.
        error: Exception of the last attempt; None if the worker died.
    """

    task: T
    reasons: str
    error: BaseException | None


Event: TypeAlias = Finished[T] | Retried[T] | Moved[T] | GivenUp[T] | LeftOut


class TaskQueue(Protocol[T]):
    """Waiting tasks, in the order of the queue's choice."""

    def __bool__(self) -> bool:
        """Return True while a task waits."""
        ...

    def take(self, fits: Callable[[T], bool]) -> T | None:
        """Remove and return the next task for which ``fits`` returns True; None if there is none.

        All tasks before their first attempt fit alike.
        """
        ...

    def put_back(self, task: T, *, first: bool = False) -> bool:
        """Add a task for another attempt; return False if its result is no longer needed.

        Args:
            task: The task.
            first: Add the task in front of all others.
        """
        ...
