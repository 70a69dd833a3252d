"""What goes into a stage and what comes out. All of it is small and picklable: no pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vidsearch.catalog.records import IndexedVideo
from vidsearch.datatypes import FrameFaces, Track
from vidsearch.video.discover import VideoSource
from vidsearch.video.slices import SliceReading
from vidsearch.video.types import ExpectedStream, VideoInfo


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
        kind: ``cluster`` (``text`` is the dashboard's address), ``retry``, ``sliced`` (a video is
            read in slices), ``slice`` (one is done) or ``unsliced`` (they do not join).
        source: The video it is about, if any.
        share: Part of that video's work that is done, of ``slice``.
    """

    kind: str
    text: str
    source: VideoSource | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class SlicedVideo:
    """A long video that is to be read in slices.

    Attributes:
        info: What its container says.
        promise: What it promises.
        borders: Ticks at which slices begin, without the first one's.
    """

    source: VideoSource
    video_id: str
    info: VideoInfo
    promise: ExpectedStream
    borders: tuple[int, ...]

    @property
    def slices(self) -> int:
        return len(self.borders) + 1

    def ends_of(self, number: int) -> tuple[int | None, int | None]:
        """Return where a slice begins and ends; None is the video's own beginning or end."""
        ends = (None, *self.borders, None)
        return ends[number], ends[number + 1]

    def share(self, number: int) -> float:
        """Return a slice's part of the video's length."""
        promise = self.promise
        first = promise.first
        length = (promise.duration_s or 0.0) / float(promise.time_base)
        begin, end = self.ends_of(number)
        last = first + length if end is None else end
        return min(max((last - (first if begin is None else begin)) / max(length, 1), 0.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """The faces of one sampled frame that other slices have a part in."""

    pts: int
    faces: FrameFaces


@dataclass(frozen=True, slots=True, eq=False)
class SliceOutcome:
    """What came of one slice.

    Attributes:
        number: From 0.
        reading: How much was read, and how it fits its neighbours.
        head: Frames of the shot that began before the slice.
        tracks: Of the shots that lie wholly within it; shots are counted from 1.
        tail: Frames of the last shot that begins in it.
        frames_sampled: Of the shots that lie wholly within it, as the next two.
        faces_seen: Faces in those frames.
        faces_too_poor: Those of them that are too small or too blurred to be matched.
    """

    number: int
    reading: SliceReading
    head: tuple[SeenFrame, ...]
    tracks: tuple[Track, ...]
    tail: tuple[SeenFrame, ...]
    frames_sampled: int
    faces_seen: int
    faces_too_poor: int


Outcome: TypeAlias = IndexedVideo | KnownVideo | Failure
