"""Slices of a video -> what the whole video gives, to the last bit."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from pipelines.stages.index_video import Watched, new_tracker, record
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import SeenFrame, SlicedVideo, SliceOutcome
from vidsearch.catalog.records import IndexedVideo
from vidsearch.datatypes import TimeSpan, Track
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.video.slices import FrameHash, ShotStart


class SliceJoiner:
    """Puts slices together as they come, in any order; holds only those that come too early.

    A shot that lies across borders is tracked here, from its frames' faces in time order.

    Args:
        video: Where it was cut.
        models: For their name and calibration.
        config: How to track.
    """

    def __init__(self, video: SlicedVideo, models: LoadedPack, config: IndexConfig) -> None:
        self.video = video
        self._models = models
        self._options = config
        self._early: dict[int, SliceOutcome] = {}
        self._next = 0
        self._expected: list[FrameHash] = []
        self._settled: float = -math.inf
        self._tracks: list[Track] = []
        self._shots = 0
        self._shot: ShotStart | None = None
        self._tracker: Tracker = new_tracker(video.info, models, config)
        self._sampled = self._seen = self._poor = 0
        self._decoded = self._errors = self._damaged = 0
        self._end: Fraction | None = None
        self._end_s = 0.0
        self.trouble = ""

    def add(self, outcome: SliceOutcome) -> None:
        """Take a slice; ``trouble`` says why, where it does not fit the one before it."""
        self._early[outcome.number] = outcome
        while not self.trouble and self._next in self._early:
            self._append(self._early.pop(self._next))
            self._next += 1

    @property
    def complete(self) -> bool:
        return self._next == self.video.slices

    def finish(self) -> IndexedVideo:
        """Return the whole video's outcome."""
        self._close_shot(self._end_s)
        report = self.video.promise.compare(self._decoded, self._end, self._errors, self._damaged)
        watched = Watched(
            self.video.info, report, tuple(self._tracks), self._sampled, self._seen, self._poor
        )
        source, video_id = self.video.source, self.video.video_id
        return IndexedVideo(
            record(source, video_id, watched, self._models.model_id), watched.tracks
        )

    def _append(self, outcome: SliceOutcome) -> None:
        reading = outcome.reading
        if reading.opening_hashes != self._expected:
            self.trouble = f"slice {outcome.number} is decoded otherwise than the whole video"
            return
        self._expected = reading.following_hashes
        self._take(outcome.head)
        if reading.shots:
            first = self._shots
            self._begin_shot(reading.shots[0])
            self._tracks += [replace(t, shot=first + t.shot - 1) for t in outcome.tracks]
            for start in reading.shots[1:]:
                self._begin_shot(start)
            self._take(outcome.tail)
        self._sampled += outcome.frames_sampled
        self._seen += outcome.faces_seen
        self._poor += outcome.faces_too_poor
        self._decoded += reading.frames_decoded
        self._errors += reading.errors
        self._damaged += reading.damaged
        if reading.end is not None:
            self._end, self._end_s = reading.end, reading.last_end_s
        settled = math.inf if reading.settled_pts is None else reading.settled_pts
        self._settled = max(self._settled, settled)

    def _begin_shot(self, start: ShotStart) -> None:
        self._close_shot(start.time_s)
        self._shot = start
        self._shots += 1

    def _close_shot(self, end_s: float) -> None:
        if self._shot is None:
            return
        span = TimeSpan(self._shot.time_s, end_s)
        found = self._tracker.finish((span,))
        self._tracks += [replace(track, shot=self._shots - 1) for track in found]
        self._tracker = new_tracker(self.video.info, self._models, self._options)

    def _take(self, frames: tuple[SeenFrame, ...]) -> None:
        """Track frames of the shot that is open, less those that the slice before settled."""
        for frame in frames:
            if frame.pts >= self._settled:
                self._tracker.update(replace(frame.faces, shot=0))
                self._sampled += 1
                self._seen += len(frame.faces)
                self._poor += int(frame.faces.too_poor.sum())
