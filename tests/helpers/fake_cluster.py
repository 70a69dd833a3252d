"""Cluster without processes, for the task runner: scripted workers, results and deaths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipelines.cluster.cluster import ResultLostError

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


class FakeClient:
    """Runs a function once, in this process."""

    def run(self, function: Callable[..., Any], *args: Any, on_error: str) -> dict[str, Any]:
        return {"tcp://fake": function(*args)}


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
    client: FakeClient = field(default_factory=FakeClient)
    submitted: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    futures: list[FakeFuture] = field(default_factory=list)

    def accepted_members(self) -> dict[str, int]:
        look = next(self.looks, None)
        return {"worker": 1} if look is None else look()

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
