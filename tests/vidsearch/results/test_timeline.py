"""Timeline of the hits in one video: positions, order and label of the bars."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from vidsearch.datatypes import Hit
from vidsearch.results.result import by_video
from vidsearch.results.timeline import LEAST_WIDTH, WIDTH, timeline_svg

MakeHit = Callable[..., Hit]


def bars(hits: list[Hit], duration_s: float | None) -> list[tuple[float, float]]:
    svg = timeline_svg(by_video(tuple(hits))[0], duration_s)
    found = re.findall(r'x="([\d.]+)" y="0" width="([\d.]+)"', svg)
    return [(float(x), float(width)) for x, width in found]


def test_bars_lie_where_the_hits_are(hit: MakeHit) -> None:
    # 2 of 20 seconds, from second 5: a tenth of the width, from a quarter of it.
    assert bars([hit(1, 0.9, start_s=5)], 20) == [(WIDTH / 4, WIDTH / 10)]


def test_short_hit_in_a_long_video_is_visible(hit: MakeHit) -> None:
    assert bars([hit(1, 0.9, start_s=7198)], 7200) == [(WIDTH - LEAST_WIDTH, LEAST_WIDTH)]


def test_stream_longer_than_its_container_states(hit: MakeHit) -> None:
    assert bars([hit(1, 0.9, start_s=8)], 5) == [(800, 200)]


def test_best_hit_is_drawn_last(hit: MakeHit) -> None:
    strip = bars([hit(1, 0.9, start_s=0), hit(2, 0.2, start_s=10)], 20)
    assert [x for x, _ in strip] == [500, 0]


@pytest.mark.parametrize("duration_s", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_unknown_length(hit: MakeHit, duration_s: float | None) -> None:
    assert bars([hit(1, 0.9)], duration_s) == []


def test_label_states_number_and_times(hit: MakeHit) -> None:
    svg = timeline_svg(by_video((hit(1, 0.9, start_s=5), hit(2, 0.8, start_s=9)))[0], 20)
    assert (
        'aria-label="Timeline: 2 appearances between 0:00:05.0 and 0:00:11.0 of 0:00:20.0"' in svg
    )
