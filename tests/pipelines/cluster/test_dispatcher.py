"""How work is given out, with workers that exist on paper only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines import ClusterConfig, IndexConfig
from pipelines.cluster import dispatcher as graph
from pipelines.indexing.jobs import Job, WaitingJobs
from pipelines.stages.payloads import Failure, KnownVideo, Notice
from vidsearch.errors import ClusterLostError
from vidsearch.video.discover import VideoSource

VIDEOS = [VideoSource(f"/{name}.mp4", size, 0) for name, size in (("a", 60), ("b", 30), ("c", 10))]
Look = Callable[[], dict[str, int]]


@dataclass(eq=False)
class PaperFuture:
    """A task that is over as soon as it was given out."""

    source: VideoSource
    status: str = "finished"

    def add_done_callback(self, callback: Callable[[PaperFuture], None]) -> None:
        callback(self)

    def exception(self) -> Exception | None:
        return None

    def release(self) -> None:
        pass


@dataclass
class PaperCluster:
    """Answers each look with the next of ``looks``, and then with one worker."""

    looks: Iterator[Look] = field(default_factory=lambda: iter(()))
    lost_outcomes: int = 0
    status: str = "finished"
    identity: str = "m"
    dashboard: str = ""
    alive: bool = True
    given_out: list[str] = field(default_factory=list)

    def fit(self) -> dict[str, int]:
        look = next(self.looks, None)
        return {"worker": 1} if look is None else look()

    def submit(self, worker: str, task: Callable[..., Any], source: Any, *_: Any) -> PaperFuture:
        self.given_out.append(source.uri)
        return PaperFuture(source, self.status)

    def fetch(self, future: PaperFuture, worker: str) -> KnownVideo | None:
        if self.lost_outcomes:
            self.lost_outcomes -= 1
            return None
        return KnownVideo(future.source, "content")

    def last_words(self, worker: str) -> str:
        return ""

    def revive(self) -> None:
        pass


def run(monkeypatch: pytest.MonkeyPatch, cluster: PaperCluster) -> Iterator[Any]:
    @contextmanager
    def connect(*_: object) -> Iterator[PaperCluster]:
        yield cluster

    monkeypatch.setattr(graph, "connect", connect)
    monkeypatch.setattr(graph, "_LOOK_EVERY_S", 0)
    monkeypatch.setattr(graph, "pack_identity", str)
    models: Any = SimpleNamespace(pack="open")
    return graph.run(VIDEOS, "open", models, IndexConfig(), ClusterConfig(workers=2), {})


def silent() -> dict[str, int]:
    raise TimeoutError("the scheduler did not answer within 60 s")


def nobody() -> dict[str, int]:
    return {}


def endless(look: Look) -> Iterator[Look]:
    while True:
        yield look


def test_a_scheduler_that_is_silent_for_a_while_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = PaperCluster(iter([silent, silent, nobody]))
    found = [one for one in run(monkeypatch, cluster) if isinstance(one, KnownVideo)]
    assert [one.source.uri for one in found] == ["/a.mp4", "/b.mp4", "/c.mp4"]


def test_one_that_stays_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "SILENCE_S", 0.05)
    with pytest.raises(ClusterLostError, match=r"scheduler .* is gone .the scheduler did not answ"):
        list(run(monkeypatch, PaperCluster(endless(silent))))


def test_a_run_without_workers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "BACK_WITHIN_S", 0.05)
    with pytest.raises(ClusterLostError, match=r"last worker .* is gone; .* repeat the command"):
        list(run(monkeypatch, PaperCluster(endless(nobody))))


def test_an_outcome_that_went_with_its_worker_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = PaperCluster(lost_outcomes=2)
    told = list(run(monkeypatch, cluster))
    assert sum(isinstance(one, KnownVideo) for one in told) == 3
    retries = [one.source for one in told if isinstance(one, Notice) and one.kind == "retry"]
    assert retries == VIDEOS[:2]
    assert cluster.given_out == ["/a.mp4", "/b.mp4", "/c.mp4", "/a.mp4", "/b.mp4"]


def test_three_deaths_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = PaperCluster(status="lost")
    failures = [one for one in run(monkeypatch, cluster) if isinstance(one, Failure)]
    assert [failure.stage for failure in failures] == ["worker"] * 3
    assert sorted(cluster.given_out) == sorted(3 * [video.uri for video in VIDEOS])


def test_a_job_waits_for_another_worker_where_there_is_one() -> None:
    waiting = WaitingJobs(VIDEOS)
    waiting.add(Job(VIDEOS[0], died_on=["bad"]), first=True)
    taken = waiting.take("bad", others=True)
    assert taken is not None
    assert not taken.died_on
    assert [len(waiting), waiting.take("bad", others=False) is not None] == [3, True]


def test_only_what_would_keep_others_waiting_outweighs_them() -> None:
    waiting = WaitingJobs(VIDEOS)
    job = waiting.take("worker", others=False)
    assert job is not None
    # 60 of 100 bytes: more than the half of two workers, less than the whole of one.
    assert waiting.outweighed_by(job, 2)
    assert not waiting.outweighed_by(job, 1)
