"""Data types: shapes are checked when built, no face is legal, and times are exact."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import (
    Detections,
    Frame,
    FrameFaces,
    KeptFace,
    Template,
    TimeSpan,
    Track,
    check_array,
)
from vidsearch.errors import ShapeError


def detections(count: int, **changes: Any) -> Detections:
    """Return detections whose arrays all hold the number of their row."""
    rows = np.arange(count, dtype=np.float32)
    fields = {
        "boxes_xyxy": np.repeat(rows, 4).reshape(count, 4),
        "scores": rows,
        "landmarks": np.repeat(rows, 10).reshape(count, 5, 2),
    }
    return Detections(**{**fields, **changes})


def frame_faces(count: int, **changes: Any) -> FrameFaces:
    fields: dict[str, Any] = {
        "time_s": 0.0,
        "frame_duration_s": 0.04,
        "shot": 0,
        "frame_wh": (640, 360),
        "detections": detections(count),
        "embeddings": np.zeros((count, 4), np.float32),
        "quality": np.zeros(count, np.float32),
        "too_poor": np.zeros(count, np.bool_),
        "aligned_jpegs": (b"",) * count,
        "aligned_points": np.zeros((5, 2), np.float32),
    }
    return FrameFaces(**{**fields, **changes})


def kept_face(**changes: Any) -> KeptFace:
    fields: dict[str, Any] = {
        "time_s": 0.0,
        "box_xyxy": np.zeros(4, np.float32),
        "landmarks": np.zeros((5, 2), np.float32),
        "score": 0.9,
        "quality": 0.5,
        "embedding": np.zeros(4, np.float32),
        "aligned_jpeg": b"",
        "aligned_points": np.zeros((5, 2), np.float32),
    }
    return KeptFace(**{**fields, **changes})


def frame(**changes: Any) -> Frame:
    fields: dict[str, Any] = {
        "image": np.zeros((2, 3, 3), np.uint8),
        "pts": 0,
        "time_base": Fraction(1, 90_000),
        "start": Fraction(0),
        "shot": 0,
    }
    return Frame(**{**fields, **changes})


def track(box: Any) -> Track:
    pooled = Template(np.ones(2, np.float32), 1.0, "m")
    return Track(TimeSpan(0, 1), 0.5, 0, 1, 0.5, box, pooled, ())


def template(vector: Any) -> Template:
    return Template(vector, 1.0, "m")


WRONG: list[tuple[Callable[[], object], str]] = [
    # A float64 array would double the memory and change rounding without a word.
    (lambda: frame_faces(2, embeddings=np.zeros((2, 4))), "embeddings must be .* float32"),
    (lambda: detections(2, scores=np.zeros(3, np.float32)), r"scores must be \(2\).*got \(3,\)"),
    (lambda: detections(2, boxes_xyxy=np.zeros((2, 5), np.float32)), r"boxes_xyxy must be \(N, 4"),
    (lambda: detections(1, landmarks=np.zeros((1, 10), np.float32)), r"landmarks must be \(1, 5"),
    (lambda: frame_faces(2, quality=np.zeros(1, np.float32)), "quality must be"),
    (lambda: frame_faces(2, too_poor=np.zeros(2, np.uint8)), "too_poor must be .* bool"),
    (lambda: frame_faces(2, aligned_jpegs=(b"",)), "aligned_jpegs must have 2 items.*got 1"),
    (lambda: frame_faces(0, aligned_points=np.zeros(10, np.float32)), "aligned_points must be"),
    (lambda: kept_face(box_xyxy=np.zeros((1, 4), np.float32)), r"box_xyxy must be \(4\)"),
    (lambda: kept_face(embedding=np.zeros((1, 4), np.float32)), r"embedding must be \(N\)"),
    (lambda: template(np.ones(2)), "vector must be .* float32; got .* float64"),
    (lambda: track(np.zeros(5, np.float32)), r"box_xyxy must be \(4\)"),
    (lambda: frame(image=np.zeros((2, 3), np.uint8)), r"image must be \(N, N, 3\) uint8"),
    (lambda: frame(image=np.zeros((2, 3, 3), np.float32)), "image must be .* got .* float32"),
]


@pytest.mark.parametrize(("build", "message"), WRONG)
def test_an_array_of_another_shape_or_type_is_named(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        build()


def test_no_face_is_legal() -> None:
    assert len(frame_faces(0)) == len(detections(0)) == len(Detections.empty()) == 0


def test_a_scalar_is_no_row() -> None:
    with pytest.raises(ShapeError, match=r"x must be \(N\) float32; got \(\) float32"):
        check_array("x", np.array(1, np.float32), (None,), np.float32)


@given(st.integers(0, 6).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(n)))))
def test_selected_rows_stay_together(case: tuple[int, list[int]]) -> None:
    count, order = case
    chosen = detections(count).select(np.array(order, np.intp))
    assert chosen.boxes_xyxy[:, 0].tolist() == order
    assert chosen.scores.tolist() == order
    assert chosen.landmarks[:, 4, 1].tolist() == order


def test_times_count_from_the_containers_start() -> None:
    # Tick 1,171,170 of 90,000 Hz is 13.013 s; the container starts at 1.4 s.
    shown = frame(pts=1_171_170, start=Fraction(7, 5), duration=3003)
    assert shown.time_s == 11.613
    assert shown.duration_s == pytest.approx(1001 / 30_000)


def test_a_late_frame_loses_no_precision() -> None:
    # After 24 h at 1/90,000 s, neighbouring ticks are still two times.
    day = 24 * 3600 * 90_000
    assert frame(pts=day + 1).time_s - frame(pts=day).time_s == pytest.approx(1 / 90_000)


@pytest.mark.parametrize(("start_s", "end_s"), [(2, 1), (float("nan"), 1), (1, float("nan"))])
def test_a_span_does_not_end_before_it_starts(start_s: float, end_s: float) -> None:
    with pytest.raises(ShapeError, match="must not end before it starts"):
        TimeSpan(start_s, end_s)


SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda p: TimeSpan(min(p), max(p)))


@given(SPANS, SPANS)
def test_spans_overlap_if_a_whole_second_is_in_both(a: TimeSpan, b: TimeSpan) -> None:
    def seconds(span: TimeSpan) -> set[int]:
        return set(range(int(span.start_s), int(span.end_s)))

    if a.duration_s and b.duration_s:
        assert a.overlaps(b) == b.overlaps(a) == bool(seconds(a) & seconds(b))
