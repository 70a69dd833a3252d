"""Cut lists: time codes by hand, and names that cannot end a line or a cue."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.datatypes import Hit, TimeSpan
from vidsearch.results.as_edl import to_edl, to_webvtt
from vidsearch.results.result import Coverage, SearchResult

EVENT = re.compile(r"(\d{3,})  AX       V     C        (\S+) (\S+) (\S+) (\S+)")


def hit(rank: int, start_s: float, end_s: float, video: str = "/v/a.mp4", **changes: str) -> Hit:
    box = np.array([0, 0, 9, 9], np.float32)
    found = Hit(rank, 0.95, 0.6, video, video, f"t{rank}", TimeSpan(start_s, end_s), start_s, box)
    return replace(found, **changes)  # type: ignore[arg-type]


def result_of(*hits: Hit) -> SearchResult:
    return SearchResult("toy", (), hits, Coverage(1, 1, 1.0))


def events(edl: str) -> list[tuple[str, ...]]:
    return [found.groups() for line in edl.splitlines() if (found := EVENT.fullmatch(line))]


def frames(code: str) -> int:
    hours, minutes, seconds, left = map(int, code.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 25 + left


def test_events_by_hand() -> None:
    # 3,661.04 s is 1 h, 1 min, 1 s and one frame of 1/25 s; the hit lasts 2 s and 12 frames.
    edl = to_edl(result_of(hit(1, 3661.04, 3663.52), hit(2, 0, 1, "/v/b.mp4")))
    assert events(edl) == [
        ("001", "01:01:01:01", "01:01:03:13", "00:00:00:00", "00:00:02:12"),
        ("002", "00:00:00:00", "00:00:01:00", "00:00:02:12", "00:00:03:12"),
    ]
    assert edl.index("* FROM CLIP NAME: /v/a.mp4") < edl.index("* FROM CLIP NAME: /v/b.mp4")


@given(st.lists(st.tuples(st.floats(0, 40_000), st.floats(0, 100)), min_size=1, max_size=12))
def test_events_follow_each_other_without_gaps(spans: list[tuple[float, float]]) -> None:
    found = events(
        to_edl(result_of(*(hit(rank, s, s + d) for rank, (s, d) in enumerate(spans, 1))))
    )
    assert [int(number) for number, *_ in found] == list(range(1, len(spans) + 1))
    expected_start = 0
    for _, first, last, start, end in found:
        assert frames(last) - frames(first) == frames(end) - frames(start) >= 1
        assert frames(start) == expected_start
        expected_start = frames(end)


NASTY = ["a\nTITLE: b", "a\r\n\r\n00:00 --> 00:01", "<b>&", "東京\u2028x", "a-->b", "a--->b"]


@pytest.mark.parametrize("name", NASTY)
def test_a_name_cannot_start_another_event(name: str) -> None:
    edl = to_edl(result_of(hit(1, 0, 1, f"/v/{name}")), title=name)
    assert edl.isascii()
    assert len(edl.splitlines()) == 6
    assert len(events(edl)) == 1


@pytest.mark.parametrize("name", NASTY)
def test_a_name_cannot_start_another_cue(name: str) -> None:
    text = to_webvtt(result_of(hit(1, 0, 1, f"/v/{name}", person=name)))
    assert text.count("-->") == 1
    assert re.findall("[<>]", text) == [">"], "the arrow of the cue"
    assert len(re.split(r"\n|\r|\u2028", text)) == 7


def test_cues_are_grouped_by_video_and_named() -> None:
    text = to_webvtt(
        result_of(hit(1, 61.5, 62, "/v/b"), hit(2, 7, 8), hit(3, 3, 4.0006, "/v/b", person="Ada"))
    )
    assert text.splitlines() == [
        "WEBVTT",
        "",
        "NOTE /v/b",
        "",
        "00:00:03.000 --> 00:00:04.001",
        "Ada: very likely 0.95 #3",
        "",
        "00:01:01.500 --> 00:01:02.000",
        "very likely 0.95 #1",
        "",
        "NOTE /v/a.mp4",
        "",
        "00:00:07.000 --> 00:00:08.000",
        "very likely 0.95 #2",
    ]


def test_no_hit_is_a_legal_file() -> None:
    assert to_webvtt(result_of()).startswith("WEBVTT\n")
    assert to_edl(result_of()) == "TITLE: vidsearch\nFCM: NON-DROP FRAME\n\n"
