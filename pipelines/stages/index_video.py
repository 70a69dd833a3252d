"""One video -> its tracks. All work on a video runs in one task, so no frame crosses machines."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import TypeAlias

from pipelines.stages import faces
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, KnownVideo, Outcome, SlicedVideo
from vidsearch.catalog.records import IndexedVideo, StreamRecord, VideoRecord
from vidsearch.datatypes import Track
from vidsearch.errors import VideoError
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import ReadOptions
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id
from vidsearch.video.open import open_video
from vidsearch.video.report import ReadReport
from vidsearch.video.sampling import FrameSampler
from vidsearch.video.types import VideoInfo

Opened: TypeAlias = Callable[[float | None], None]


@dataclass(frozen=True, slots=True)
class DecodingResult:
    """Result of one decoding pass over a video or its slices."""

    info: VideoInfo
    read: ReadOptions
    report: ReadReport
    tracks: tuple[Track, ...]
    frames_sampled: int
    faces_seen: int
    faces_too_poor: int


def run(
    source: VideoSource,
    models: LoadedPack,
    config: IndexConfig,
    indexed: Collection[str] = (),
    opened: Opened | None = None,
    *,
    may_slice: bool = False,
) -> Outcome | SlicedVideo:
    """Identify, decode, detect, embed and track one video.

    Args:
        source: The file.
        models: Detector, embedder and calibration.
        config: Configuration of sampling and tracking.
        indexed: Content hashes that are indexed already; such a video is not decoded.
        opened: Called with the length in seconds (None if unknown) once the video is open.
        may_slice: Return the slices of a long video instead of indexing it.

    Returns:
        Record and tracks of the video; ``KnownVideo`` for an indexed content; ``Failure`` for a
        damaged file, which never raises; or ``SlicedVideo`` for a long video.
    """
    stage, video_id = "identify", None
    try:
        video_id = content_id(source.uri)
        if video_id in indexed:
            return KnownVideo(source, video_id)
        stage = "decode"
        sliced = _slice_plan(source, video_id, config) if may_slice else None
        if sliced is not None:
            return sliced
        result = _decode(source, models, config, opened)
    except VideoError as error:
        name = type(error).__name__
        return Failure(stage, source, name, str(error), video_id, error.unreachable)
    except MemoryError as error:
        return Failure(stage, source, "MemoryError", f"out of memory: {error}", video_id)
    return IndexedVideo(record(source, video_id, result, models.model_id), result.tracks)


def new_tracker(models: LoadedPack, config: IndexConfig) -> Tracker:
    """Return a tracker for a video's frames."""
    return Tracker(models.model_id, models.calibration.confidence, config.tracking)


def _slice_plan(source: VideoSource, video_id: str, config: IndexConfig) -> SlicedVideo | None:
    """Return the slices of a video; None if it is short or cannot be cut."""
    every_s = config.slice_minutes * 60
    with open_video(source.uri, config.decoder) as reader:
        info, read, expected = reader.info, reader.read_options, reader.expected
        if expected is None or not expected.duration_s or expected.duration_s <= 2 * every_s:
            return None
        # The last slice absorbs a remainder shorter than half a slice.
        last = expected.first + (expected.duration_s - every_s / 2) / float(expected.time_base)
        cuts = tuple(cut for cut in reader.keyframe_cuts(every_s) if cut < last)
        if not cuts:
            return None
        file, ends = reader.file_promise, reader.last_packets(cuts[-1])
    return SlicedVideo(source, video_id, info, read, expected, cuts, file, ends)


def _decode(
    source: VideoSource, models: LoadedPack, config: IndexConfig, opened: Opened | None
) -> DecodingResult:
    with open_video(source.uri, config.decoder) as reader:
        info = reader.info
        if opened is not None:
            opened(info.duration_s)
        tracker = new_tracker(models, config)
        sampler = FrameSampler(reader, config.sampling)
        faces_seen = faces_too_poor = 0
        for frame in sampler:
            frame_faces = faces.run(frame, models, config.tracking.jpeg_quality)
            faces_seen += len(frame_faces)
            faces_too_poor += int(frame_faces.too_poor.sum())
            tracker.update(frame_faces)
        tracks = tuple(tracker.finish(sampler.shots))
        return DecodingResult(
            info,
            reader.read_options,
            reader.report(),
            tracks,
            sampler.frames_sampled,
            faces_seen,
            faces_too_poor,
        )


def record(
    source: VideoSource, video_id: str, result: DecodingResult, model_id: str
) -> VideoRecord:
    """Return the catalog record of a decoded video."""
    info, report = result.info, result.report
    return VideoRecord(
        video_id=video_id,
        uri=source.uri,
        size=source.size,
        mtime_ns=source.mtime_ns,
        status="partial" if report.partly_read else "indexed",
        model_id=model_id,
        duration_s=report.duration_s,
        read_s=report.duration_s * report.share,
        fps=info.fps,
        width=info.width,
        height=info.height,
        codec=info.codec,
        frames_decoded=report.frames_decoded,
        frames_sampled=result.frames_sampled,
        faces_seen=result.faces_seen,
        faces_too_poor=result.faces_too_poor,
        streams=stream_records(info, result.read),
        failure=report.reason or None,
        failure_stage="decode" if report.partly_read else None,
        failure_error="PartlyRead" if report.partly_read else None,
    )


def stream_records(info: VideoInfo, read: ReadOptions) -> tuple[StreamRecord, ...]:
    """Return the records of the video streams of a file, in the order of its container.

    Args:
        info: Facts of the decoded stream and of the other streams.
        read: Options with which the decoded stream is read again.
    """
    decoded = StreamRecord(
        index=info.stream,
        indexed=True,
        codec=info.codec,
        width=info.width,
        height=info.height,
        turn_deg=read.turn_deg,
        seekable=read.seekable,
        anchors=read.anchors,
    )
    others = (StreamRecord(indexed=False, **asdict(stream)) for stream in info.other_streams)
    return tuple(sorted((decoded, *others), key=lambda stream: stream.index))
