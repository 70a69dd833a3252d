"""The Dask graph of a run: one task a video (or slice), one task a worker thread at a time.

Each task is bound to one worker, so that it is known which video killed it, and that the next try
is somewhere else. What waits, and in which order, is in jobs.py.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distributed import Future, KilledWorker

from pipelines.cluster.cluster import BACK_WITHIN_S, TRIES, Cluster, connect, lost
from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.fingerprint import pack_identity
from pipelines.cluster.watchdog import TimeLimit
from pipelines.cluster.worker_plugin import worker_guard, worker_models
from pipelines.indexing.jobs import Job, WaitingJobs
from pipelines.stages import error_boundary as edge
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import (
    Failure,
    Notice,
    Outcome,
    SlicedVideo,
    SliceOutcome,
)
from vidsearch.errors import ClusterLostError, reason
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource

SILENCE_S = 300.0
"""A scheduler that has not answered for that long is lost."""

WARNED_AFTER_S = 30.0

_LOOK_EVERY_S = 0.5
_LOG = logging.getLogger(__name__)


def run(
    sources: Sequence[VideoSource],
    pack: str,
    models: LoadedPack,
    config: IndexConfig,
    machines: ClusterConfig,
    known: Mapping[int, frozenset[str]],
) -> Iterator[Outcome | Notice | None]:
    """Yield every video's outcome as it is ready, in no particular order.

    Between them come notices, and None when nothing happened for a while.

    Raises:
        ConfigError: No scheduler at the address, or its workers are not fit for this run.
        ClusterLostError: The scheduler, or the last worker, is gone.
    """
    with connect(pack, pack_identity(models.pack), machines) as cluster:
        yield Notice("cluster", cluster.dashboard)
        yield from _Dispatcher(cluster, sources, models, config, machines, known).outcomes()


class _Dispatcher:
    """Gives every free worker its next video and collects the outcomes."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Sequence[VideoSource],
        models: LoadedPack,
        config: IndexConfig,
        machines: ClusterConfig,
        known: Mapping[int, frozenset[str]],
    ) -> None:
        self._cluster = cluster
        self._models = models
        self._config = config
        self._machines = machines
        self._known = known
        self._waiting = WaitingJobs(sources)
        self._running: dict[Future, Job] = {}
        self._done: queue.Queue[Future] = queue.Queue()
        self._threads: dict[str, int] = {}
        self._looked = -_LOOK_EVERY_S
        self._warned = -math.inf
        self._had_workers = self._heard = time.monotonic()

    def outcomes(self) -> Iterator[Outcome | Notice | None]:
        while self._waiting or self._running:
            yield from self._look()
            self._assign()
            try:
                future = self._done.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                yield None
                continue
            job = self._running.pop(future, None)
            if job is not None:  # else its worker was found dead, and it has been placed again
                if future.status == "finished":
                    self._assign()  # before its outcome is fetched: the worker is free already
                yield self._settle(future, job)
                future.release()

    def _look(self) -> Iterator[Notice | Failure | None]:
        """See which workers there are, and take back what lay on those that are gone."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY_S:
            return
        self._looked = now
        try:
            self._threads = self._cluster.fit()
        except TimeoutError as error:
            if now - self._heard > SILENCE_S:
                raise self._lost("scheduler", reason(error)) from error
            return
        except OSError as error:
            raise self._lost("scheduler", reason(error)) from error
        if not self._cluster.alive:
            raise self._lost("scheduler")
        self._heard = now
        self._cluster.revive()
        if self._threads:
            self._had_workers = now
        elif now - self._had_workers > BACK_WITHIN_S:
            raise self._lost("last worker")
        elif self._warned < self._had_workers < now - WARNED_AFTER_S:
            self._warned = now
            _LOG.warning("all workers are gone; others are waited for, %.0f s long", BACK_WITHIN_S)
        gone = [f for f, job in self._running.items() if job.worker not in self._threads]
        for future in gone:
            if not future.done():  # else its outcome, or its end, is on the way
                job = self._running.pop(future)
                future.release()
                yield self._died(job)

    def _lost(self, what: str, why: str = "") -> ClusterLostError:
        return lost(what, self._machines.scheduler, why)

    def _assign(self) -> None:
        busy: dict[str, int] = {}
        for job in self._running.values():
            busy[job.worker] = busy.get(job.worker, 0) + 1
        others = len(self._threads) > 1
        for worker, threads in self._threads.items():
            for _ in range(threads - busy.get(worker, 0)):
                job_here = self._waiting.take(worker, others=others)
                if job_here is None:
                    break
                self._submit(job_here, worker)

    def _may_slice(self, job: Job) -> bool:
        threads = sum(self._threads.values())
        return (
            not job.whole
            and self._config.slice_minutes > 0
            and threads > 1
            and self._waiting.outweighed_by(job, threads)
        )

    def _submit(self, job: Job, worker: str) -> None:
        job.worker = worker
        config, identity = self._config, self._cluster.identity
        per_minute_s = self._machines.timeout_per_video_minute_s
        work: tuple[Any, ...]
        if job.joiner is not None:
            work = (_slice_task, job.joiner.video, job.number, identity, config, per_minute_s)
        else:
            known = self._known.get(job.source.size, frozenset())
            work = (_task, job.source, identity, config, per_minute_s, known, self._may_slice(job))
        future = self._cluster.submit(worker, *work)
        self._running[future] = job
        future.add_done_callback(self._done.put)

    def _settle(self, future: Future, job: Job) -> Outcome | Notice | None:
        if future.status == "finished":
            done = self._cluster.fetch(future, job.worker)
            if done is None:
                return self._outcome_lost(job)
            if job.joiner is not None:
                return self._waiting.join(job, job.joiner, done)
            if isinstance(done, SlicedVideo):
                return self._waiting.cut(done, self._models, self._config)
            outcome: Outcome = done
            return outcome
        if not self._cluster.alive:
            raise self._lost("scheduler")
        raised = future.exception() if future.status == "error" else None
        if raised is None or isinstance(raised, KilledWorker):
            return self._died(job)
        return self._died(job, f"{type(raised).__name__}: {reason(raised)}".splitlines()[0])

    def _outcome_lost(self, job: Job) -> Failure | Notice | None:
        """Queue a finished video again: its worker died before the result was fetched."""
        job.lost += 1
        if job.lost > TRIES:
            return self._died(job, "its outcome was lost")
        self._threads.pop(job.worker, None)
        if job.in_vain:
            return None
        self._waiting.add(job)
        return Notice("retry", f"worker {job.worker} died with its outcome", job.source)

    def _died(self, job: Job, reason: str = "") -> Failure | Notice | None:
        """Queue a video again whose worker died; fail it after the third death."""
        told = self._cluster.last_words(job.worker) or reason or "killed or crashed"
        job.died_on.append(job.worker)
        job.reasons.append(told)
        self._threads.pop(job.worker, None)
        if job.in_vain:
            return None
        if len(job.died_on) < TRIES:
            # Behind the others: what is sound is indexed first.
            self._waiting.add(job)
            return Notice("retry", f"worker {job.worker} died: {told}", job.source)
        reasons = "; ".join(dict.fromkeys(job.reasons))
        if job.joiner is not None:
            job.joiner.trouble = reasons
            self._waiting.drop_slices(job.joiner)
        return Failure(
            "worker",
            job.source,
            "WorkerDied",
            f"{TRIES} workers died of it ({reasons}); it is left out until --retry-failed",
        )


def _task(
    source: VideoSource,
    identity: str,
    config: IndexConfig,
    per_video_minute_s: float,
    known: frozenset[str],
    may_slice: bool,
) -> Outcome | SlicedVideo:
    limit = TimeLimit(per_video_minute_s)
    with worker_guard().task() as allow:
        allow(limit.before_open(source))
        return edge.run(
            source,
            worker_models(identity),
            config,
            known,
            opened=lambda duration_s: allow(limit.after_open(source, duration_s)),
            may_slice=may_slice,
        )


def _slice_task(
    video: SlicedVideo, number: int, identity: str, config: IndexConfig, per_video_minute_s: float
) -> SliceOutcome | Failure:
    limit = TimeLimit(per_video_minute_s)
    share = video.share(number)
    with worker_guard().task() as allow:
        allow(limit.before_open(video.source))
        return edge.run_slice(
            video,
            number,
            worker_models(identity),
            config,
            opened=lambda length_s: allow(limit.after_slice_open(video.source, length_s, share)),
        )
