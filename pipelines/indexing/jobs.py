"""The work of a run that waits for a worker: videos, and the slices that long ones are cut into.

The longest go first; while a worker works, its next video waits here, so memory does not grow with
the archive. A long video that would keep the others waiting at the end is cut into slices: one that
is larger than its worker's part of all that is left. Its slices are joined here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.stages import error_boundary as edge
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import (
    Failure,
    Notice,
    Outcome,
    SlicedVideo,
    SliceOutcome,
)
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


@dataclass(eq=False)
class Job:
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

    @property
    def in_vain(self) -> bool:
        """Whether it is a slice of a video that will be read whole, or was given up."""
        return self.joiner is not None and bool(self.joiner.trouble)


class WaitingJobs:
    """Jobs in the order in which they go out.

    Args:
        sources: Longest first.
    """

    def __init__(self, sources: Iterable[VideoSource]) -> None:
        self._jobs = deque(Job(source) for source in sources)
        self._bytes = sum(job.size for job in self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job, *, first: bool = False) -> None:
        (self._jobs.appendleft if first else self._jobs.append)(job)
        self._bytes += job.size

    def take(self, worker: str, *, others: bool) -> Job | None:
        """Return the next job for a worker: one that has not killed it, where there are others."""
        for job in self._jobs:
            if not (others and worker in job.died_on):
                self._jobs.remove(job)
                self._bytes -= job.size
                return job
        return None

    def outweighed_by(self, job: Job, threads: int) -> bool:
        """Say whether a job just taken is more than a thread's part of all that is left."""
        return job.size * threads > self._bytes + job.size

    def drop_slices(self, joiner: SliceJoiner) -> None:
        self._jobs = deque(job for job in self._jobs if job.joiner is not joiner)
        self._bytes = sum(job.size for job in self._jobs)

    def cut(self, video: SlicedVideo, models: LoadedPack, config: IndexConfig) -> Notice:
        """Put a video's slices in front of all."""
        joiner = SliceJoiner(video, models, config)
        for number in reversed(range(video.slices)):
            self.add(Job(video.source, joiner, number), first=True)
        return Notice("sliced", f"read in {video.slices} slices", video.source)

    def join(
        self, job: Job, joiner: SliceJoiner, done: SliceOutcome | Failure
    ) -> Outcome | Notice | None:
        """Add a slice to its video; one that does not fit means to read the video whole."""
        if joiner.trouble:
            return None
        if isinstance(done, Failure):
            joiner.trouble = done.message
        else:
            edge.join(joiner, done)
        if joiner.trouble:
            self.drop_slices(joiner)
            self.add(Job(job.source, whole=True), first=True)
            return Notice("unsliced", f"read whole, because {joiner.trouble}", job.source)
        if joiner.complete:
            return joiner.finish()
        number, share = job.number + 1, joiner.video.share(job.number)
        return Notice(
            "slice", f"slice {number} of {joiner.video.slices} is done", job.source, share
        )
