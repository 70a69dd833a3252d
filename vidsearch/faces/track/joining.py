"""Joining the tracklets of one shot into tracks.

A tracklet ends where a face is missed for longer than ``max_gap_s`` or changes its appearance
suddenly (turned away, covered). A tracklet that begins within ``join_gap_s`` of the end of
another tracklet is linked to it if template and position indicate the same person. The most
probable links are made first. Each tracklet has at most one predecessor and one successor. Thus a
track has one box at a time, and the order of the tracklets has no influence.
"""

from __future__ import annotations

import numpy as np

from vidsearch.faces.track.association import (
    Appearance,
    SimilarityCalibration,
    appearance_log_odds,
    is_another_person,
    log_odds,
    position_log_odds,
)
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.tracklet import Tracklet

_TIME_TOLERANCE_S = 1e-9
"""Rounding error of equal times."""


def join(
    tracklets: list[Tracklet],
    frame_wh: tuple[int, int],
    confidence: SimilarityCalibration,
    config: TrackingConfig,
) -> list[Tracklet]:
    """Return the joined tracklets of one shot, ordered by first time and box."""
    ordered = sorted(tracklets, key=lambda t: (t.times_s[0], *t.boxes[0].tolist()))
    following: dict[int, int] = {}
    preceded: set[int] = set()
    for _, earlier, later in sorted(_links(ordered, frame_wh, confidence, config)):
        if earlier not in following and later not in preceded:
            following[earlier] = later
            preceded.add(later)
    joined = []
    for first, tracklet in enumerate(ordered):
        if first in preceded:
            continue
        current = first
        while current in following:
            current = following[current]
            tracklet.extend(ordered[current])
        joined.append(tracklet)
    return joined


def _links(
    ordered: list[Tracklet],
    frame_wh: tuple[int, int],
    confidence: SimilarityCalibration,
    config: TrackingConfig,
) -> list[tuple[float, int, int]]:
    """Return (negated log-odds, earlier, later) of every link above ``join_confidence``."""
    if len(ordered) < 2:
        return []
    starts = np.array([t.times_s[0] for t in ordered])
    first_boxes = np.stack([t.boxes[0] for t in ordered])
    centres = [t.centre() for t in ordered]
    vectors = np.concatenate([c.vectors for c in centres])
    quality = np.concatenate([c.quality for c in centres])
    least = float(log_odds(np.array(config.join_confidence)))
    links = []
    for earlier, tracklet in enumerate(ordered):
        end_s = tracklet.ends_s[-1]
        low = int(np.searchsorted(starts, end_s - _TIME_TOLERANCE_S))
        high = int(np.searchsorted(starts, end_s + config.join_gap_s, side="right"))
        if low >= high:
            continue
        near = Appearance(vectors[low:high], quality[low:high])
        odds = appearance_log_odds([centres[earlier]], near, confidence) + position_log_odds(
            tracklet.boxes[-1][None],
            (starts[low:high] - tracklet.times_s[-1])[None],
            first_boxes[low:high],
            frame_wh,
            config.drift_sizes_per_s,
        )
        if tracklet.is_sparse:
            odds[
                is_another_person([centres[earlier]], near, confidence, config.veto_confidence)
            ] = -np.inf
        links += [
            (-float(odds[0, column]), earlier, low + int(column))
            for column in np.flatnonzero(odds[0] >= least)
        ]
    return links
