"""Functions over items on the workers of a cluster, with retries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.cluster.cluster import Cluster
from pipelines.cluster.config import TRIES, ClusterConfig
from pipelines.cluster.connect import connect
from pipelines.cluster.hosts.shared_storage import InputFile
from pipelines.cluster.runner import TaskRunner
from pipelines.cluster.task import Finished, GivenUp, RunnerConfig, Task
from vidsearch.errors import ClusterLostError


@dataclass(eq=False)
class ItemTask(Task):
    """One item of ``run_tasks``."""

    number: int
    item: Any


class ItemQueue:
    """Items in their order; items that wait for another attempt come first.

    Args:
        items: Consumed as workers become free.
    """

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = enumerate(items)
        self._next: ItemTask | None = None
        self._waiting: deque[ItemTask] = deque()

    def __bool__(self) -> bool:
        """Return True while an item waits."""
        return bool(self._waiting) or self._drawn() is not None

    def take(self, fits: Callable[[ItemTask], bool]) -> ItemTask | None:
        """Remove and return the next item that fits; see ``TaskQueue``."""
        for task in self._waiting:
            if fits(task):
                self._waiting.remove(task)
                return task
        fresh = self._drawn()
        if fresh is None or not fits(fresh):
            return None
        self._next = None
        return fresh

    def put_back(self, task: ItemTask, *, first: bool = False) -> bool:
        """Add an item for another attempt."""
        (self._waiting.appendleft if first else self._waiting.append)(task)
        return True

    def _drawn(self) -> ItemTask | None:
        """Return the next new item, without removing it; None at the end of the items."""
        if self._next is None:
            for number, item in self._items:
                self._next = ItemTask(number, item)
                break
        return self._next


def run_tasks(
    cluster: Cluster,
    function: Callable[..., Any],
    items: Iterable[Any],
    give_up: Callable[[GivenUp[ItemTask]], Any],
    config: RunnerConfig | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yield (number, result) of ``function(item)``, in the order in which the tasks finish.

    Items are consumed as workers become free, so memory does not grow with their number.

    Args:
        cluster: Connected cluster. With models ``function`` gets a ``WorkerContext`` first.
        function: Runs on a worker; must be picklable.
        items: Picklable arguments.
        give_up: Returns a replacement for the result of an item that failed every time, or raises.
        config: Limits; default: two tasks per thread, so that no worker waits for its next one.

    Raises:
        ClusterLostError: The scheduler or the last worker is gone.
    """
    runner = TaskRunner(
        cluster,
        ItemQueue(items),
        lambda task, _threads: (function, task.item),
        config if config is not None else RunnerConfig(tasks_per_thread=2),
    )
    for event in runner.events():
        if isinstance(event, Finished):
            yield event.task.number, event.result
        elif isinstance(event, GivenUp):
            yield event.task.number, give_up(event)


def map_on_cluster(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    scheduler: str,
    tries: int = TRIES,
    files: Sequence[InputFile] = (),
) -> Iterator[Any]:
    """Yield ``function(item)`` for every item, in the order in which the tasks finish.

    For functions without models or videos. Files must have the same paths on all workers.

    Args:
        function: Runs on a worker; must be picklable.
        items: Picklable arguments.
        scheduler: Address of the Dask scheduler.
        tries: Number of attempts for each item.
        files: Files that the function reads; see ``connect``.

    Raises:
        ConfigError: No scheduler answers at the address, or no host sees the files.
        ClusterLostError: An item killed several workers, or the cluster is gone. An exception of
            ``function`` in the last attempt is passed on.
    """

    def give_up(failure: GivenUp[ItemTask]) -> Any:
        if failure.error is not None:
            raise failure.error
        raise ClusterLostError(
            f"workers of the Dask cluster {scheduler!r} are gone ({failure.reasons}); "
            "start it again and repeat the command"
        )

    with connect(ClusterConfig(scheduler=scheduler), files=files) as cluster:
        limits = RunnerConfig(tries=tries, tasks_per_thread=2)
        for _, result in run_tasks(cluster, function, items, give_up, limits):
            yield result
