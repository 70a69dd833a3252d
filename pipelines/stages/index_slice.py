"""One slice of a long video -> its tracks, and the frames of shots that cross its ends."""

from __future__ import annotations

from dataclasses import replace

from pipelines.stages import faces
from pipelines.stages.decode_stream import Opened, new_tracker
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, SampledFrame, SlicedVideo, SliceOutcome
from pipelines.stages.turning.parts import PartEvidence
from vidsearch.datatypes import TimeSpan, Track
from vidsearch.errors import VideoError
from vidsearch.models.registry import LoadedPack
from vidsearch.video.open import open_video
from vidsearch.video.slices import SliceSampler


def run(
    video: SlicedVideo,
    number: int,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None = None,
) -> SliceOutcome | Failure:
    """Decode, detect and embed; track the shots that begin and end in the slice.

    Args:
        video: The sliced video.
        number: Number of the slice, from 0.
        models: Detector, embedder and calibration.
        config: Configuration of sampling and tracking.
        opened: Called with the length of the video in seconds once it is open.
    """
    try:
        return _decode(video, number, models, config, opened)
    except VideoError as error:
        kind, message, unreachable = type(error).__name__, str(error), error.unreachable
    except MemoryError as error:
        kind, message, unreachable = "MemoryError", f"out of memory: {error}", False
    return Failure("decode", video.source, kind, message, video.video_id, unreachable)


def _decode(
    video: SlicedVideo,
    number: int,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None,
) -> SliceOutcome:
    head: list[SampledFrame] = []
    tracks: list[Track] = []
    shot: list[SampledFrame] = []
    frames_sampled = faces_seen = faces_too_poor = shot_number = 0
    with open_video(video.source.uri, config.decoder, options=video.read) as reader:
        if opened is not None:
            opened(reader.info.duration_s)
        parts = PartEvidence(models.detector)
        sampler = SliceSampler(reader, config.sampling, *video.ends_of(number))
        for frame in sampler:
            if frame.shot > shot_number:
                if shot_number == 0:
                    head = shot
                else:
                    starts = sampler.reading.shots
                    start, following = starts[shot_number - 1], starts[shot_number]
                    end_s = following.previous_end_s
                    span = TimeSpan(start.time_s, following.time_s if end_s is None else end_s)
                    tracks += _track(shot, span, shot_number, models, config)
                    frames_sampled += len(shot)
                    faces_seen += sum(len(f.faces) for f in shot)
                    faces_too_poor += sum(int(f.faces.too_poor.sum()) for f in shot)
                shot_number, shot = frame.shot, []
            frame_faces = faces.run(frame, models, config.tracking.jpeg_quality, parts=parts)
            shot.append(SampledFrame(frame.pts, frame_faces))
    if shot_number == 0:
        head, shot = shot, []
    return SliceOutcome(
        number=number,
        reading=sampler.reading,
        head=tuple(head),
        tracks=tuple(tracks),
        tail=tuple(shot),
        frames_sampled=frames_sampled,
        faces_seen=faces_seen,
        faces_too_poor=faces_too_poor,
        turned_parts=parts.finish(),
    )


def _track(
    frames: list[SampledFrame],
    span: TimeSpan,
    shot: int,
    models: LoadedPack,
    config: IndexConfig,
) -> list[Track]:
    tracker = new_tracker(models, config)
    for frame in frames:
        tracker.update(replace(frame.faces, shot=0))
    return [replace(track, shot=shot) for track in tracker.finish((span,))]
