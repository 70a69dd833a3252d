"""Task runner: gives tasks to the workers of a cluster, with retries.

Every task is bound to one worker. So the runner knows which worker a task killed, and the next
attempt runs on another worker. Waiting tasks stay in the queue of the client, so memory does not
grow with their number.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from distributed import Future, KilledWorker

from pipelines.cluster.cluster import Cluster, ResultLostError, cluster_lost
from pipelines.cluster.config import TRIES
from vidsearch.errors import reason

_LOG = logging.getLogger(__name__)


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
    """

    tries: int = TRIES
    tasks_per_thread: int = 1
    look_every_s: float = 0.5
    silence_s: float = 300.0
    no_workers_s: float = 600.0
    warn_after_s: float = 30.0


@dataclass(eq=False, kw_only=True)
class Task:
    """Attempts of one task.

    Attributes:
        worker: Worker of the present attempt.
        failed_workers: Workers that died during an attempt.
        reasons: Reason of each failed attempt.
        lost_results: Number of results that were lost with their worker.
    """

    worker: str = ""
    failed_workers: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    lost_results: int = 0

    def may_run_on(self, worker: str, *, others: bool, suspects: bool) -> bool:
        """Return True if a worker may get the task; see ``TaskQueue.take``."""
        if self.failed_workers and not suspects:
            return False
        return not (others and worker in self.failed_workers)


T = TypeVar("T", bound=Task)
Call: TypeAlias = tuple[Any, ...]
"""A function and its arguments."""


@dataclass(frozen=True, slots=True)
class Finished(Generic[T]):
    """A task and its result."""

    task: T
    result: Any


@dataclass(frozen=True, slots=True)
class Retried(Generic[T]):
    """A task that waits for another attempt."""

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


Event: TypeAlias = Finished[T] | Retried[T] | GivenUp[T]


class TaskQueue(Protocol[T]):
    """Waiting tasks, in the order of the queue's choice."""

    def __bool__(self) -> bool:
        """Return True while a task waits."""
        ...

    def take(self, worker: str, *, others: bool, suspects: bool = True) -> T | None:
        """Remove and return the next task for a worker.

        Args:
            worker: Address of the worker.
            others: True if other workers live; then a task avoids the workers that it killed.
            suspects: False leaves out tasks that killed a worker.
        """
        ...

    def put_back(self, task: T) -> bool:
        """Add a task for another attempt; return False if its result is no longer needed."""
        ...


class TaskRunner(Generic[T]):
    """Gives every free worker its next task and collects the results.

    Args:
        cluster: Connected cluster.
        tasks: Waiting tasks; the caller may add tasks while events are consumed.
        call: Returns the function and arguments of a task; gets the number of all threads.
        config: Limits.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        tasks: TaskQueue[T],
        call: Callable[[T, int], Call],
        config: RunnerConfig | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._queue = tasks
        self._call = call
        self._config = config if config is not None else RunnerConfig()
        self._clock = clock
        self._running: dict[Future, T] = {}
        self._done: queue.Queue[Future] = queue.Queue()
        self._threads: dict[str, int] = {}
        self._looked = -math.inf
        self._warned = -math.inf
        self._had_workers = self._heard = clock()

    def events(self) -> Iterator[Event[T] | None]:
        """Yield events as they occur, and None if nothing happens for a while.

        Raises:
            ClusterLostError: The scheduler or the last worker is gone.
        """
        while self._running or self._queue:
            yield from self._look()
            self._assign()
            try:
                future = self._done.get(timeout=self._config.look_every_s)
            except queue.Empty:
                yield None
                continue
            task = self._running.pop(future, None)
            if task is None:
                continue  # its worker was found dead, and the task waits again
            finished = future.status == "finished"
            if finished:
                # Before the transfer of the result: the worker is free already. A task that killed
                # a worker waits, because another death would lose this result.
                self._assign(suspects=False)
            yield self._fetch(future, task) if finished else self._settle(future, task)
            future.release()

    def _look(self) -> Iterator[Event[T] | None]:
        """Update the list of workers; take back the tasks of workers that are gone."""
        now = self._clock()
        if now - self._looked < self._config.look_every_s:
            return
        self._looked = now
        scheduler = self._cluster.scheduler
        try:
            self._threads = self._cluster.accepted_members()
        except TimeoutError as error:
            if now - self._heard > self._config.silence_s:
                raise cluster_lost("scheduler", scheduler, reason(error)) from error
            return
        except OSError as error:
            raise cluster_lost("scheduler", scheduler, reason(error)) from error
        if not self._cluster.connected:
            raise cluster_lost("scheduler", scheduler)
        self._heard = now
        self._cluster.replace_workers()
        wait_s = self._config.no_workers_s
        if self._threads:
            self._had_workers = now
        elif now - self._had_workers > wait_s:
            raise cluster_lost("last worker", scheduler)
        elif self._warned < self._had_workers < now - self._config.warn_after_s:
            self._warned = now
            _LOG.warning("all workers are gone; waiting %.0f s for new workers", wait_s)
        for future in [f for f, task in self._running.items() if task.worker not in self._threads]:
            if not future.done():  # otherwise its result or its error is on the way
                task = self._running.pop(future)
                future.release()
                yield self._failed(task)

    def _assign(self, *, suspects: bool = True) -> None:
        held: dict[str, int] = {}
        for task in self._running.values():
            held[task.worker] = held.get(task.worker, 0) + 1
        others = len(self._threads) > 1
        all_threads = sum(self._threads.values())
        for worker, threads in self._threads.items():
            for _ in range(threads * self._config.tasks_per_thread - held.get(worker, 0)):
                task_here = self._queue.take(worker, others=others, suspects=suspects)
                if task_here is None:
                    break
                task_here.worker = worker
                future = self._cluster.submit(worker, *self._call(task_here, all_threads))
                self._running[future] = task_here
                future.add_done_callback(self._done.put)

    def _fetch(self, future: Future, task: T) -> Event[T] | None:
        try:
            return Finished(task, self._cluster.fetch(future, task.worker))
        except ResultLostError as lost:
            _LOG.debug("a result was lost: %s", lost)
            return self._result_lost(task)

    def _settle(self, future: Future, task: T) -> Event[T] | None:
        """Return the event of a task that did not finish."""
        if not self._cluster.connected:
            raise cluster_lost("scheduler", self._cluster.scheduler)
        error = future.exception() if future.status == "error" else None
        if error is None or isinstance(error, KilledWorker):
            return self._failed(task)
        return self._failed(task, error)

    def _result_lost(self, task: T) -> Event[T] | None:
        """Queue a finished task again: its worker died before the result was fetched."""
        task.lost_results += 1
        if task.lost_results > self._config.tries:
            return self._failed(task, cause="its outcome was lost")
        self._threads.pop(task.worker, None)
        if not self._queue.put_back(task):
            return None
        return Retried(task, f"worker {task.worker} died with its outcome")

    def _failed(
        self, task: T, error: BaseException | None = None, cause: str = ""
    ) -> Event[T] | None:
        """Queue a task again after a failed attempt; give it up after the last attempt."""
        if error is not None:
            cause = f"{type(error).__name__}: {reason(error)}".splitlines()[0]
        cause = self._cluster.pop_death_reason(task.worker) or cause or "killed or crashed"
        task.failed_workers.append(task.worker)
        task.reasons.append(cause)
        self._threads.pop(task.worker, None)
        if len(task.failed_workers) >= self._config.tries:
            return GivenUp(task, "; ".join(dict.fromkeys(task.reasons)), error)
        if not self._queue.put_back(task):
            return None
        return Retried(task, f"worker {task.worker} died: {cause}")
