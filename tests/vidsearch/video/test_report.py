"""Comparison of the decoded frames with the length stated by the container."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidsearch.video.losses.losses import Faults
from vidsearch.video.report import ExpectedStream


def stream(**changes: object) -> ExpectedStream:
    values: dict[str, object] = {
        "time_base": Fraction(1, 10),
        "start": Fraction(2),
        "first": 20,
        "duration_s": 10.0,
        "exact": True,
        "frames": 100,
    }
    return ExpectedStream(**{**values, **changes})  # type: ignore[arg-type]


def test_a_whole_video_is_not_partly_read() -> None:
    report = stream().compare(100, Fraction(12))
    assert not report.partly_read
    assert report.share == 1.0
    assert report.last_time_s == 10.0


@pytest.mark.parametrize(
    ("decoded", "end", "errors", "share"),
    [
        (60, Fraction(12), 0, 0.6),  # a hole: 60 of 100 frames, up to the end
        (60, Fraction(8), 0, 0.6),  # cut off at 6 of 10 s
        (99, Fraction(12), 1, 0.99),  # one frame lost to damage counts
        (97, Fraction(12), 0, 0.97),
    ],
)
def test_a_missing_part_gives_share_and_reason(
    decoded: int, end: Fraction, errors: int, share: float
) -> None:
    report = stream().compare(decoded, end, Faults(errors=errors))
    assert report.partly_read
    assert report.share == pytest.approx(share)
    assert f"partly read ({100 * share:.1f} %): {decoded} of 100 frames" in report.reason


def test_two_frames_fewer_without_damage_are_an_intact_end() -> None:
    assert not stream().compare(98, Fraction(12)).partly_read


def test_field_coded_video_indexes_each_frame_twice() -> None:
    assert not stream(frames=200).compare(100, Fraction(12)).partly_read


def test_damage_that_cost_no_frame_is_counted_only() -> None:
    report = stream().compare(100, Fraction(12), Faults(errors=2, damaged=3))
    assert not report.partly_read
    assert (report.errors, report.damaged) == (2, 3)


def test_without_an_index_time_and_errors_decide() -> None:
    loose = stream(frames=None)
    assert not loose.compare(90, Fraction(12)).partly_read
    assert loose.compare(90, Fraction(12), Faults(errors=10)).share == pytest.approx(0.9)
    assert loose.compare(50, Fraction(7)).share == pytest.approx(0.5)


def test_audio_may_be_slightly_longer_than_the_frames() -> None:
    file_length = stream(frames=None, exact=False, duration_s=100.0)
    assert not file_length.compare(970, Fraction(99)).partly_read
    assert file_length.compare(900, Fraction(92)).partly_read


def test_without_a_stated_length_the_video_is_whole() -> None:
    report = stream(frames=None, duration_s=None).compare(5, Fraction(3))
    assert report.share == 1.0
    assert not report.partly_read


def test_the_length_is_what_was_decoded_if_that_is_more() -> None:
    assert stream().compare(100, Fraction(12)).duration_s == 10
    assert stream().compare(100, Fraction(1203, 100)).duration_s == 10  # less than a frame
    assert stream(frames=None).compare(150, Fraction(17)).duration_s == 15
    assert stream(duration_s=None, frames=None).compare(50, Fraction(7)).duration_s == 5


def test_a_stated_length_of_joined_recordings_is_not_used() -> None:
    false_length = stream(frames=None, duration_s=154_000.0)
    report = false_length.compare(40, Fraction(6), joined=True)
    assert (report.duration_s, report.partly_read, report.share) == (4, False, 1)
