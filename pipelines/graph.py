"""The Dask graph of a run: one task a video (or slice), one task a worker thread at a time.

Each task is bound to one worker, so that it is known which video killed it, and that the next try
is somewhere else. While a worker works, its next video waits here: memory does not grow with the
archive, and the longest that wait go first to whoever is free.

A long video that would keep the others waiting at the end is cut into slices: one that is larger
than its worker's part of all that is left. Its slices are joined here.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distributed import CancelledError, Future, KilledWorker, as_completed

from pipelines.cluster import (
    WORKERS_WITHIN_S,
    Cluster,
    connect,
    open_client,
    worker_guard,
    worker_models,
)
from pipelines.guard import TimeLimit
from pipelines.payloads import (
    Failure,
    IndexOptions,
    Notice,
    Outcome,
    SlicedVideo,
    SliceOutcome,
)
from pipelines.stages import edge, prepare_photos
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.prepare_photos import PhotoOptions, RawPhoto
from vidsearch.errors import ClusterLostError
from vidsearch.models.registry import LoadedPack
from vidsearch.trainingset.candidates import Candidate
from vidsearch.video.discover import VideoSource

TRIES = 3
"""Workers that one video may cost: after the third it is left out."""

_LOOK_EVERY_S = 0.5
_GATHER_WITHIN_S = 60.0


@dataclass(eq=False)
class _Job:
    """One video, or one slice of it, and where it was tried.

    Attributes:
        joiner: Of the video that it is a slice of.
        number: The slice's.
        whole: Whether the video was found not to be cut well.
        died_on: Workers that died while they worked on it.
        reasons: Why, for each.
        lost: How often it was done and its outcome went with the worker.
        worker: Where it lies now.
    """

    source: VideoSource
    joiner: SliceJoiner | None = None
    number: int = 0
    whole: bool = False
    died_on: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    lost: int = 0
    worker: str = ""

    @property
    def size(self) -> float:
        """Bytes of video."""
        share = 1.0 if self.joiner is None else self.joiner.video.share(self.number)
        return self.source.size * share


def run(
    sources: Sequence[VideoSource],
    pack: str,
    models: LoadedPack,
    options: IndexOptions,
    known: Mapping[int, frozenset[str]],
) -> Iterator[Outcome | Notice | None]:
    """Yield every video's outcome as it is ready, in no particular order.

    Between them come notices, and None when nothing happened for a while.

    Raises:
        ConfigError: No scheduler at the address, or its workers are not fit for this run.
        ClusterLostError: The scheduler, or the last worker, is gone.
    """
    with connect(pack, models.model_id, options) as cluster:
        yield Notice("cluster", cluster.dashboard)
        yield from _Dispatcher(cluster, sources, models, options, known).outcomes()


class _Dispatcher:
    """Gives every free worker its next video and collects the outcomes."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Sequence[VideoSource],
        models: LoadedPack,
        options: IndexOptions,
        known: Mapping[int, frozenset[str]],
    ) -> None:
        self._cluster = cluster
        self._models = models
        self._options = options
        self._known = known
        self._waiting = deque(_Job(source) for source in sources)
        self._bytes_waiting = sum(job.size for job in self._waiting)
        self._running: dict[Future, _Job] = {}
        self._done: queue.Queue[Future] = queue.Queue()
        self._threads: dict[str, int] = {}
        self._looked = -_LOOK_EVERY_S
        self._had_workers = time.monotonic()

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
        except OSError as error:
            raise self._lost("scheduler") from error
        if not self._cluster.alive:
            raise self._lost("scheduler")
        if self._threads:
            self._had_workers = now
        elif now - self._had_workers > WORKERS_WITHIN_S:
            raise self._lost("last worker")
        gone = [f for f, job in self._running.items() if job.worker not in self._threads]
        for future in gone:
            if not future.done():  # else its outcome, or its end, is on the way
                job = self._running.pop(future)
                future.release()
                yield self._died(job)

    def _lost(self, what: str) -> ClusterLostError:
        where = self._options.scheduler or "of this machine"
        return ClusterLostError(
            f"the {what} of the Dask cluster {where!r} is gone; what was finished is kept: "
            "start it again and repeat the command"
        )

    def _assign(self) -> None:
        busy: dict[str, int] = {}
        for job in self._running.values():
            busy[job.worker] = busy.get(job.worker, 0) + 1
        for worker, threads in self._threads.items():
            for _ in range(threads - busy.get(worker, 0)):
                job_here = self._next_for(worker)
                if job_here is None:
                    break
                self._submit(job_here, worker)

    def _next_for(self, worker: str) -> _Job | None:
        """Return the next video that has not killed this worker, if there are others for it."""
        others = len(self._threads) > 1
        for job in self._waiting:
            if not (others and worker in job.died_on):
                self._waiting.remove(job)
                return job
        return None

    def _may_slice(self, job: _Job) -> bool:
        threads = sum(self._threads.values())
        return (
            not job.whole
            and self._options.slice_minutes > 0
            and threads > 1
            and job.size * threads > self._bytes_waiting
        )

    def _submit(self, job: _Job, worker: str) -> None:
        job.worker = worker
        options, model_id = self._options, self._cluster.model_id
        work: tuple[Any, ...]
        if job.joiner is not None:
            work = (_slice_task, job.joiner.video, job.number, model_id, options)
        else:
            known = self._known.get(job.source.size, frozenset())
            work = (_task, job.source, model_id, options, known, self._may_slice(job))
        self._bytes_waiting -= job.size
        future = self._cluster.submit(worker, *work)
        self._running[future] = job
        future.add_done_callback(self._done.put)

    def _settle(self, future: Future, job: _Job) -> Outcome | Notice | None:
        if future.status == "finished":
            done = self._cluster.fetch(future)
            if done is None:
                return self._outcome_lost(job)
            if job.joiner is not None:
                return self._join(job, job.joiner, done)
            if isinstance(done, SlicedVideo):
                return self._cut(done)
            outcome: Outcome = done
            return outcome
        if not self._cluster.alive:
            raise self._lost("scheduler")
        raised = future.exception() if future.status == "error" else None
        if raised is None or isinstance(raised, KilledWorker):
            return self._died(job)
        return self._died(job, f"{type(raised).__name__}: {raised}".strip().splitlines()[0])

    def _wait(self, job: _Job, *, first: bool = False) -> None:
        (self._waiting.appendleft if first else self._waiting.append)(job)
        self._bytes_waiting += job.size

    def _cut(self, video: SlicedVideo) -> Notice:
        joiner = SliceJoiner(video, self._models, self._options)
        for number in reversed(range(video.slices)):
            self._wait(_Job(video.source, joiner, number), first=True)
        return Notice("sliced", f"read in {video.slices} slices", video.source)

    def _join(
        self, job: _Job, joiner: SliceJoiner, done: SliceOutcome | Failure
    ) -> Outcome | Notice | None:
        """Add a slice to its video; one that does not fit means to read the video whole."""
        if joiner.trouble:
            return None
        if isinstance(done, Failure):
            joiner.trouble = done.message
        else:
            edge.join(joiner, done)
        if joiner.trouble:
            self._drop_slices(joiner)
            self._wait(_Job(job.source, whole=True), first=True)
            return Notice("unsliced", f"read whole, because {joiner.trouble}", job.source)
        if joiner.complete:
            return joiner.finish()
        number, share = job.number + 1, joiner.video.share(job.number)
        return Notice(
            "slice", f"slice {number} of {joiner.video.slices} is done", job.source, share
        )

    def _drop_slices(self, joiner: SliceJoiner) -> None:
        self._waiting = deque(job for job in self._waiting if job.joiner is not joiner)
        self._bytes_waiting = sum(job.size for job in self._waiting)

    def _outcome_lost(self, job: _Job) -> Failure | Notice | None:
        """Place a video again that was done: its worker died since, most likely of the next."""
        job.lost += 1
        if job.lost > TRIES:
            return self._died(job, "its outcome was lost")
        self._threads.pop(job.worker, None)
        if job.joiner is not None and job.joiner.trouble:
            return None
        self._wait(job)
        return Notice("retry", f"worker {job.worker} died with its outcome", job.source)

    def _died(self, job: _Job, reason: str = "") -> Failure | Notice | None:
        """Place a video again whose worker died; after the third, give it up."""
        told = self._cluster.last_words(job.worker) or reason or "killed or crashed"
        job.died_on.append(job.worker)
        job.reasons.append(told)
        self._threads.pop(job.worker, None)
        if job.joiner is not None and job.joiner.trouble:
            return None
        if len(job.died_on) < TRIES:
            # Behind the others: what is sound is indexed first.
            self._wait(job)
            return Notice("retry", f"worker {job.worker} died: {told}", job.source)
        reasons = "; ".join(dict.fromkeys(job.reasons))
        if job.joiner is not None:
            job.joiner.trouble = reasons
            self._drop_slices(job.joiner)
        return Failure(
            "worker",
            job.source,
            "WorkerDied",
            f"{TRIES} workers died of it ({reasons}); it is left out until --retry-failed",
        )


def _task(
    source: VideoSource,
    model_id: str,
    options: IndexOptions,
    known: frozenset[str],
    may_slice: bool,
) -> Outcome | SlicedVideo:
    limit = TimeLimit(options.timeout_per_video_minute_s)
    with worker_guard().task() as allow:
        allow(limit.before_open(source))
        return edge.run(
            source,
            worker_models(model_id),
            options,
            known,
            opened=lambda duration_s: allow(limit.after_open(source, duration_s)),
            may_slice=may_slice,
        )


def _slice_task(
    video: SlicedVideo, number: int, model_id: str, options: IndexOptions
) -> SliceOutcome | Failure:
    limit = TimeLimit(options.timeout_per_video_minute_s)
    share = video.share(number)
    with worker_guard().task() as allow:
        allow(limit.before_open(video.source))
        return edge.run_slice(
            video,
            number,
            worker_models(model_id),
            options,
            opened=lambda length_s: allow(limit.after_slice_open(video.source, length_s, share)),
        )


def prepare(
    batches: Sequence[tuple[RawPhoto, ...]],
    pack: str,
    model_id: str,
    photo: PhotoOptions,
    options: IndexOptions,
) -> Iterator[tuple[int, tuple[Candidate, ...]]]:
    """Yield (number, candidates) of batches of photos as they are ready.

    A batch whose worker died is tried again; after three workers its photos are dropped, with that
    reason. Few batches are in flight at a time, so memory does not grow with the set.

    Raises:
        ConfigError: No scheduler at the address, or its workers are not fit for this run.
        ClusterLostError: The scheduler is gone.
    """
    with connect(pack, model_id, options) as cluster:
        in_flight = max(2 * sum(cluster.fit().values()), 2)
        waiting = deque((number, 0) for number in range(len(batches)))
        done: queue.Queue[Future] = queue.Queue()
        running: dict[Future, tuple[int, int]] = {}
        while waiting or running:
            while waiting and len(running) < in_flight:
                number, tries = waiting.popleft()
                future = cluster.client.submit(
                    _prepare_task, batches[number], model_id, photo, pure=False
                )
                running[future] = (number, tries)
                future.add_done_callback(done.put)
            try:
                future = done.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                if not cluster.alive:
                    raise _gone(options) from None
                continue
            number, tries = running.pop(future)
            if future.status == "finished":
                yield number, future.result(timeout=_GATHER_WITHIN_S)
            elif not cluster.alive:
                raise _gone(options)
            elif tries + 1 < TRIES:
                waiting.append((number, tries + 1))
            else:
                why = f"worker died: {TRIES} workers died of this batch of photos"
                yield (
                    number,
                    tuple(Candidate(p.identity, p.path, dropped=why) for p in batches[number]),
                )
            future.release()


def _gone(options: IndexOptions) -> ClusterLostError:
    return ClusterLostError(
        f"the scheduler of the Dask cluster {options.scheduler or 'of this machine'!r} is gone; "
        "what was finished is kept: start it again and repeat the command"
    )


def _prepare_task(
    batch: tuple[RawPhoto, ...], model_id: str, photo: PhotoOptions
) -> tuple[Candidate, ...]:
    return prepare_photos.run(batch, worker_models(model_id), photo)


def map_on_cluster(
    function: Callable[[Any], Any], items: Sequence[Any], scheduler: str, tries: int = TRIES
) -> Iterator[Any]:
    """Yield ``function(item)`` of every item as it is ready, in no particular order.

    Few items wait on the workers at a time, and an answer is let go of once it was yielded. For
    work without models or videos; files must be reachable under the same paths everywhere.

    Raises:
        ConfigError: No scheduler answers there.
        ClusterLostError: An item killed several workers, or the cluster is gone.
    """
    with open_client(scheduler) as client:
        waiting = deque(items)
        workers = max(sum(client.nthreads().values()), 1)
        running = as_completed([])

        def submit() -> None:
            if waiting:
                running.add(
                    client.submit(function, waiting.popleft(), pure=False, retries=tries - 1)
                )

        for _ in range(2 * workers):
            submit()
        for future in running:
            try:
                yield future.result()
            except (KilledWorker, OSError, CancelledError) as error:
                raise ClusterLostError(
                    f"workers of the Dask cluster {scheduler!r} are gone ({type(error).__name__}); "
                    "start it again and repeat the command"
                ) from error
            future.release()
            submit()
