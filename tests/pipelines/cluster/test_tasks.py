"""Task runner: retries, lost workers, lost results and lost schedulers, on a fake cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import KilledWorker

from pipelines.cluster.runner import TaskRunner
from pipelines.cluster.task import Finished, GivenUp, Retried, RunnerConfig
from pipelines.cluster.tasks import ItemQueue, ItemTask, run_tasks
from tests.helpers.fake_cluster import FakeCluster, clock, repeated, silent, statuses, workers
from vidsearch.errors import ClusterLostError

FAST = RunnerConfig(look_every_s=0)


def double(number: int) -> int:
    return 2 * number


def runner(cluster: FakeCluster, items: Any, config: RunnerConfig = FAST) -> TaskRunner[ItemTask]:
    stand_in: Any = cluster
    queue = ItemQueue(items)
    return TaskRunner(stand_in, queue, lambda task, _: (double, task.item), config, clock())


def events(cluster: FakeCluster, items: Any, config: RunnerConfig = FAST) -> list[Any]:
    return [event for event in runner(cluster, items, config).events() if event is not None]


def unexpected(failure: GivenUp[ItemTask]) -> Any:
    raise AssertionError(failure)


def results(cluster: Any, items: Any, config: RunnerConfig = FAST) -> list[tuple[int, Any]]:
    return sorted(run_tasks(cluster, double, items, unexpected, config))


def test_every_item_has_its_result() -> None:
    assert results(FakeCluster(), [1, 2, 3]) == [(0, 2), (1, 4), (2, 6)]
    assert results(FakeCluster(), []) == []


def test_futures_are_released_after_use() -> None:
    cluster = FakeCluster()
    assert len(results(cluster, range(5))) == 5
    assert all(future.released for future in cluster.futures)


def test_items_are_consumed_as_workers_become_free() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    cluster = FakeCluster(statuses=repeated_status("pending"))
    running = runner(cluster, items(), RunnerConfig(look_every_s=0, tasks_per_thread=2)).events()
    assert [next(running) for _ in range(5)] == [None] * 5
    assert len(taken) == len(cluster.submitted) == 2


def repeated_status(status: str) -> Iterator[str]:
    while True:
        yield status


def test_a_task_whose_worker_died_is_retried_and_given_up_after_three_deaths() -> None:
    cluster = FakeCluster(statuses=statuses("lost", "lost", "lost"), death_reason="out of memory")
    told = events(cluster, [7])
    assert [type(event) for event in told] == [Retried, Retried, GivenUp]
    assert told[0].message == "worker worker died: out of memory"
    assert told[-1].reasons == "out of memory"
    assert told[-1].error is None
    assert told[-1].task.failed_workers == ["worker"] * 3


def test_a_death_without_a_reason_is_a_kill_or_crash() -> None:
    (retried, finished) = events(FakeCluster(statuses=statuses("lost")), [7])
    assert retried.message == "worker worker died: killed or crashed"
    assert finished == Finished(finished.task, 14)


def test_the_next_attempt_runs_on_another_worker() -> None:
    cluster = FakeCluster(repeated(workers("a", "b")), statuses("lost"))
    told = events(cluster, [7])
    assert [type(event) for event in told] == [Retried, Finished]
    assert [worker for worker, _ in cluster.submitted] == ["a", "b"]


def test_a_single_worker_gets_the_task_again() -> None:
    cluster = FakeCluster(statuses=statuses("lost"))
    assert [type(event) for event in events(cluster, [7])] == [Retried, Finished]


def test_a_raised_exception_is_retried_and_kept() -> None:
    def fails(number: int) -> int:
        raise ValueError("first line\nsecond line")

    cluster: Any = FakeCluster()
    given_up: list[GivenUp[ItemTask]] = []
    assert list(run_tasks(cluster, fails, [1], given_up.append, FAST)) == [(0, None)]
    (failure,) = given_up
    assert isinstance(failure.error, ValueError)
    assert failure.reasons == "ValueError: first line"
    assert len(cluster.submitted) == 3


def test_dasks_killed_worker_counts_as_a_death() -> None:
    def killed(function: object, number: int) -> int:
        raise KilledWorker("task", None, 1)

    (*_, failure) = events(FakeCluster(evaluate=killed), [1])
    assert isinstance(failure, GivenUp)
    assert failure.error is None
    assert failure.reasons == "killed or crashed"


def test_a_lost_result_is_computed_again() -> None:
    cluster = FakeCluster(lost_results=2)
    told = events(cluster, [7])
    assert [type(event) for event in told] == [Retried, Retried, Finished]
    assert told[0].message == "worker worker died with its outcome"


def test_a_result_that_is_always_lost_is_given_up() -> None:
    told = events(FakeCluster(lost_results=100), [7])
    assert isinstance(told[-1], GivenUp)
    assert told[-1].reasons == "its outcome was lost"
    # Three lost results are retried; each further one counts as a death.
    assert len(told) == 6


def test_tasks_of_a_vanished_worker_are_taken_back() -> None:
    cluster = FakeCluster(iter([workers("a"), workers("b")]), statuses("pending"))
    told = events(cluster, [7])
    assert [type(event) for event in told] == [Retried, Finished]
    assert told[0].message == "worker a died: killed or crashed"


def test_an_item_that_the_queue_dropped_is_not_retried() -> None:
    class Dropping(ItemQueue):
        def put_back(self, task: ItemTask, *, first: bool = False) -> bool:
            return False

    for cluster in (FakeCluster(statuses=statuses("lost")), FakeCluster(lost_results=1)):
        stand_in: Any = cluster
        queue = Dropping([7])
        run = TaskRunner(stand_in, queue, lambda task, _: (double, task.item), FAST, clock())
        assert [event for event in run.events() if event is not None] == []


def test_a_scheduler_that_is_silent_for_a_while_is_waited_for() -> None:
    cluster = FakeCluster(iter([silent, silent, workers()]))
    assert results(cluster, [1, 2]) == [(0, 2), (1, 4)]


def test_a_scheduler_that_stays_silent_is_lost() -> None:
    cluster = FakeCluster(repeated(silent), scheduler="tcp://far:1")
    with pytest.raises(
        ClusterLostError,
        match=r"the scheduler of the Dask cluster 'tcp://far:1' is gone \(the scheduler did not",
    ):
        events(cluster, [1])


def test_a_scheduler_that_closes_the_connection_is_lost() -> None:
    def closed() -> dict[str, int]:
        raise OSError("connection refused")

    with pytest.raises(ClusterLostError, match=r"'of this machine' is gone .connection refused"):
        events(FakeCluster(repeated(closed)), [1])
    with pytest.raises(ClusterLostError, match="the scheduler of"):
        events(FakeCluster(connected=False), [1])


def test_a_scheduler_that_is_lost_with_a_task_ends_the_run() -> None:
    cluster = FakeCluster(looks=iter([workers("a")]), statuses=statuses("cancelled"))
    slow_looks = RunnerConfig(look_every_s=1000)
    running = runner(cluster, [1], slow_looks)
    running._look = lambda: iter(())  # type: ignore[method-assign]
    running._placement.threads = {"a": 1}
    cluster.connected = False
    with pytest.raises(ClusterLostError, match="finished work is kept"):
        list(running.events())


def test_a_run_without_workers_warns_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    limits = RunnerConfig(look_every_s=0, warn_after_s=3, no_workers_s=10)
    with pytest.raises(ClusterLostError, match=r"last worker .* is gone; .* repeat the command"):
        events(FakeCluster(repeated(workers())), [1], limits)
    (record,) = caplog.records
    assert record.getMessage() == "all workers are gone; waiting 10 s for new workers"


def test_the_number_of_attempts_can_be_set() -> None:
    limits = RunnerConfig(look_every_s=0, tries=1)
    told = events(FakeCluster(statuses=statuses("lost")), [1], limits)
    assert [type(event) for event in told] == [GivenUp]
