"""Configuration of indexing: sampling, tracking, decoder, and the treatment of indexed videos."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from vidsearch.catalog.streams.notes import RequestedStream
from vidsearch.errors import ConfigError
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.video.sampling import SamplingConfig
from vidsearch.video.types import Backend


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """Configuration of an indexing run, independent of the machines that run it.

    Attributes:
        sampling: Selection of the frames in which faces are detected.
        tracking: Grouping of faces into tracks.
        decoder: Video backend.
        again: Index videos again that are in the catalog already, and replace their rows.
            Quarantined videos still need ``retry_failed``.
        retry_failed: Also index the quarantined videos, which killed their workers in an earlier
            run.
        slice_minutes: Length of a slice. A video longer than two slices is read in slices when it
            would finish long after the other videos; 0 disables slices.
        video_stream: Index of the video stream that is indexed; ``all``: every film of a file, one
            after the other; None: the film.
        exclude: Globs of files and folders that are not searched; see
            ``vidsearch.video.discover.discover``.
        within: Folders that no link leads out of; see there.
    """

    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decoder: Backend = "pyav"
    again: bool = False
    retry_failed: bool = False
    slice_minutes: float = 10.0
    video_stream: RequestedStream | None = None
    exclude: tuple[str, ...] = ()
    within: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.slice_minutes < math.inf:
            raise ConfigError(f"slices must be 0 minutes long or more; got {self.slice_minutes}")
        if isinstance(self.video_stream, int) and self.video_stream < 0:
            raise ConfigError(
                f"video_stream must be 'all' or an index from 0; got {self.video_stream}"
            )
        if self.video_stream is not None and self.decoder != "pyav":
            raise ConfigError(
                f"the {self.decoder} decoder cannot choose the video stream; got video_stream="
                f"{self.video_stream!r}; use the pyav decoder"
            )
