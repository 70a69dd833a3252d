"""Timeline: bars lie inside the strip, at their times."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.components.timeline import Bar, timeline

PLACE = re.compile(
    r"left:min\((?P<left>-?[\d.]+)%, .*?width:max\((?P<width>[\d.]+)%, 8px\);z-index:(?P<z>\d+)"
)
LABELS = re.compile(r"<span>([\d:.]+)</span>")


def bar(track_id: str, start_s: float, end_s: float, weight: float = 0.0) -> Bar:
    return Bar(track_id, start_s, end_s, "likely", "likely", weight)


@given(
    st.lists(st.tuples(st.floats(-5, 500), st.floats(0, 500)), min_size=1, max_size=8),
    st.floats(0.1, 400),
)
def test_no_bar_leaves_the_strip(spans: list[tuple[float, float]], duration_s: float) -> None:
    bars = [bar(f"t{row}", start, start + more) for row, (start, more) in enumerate(spans)]
    places = PLACE.findall(timeline(bars, duration_s, "play"))
    assert len(places) == len(bars)
    for left, width, _ in places:
        assert 0 <= float(left) <= 100
        assert 0 <= float(width) <= 100


def test_a_track_beyond_the_stated_length_lengthens_the_strip() -> None:
    # The container states 10 s, but a track ends at 20 s: second 10 is the middle.
    html = timeline([bar("t", 10, 20)], 10.0, "play")
    assert PLACE.findall(html) == [("50.00", "50.00", "1")]
    assert LABELS.findall(html) == ["0:00:00.0", "0:00:20.0"]


def test_of_overlapping_bars_the_heavier_lies_on_top() -> None:
    html = timeline([bar("a", 0, 9, 0.99), bar("b", 1, 8, 0.2), bar("c", 2, 7, 0.6)], 10.0, "play")
    assert [int(z) for _, _, z in PLACE.findall(html)] == [3, 1, 2]


@pytest.mark.parametrize("duration_s", [None, 0.0, -1.0])
def test_an_unknown_length_gives_no_strip(duration_s: float | None) -> None:
    assert timeline([bar("t", 0, 1)], duration_s, "play") == ""
