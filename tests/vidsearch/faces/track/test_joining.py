"""Joining tracklets of one shot: who may follow whom."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsearch.datatypes import Detections, FrameFaces
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.joining import join
from vidsearch.faces.track.tracklet import Tracklet

FRAME_WH = (640, 360)
FRAME_S = 0.5


def confidence(similarity: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return 0.99 for equal vectors and 0.01 for orthogonal ones."""
    return 0.01 + 0.98 * np.clip(similarity.astype(np.float64), 0, 1)


def tracklet(person: int, times_s: list[float], x: float = 100.0) -> Tracklet:
    """Return a tracklet of one person; the embedding is the unit vector of the person."""
    made = Tracklet(shot=0)
    for time_s in times_s:
        boxes = np.array([[x - 30, 100, x + 30, 160]], np.float32)
        faces = FrameFaces(
            time_s,
            FRAME_S,
            0,
            FRAME_WH,
            Detections(boxes, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32)),
            np.eye(4, dtype=np.float32)[person][None],
            np.ones(1, np.float32),
            np.zeros(1, np.bool_),
            (b"",),
            np.zeros((5, 2), np.float32),
        )
        made.add(faces, 0, kept_faces=5)
    return made


def joined(*tracklets: Tracklet, config: TrackingConfig | None = None) -> list[list[float]]:
    """Return the times of the faces of each joined tracklet."""
    settings = config if config is not None else TrackingConfig()
    return [t.times_s for t in join(list(tracklets), FRAME_WH, confidence, settings)]


def test_a_face_that_comes_back_at_the_same_place_is_one_track() -> None:
    assert joined(tracklet(0, [0.0, 0.5]), tracklet(0, [4.0, 4.5])) == [[0.0, 0.5, 4.0, 4.5]]


def test_another_person_at_the_same_place_is_another_track() -> None:
    assert joined(tracklet(0, [0.0]), tracklet(1, [2.0])) == [[0.0], [2.0]]


@pytest.mark.parametrize(("start_s", "tracks"), [(5.5, 1), (5.6, 2)])
def test_the_longest_gap_is_counted_from_the_end_of_the_last_frame(
    start_s: float, tracks: int
) -> None:
    # The frame at 0 s is shown until 0.5 s; 5 s later a join is still allowed.
    assert len(joined(tracklet(0, [0.0]), tracklet(0, [start_s]))) == tracks


def test_one_person_is_never_in_two_places_at_a_time() -> None:
    assert joined(tracklet(0, [0.0, 1.0]), tracklet(0, [1.0], x=160)) == [[0.0, 1.0], [1.0]]


def test_of_two_successors_the_nearer_one_follows() -> None:
    parts = [tracklet(0, [0.0]), tracklet(0, [1.0], x=110), tracklet(0, [1.0], x=300)]
    assert [0.0, 1.0] in joined(*parts)
    kept = join(parts, FRAME_WH, confidence, TrackingConfig())
    assert [t.boxes[-1][0] for t in kept if len(t.times_s) == 2] == [80.0]


def test_the_order_of_the_tracklets_has_no_influence() -> None:
    def parts() -> list[Tracklet]:
        return [
            tracklet(0, [0.0]),
            tracklet(0, [1.0], x=120),
            tracklet(1, [1.0], x=300),
            tracklet(1, [3.0], x=320),
        ]

    results = [joined(*(parts()[row] for row in order)) for order in permutations(range(4))]
    assert results[0] == [[0.0, 1.0], [1.0, 3.0]]
    assert all(result == results[0] for result in results)


def test_a_chain_is_one_track_with_the_sum_of_all_embeddings() -> None:
    parts = [tracklet(0, [time_s]) for time_s in (0.0, 3.0, 6.0)]
    (track,) = join(parts, FRAME_WH, confidence, TrackingConfig())
    assert track.total is not None
    assert track.total.tolist() == [3, 0, 0, 0]
    assert len(track.candidates) == len(track.boxes) == len(track.qualities) == 3


def test_nothing_to_join() -> None:
    assert joined() == []
