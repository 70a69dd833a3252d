"""Running Dask clusters: missing workers, replaced workers, GPUs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from distributed import Future, LocalCluster

from pipelines import ClusterConfig, index
from pipelines.cluster import cluster, connect
from pipelines.cluster.context import WorkerPack
from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.worker_plugin import ModelsPlugin
from pipelines.indexing import dispatcher
from pipelines.stages.payloads import Outcome
from vidsearch import Catalog
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


@pytest.fixture
def empty_cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=0, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as running:
        yield running


def test_a_scheduler_without_workers_is_said(
    films: Path, tmp_path: Path, empty_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "WORKERS_WITHIN_S", 1)
    address = empty_cluster.scheduler_address
    with pytest.raises(ConfigError, match=f"{address}' has no workers; start some"):
        index(tmp_path / "catalog", [films], cluster=ClusterConfig(scheduler=address))


def test_a_running_cluster_does_the_work(
    films: Path, tmp_path: Path, empty_cluster: LocalCluster
) -> None:
    empty_cluster.scale(1)
    options = ClusterConfig(scheduler=empty_cluster.scheduler_address)
    assert index(tmp_path / "catalog", [films], cluster=options).indexed == 2
    assert Catalog.open(tmp_path / "catalog").status().tracks == 3


def test_no_more_workers_than_videos(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(
        sources: Sequence[VideoSource], run: object, config: ClusterConfig
    ) -> Iterator[Outcome]:
        asked.append((len(sources), config.workers))
        yield from ()

    monkeypatch.setattr(dispatcher, "run_on_cluster", run)
    index(tmp_path / "catalog", [films], cluster=ClusterConfig(workers=4))
    index(tmp_path / "catalog", [films / "sub"], cluster=ClusterConfig(workers=4))
    assert asked == [(2, 2), (1, 1)]


def test_one_worker_has_a_process_of_its_own_where_that_is_asked_for(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(*_: object) -> Iterator[Outcome]:
        asked.append("cluster")
        yield from ()

    monkeypatch.setattr(dispatcher, "run_on_cluster", run)
    assert index(tmp_path / "a", [films / "sub"], cluster=ClusterConfig(workers=1)).indexed == 1
    assert asked == []
    index(tmp_path / "b", [films / "sub"], cluster=ClusterConfig(workers=1, isolate=True))
    assert asked == ["cluster"]


def test_a_running_cluster_replaces_a_worker_whose_nanny_is_gone(models: LoadedPack) -> None:
    options = ClusterConfig(workers=1, isolate=True)
    with connect.connect(options, WorkerPack("open", pack_identity(models.pack))) as running:
        (before,) = running.accepted_members()
        (nanny,) = running.client.cluster.workers.values()
        running.client.cluster.sync(nanny.close, callback_timeout=60)
        end = time.monotonic() + 120
        now = running.accepted_members()
        while not now or before in now:
            assert time.monotonic() < end
            running.replace_workers()
            time.sleep(0.2)
            now = running.accepted_members()
        assert running.accepted_members() == dict.fromkeys(now, 1)


def test_a_worker_takes_as_many_videos_at_once_as_it_has_gpus(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = []
    submit = cluster.Cluster.submit

    def watched(self: cluster.Cluster, worker: str, task: object, *args: object) -> Future:
        slots.append(self.members()[worker])
        future = submit(self, worker, task, *args)  # type: ignore[arg-type]
        key = future.key  # a future within the function would be sent along, and release the task
        granted, end = None, time.monotonic() + 60
        while granted is None and time.monotonic() < end:  # until the scheduler has heard of it
            granted = self.client.run_on_scheduler(
                lambda dask_scheduler: (
                    dask_scheduler.tasks[key].resource_restrictions
                    if key in dask_scheduler.tasks
                    else None
                )
            )
        assert granted == {"GPU": 1}
        return future

    monkeypatch.setattr(cluster.Cluster, "submit", watched)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=3,
        resources={"GPU": 1},
        dashboard_address="127.0.0.1:0",
    ) as running:
        options = ClusterConfig(scheduler=running.scheduler_address, device="cpu")
        assert index(tmp_path / "catalog", [films], cluster=options).indexed == 2
        assert slots == [1, 1]
        # A worker that was given a GPU does not quietly do without: here there is none.
        if resolve_device("auto").kind == "cpu":
            other = ModelsPlugin(WorkerPack("open", "another"), "auto")
            running_client = running.get_client()
            running_client.register_plugin(other)
            errors = running_client.run(
                lambda dask_worker: dask_worker.vidsearch.load_errors["another"]
            )
            assert all("cuda" in message for message in errors.values())
            running_client.close()


def test_a_periodic_update_of_the_client_makes_no_worker_vanish(
    empty_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_cluster.scale(1)
    with connect.connect(ClusterConfig(scheduler=empty_cluster.scheduler_address)) as running:
        client = running.client
        update, sync = client._periodic_callbacks["scheduler-info"].callback, client.sync

        def racing(call: Any, *args: Any, **options: Any) -> Any:
            answer = sync(call, *args, **options)
            sync(update)  # the client's own copy has no workers now
            return answer

        monkeypatch.setattr(client, "sync", racing)
        assert len(running.members()) == 1
