"""One video -> its tracks. All work on a video runs in one task, so no frame crosses machines."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pipelines.stages import decode_stream
from pipelines.stages.decode_stream import DecodingResult, Opened, turned
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, KnownVideo, Outcome, SlicedVideo
from pipelines.stages.turning.film import turn_of_long_video
from pipelines.stages.video_record import indexed_video
from vidsearch.errors import VideoError
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id
from vidsearch.video.open import open_video


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
        read = _requested(config)
        sliced = _slice_plan(source, video_id, read, models, config) if may_slice else None
        if sliced is not None:
            return sliced
        results = _decode_streams(source.uri, read, models, config, opened)
    except VideoError as error:
        name = type(error).__name__
        return Failure(stage, source, name, str(error), video_id, error.unreachable)
    except MemoryError as error:
        return Failure(stage, source, "MemoryError", f"out of memory: {error}", video_id)
    return indexed_video(source, video_id, results, models.model_id)


def _requested(config: IndexConfig) -> ReadOptions:
    stream = config.video_stream
    return ReadOptions(stream=stream) if isinstance(stream, int) else DEFAULT_READ


def _slice_plan(
    source: VideoSource, video_id: str, read: ReadOptions, models: LoadedPack, config: IndexConfig
) -> SlicedVideo | None:
    """Return the slices of a video; None if it is short, cannot be cut, or has several films."""
    every_s = config.slice_minutes * 60
    with open_video(source.uri, config.decoder, options=read) as reader:
        expected = reader.expected
        several = config.video_stream == "all" and bool(reader.info.other_streams)
    length_s = expected.duration_s if expected is not None else None
    if expected is None or not length_s or length_s <= 2 * every_s or several:
        return None
    turn_deg = turn_of_long_video(source.uri, length_s, read, models.detector)
    if turn_deg:
        read = turned(source.uri, read, turn_deg, config)
    with open_video(source.uri, config.decoder, options=read) as reader:
        info, read = reader.info, reader.read_options
        # The last slice absorbs a remainder shorter than half a slice.
        last = expected.first + (length_s - every_s / 2) / float(expected.time_base)
        cuts = tuple(cut for cut in reader.keyframe_cuts(every_s) if cut < last)
        if not cuts:
            return None
        file, ends = reader.file_promise, reader.last_packets(cuts[-1])
    return SlicedVideo(source, video_id, info, read, expected, cuts, file, ends)


def _decode_streams(
    uri: str, read: ReadOptions, models: LoadedPack, config: IndexConfig, opened: Opened | None
) -> tuple[DecodingResult, ...]:
    """Return the result of the film, and of every other film with ``video_stream="all"``."""
    first = decode_stream.run(uri, read, models, config, opened)
    if config.video_stream != "all":
        return (first,)
    results = [first]
    failures: dict[int, str] = {}
    for stream in first.info.other_streams:
        if stream.failure is None:
            other = ReadOptions(stream=stream.index)
            try:
                results.append(decode_stream.run(uri, other, models, config, opened))
            except VideoError as error:
                failures[stream.index] = str(error)
    others = tuple(
        replace(stream, failure=failures.get(stream.index, stream.failure))
        for stream in first.info.other_streams
    )
    results[0] = replace(first, info=replace(first.info, other_streams=others))
    return tuple(results)
