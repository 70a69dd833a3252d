"""Cluster without processes, for the task runner: scripted workers, results and deaths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipelines.cluster.cluster import ResultLostError
from pipelines.cluster.hosts.identity import Host
from pipelines.cluster.hosts.shared_storage import InputFile
from pipelines.cluster.hosts.worker_hosts import WorkerHosts

Look = Callable[[], dict[str, int]]


@dataclass(eq=False)
class FakeFuture:
    """Task that is over as soon as it is submitted, unless its status is ``pending``."""

    status: str
    result: Any = None
    error: BaseException | None = None
    released: bool = False

    def add_done_callback(self, callback: Callable[[FakeFuture], None]) -> None:
        if self.done():
            callback(self)

    def done(self) -> bool:
        return self.status != "pending"

    def exception(self) -> BaseException | None:
        return self.error

    def release(self) -> None:
        self.released = True


class FakeHosts(WorkerHosts):
    """Hosts of fake workers: a worker ``name@host`` is on that host, another on its own host.

    Attributes:
        blind_hosts: Hosts that see no file.
    """

    def __init__(self, files: Sequence[InputFile] = ()) -> None:
        super().__init__(self._faults_of, "tcp://fake:1", files)
        self.blind_hosts: set[str] = set()

    def host_of(self, worker: str) -> Host:
        name = worker.rpartition("@")[2]
        return Host(name, name)

    def _faults_of(self, function: object, *args: Any, workers: list[str]) -> dict[str, Any]:
        if not args:
            return {worker: self.host_of(worker) for worker in workers}
        return {
            w: ["is not there" if self.host_of(w).name in self.blind_hosts else "" for _ in args[0]]
            for w in workers
        }


@dataclass
class FakeCluster:
    """Answers each look at the workers with the next of ``looks``, later with one worker.

    Attributes:
        looks: Answers to the first looks.
        statuses: Status of the first tasks; later tasks are ``finished``.
        evaluate: Computes the result of a finished task from its function and arguments.
        lost_results: Number of results that are lost with their worker.
        death_reason: Reason that a dead worker reported.
        submitted: (worker, arguments) of every submitted task.
    """

    looks: Iterator[Look] = field(default_factory=lambda: iter(()))
    statuses: Iterator[str] = field(default_factory=lambda: iter(()))
    evaluate: Callable[..., Any] = lambda function, *args: function(*args)
    lost_results: int = 0
    death_reason: str = ""
    scheduler: str | None = None
    identity: str = "m"
    dashboard: str = ""
    connected: bool = True
    hosts: FakeHosts = field(default_factory=FakeHosts)
    submitted: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    futures: list[FakeFuture] = field(default_factory=list)

    def accepted_members(self) -> dict[str, int]:
        look = next(self.looks, None)
        return {"worker": 1} if look is None else look()

    def members(self) -> dict[str, int]:
        return {"worker": 1}

    def ask(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        return {"worker": function(*args)}

    def host_of(self, worker: str) -> Host:
        return self.hosts.host_of(worker)

    def reject(self, problems: Mapping[str, str]) -> None:
        assert not problems

    def submit(self, worker: str, function: Callable[..., Any], *args: Any) -> FakeFuture:
        self.submitted.append((worker, args))
        future = FakeFuture(next(self.statuses, "finished"))
        if future.status == "finished":
            try:
                future.result = self.evaluate(function, *args)
            except Exception as error:  # noqa: BLE001 (as Dask does)
                future.status, future.error = "error", error
        self.futures.append(future)
        return future

    def fetch(self, future: FakeFuture, worker: str) -> Any:
        if self.lost_results:
            self.lost_results -= 1
            raise ResultLostError(worker)
        return future.result

    def pop_death_reason(self, worker: str) -> str:
        return self.death_reason

    def replace_workers(self) -> None:
        pass


def silent() -> dict[str, int]:
    """A look at a scheduler that does not answer."""
    raise TimeoutError("the scheduler did not answer within 60 s")


def workers(*names: str) -> Look:
    """Return a look that finds these workers, with one thread each."""
    return lambda: dict.fromkeys(names, 1)


def repeated(look: Look) -> Iterator[Look]:
    """Yield the same look for ever."""
    while True:
        yield look


def clock(step_s: float = 1.0) -> Callable[[], float]:
    """Return a clock that advances by ``step_s`` seconds with every call."""
    now = 0.0

    def read() -> float:
        nonlocal now
        now += step_s
        return now

    return read


@contextmanager
def connection(cluster: Any) -> Iterator[Any]:
    """Yield a cluster, as ``connect`` does."""
    yield cluster


def statuses(*values: str) -> Iterator[str]:
    """Yield the status of each task in turn."""
    sequence: Sequence[str] = values
    return iter(sequence)
