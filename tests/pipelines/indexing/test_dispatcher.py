"""Dispatcher: videos as tasks on a fake cluster, quarantine, and the order of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from pipelines import IndexConfig
from pipelines.cluster.task import RunnerConfig
from pipelines.indexing.dispatcher import DispatchedRun, dispatch
from pipelines.indexing.jobs import Job, WaitingJobs
from pipelines.indexing.run import max_tasks
from pipelines.indexing.time_limit import TimeLimit
from pipelines.stages.payloads import Failure, KnownVideo, Notice, WorkerOutcome
from tests.helpers.fake_cluster import FakeCluster, clock
from vidsearch.storage.path import StoragePath
from vidsearch.video.discover import VideoSource

VIDEOS = [VideoSource(f"/{name}.mp4", size, 0) for name, size in (("a", 60), ("b", 30), ("c", 10))]


def known_video(function: object, source: VideoSource, *_: object) -> KnownVideo:
    return KnownVideo(source, "content")


def outcomes(cluster: FakeCluster) -> list[Any]:
    stand_in: Any = cluster
    models: Any = SimpleNamespace(pack="open")
    run = DispatchedRun("open", models, IndexConfig(), TimeLimit(300.0), {}, StoragePath("/c"))
    limits = RunnerConfig(look_every_s=0)
    items = dispatch(stand_in, VIDEOS, run, limits, clock())
    return [item.outcome if isinstance(item, WorkerOutcome) else item for item in items]


def paths(cluster: FakeCluster) -> list[str]:
    return [args[0].uri for _, args in cluster.submitted]


def lost() -> Iterator[str]:
    while True:
        yield "lost"


def test_every_video_has_its_outcome_longest_first() -> None:
    cluster = FakeCluster(evaluate=known_video)
    assert [o.source for o in outcomes(cluster) if isinstance(o, KnownVideo)] == VIDEOS
    assert paths(cluster) == ["/a.mp4", "/b.mp4", "/c.mp4"]


def test_a_lost_outcome_is_made_again_behind_the_others() -> None:
    cluster = FakeCluster(evaluate=known_video, lost_results=2)
    found = outcomes(cluster)
    assert sum(isinstance(outcome, KnownVideo) for outcome in found) == 3
    retries = [o.source for o in found if isinstance(o, Notice) and o.kind == "retry"]
    assert retries == VIDEOS[:2]
    assert paths(cluster) == ["/a.mp4", "/b.mp4", "/c.mp4", "/a.mp4", "/b.mp4"]


def test_a_video_that_killed_three_workers_is_quarantined() -> None:
    cluster = FakeCluster(statuses=lost(), death_reason="out of memory")
    failures = [outcome for outcome in outcomes(cluster) if isinstance(outcome, Failure)]
    assert [(f.stage, f.error) for f in failures] == [("worker", "WorkerDied")] * 3
    assert failures[0].message == (
        "3 workers died of it (out of memory); it is left out until --retry-failed"
    )
    assert sorted(paths(cluster)) == sorted(3 * [video.uri for video in VIDEOS])


def test_a_video_that_killed_a_worker_waits_until_other_results_are_fetched() -> None:
    """Its next death must not lose the result that another video left on the worker."""
    steps: list[str] = []

    class Recording(FakeCluster):
        def submit(self, worker: str, function: Any, *args: Any) -> Any:
            steps.append(f"submit {args[0].uri}")
            return super().submit(worker, function, *args)

        def fetch(self, future: Any, worker: str) -> Any:
            steps.append(f"fetch {future.result.source.uri}")
            return super().fetch(future, worker)

    outcomes(Recording(evaluate=known_video, statuses=iter(["lost"])))
    assert steps == [
        "submit /a.mp4",
        "submit /b.mp4",
        "submit /c.mp4",  # before the fetch: the worker is free already
        "fetch /b.mp4",
        "fetch /c.mp4",
        "submit /a.mp4",
        "fetch /a.mp4",
    ]


def test_jobs_that_moved_come_first_and_jobs_that_killed_a_worker_last() -> None:
    waiting = WaitingJobs(VIDEOS[:1])
    waiting.put_back(Job(VIDEOS[1], failed_workers=["bad"]))
    waiting.put_back(Job(VIDEOS[2]), first=True)
    assert waiting.take(lambda job: False) is None
    assert len(waiting) == 3
    taken = [waiting.take(lambda job: True) for _ in range(4)]
    assert [job and job.source.uri for job in taken] == ["/c.mp4", "/a.mp4", "/b.mp4", None]


def test_only_a_job_larger_than_a_threads_part_is_a_bottleneck() -> None:
    waiting = WaitingJobs(VIDEOS)
    job = waiting.take(lambda job: True)
    assert job is not None
    # 60 of 100 bytes: more than the half of two workers, less than the whole of one.
    assert waiting.is_bottleneck(job, 2)
    assert not waiting.is_bottleneck(job, 1)


def test_a_long_file_counts_as_the_slices_it_may_become() -> None:
    # 12.5 kB a second, 10 minutes a slice: 7.5 MB are one slice.
    files = [VideoSource("/long.mp4", 30_000_000, 0), VideoSource("/short.mp4", 100, 0)]
    assert max_tasks(files, IndexConfig(slice_minutes=10)) == 5
    assert max_tasks(files, IndexConfig(slice_minutes=0)) == 2
