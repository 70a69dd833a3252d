"""Slices of a video -> record and tracks, equal to those of the video read whole."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from pipelines.stages.decode_stream import DecodingResult, new_tracker
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import SampledFrame, SlicedVideo, SliceOutcome
from pipelines.stages.turning.parts import joined
from pipelines.stages.video_record import indexed_video
from vidsearch.catalog.records import IndexedVideo, TurnedPart
from vidsearch.datatypes import TimeSpan, Track
from vidsearch.faces.track import Tracker
from vidsearch.models.registry import LoadedPack
from vidsearch.read_options import Anchor
from vidsearch.video.losses.losses import NO_LOSSES, Faults
from vidsearch.video.slices import FrameHash, ShotStart


class SliceJoiner:
    """Joins slices in any order of arrival; holds only the slices that arrive early.

    A shot that crosses a slice boundary is tracked here, from the faces of its frames.

    Attributes:
        video: The sliced video.
        error: Reason for which the slices do not join; empty while they do.

    Args:
        video: The sliced video.
        models: Name and calibration of the model.
        config: Configuration of tracking.
    """

    def __init__(self, video: SlicedVideo, models: LoadedPack, config: IndexConfig) -> None:
        self.video = video
        self._models = models
        self._config = config
        self._early: dict[int, SliceOutcome] = {}
        self._next = 0
        self._expected: list[FrameHash] = []
        self._settled: float = -math.inf
        self._tracks: list[Track] = []
        self._shots = 0
        self._shot: ShotStart | None = None
        self._tracker: Tracker = new_tracker(models, config)
        self._frames_sampled = self._faces_seen = self._faces_too_poor = 0
        self._decoded = self._errors = self._damaged = 0
        self._losses = NO_LOSSES
        self._turned_parts: list[TurnedPart] = []
        self._end: Fraction | None = None
        self._end_s = 0.0
        self._seekable = True
        self._anchors: dict[int, Anchor] = {}
        self.error = ""

    def add(self, outcome: SliceOutcome) -> None:
        """Add a slice; set ``error`` if it does not fit the slice before it."""
        self._early[outcome.number] = outcome
        while not self.error and self._next in self._early:
            self._append(self._early.pop(self._next))
            self._next += 1

    @property
    def complete(self) -> bool:
        """True if all slices were added."""
        return self._next == self.video.slices

    def finish(self) -> IndexedVideo:
        """Return record and tracks of the whole video."""
        self._close_shot(self._end_s)
        report = self.video.expected.compare(
            self._decoded,
            self._end,
            Faults(errors=self._errors, damaged=self._damaged, losses=self._losses),
            file=self.video.file,
            ends=self.video.ends,
        )
        decoded = DecodingResult(
            info=self.video.info,
            read=replace(
                self.video.read,
                seekable=self._seekable,
                anchors=() if self._seekable else tuple(self._anchors.values()),
            ),
            report=report,
            tracks=tuple(self._tracks),
            shots=self._shots,
            frames_sampled=self._frames_sampled,
            faces_seen=self._faces_seen,
            faces_too_poor=self._faces_too_poor,
            turned_parts=joined(self._turned_parts),
        )
        source, video_id = self.video.source, self.video.video_id
        return indexed_video(source, video_id, [decoded], self._models.model_id)

    def _append(self, outcome: SliceOutcome) -> None:
        reading = outcome.reading
        # A loss at a border cannot be told apart from one in either slice.
        if reading.opening_hashes != self._expected or reading.opening_losses != NO_LOSSES:
            self.error = f"slice {outcome.number} decodes differently from the whole video"
            return
        self._expected = reading.following_hashes
        self._track_frames(outcome.head)
        if reading.shots:
            first = self._shots
            self._begin_shot(reading.shots[0])
            self._tracks += [replace(t, shot=first + t.shot - 1) for t in outcome.tracks]
            for start in reading.shots[1:]:
                self._begin_shot(start)
            self._track_frames(outcome.tail)
        self._frames_sampled += outcome.frames_sampled
        self._faces_seen += outcome.faces_seen
        self._faces_too_poor += outcome.faces_too_poor
        self._turned_parts += outcome.turned_parts
        self._decoded += reading.frames_decoded
        self._errors += reading.errors
        self._damaged += reading.damaged
        self._losses += reading.losses
        self._seekable &= reading.seekable is True
        self._anchors.update({anchor.tick: anchor for anchor in reading.anchors})
        if reading.end is not None:
            self._end, self._end_s = reading.end, reading.last_end_s
        settled = math.inf if reading.settled_pts is None else reading.settled_pts
        self._settled = max(self._settled, settled)

    def _begin_shot(self, start: ShotStart) -> None:
        previous_s = start.previous_end_s
        self._close_shot(self._end_s if previous_s is None else previous_s)
        self._shot = start
        self._shots += 1

    def _close_shot(self, end_s: float) -> None:
        if self._shot is None:
            return
        span = TimeSpan(self._shot.time_s, end_s)
        tracks = self._tracker.finish((span,))
        self._tracks += [replace(track, shot=self._shots - 1) for track in tracks]
        self._tracker = new_tracker(self._models, self._config)

    def _track_frames(self, frames: tuple[SampledFrame, ...]) -> None:
        """Track frames of the open shot, except those that the slice before settled."""
        for frame in frames:
            if frame.pts >= self._settled:
                self._tracker.update(replace(frame.faces, shot=0))
                self._frames_sampled += 1
                self._faces_seen += len(frame.faces)
                self._faces_too_poor += int(frame.faces.too_poor.sum())
