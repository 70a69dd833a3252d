"""Tracker: faces of sampled frames to tracks, one shot at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import FrameFaces, TimeSpan, Track
from vidsearch.errors import ConfigError
from vidsearch.faces.template import normalise, pool
from vidsearch.faces.track.association import (
    Appearance,
    SimilarityCalibration,
    appearance_log_odds,
    is_another_person,
    log_odds,
    position_log_odds,
)
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.joining import join
from vidsearch.faces.track.kept import best_first, best_per_time_span
from vidsearch.faces.track.tracklet import Tracklet

_TIME_TOLERANCE_S = 1e-6


class Tracker:
    """Links the faces of a video's sampled frames into tracks.

    Call ``update`` with the frames in time order, then ``finish`` once. Faces are not linked across
    cuts. Equal frames give equal tracks in equal order.

    Args:
        model_id: Vector space of the embeddings.
        confidence: Calibration of the pack: similarity to probability of the same person.
        config: Settings; None for the defaults.
    """

    def __init__(
        self,
        model_id: str,
        confidence: SimilarityCalibration,
        config: TrackingConfig | None = None,
    ) -> None:
        self._frame_wh = (0, 0)
        self._model_id = model_id
        self._confidence = confidence
        self._config = config if config is not None else TrackingConfig()
        self._open: list[Tracklet] = []
        self._closed: list[Tracklet] = []
        self._tracks: list[tuple[Track, _SampleSpan]] = []
        self._shot_samples: dict[int, tuple[float, float]] = {}
        self._last_s = -np.inf
        self._last_duration_s = 0.0

    def update(self, faces: FrameFaces) -> None:
        """Add the faces of the next sampled frame; a frame may have none.

        Raises:
            ConfigError: The frame is not later than the previous one.
        """
        if faces.time_s <= self._last_s:
            raise ConfigError(
                f"frames must come in time order; got {faces.time_s} s after {self._last_s} s"
            )
        if faces.shot not in self._shot_samples:
            self._end_shot()
            self._frame_wh = faces.frame_wh
            self._shot_samples[faces.shot] = (faces.time_s, faces.time_s)
        self._shot_samples[faces.shot] = (self._shot_samples[faces.shot][0], faces.time_s)
        self._expire(faces.time_s)
        links = self._associate(faces)
        self._last_s, self._last_duration_s = faces.time_s, faces.frame_duration_s
        for row in range(len(faces)):
            tracklet = links.get(row)
            if tracklet is None:
                tracklet = Tracklet(faces.shot)
                self._open.append(tracklet)
            tracklet.add(faces, row, self._config.kept_faces)

    def finish(self, shots: tuple[TimeSpan, ...]) -> list[Track]:
        """Return all tracks, ordered by start, then box.

        Args:
            shots: Time span of every shot. A track that includes the first (last) sample of its
                shot is extended to the shot's start (end).
        """
        self._end_shot()
        return [
            replace(track, span=samples.within_shot(shots[track.shot]))
            for track, samples in self._tracks
        ]

    def _expire(self, now_s: float) -> None:
        # At a low rate the time to the next frame may be longer than the longest gap.
        next_frame = now_s <= self._last_s + self._last_duration_s + _TIME_TOLERANCE_S
        alive: list[Tracklet] = []
        for tracklet in self._open:
            fresh = now_s - tracklet.times_s[-1] <= self._config.max_gap_s
            fresh |= next_frame and tracklet.times_s[-1] == self._last_s
            (alive if fresh else self._closed).append(tracklet)
        self._open = alive

    def _end_shot(self) -> None:
        joined = join(self._closed + self._open, self._frame_wh, self._confidence, self._config)
        # Only the tracks are kept, not the data for linking: a video has thousands of tracks.
        self._tracks += [self._to_track(tracklet) for tracklet in joined]
        self._open, self._closed = [], []

    def _associate(self, faces: FrameFaces) -> dict[int, Tracklet]:
        """Return the open tracklet of each linked face, by row: the likeliest assignment."""
        if not self._open or not len(faces):
            return {}
        from scipy.optimize import linear_sum_assignment

        tracklets = [t.recent() for t in self._open]
        compared = Appearance(normalise(faces.embeddings), faces.quality)
        appearance = appearance_log_odds(tracklets, compared, self._confidence)
        elapsed_s = np.array([[faces.time_s - t.times_s[-1]] for t in self._open])
        position = position_log_odds(
            np.stack([t.boxes[-1] for t in self._open]),
            np.minimum(elapsed_s, self._config.max_gap_s),
            faces.detections.boxes_xyxy,
            self._frame_wh,
            self._config.drift_sizes_per_s,
        )
        gain: NDArray[np.float64] = appearance + position
        veto = self._config.veto_confidence
        gain[(appearance < log_odds(np.array(veto))) | (gain <= 0)] = 0.0
        sparse = [row for row, tracklet in enumerate(self._open) if tracklet.is_sparse]
        if sparse:
            distant = [tracklets[row] for row in sparse]
            gain[sparse] *= ~is_another_person(distant, compared, self._confidence, veto)
        rows, columns = linear_sum_assignment(gain, maximize=True)
        return {
            int(column): self._open[row]
            for row, column in zip(rows, columns, strict=True)
            if gain[row, column] > 0
        }

    def _to_track(self, tracklet: Tracklet) -> tuple[Track, _SampleSpan]:
        """Return the track, and the span of its samples."""
        first_sample, last_sample = self._shot_samples[tracklet.shot]
        span = TimeSpan(tracklet.times_s[0], tracklet.ends_s[-1])
        samples = _SampleSpan(
            span, tracklet.times_s[0] == first_sample, tracklet.times_s[-1] == last_sample
        )
        faces = best_first(best_per_time_span(tracklet.candidates, self._config.kept_faces))
        best = faces[0]
        track = Track(
            span=span,
            best_s=best.time_s,
            shot=tracklet.shot,
            face_count=len(tracklet.times_s),
            quality=best.quality,
            box_xyxy=best.box_xyxy,
            template=pool(np.stack(tracklet.embeddings), self._model_id),
            faces=faces,
        )
        return track, samples


@dataclass(frozen=True, slots=True)
class _SampleSpan:
    """Span of a track's samples, before the span of its shot is known.

    Attributes:
        span: From the first sample to the last one.
        from_first: True if the track includes the first sample of the shot.
        to_last: True if the track includes the last sample of the shot.
    """

    span: TimeSpan
    from_first: bool
    to_last: bool

    def within_shot(self, shot: TimeSpan) -> TimeSpan:
        start, end = self.span.start_s, self.span.end_s
        return TimeSpan(
            min(start, shot.start_s) if self.from_first else start,
            max(end, shot.end_s) if self.to_last else end,
        )
