"""Waiting jobs of a run: whole videos, and the slices of long videos.

The longest videos go first. A video waits here until a worker is free, so memory does not grow
with the archive. A long video is cut into slices if it would finish long after the others: if it
is larger than one thread's part of all remaining work. Its slices are joined here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipelines.cluster.task import Task
from pipelines.stages import error_boundary
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, Notice, Outcome, SlicedVideo, SliceOutcome
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


@dataclass(eq=False)
class Job(Task):
    """One video, or one slice of a video.

    Attributes:
        source: The video.
        joiner: Joins the slices of the video; None for a whole video.
        number: Number of the slice, from 0.
        unsliceable: True if the slices of the video did not join; it is read whole.
    """

    source: VideoSource
    joiner: SliceJoiner | None = None
    number: int = 0
    unsliceable: bool = False

    @property
    def size(self) -> float:
        """Bytes of video."""
        share = 1.0 if self.joiner is None else self.joiner.video.share(self.number)
        return self.source.size * share

    @property
    def obsolete(self) -> bool:
        """True for a slice of a video that was given up or is read whole."""
        return self.joiner is not None and bool(self.joiner.error)


class WaitingJobs:
    """Jobs in the order of their submission; a ``TaskQueue``.

    Args:
        sources: Videos, longest first.
    """

    def __init__(self, sources: Iterable[VideoSource]) -> None:
        self._jobs = deque(Job(source) for source in sources)
        self._first: deque[Job] = deque()
        self._last: deque[Job] = deque()
        self._bytes = sum(job.size for job in self._jobs)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        return len(self._first) + len(self._jobs) + len(self._last)

    def add(self, job: Job) -> None:
        """Add a new job in front of the other new jobs."""
        self._jobs.appendleft(job)
        self._bytes += job.size

    def put_back(self, task: Job, *, first: bool = False) -> bool:
        """Add a job for another attempt; return False if it is obsolete; see ``TaskQueue``."""
        if task.obsolete:
            return False
        (self._first if first else self._last).append(task)
        self._bytes += task.size
        return True

    def take(self, fits: Callable[[Job], bool]) -> Job | None:
        """Remove and return the next job that fits; see ``TaskQueue``."""
        job = _take_any(self._first, fits)
        if job is None and self._jobs and fits(self._jobs[0]):
            job = self._jobs.popleft()
        if job is None:
            job = _take_any(self._last, fits)
        if job is not None:
            self._bytes -= job.size
        return job

    def is_bottleneck(self, job: Job, threads: int) -> bool:
        """Return True if a job just taken exceeds one thread's part of all remaining work."""
        return job.size * threads > self._bytes + job.size

    def drop_slices(self, joiner: SliceJoiner) -> None:
        """Remove the waiting slices of a video."""
        for jobs in (self._first, self._jobs, self._last):
            others = [job for job in jobs if job.joiner is not joiner]
            jobs.clear()
            jobs.extend(others)
        self._bytes = sum(job.size for job in (*self._first, *self._jobs, *self._last))

    def cut(self, video: SlicedVideo, models: LoadedPack, config: IndexConfig) -> Notice:
        """Add the slices of a video in front of all other jobs."""
        joiner = SliceJoiner(video, models, config)
        for number in reversed(range(video.slices)):
            self.add(Job(video.source, joiner, number))
        return Notice("sliced", f"read in {video.slices} slices", video.source)

    def join(
        self, job: Job, joiner: SliceJoiner, result: SliceOutcome | Failure
    ) -> Outcome | Notice | None:
        """Add a slice to its video; if it does not fit, queue the video to be read whole."""
        if joiner.error:
            return None
        if isinstance(result, Failure):
            joiner.error = result.message
        else:
            error_boundary.join(joiner, result)
        if joiner.error:
            self.drop_slices(joiner)
            self.add(Job(job.source, unsliceable=True))
            return Notice("unsliced", f"read whole, because {joiner.error}", job.source)
        if joiner.complete:
            return joiner.finish()
        message = f"slice {job.number + 1} of {joiner.video.slices} is done"
        return Notice("slice", message, job.source, joiner.video.share(job.number))


def _take_any(jobs: deque[Job], fits: Callable[[Job], bool]) -> Job | None:
    for job in jobs:
        if fits(job):
            jobs.remove(job)
            return job
    return None
