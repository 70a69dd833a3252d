"""Kept faces of a track: spread over time, the best one always among them."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import KeptFace
from vidsearch.faces.track.kept import best_first, best_per_time_span

POINTS = np.zeros((5, 2), np.float32)


def face(time_s: float, quality: float) -> KeptFace:
    zeros = np.zeros(4, np.float32)
    return KeptFace(time_s, zeros, POINTS, 0.9, quality, zeros, b"", POINTS)


def facts(faces: list[KeptFace] | tuple[KeptFace, ...]) -> list[tuple[float, float]]:
    return [(found.time_s, found.quality) for found in faces]


def test_the_best_of_each_half_by_hand() -> None:
    # The best two faces both lie in the first half [0, 5); one comes from the second half.
    faces = [face(0, 0.9), face(1, 0.95), face(6, 0.2), face(10, 0.3)]
    assert facts(best_per_time_span(faces, 2)) == [(1, 0.95), (10, 0.3)]


def test_of_equal_qualities_the_earlier_face_is_kept() -> None:
    faces = [face(3, 0.5), face(0, 0.5), face(10, 0.5), face(6, 0.5)]
    assert facts(best_per_time_span(faces, 2)) == [(0, 0.5), (6, 0.5)]


FACES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([0.2, 0.5, 0.8])),
    min_size=1,
    max_size=25,
    unique_by=lambda pair: pair[0],
)


@given(FACES, st.integers(1, 6), st.randoms())
def test_the_best_face_is_always_kept(
    pairs: list[tuple[int, float]], keep: int, random: Random
) -> None:
    faces = [face(*pair) for pair in pairs]
    kept = best_per_time_span(faces, keep)
    assert 1 <= len(kept) <= keep
    assert set(facts(kept)) <= set(facts(faces))
    assert max(facts(kept), key=lambda pair: pair[1])[1] == max(quality for _, quality in pairs)
    assert facts(kept) == sorted(facts(kept)), "in time order"
    random.shuffle(faces)
    assert facts(best_per_time_span(faces, keep)) == facts(kept)


def test_faces_of_one_moment_leave_one() -> None:
    assert facts(best_per_time_span([face(1, 0.2), face(1, 0.8), face(1, 0.5)], 2)) == [(1, 0.8)]


def test_best_first_then_by_time() -> None:
    faces = [face(3, 0.5), face(2, 0.9), face(1, 0.5)]
    assert facts(best_first(faces)) == [(2, 0.9), (1, 0.5), (3, 0.5)]
