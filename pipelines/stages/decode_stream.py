"""One video stream -> its tracks, read whole, turned upright if it lies on its side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pipelines.stages import faces
from pipelines.stages.options import IndexConfig
from pipelines.stages.turning.film import TurnEvidence
from pipelines.stages.turning.parts import PartEvidence
from vidsearch.catalog.records import TurnedPart
from vidsearch.datatypes import Track
from vidsearch.errors import VideoDecodeError
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import ReadOptions
from vidsearch.text.printable import printable
from vidsearch.video.open import open_video
from vidsearch.video.report import ReadReport
from vidsearch.video.sampling import FrameSampler
from vidsearch.video.types import VideoInfo

Opened: TypeAlias = Callable[[float | None], None]


@dataclass(frozen=True, slots=True)
class DecodingResult:
    """Result of one decoding pass over a video stream or its slices.

    Attributes:
        info: Facts stated by the container.
        read: Options with which the stream is read again.
        report: Part of the stream that was read.
        tracks: Tracks of the stream.
        shots: Number of shots.
        frames_sampled: Frames in which faces were detected.
        faces_seen: Faces detected in them.
        faces_too_poor: Faces among them that are too small or too blurred to be matched.
        turned_parts: Parts that lie while the rest is upright.
    """

    info: VideoInfo
    read: ReadOptions
    report: ReadReport
    tracks: tuple[Track, ...]
    shots: int
    frames_sampled: int
    faces_seen: int
    faces_too_poor: int
    turned_parts: tuple[TurnedPart, ...] = ()


def run(
    uri: str,
    read: ReadOptions,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None = None,
) -> DecodingResult:
    """Decode, detect, embed and track one stream; a stream that lies is read again, turned.

    Args:
        uri: Path, or a URI known to fsspec.
        read: Options of the reader.
        models: Detector, embedder and calibration.
        config: Configuration of sampling and tracking.
        opened: Called with the length in seconds (None if unknown) once the video is open.

    Raises:
        VideoError: The video cannot be read, or the backend cannot turn it.
    """
    evidence = TurnEvidence()
    result = _decode(uri, read, models, config, opened, evidence)
    turn_deg = evidence.turn_deg(models.detector)
    if not turn_deg:
        return result
    return _decode(uri, turned(uri, read, turn_deg, config), models, config, opened, None)


def new_tracker(models: LoadedPack, config: IndexConfig) -> Tracker:
    """Return a tracker for a video's frames."""
    return Tracker(models.model_id, models.calibration.confidence, config.tracking)


def turned(uri: str, read: ReadOptions, turn_deg: int, config: IndexConfig) -> ReadOptions:
    """Return the options for a video that has to be turned.

    Raises:
        VideoDecodeError: The backend cannot turn frames.
    """
    if config.decoder != "pyav":
        raise VideoDecodeError(
            f"'{printable(uri)}' lies on its side and has to be turned by {turn_deg} degrees, "
            f"which {config.decoder} cannot do; use the pyav decoder"
        )
    return replace(read, turn_deg=turn_deg)


def _decode(
    uri: str,
    read: ReadOptions,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None,
    evidence: TurnEvidence | None,
) -> DecodingResult:
    with open_video(uri, config.decoder, options=read) as reader:
        info = reader.info
        if opened is not None:
            opened(info.duration_s)
        tracker = new_tracker(models, config)
        sampler = FrameSampler(reader, config.sampling)
        parts = PartEvidence(models.detector)
        faces_seen = faces_too_poor = 0
        for frame in sampler:
            frame_faces = faces.run(frame, models, config.tracking.jpeg_quality, evidence, parts)
            faces_seen += len(frame_faces)
            faces_too_poor += int(frame_faces.too_poor.sum())
            tracker.update(frame_faces)
        tracks = tuple(tracker.finish(sampler.shots))
        return DecodingResult(
            info=info,
            read=reader.read_options,
            report=reader.report(),
            tracks=tracks,
            shots=len(sampler.shots),
            frames_sampled=sampler.frames_sampled,
            faces_seen=faces_seen,
            faces_too_poor=faces_too_poor,
            turned_parts=parts.finish(sampler.shots[-1].end_s if sampler.shots else None),
        )
