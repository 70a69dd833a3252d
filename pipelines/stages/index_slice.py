"""One slice of a long video -> its tracks, and the frames that its neighbours have a part in."""

from __future__ import annotations

from dataclasses import replace

from pipelines.stages import faces
from pipelines.stages.index_video import Opened, new_tracker
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, SeenFrame, SlicedVideo, SliceOutcome
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
    """Decode, detect, embed and, within shots that begin and end in the slice, track.

    Args:
        video: Where it is cut.
        number: The slice's, from 0.
        models: Detector, embedder and calibration.
        config: How to sample and track.
        opened: See ``index_video.run``.
    """
    try:
        return _watch(video, number, models, config, opened)
    except VideoError as error:
        kind, message = type(error).__name__, str(error)
    except MemoryError as error:
        kind, message = "MemoryError", f"out of memory: {error}"
    return Failure("decode", video.source, kind, message, video.video_id)


def _watch(
    video: SlicedVideo,
    number: int,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None,
) -> SliceOutcome:
    head: list[SeenFrame] = []
    tracks: list[Track] = []
    shot: list[SeenFrame] = []
    sampled = seen = poor = at = 0
    with open_video(video.source.uri, config.decoder) as reader:
        if opened is not None:
            opened(reader.info.duration_s)
        sampler = SliceSampler(reader, config.sampling, *video.ends_of(number))
        for frame in sampler:
            if frame.shot > at:
                if at == 0:
                    head = shot
                else:
                    begun = sampler.reading.shots
                    span = TimeSpan(begun[at - 1].time_s, begun[at].time_s)
                    tracks += _track(shot, span, at, video, models, config)
                    sampled += len(shot)
                    seen += sum(len(f.faces) for f in shot)
                    poor += sum(int(f.faces.too_poor.sum()) for f in shot)
                at, shot = frame.shot, []
            found = faces.run(frame, models, config.tracking.jpeg_quality)
            shot.append(SeenFrame(frame.pts, found))
    if at == 0:
        head, shot = shot, []
    return SliceOutcome(
        number, sampler.reading, tuple(head), tuple(tracks), tuple(shot), sampled, seen, poor
    )


def _track(
    frames: list[SeenFrame],
    span: TimeSpan,
    shot: int,
    video: SlicedVideo,
    models: LoadedPack,
    config: IndexConfig,
) -> list[Track]:
    tracker = new_tracker(video.info, models, config)
    for frame in frames:
        tracker.update(replace(frame.faces, shot=0))
    return [replace(track, shot=shot) for track in tracker.finish((span,))]
