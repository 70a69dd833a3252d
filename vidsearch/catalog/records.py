"""Records of a catalog: the outcome of a video, a known file, and their ids and paths."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from vidsearch.datatypes import Track
from vidsearch.errors import ConfigError
from vidsearch.read_options import Anchor, ReadOptions
from vidsearch.text.printable import quoted

VideoStatus: TypeAlias = Literal["indexed", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """A video stream of a file, read or not.

    Attributes:
        index: Index of the stream in its container.
        indexed: True if the stream was decoded and searched for faces.
        codec: Name of the codec; None if it is not known.
        width: Pixels of the upright frame.
        height: Pixels of the upright frame.
        failure: Reason why the stream cannot be decoded; None if it can.
        turn_deg: See ``ReadOptions.turn_deg``.
        seekable: See ``ReadOptions.seekable``.
        anchors: See ``ReadOptions.anchors``.
    """

    index: int
    indexed: bool
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    failure: str | None = None
    turn_deg: int = 0
    seekable: bool | None = None
    anchors: tuple[Anchor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedPart:
    """Part of a film in which faces lie on their side or upside down; it is not turned upright.

    Attributes:
        stream: Index of the stream in its container; None: the first indexed stream.
        start_s: Begin of the part, s.
        end_s: End of the part, s.
        turn_deg: Counter-clockwise degrees by which the part, as the film is shown, has to be
            turned.
    """

    stream: int | None = None
    start_s: float
    end_s: float
    turn_deg: int


def read_options(streams: Sequence[Mapping[str, Any]] | None, stream: int | None) -> ReadOptions:
    """Return the options with which a track's stream is read.

    Args:
        streams: Value of ``videos.streams``; None for a video of an earlier version.
        stream: Value of ``tracks.stream``; None: the first indexed stream.
    """
    for row in streams or ():
        if row["index"] == stream or (stream is None and row["indexed"]):
            return ReadOptions(
                stream=row["index"],
                turn_deg=row["turn_deg"],
                seekable=row["seekable"],
                anchors=tuple(Anchor(**anchor) for anchor in row["anchors"] or ()),
            )
    return ReadOptions(stream=stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRecord:
    """Outcome of an attempt to index a video.

    ``duration_s``, ``read_s``, ``fps``, ``width``, ``height`` and ``codec`` are None where they
    could not be read.

    Attributes:
        video_id: Hash of the content; the same file under two names is one video.
        uri: Path or URI of the file.
        size: Bytes.
        mtime_ns: Modification time when the file was read, nanoseconds since the epoch.
        status: ``indexed``; ``partial`` (fewer frames than the container states; the tracks of the
            readable part are kept); ``failed`` (no tracks).
        model_id: Model of the tracks' templates.
        duration_s: Duration stated by the container.
        read_s: Seconds that were read and can be searched.
        fps: Frames per second.
        assumed_fps: See ``VideoInfo``.
        width: Pixels.
        height: Pixels.
        codec: Name of the video codec.
        frames_decoded: Decoded frames.
        frames_sampled: Frames in which faces were detected.
        faces_seen: Faces detected in the sampled frames.
        faces_too_poor: Faces among them that are too small or too blurred to be matched.
        streams: Video streams of the file, without cover images.
        turned_parts: Parts that lie while the rest of the film is upright.
        failure: Reason of a failure, or the missing part of a partial video; one line.
        failure_stage: Stage that failed, such as ``decode``.
        failure_error: Type of the error.
    """

    video_id: str
    uri: str
    size: int
    mtime_ns: int
    status: VideoStatus
    model_id: str
    duration_s: float | None = None
    read_s: float | None = None
    fps: float | None = None
    assumed_fps: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    frames_decoded: int = 0
    frames_sampled: int = 0
    faces_seen: int = 0
    faces_too_poor: int = 0
    streams: tuple[StreamRecord, ...] = ()
    turned_parts: tuple[TurnedPart, ...] = ()
    failure: str | None = None
    failure_stage: str | None = None
    failure_error: str | None = None

    def __post_init__(self) -> None:
        if self.status not in get_args(VideoStatus):
            raise ConfigError(f"status must be one of {get_args(VideoStatus)}; got {self.status!r}")
        if not self.video_id:
            raise ConfigError(f"video_id of {quoted(self.uri)} must not be empty")
        if self.status == "failed" and not self.failure:
            raise ConfigError(
                f"failure of the failed video {quoted(self.uri)} must state the reason; got nothing"
            )


@dataclass(frozen=True, slots=True, eq=False)
class IndexedVideo:
    """Outcome of a video: its record and its tracks, in an order that depends on the content only.

    Raises:
        ConfigError: A failed video has tracks.
    """

    video: VideoRecord
    tracks: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        if self.video.status == "failed" and self.tracks:
            raise ConfigError(
                f"the failed video {quoted(self.video.uri)} must not have tracks; got "
                f"{len(self.tracks)}"
            )


@dataclass(frozen=True, slots=True)
class KnownFile:
    """File whose content is a known video.

    A file with unchanged size and modification time need not be hashed again.

    Attributes:
        uri: Path or URI of the file.
        size: Bytes.
        mtime_ns: Modification time, nanoseconds since the epoch.
        video_id: Hash of the content.
        status: Outcome of the video with that content.
    """

    uri: str
    size: int
    mtime_ns: int
    video_id: str
    status: VideoStatus = "indexed"


def track_ids(record: VideoRecord, tracks: tuple[Track, ...]) -> list[str]:
    """Return an id for every track; the same content and model give the same ids.

    An id is the hash of video, model, shot, start, and a number that distinguishes tracks with the
    same four values by their order in ``tracks``.
    """
    counts: dict[str, int] = {}
    ids = []
    for track in tracks:
        start_us = round(track.span.start_s * 1_000_000)
        name = "\x1f".join([record.video_id, record.model_id, str(track.shot), str(start_us)])
        number = counts.get(name, 0)
        counts[name] = number + 1
        ids.append(hashlib.blake2b(f"{name}\x1f{number}".encode(), digest_size=16).hexdigest())
    return ids
