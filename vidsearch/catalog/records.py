"""What goes into a catalog: one video's outcome, one known file; and the names both go by."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import unquote_to_bytes

from vidsearch.datatypes import Track
from vidsearch.errors import ConfigError

VideoStatus: TypeAlias = Literal["indexed", "partial", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRecord:
    """What is known of one video after an attempt to index it.

    Attributes:
        video_id: Hash of the content; the same file under two names is one video.
        uri: Path or URI it was read from.
        size: Bytes.
        mtime_ns: Time of last change when it was read, nanoseconds since the epoch.
        status: ``indexed``; ``partial`` (fewer frames than the container promises, tracks of what
            could be read are kept); ``failed`` (no tracks).
        model_id: Model whose space the tracks' templates are in.
        duration_s: Container's duration; None where it could not be read, as with the next five.
        read_s: Seconds of it that were read: what can be searched.
        frames_decoded: Frames that left the decoder.
        frames_sampled: Frames in which faces were looked for.
        faces_seen: Faces detected in the sampled frames.
        faces_too_poor: Those of them that are too small or too blurred to be matched.
        failure: One line saying what went wrong, or how much is missing of a partial video.
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
    width: int | None = None
    height: int | None = None
    codec: str | None = None
    frames_decoded: int = 0
    frames_sampled: int = 0
    faces_seen: int = 0
    faces_too_poor: int = 0
    failure: str | None = None
    failure_stage: str | None = None
    failure_error: str | None = None

    def __post_init__(self) -> None:
        if self.status not in get_args(VideoStatus):
            raise ConfigError(f"status must be one of {get_args(VideoStatus)}; got {self.status!r}")
        if not self.video_id:
            raise ConfigError(f"video_id must not be empty; it is, for {self.uri!r}")
        if self.status == "failed" and not self.failure:
            raise ConfigError(f"a failed video needs its reason in failure; {self.uri!r} has none")


@dataclass(frozen=True, slots=True, eq=False)
class IndexedVideo:
    """One video's outcome: its record and its tracks, in an order that the content alone decides.

    Raises:
        ConfigError: A failed video has tracks.
    """

    video: VideoRecord
    tracks: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        if self.video.status == "failed" and self.tracks:
            raise ConfigError(f"a failed video has no tracks; {self.video.uri!r} has some")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """One place where a video's content was seen.

    A file whose size and time of change are still these needs no hashing.

    Attributes:
        status: Outcome of the video with that content.
    """

    uri: str
    size: int
    mtime_ns: int
    video_id: str
    status: VideoStatus = "indexed"


def track_ids(record: VideoRecord, tracks: tuple[Track, ...]) -> list[str]:
    """Return one id a track: the same content and model give the same ids, whoever indexes.

    An id is the hash of video, model, shot and start; tracks that share all four are told apart by
    their order in ``tracks``.
    """
    seen: dict[str, int] = {}
    ids = []
    for track in tracks:
        start_us = round(track.span.start_s * 1_000_000)
        name = "\x1f".join([record.video_id, record.model_id, str(track.shot), str(start_us)])
        twin = seen.get(name, 0)
        seen[name] = twin + 1
        ids.append(hashlib.blake2b(f"{name}\x1f{twin}".encode(), digest_size=16).hexdigest())
    return ids


def storable_uri(uri: str) -> str:
    """Return ``uri`` as text that a table can hold.

    A file name may be any bytes; one that is not UTF-8 is stored as a ``file:`` URL, in which such
    bytes are percent-encoded. ``usable_uri`` is the way back.
    """
    try:
        uri.encode()
    except UnicodeEncodeError:
        return Path(os.path.abspath(uri)).as_uri()  # noqa: PTH100 (resolve() would follow links)
    return uri


def usable_uri(stored: str) -> str:
    """Return the path or URI that ``storable_uri`` was given (made absolute if it was encoded)."""
    if not stored.startswith("file:///"):
        return stored
    path = os.fsdecode(unquote_to_bytes(stored.removeprefix("file://")))
    return path if storable_uri(path) == stored else stored
