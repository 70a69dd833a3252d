"""What goes into a stage and what comes out. All of it is small and picklable: no pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from vidsearch.catalog.records import IndexedVideo
from vidsearch.errors import ConfigError
from vidsearch.track.config import TrackingConfig
from vidsearch.video.discover import VideoSource
from vidsearch.video.reader import Backend
from vidsearch.video.sampling import SamplingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """How an archive is indexed.

    Attributes:
        sampling: Which frames are looked at.
        tracking: How faces become tracks.
        decoder: Video backend.
        device: Where the models run: ``auto``, ``cpu`` or ``cuda[:i]``.
        workers: Processes. 1 works in this process; more start a cluster on this machine (a script
            that asks for more needs the guard ``if __name__ == "__main__":``, because each process
            imports it anew), where a video that kills one is left out and the run goes on.
        isolate: One worker, too, gets a process of its own and with it that protection.
        again: Index videos anew that are in the catalog already, and replace them; those in
            quarantine still need ``retry_failed``.
        scheduler: Address of a running Dask scheduler, whose workers are used instead.
        timeout_per_video_minute_s: Seconds of work after which a minute of video counts as hung;
            needs worker processes, for only a process can be ended.
        worker_memory: Bytes that a worker of this machine may take; None: its share of what there
            is.
        retry_failed: Try videos again that killed their workers in an earlier run.
    """

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decoder: Backend = "pyav"
    device: str = "auto"
    workers: int = 1
    isolate: bool = False
    again: bool = False
    scheduler: str | None = None
    timeout_per_video_minute_s: float = 300.0
    worker_memory: int | None = None
    retry_failed: bool = False

    @property
    def in_process(self) -> bool:
        """Whether the videos are worked through in this process, without Dask."""
        return self.scheduler is None and self.workers == 1 and not self.isolate

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1; got {self.workers}")
        if not self.timeout_per_video_minute_s > 0:
            raise ConfigError(
                "the time allowed for a minute of video must be above 0 s; "
                f"got {self.timeout_per_video_minute_s}"
            )


@dataclass(frozen=True, slots=True)
class KnownVideo:
    """A file whose content is in the catalog already (a copy, or a moved file)."""

    source: VideoSource
    video_id: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One video that could not be indexed; the run goes on.

    Attributes:
        stage: ``identify``, ``decode``, ``index`` or ``worker``.
        source: The file.
        error: Name of the error's class.
        message: One line.
        video_id: Its content hash, if it could be read that far.
    """

    stage: str
    source: VideoSource
    error: str
    message: str
    video_id: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth telling about a run that is no video's outcome.

    Attributes:
        kind: ``cluster`` (``text`` is the dashboard's address) or ``retry``.
        source: The video it is about, if any.
    """

    kind: str
    text: str
    source: VideoSource | None = None


Outcome: TypeAlias = IndexedVideo | KnownVideo | Failure
