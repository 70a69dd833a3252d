"""Joining the tracklets of one shot into tracks.

A tracklet breaks where a face was missed for longer than ``max_gap_s`` or changed its look at
once (turned away, covered). Two are joined when they never share a moment, follow each other
within ``join_gap_s``, and their templates are probably the same person; most probable pair first,
so that the order of the tracklets does not matter.
"""

from __future__ import annotations

import numpy as np

from vidsearch.track.association import Confidence
from vidsearch.track.config import TrackingConfig
from vidsearch.track.tracklet import Tracklet


def _gap_s(first: Tracklet, second: Tracklet) -> float:
    """Seconds between two tracklets; negative where they overlap in time."""
    return max(first.times_s[0], second.times_s[0]) - min(first.ends_s[-1], second.ends_s[-1])


def join(
    tracklets: list[Tracklet], confidence: Confidence, config: TrackingConfig
) -> list[Tracklet]:
    """Return the joined tracklets of one shot, ordered by their first time and place."""
    pool = sorted(tracklets, key=lambda t: (t.times_s[0], *t.boxes[0].tolist()))
    while len(pool) > 1:
        pair = _best_pair(pool, confidence, config)
        if pair is None:
            break
        earlier, later = sorted(pair, key=lambda i: pool[i].times_s[0])
        pool[earlier].absorb(pool[later])
        del pool[later]
    return sorted(pool, key=lambda t: (t.times_s[0], *t.boxes[0].tolist()))


def _best_pair(
    pool: list[Tracklet], confidence: Confidence, config: TrackingConfig
) -> tuple[int, int] | None:
    centres = np.stack([t.centre() for t in pool])
    likely = confidence((centres @ centres.T).astype(np.float32))
    rows, columns = np.triu_indices(len(pool), k=1)
    for at in np.argsort(-likely[rows, columns], kind="stable"):
        a, b = int(rows[at]), int(columns[at])
        if likely[a, b] < config.join_confidence:
            return None
        # Overlapping in time is a cannot-link: one person is not in two places.
        if -1e-9 <= _gap_s(pool[a], pool[b]) <= config.join_gap_s:
            return a, b
    return None
