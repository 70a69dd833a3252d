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
            imports it anew).
        again: Index videos anew that are in the catalog already, and replace them.
        scheduler: Address of a running Dask scheduler, whose workers are used instead.
    """

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decoder: Backend = "pyav"
    device: str = "auto"
    workers: int = 1
    again: bool = False
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers must be at least 1; got {self.workers}")


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


Outcome: TypeAlias = IndexedVideo | KnownVideo | Failure
