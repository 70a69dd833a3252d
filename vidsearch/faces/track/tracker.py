"""The tracker: frames' faces in, tracks out, one shot at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import FrameFaces, TimeSpan, Track
from vidsearch.errors import ConfigError
from vidsearch.faces.template import normalise, pool
from vidsearch.faces.track.association import (
    Confidence,
    View,
    appearance_log_odds,
    log_odds,
    position_log_odds,
)
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.joining import join
from vidsearch.faces.track.kept import best_first, thin
from vidsearch.faces.track.tracklet import Tracklet


class Tracker:
    """Links the faces of a video's sampled frames into tracks.

    Feed frames in time order with ``update``, then call ``finish`` once. Nothing is linked across
    a cut. The same frames always give the same tracks in the same order.

    Args:
        picture_wh: Width and height of the video's pictures, pixels.
        model_id: The embedder's space.
        confidence: The pack's calibration: similarity -> probability of the same person.
        config: Settings.
    """

    def __init__(
        self,
        picture_wh: tuple[int, int],
        model_id: str,
        confidence: Confidence,
        config: TrackingConfig | None = None,
    ) -> None:
        self._picture_wh = picture_wh
        self._model_id = model_id
        self._confidence = confidence
        self._config = config if config is not None else TrackingConfig()
        self._open: list[Tracklet] = []
        self._closed: list[Tracklet] = []
        self._done: list[tuple[Track, _Reach]] = []
        self._shot_samples: dict[int, tuple[float, float]] = {}
        self._last_s = -np.inf

    def update(self, faces: FrameFaces) -> None:
        """Take the faces of the next sampled frame (none is fine).

        Raises:
            ConfigError: The frame is not later than the one before.
        """
        if faces.time_s <= self._last_s:
            raise ConfigError(
                f"frames must come in time order; got {faces.time_s} s after {self._last_s} s"
            )
        self._last_s = faces.time_s
        if faces.shot not in self._shot_samples:
            self._end_shot()
            self._shot_samples[faces.shot] = (faces.time_s, faces.time_s)
        self._shot_samples[faces.shot] = (self._shot_samples[faces.shot][0], faces.time_s)
        self._expire(faces.time_s)
        links = self._associate(faces)
        for row in range(len(faces)):
            tracklet = links.get(row)
            if tracklet is None:
                tracklet = Tracklet(faces.shot)
                self._open.append(tracklet)
            tracklet.add(faces, row, self._config.kept_faces)

    def finish(self, shots: tuple[TimeSpan, ...]) -> list[Track]:
        """Return all tracks, ordered by start, then place.

        Args:
            shots: Span of every shot. A person seen in a shot's first (last) sample is taken to be
                there from its first (until its last) frame: no sample says otherwise.
        """
        self._end_shot()
        return [replace(track, span=reach.within(shots[track.shot])) for track, reach in self._done]

    def _expire(self, now_s: float) -> None:
        alive: list[Tracklet] = []
        for tracklet in self._open:
            fresh = now_s - tracklet.times_s[-1] <= self._config.max_gap_s
            (alive if fresh else self._closed).append(tracklet)
        self._open = alive

    def _end_shot(self) -> None:
        joined = join(self._closed + self._open, self._picture_wh, self._confidence, self._config)
        # What only linking needs goes: a video has thousands of tracks.
        self._done += [self._to_track(tracklet) for tracklet in joined]
        self._open, self._closed = [], []

    def _associate(self, faces: FrameFaces) -> dict[int, Tracklet]:
        """Return which open tracklet each face continues: the likeliest one-to-one assignment."""
        if not self._open or not len(faces):
            return {}
        from scipy.optimize import linear_sum_assignment

        looks = appearance_log_odds(
            [t.recent() for t in self._open],
            View(normalise(faces.embeddings), faces.quality),
            self._confidence,
        )
        position = position_log_odds(
            np.stack([t.boxes[-1] for t in self._open]),
            np.array([[faces.time_s - t.times_s[-1]] for t in self._open]),
            faces.detections.boxes_xyxy,
            self._picture_wh,
            self._config.drift_sizes_per_s,
        )
        gain: NDArray[np.float64] = looks + position
        veto = log_odds(np.array(self._config.veto_confidence))
        gain[(looks < veto) | (gain <= 0)] = 0.0
        rows, columns = linear_sum_assignment(gain, maximize=True)
        return {
            int(column): self._open[row]
            for row, column in zip(rows, columns, strict=True)
            if gain[row, column] > 0
        }

    def _to_track(self, tracklet: Tracklet) -> tuple[Track, _Reach]:
        """Return the track, and which ends of its span are those of its shot."""
        first_sample, last_sample = self._shot_samples[tracklet.shot]
        seen = TimeSpan(tracklet.times_s[0], tracklet.ends_s[-1])
        reach = _Reach(
            seen, tracklet.times_s[0] == first_sample, tracklet.times_s[-1] == last_sample
        )
        kept = best_first(thin(tracklet.candidates, self._config.kept_faces))
        best = kept[0]
        track = Track(
            span=seen,
            best_s=best.time_s,
            shot=tracklet.shot,
            face_count=len(tracklet.times_s),
            quality=best.quality,
            box_xyxy=best.box_xyxy,
            template=pool(np.stack(tracklet.embeddings), self._model_id),
            faces=kept,
        )
        return track, reach


@dataclass(frozen=True, slots=True)
class _Reach:
    """A track's span, before its shot's is known.

    Attributes:
        seen: From its first sample until its last.
        from_first: Whether it was there in the shot's first sample.
        to_last: Whether it was there in the shot's last sample.
    """

    seen: TimeSpan
    from_first: bool
    to_last: bool

    def within(self, shot: TimeSpan) -> TimeSpan:
        start, end = self.seen.start_s, self.seen.end_s
        return TimeSpan(
            min(start, shot.start_s) if self.from_first else start,
            max(end, shot.end_s) if self.to_last else end,
        )
