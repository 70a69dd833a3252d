"""Check of the demo: a hit of the wrong person, at the wrong time or missing is an error."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.demo.camera_moves import Appearance
from pipelines.demo.check import complaints
from pipelines.demo.people import PEOPLE
from vidsearch.datatypes import Hit, TimeSpan

ADA, BOB = PEOPLE[0], PEOPLE[1]
SEEN = [
    Appearance(ADA, "sub/a.mp4", TimeSpan(2.0, 5.0), TimeSpan(1.0, 6.0)),
    Appearance(BOB, "sub/a.mp4", TimeSpan(8.0, 9.0), TimeSpan(7.0, 10.0)),
    Appearance(ADA, "b.mp4", None, TimeSpan(0.0, 1.0)),
]


def hit(video: str, start_s: float, end_s: float) -> Hit:
    box = np.zeros(4, np.float32)
    return Hit(1, 0.9, 0.6, f"/demo/{video}", "v", "t", TimeSpan(start_s, end_s), start_s, box)


def errors(*hits: Hit) -> list[str]:
    return complaints(ADA, SEEN, hits, "/demo")


def test_a_hit_over_the_certain_time_is_right() -> None:
    assert errors(hit("sub/a.mp4", 2.0, 5.0)) == []
    assert errors(hit("sub/a.mp4", 2.6, 4.4)) == [], "half a second between two samples"


def test_a_part_of_a_face_may_be_found_or_not() -> None:
    assert errors(hit("sub/a.mp4", 2.0, 5.0), hit("b.mp4", 0.0, 1.0)) == []


@pytest.mark.parametrize(
    "wrong",
    [
        hit("sub/a.mp4", 8.0, 9.0),  # Bob
        hit("sub/a.mp4", 0.3, 5.0),  # begins too early
        hit("sub/a.mp4", 2.0, 6.7),  # ends too late
        hit("a.mp4", 2.0, 5.0),  # another file of the same name
    ],
)
def test_a_hit_elsewhere_is_named(wrong: Hit) -> None:
    (error,) = errors(hit("sub/a.mp4", 2.0, 5.0), wrong)
    assert f"{wrong.span.start_s:.1f} to {wrong.span.end_s:.1f} s, where this person" in error


def test_a_missing_hit_is_named_with_its_time() -> None:
    assert errors() == [f"{ADA.name}: not found in sub/a.mp4 at 2.0 to 5.0 s"]
    assert errors(hit("sub/a.mp4", 2.0, 3.0)) == errors(), "a part of the time is not enough"
