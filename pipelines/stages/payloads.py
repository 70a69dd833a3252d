"""Inputs and outputs of the stages: small and picklable, without frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vidsearch.catalog.records import IndexedVideo, TurnedPart
from vidsearch.datatypes import FrameFaces, Track
from vidsearch.read_options import ReadOptions
from vidsearch.video.discover import VideoSource
from vidsearch.video.promises.promise import FilePromise
from vidsearch.video.report import ExpectedStream, StreamEnds
from vidsearch.video.slices import SliceReading
from vidsearch.video.types import VideoInfo

CHANGED_STAGE = "changed"
"""Stage of a file that changed since its search; a later run reads it."""


@dataclass(frozen=True, slots=True)
class KnownVideo:
    """File whose content is in the catalog already (a copy, or a moved file)."""

    source: VideoSource
    video_id: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Video that could not be indexed; the run continues.

    Attributes:
        stage: ``discover``, ``identify``, ``decode``, ``index``, ``worker`` or ``changed``.
        source: The file; at stage ``discover`` the source, or the name in a list.
        error: Class name of the error.
        message: Reason, one line.
        video_id: Content hash; None if the file could not be hashed.
        host_specific: True if another machine may read the file: the storage does not give it to
            this one, or the error was not foreseen.
    """

    stage: str
    source: VideoSource
    error: str
    message: str
    video_id: str | None = None
    host_specific: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Message about a run that is not the outcome of a video.

    Attributes:
        kind: ``cluster`` (``text`` is the address of the dashboard), ``retry`` (the worker died),
            ``moved`` (the host cannot read the file, another one tries it), ``left_out`` (a host or
            worker gets no work), ``no_catalog`` (a host does not see the catalog), ``sliced`` (a
            video is read in slices), ``slice`` (a slice is done) or ``unsliced`` (the slices do
            not join).
        text: Message, one line.
        source: The video concerned, if any.
        share: Share of the video in a finished slice; 0 for other kinds.
        worker: Name of the worker concerned, if any.
        host: Name of the host concerned, if any.
    """

    kind: str
    text: str
    source: VideoSource | None = None
    share: float = 0.0
    worker: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class SlicedVideo:
    """Long video and its slices.

    Attributes:
        source: The file.
        video_id: Content hash.
        info: Container data of the video.
        read: Options with which every slice is read.
        expected: Expected length and timing of the stream.
        cuts: Timestamps at which the second and later slices begin, in time-base ticks.
        file: Sizes that the file states; None if they were not read.
        ends: Ends of the streams; None if they were not read.
    """

    source: VideoSource
    video_id: str
    info: VideoInfo
    read: ReadOptions
    expected: ExpectedStream
    cuts: tuple[int, ...]
    file: FilePromise | None = None
    ends: StreamEnds | None = None

    @property
    def slices(self) -> int:
        """Number of slices."""
        return len(self.cuts) + 1

    def ends_of(self, number: int) -> tuple[int | None, int | None]:
        """Return begin and end of a slice in ticks; None for the begin and end of the video."""
        ends = (None, *self.cuts, None)
        return ends[number], ends[number + 1]

    def share(self, number: int) -> float:
        """Return the share of a slice in the length of the video, in [0, 1]."""
        expected = self.expected
        first = expected.first
        length = (expected.duration_s or 0.0) / float(expected.time_base)
        begin, end = self.ends_of(number)
        last = first + length if end is None else end
        return min(max((last - (first if begin is None else begin)) / max(length, 1), 0.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class SampledFrame:
    """Faces of a sampled frame whose shot crosses a slice boundary."""

    pts: int
    faces: FrameFaces


@dataclass(frozen=True, slots=True, eq=False)
class SliceOutcome:
    """Result of one slice.

    Attributes:
        number: Number of the slice, from 0.
        reading: Decoded range, and data to match the neighbouring slices.
        head: Frames of the shot that began before the slice.
        tracks: Tracks of the shots that lie entirely within the slice, counted from 1.
        tail: Frames of the last shot that begins in the slice.
        frames_sampled: Sampled frames of the shots that lie entirely within the slice.
        faces_seen: Faces in those frames.
        faces_too_poor: Faces among them that are too small or too blurred to match.
        turned_parts: Parts of the slice that lie while the rest is upright.
    """

    number: int
    reading: SliceReading
    head: tuple[SampledFrame, ...]
    tracks: tuple[Track, ...]
    tail: tuple[SampledFrame, ...]
    frames_sampled: int
    faces_seen: int
    faces_too_poor: int
    turned_parts: tuple[TurnedPart, ...] = ()


Outcome: TypeAlias = IndexedVideo | KnownVideo | Failure


@dataclass(frozen=True, slots=True)
class WorkerOutcome:
    """Outcome of a video, and the worker that did it.

    Attributes:
        outcome: The outcome.
        worker: Name of the worker; for a sliced video that of its last slice.
        host: Name of its host.
    """

    outcome: Outcome
    worker: str
    host: str
