"""Results of a video's streams -> its catalog record and tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from pipelines.stages.decode_stream import DecodingResult
from vidsearch.catalog.records import IndexedVideo, StreamRecord, VideoRecord
from vidsearch.datatypes import Track
from vidsearch.read_options import ReadOptions
from vidsearch.video.discover import VideoSource
from vidsearch.video.types import VideoInfo


def indexed_video(
    source: VideoSource, video_id: str, results: Sequence[DecodingResult], model_id: str
) -> IndexedVideo:
    """Return record and tracks of a video.

    Args:
        source: The file.
        video_id: Content hash.
        results: Results of the decoded streams, the film first.
        model_id: Model of the tracks' templates.
    """
    info = results[0].info
    lengths = [result.report.duration_s for result in results]
    duration_s = max(lengths)
    read_s = sum(n * r.report.share for n, r in zip(lengths, results, strict=True))
    reasons = [_reason(result, results) for result in results if result.report.partly_read]
    record = VideoRecord(
        video_id=video_id,
        uri=source.uri,
        size=source.size,
        mtime_ns=source.mtime_ns,
        status="partial" if reasons else "indexed",
        model_id=model_id,
        duration_s=duration_s,
        read_s=duration_s * (read_s / sum(lengths) if sum(lengths) else 1.0),
        fps=info.fps,
        assumed_fps=info.assumed_fps,
        width=info.width,
        height=info.height,
        codec=info.codec,
        frames_decoded=sum(result.report.frames_decoded for result in results),
        frames_sampled=sum(result.frames_sampled for result in results),
        faces_seen=sum(result.faces_seen for result in results),
        faces_too_poor=sum(result.faces_too_poor for result in results),
        streams=stream_records([(result.info, result.read) for result in results]),
        turned_parts=tuple(
            replace(part, stream=result.info.stream)
            for result in results
            for part in result.turned_parts
        ),
        failure="; ".join(reasons) or None,
        failure_stage="decode" if reasons else None,
        failure_error="PartlyRead" if reasons else None,
    )
    return IndexedVideo(record, _tracks(results))


def stream_records(
    decoded: Sequence[tuple[VideoInfo, ReadOptions]],
) -> tuple[StreamRecord, ...]:
    """Return the records of the video streams of a file, in the order of its container.

    Args:
        decoded: Facts and options of the decoded streams, the film first.
    """
    film, _ = decoded[0]
    records = {
        stream.index: StreamRecord(indexed=False, **asdict(stream)) for stream in film.other_streams
    }
    for info, read in decoded:
        records[info.stream] = StreamRecord(
            index=info.stream,
            indexed=True,
            codec=info.codec,
            width=info.width,
            height=info.height,
            turn_deg=read.turn_deg,
            seekable=read.seekable,
            anchors=read.anchors,
        )
    return tuple(records[index] for index in sorted(records))


def _reason(result: DecodingResult, results: Sequence[DecodingResult]) -> str:
    reason = result.report.reason
    return reason if len(results) == 1 else f"stream {result.info.stream}: {reason}"


def _tracks(results: Sequence[DecodingResult]) -> tuple[Track, ...]:
    """Return the tracks of all streams, with shots counted on from stream to stream."""
    if len(results) == 1:
        return results[0].tracks
    tracks: list[Track] = []
    shots = 0
    for result in results:
        tracks += [
            replace(track, shot=shots + track.shot, stream=result.info.stream)
            for track in result.tracks
        ]
        shots += result.shots
    return tuple(tracks)
