"""Task runner: gives tasks to the workers of a cluster, with retries.

Every task is bound to one worker. So the runner knows which worker a task killed, and the next
attempt runs on another worker, on another host if there is one. Waiting tasks stay in the queue of
the client, so memory does not grow with their number.

A task whose files a host cannot read (``HostFault``) is tried once on every other host. A host
whose tasks other hosts can do is left out.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Iterator
from typing import Generic

from distributed import Future, KilledWorker

from pipelines.cluster.cluster import Cluster, ResultLostError, cluster_lost
from pipelines.cluster.hosts.identity import HostFault
from pipelines.cluster.placement import Placement
from pipelines.cluster.task import (
    Call,
    Event,
    Finished,
    GivenUp,
    Moved,
    Retried,
    RunnerConfig,
    T,
    TaskQueue,
)
from vidsearch.errors import reason

_LOG = logging.getLogger(__name__)


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
        self._moved: set[T] = set()
        self._done: queue.Queue[Future] = queue.Queue()
        self._placement = Placement(cluster, self._config)
        self._left_out = ""
        self._looked = -math.inf
        self._warned = -math.inf
        self._had_workers = self._heard = clock()

    def events(self) -> Iterator[Event[T] | None]:
        """Yield events as they occur, and None if nothing happens for a while.

        Raises:
            ClusterLostError: The scheduler or the last worker is gone, or no host sees the files
                any more.
        """
        while self._running or self._queue:
            yield from self._look()
            yield from self._cluster.hosts.pop_left_out()
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
            members = self._cluster.accepted_members()
        except TimeoutError as error:
            if now - self._heard > self._config.silence_s:
                raise cluster_lost("scheduler", scheduler, reason(error)) from error
            return
        except OSError as error:
            raise cluster_lost("scheduler", scheduler, reason(error)) from error
        if not self._cluster.connected:
            raise cluster_lost("scheduler", scheduler)
        self._heard = now
        self._placement.update(members, now)
        self._cluster.replace_workers()
        self._check_workers_exist(now)
        for future in [f for f, task in self._running.items() if task.worker not in members]:
            if not future.done():  # otherwise its result or its error is on the way
                task = self._running.pop(future)
                future.release()
                yield self._failed(task)
        yield from self._end_tasks_without_host()

    def _check_workers_exist(self, now: float) -> None:
        wait_s = self._config.no_workers_s
        if self._placement.threads:
            self._had_workers = now
        elif now - self._had_workers > wait_s:
            raise cluster_lost("last worker", self._cluster.scheduler, self._left_out)
        elif self._warned < self._had_workers < now - self._config.warn_after_s:
            self._warned = now
            _LOG.warning("all workers are gone; waiting %.0f s for new workers", wait_s)

    def _assign(self, *, suspects: bool = True) -> None:
        held: dict[str, int] = {}
        for task in self._running.values():
            held[task.worker] = held.get(task.worker, 0) + 1
        placement = self._placement
        all_threads = sum(placement.threads.values())
        for worker, threads in placement.threads.items():
            for _ in range(threads * self._config.tasks_per_thread - held.get(worker, 0)):
                task_here = self._queue.take(
                    lambda task, worker=worker: placement.fits(task, worker, suspects=suspects)  # type: ignore[misc]
                )
                if task_here is None:
                    break
                self._moved.discard(task_here)
                task_here.worker = worker
                task_here.host = self._cluster.host_of(worker).key
                future = self._cluster.submit(worker, *self._call(task_here, all_threads))
                self._running[future] = task_here
                future.add_done_callback(self._done.put)

    def _fetch(self, future: Future, task: T) -> Event[T] | None:
        try:
            result = self._cluster.fetch(future, task.worker)
        except ResultLostError as lost:
            _LOG.debug("a result was lost: %s", lost)
            return self._result_lost(task)
        if isinstance(result, HostFault):
            return self._host_fault(task, result)
        for worker, message in self._placement.note_success(task).items():
            self._left_out = message
            self._cluster.hosts.leave_out(worker, message)
        return Finished(task, result)

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
        self._placement.drop(task.worker)
        if not self._put_back(task):
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
        task.failed_hosts.add(task.host)
        task.reasons.append(cause)
        self._placement.drop(task.worker)
        if len(task.failed_workers) >= self._config.tries:
            return GivenUp(task, "; ".join(dict.fromkeys(task.reasons)), error)
        if not self._put_back(task):
            return None
        return Retried(task, f"worker {task.worker} died: {cause}")

    def _host_fault(self, task: T, fault: HostFault) -> Event[T] | None:
        """Queue a task for another host; end the task if no host is left."""
        worker = self._cluster.hosts.name_of(task.worker)
        task.faults[task.host] = (worker, fault.message)
        task.fault_result = fault.result
        self._placement.note_fault(task)
        if not self._placement.has_other_host(task):
            return self._failed_everywhere(task)
        if not self._put_back(task, first=True):
            return None
        return Moved(task, f"{worker}: {fault.message}; another host tries it")

    def _put_back(self, task: T, *, first: bool = False) -> bool:
        waits = self._queue.put_back(task, first=first)
        if waits and task.faults:
            self._moved.add(task)
        return waits

    def _end_tasks_without_host(self) -> Iterator[Event[T] | None]:
        """End the waiting tasks for which no other host is left."""
        for task in [t for t in self._moved if not self._placement.has_other_host(t)]:
            self._moved.remove(task)
            if self._queue.take(lambda other, task=task: other is task) is not None:  # type: ignore[misc]
                yield self._failed_everywhere(task)

    def _failed_everywhere(self, task: T) -> Event[T]:
        """Return the result of a task that no host can do.

        Raises:
            ClusterLostError: No host sees the files of the run any more.
        """
        if self._placement.note_failure_everywhere():
            self._cluster.hosts.require_files(self._placement.threads)
        return Finished(task, task.fault_result, everywhere=True)
