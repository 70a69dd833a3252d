"""One video -> its tracks: the whole work of one video in one place, so that no picture travels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeAlias

from pipelines.stages import faces
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, KnownVideo, Outcome, SlicedVideo
from vidsearch.catalog.records import IndexedVideo, VideoRecord
from vidsearch.datatypes import Track
from vidsearch.errors import VideoError
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id
from vidsearch.video.open import open_video
from vidsearch.video.sampling import FrameSampler
from vidsearch.video.types import ReadReport, VideoInfo

Opened: TypeAlias = Callable[[float | None], None]


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of looking through a video once, whole or in slices."""

    info: VideoInfo
    report: ReadReport
    tracks: tuple[Track, ...]
    frames_sampled: int
    faces_seen: int
    faces_too_poor: int


def run(
    source: VideoSource,
    models: LoadedPack,
    config: IndexConfig,
    known: Collection[str] = (),
    opened: Opened | None = None,
    *,
    may_slice: bool = False,
) -> Outcome | SlicedVideo:
    """Identify, decode, detect, embed and track one video.

    Args:
        source: The file.
        models: Detector, embedder and calibration.
        config: How to sample and track.
        known: Contents that are indexed already; they are not looked at again.
        opened: Told the video's length in seconds (None if unknown) once it is open.
        may_slice: Whether a long video may be given back to be read in slices.

    Returns:
        The video's record and tracks, or that its content is known, or why it failed: a file that
        is broken in any way never raises. Or where a long video is to be cut.
    """
    stage, video_id = "identify", None
    try:
        video_id = content_id(source.uri)
        if video_id in known:
            return KnownVideo(source, video_id)
        stage = "decode"
        sliced = _slices(source, video_id, config) if may_slice else None
        if sliced is not None:
            return sliced
        watched = _watch(source, models, config, opened)
    except VideoError as error:
        return Failure(stage, source, type(error).__name__, str(error), video_id)
    except MemoryError as error:
        return Failure(stage, source, "MemoryError", f"out of memory: {error}", video_id)
    return IndexedVideo(record(source, video_id, watched, models.model_id), watched.tracks)


def new_tracker(info: VideoInfo, models: LoadedPack, config: IndexConfig) -> Tracker:
    """Return a tracker for a video's frames."""
    return Tracker(
        (info.width, info.height), models.model_id, models.calibration.confidence, config.tracking
    )


def _slices(source: VideoSource, video_id: str, config: IndexConfig) -> SlicedVideo | None:
    """Return where to cut a video, if it is long enough and can be cut."""
    every_s = config.slice_minutes * 60
    with open_video(source.uri, config.decoder) as reader:
        info, promise = reader.info, reader.expected
        if promise is None or not promise.duration_s or promise.duration_s <= 2 * every_s:
            return None
        # A short rest is not worth a slice of its own.
        last = promise.first + (promise.duration_s - every_s / 2) / float(promise.time_base)
        borders = tuple(border for border in reader.keyframe_cuts(every_s) if border < last)
    return SlicedVideo(source, video_id, info, promise, borders) if borders else None


def _watch(
    source: VideoSource, models: LoadedPack, config: IndexConfig, opened: Opened | None
) -> Watched:
    with open_video(source.uri, config.decoder) as reader:
        info = reader.info
        if opened is not None:
            opened(info.duration_s)
        tracker = new_tracker(info, models, config)
        sampler = FrameSampler(reader, config.sampling)
        seen = poor = 0
        for frame in sampler:
            found = faces.run(frame, models, config.tracking.jpeg_quality)
            seen += len(found)
            poor += int(found.too_poor.sum())
            tracker.update(found)
        tracks = tuple(tracker.finish(sampler.shots))
        return Watched(info, reader.report(), tracks, sampler.frames_sampled, seen, poor)


def record(source: VideoSource, video_id: str, watched: Watched, model_id: str) -> VideoRecord:
    """Return what the catalog says of a video that was looked through."""
    info, report = watched.info, watched.report
    duration_s = info.duration_s if info.duration_s is not None else report.last_time_s
    return VideoRecord(
        video_id=video_id,
        uri=source.uri,
        size=source.size,
        mtime_ns=source.mtime_ns,
        status="partial" if report.partly_read else "indexed",
        model_id=model_id,
        duration_s=duration_s,
        read_s=duration_s * report.share,
        fps=info.fps,
        width=info.width,
        height=info.height,
        codec=info.codec,
        frames_decoded=report.frames_decoded,
        frames_sampled=watched.frames_sampled,
        faces_seen=watched.faces_seen,
        faces_too_poor=watched.faces_too_poor,
        failure=report.reason or None,
        failure_stage="decode" if report.partly_read else None,
        failure_error="PartlyRead" if report.partly_read else None,
    )
