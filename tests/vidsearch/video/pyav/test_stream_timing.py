from collections.abc import Mapping
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from vidsearch.video.pyav.stream_timing import ExpectedStream, promise_of


def promise(**changes: object) -> ExpectedStream:
    values: dict[str, object] = {
        "time_base": Fraction(1, 10),
        "start": Fraction(2),
        "first": 20,
        "duration_s": 10.0,
        "exact": True,
        "frames": 100,
        "has_pts": True,
    }
    return ExpectedStream(**{**values, **changes})  # type: ignore[arg-type]


def test_kept() -> None:
    report = promise().compare(100, Fraction(12), errors=0, damaged=0)
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
def test_broken(decoded: int, end: Fraction, errors: int, share: float) -> None:
    report = promise().compare(decoded, end, errors, damaged=0)
    assert report.partly_read
    assert report.share == pytest.approx(share)
    assert f"partly read ({100 * share:.1f} %): {decoded} of 100 frames" in report.reason


def test_two_frames_fewer_without_damage_are_a_sound_end() -> None:
    assert not promise().compare(98, Fraction(12), errors=0, damaged=0).partly_read


def test_field_coded_video_indexes_each_frame_twice() -> None:
    assert not promise(frames=200).compare(100, Fraction(12), errors=0, damaged=0).partly_read


def test_damage_that_cost_no_frame_is_counted_only() -> None:
    report = promise().compare(100, Fraction(12), errors=2, damaged=3)
    assert not report.partly_read
    assert (report.errors, report.damaged) == (2, 3)


def test_without_an_index_time_and_errors_decide() -> None:
    loose = promise(frames=None)
    assert not loose.compare(90, Fraction(12), errors=0, damaged=0).partly_read
    assert loose.compare(90, Fraction(12), errors=10, damaged=0).share == pytest.approx(0.9)
    assert loose.compare(50, Fraction(7), errors=0, damaged=0).share == pytest.approx(0.5)


def test_sound_may_be_a_little_longer_than_the_picture() -> None:
    file_length = promise(frames=None, exact=False, duration_s=100.0)
    assert not file_length.compare(970, Fraction(99), errors=0, damaged=0).partly_read
    assert file_length.compare(900, Fraction(92), errors=0, damaged=0).partly_read


def test_nothing_is_promised() -> None:
    report = promise(frames=None, duration_s=None).compare(5, Fraction(3), errors=0, damaged=0)
    assert report.share == 1.0
    assert not report.partly_read


FFMPEG, MKVMERGE = "Lavf62.3.100", "libebml v1.4.4 + libmatroska v1.7.1"
STATISTICS = {"_STATISTICS_WRITING_APP": "mkvmerge v80.0"}


def length_of(
    *,
    writer: str = "",
    tags: Mapping[str, str] | None = None,
    file_s: float | None = None,
    stream_s: float | None = None,
    first_s: int = 5,
    file_start_s: int = 2,
    kind: str = "matroska,webm",
) -> tuple[float | None, bool]:
    """Length, and whether it is the stream's own, of a stream of a file with sound too."""
    stream: Any = SimpleNamespace(
        time_base=Fraction(1, 1000),
        start_time=first_s * 1000,
        duration=None if stream_s is None else round(stream_s * 1000),
        metadata=dict(tags or {}),
        frames=0,
    )
    container: Any = SimpleNamespace(
        format=SimpleNamespace(name=kind),
        metadata={"ENCODER": writer} if writer else {},
        start_time=file_start_s * 1_000_000,
        duration=None if file_s is None else round(file_s * 1e6),
        streams=[stream, object()],
    )
    made = promise_of(container, stream)
    return made.duration_s, made.exact


def test_the_streams_own_length_counts_from_its_first_frame() -> None:
    assert length_of(stream_s=10, file_s=99, tags={"DURATION": "00:00:55.0"}) == (10, True)


def test_ffmpegs_tag_counts_from_zero() -> None:
    assert length_of(writer=FFMPEG, tags={"DURATION": "00:00:15.000000000"}) == (10, True)
    assert length_of(tags={"DURATION": "00:00:15.000000000"}) == (10, True)


def test_mkvmerges_statistics_count_from_the_tracks_first_frame() -> None:
    for key in ("DURATION", "DURATION-eng"):
        tags = {key: "00:00:10.000000000", **STATISTICS}
        assert length_of(writer=MKVMERGE, tags=tags, file_s=13) == (10, True)


def test_statistics_that_ffmpeg_copied_are_of_another_file() -> None:
    stale = {"DURATION-eng": "01:00:00.000000000", **STATISTICS}
    assert length_of(writer=FFMPEG, tags=stale, file_s=15) == (10, False)
    both = {**stale, "DURATION": "00:00:15.000000000"}
    assert length_of(writer=FFMPEG, tags=both) == (10, True)


def test_the_files_length_counts_from_zero_or_from_its_start() -> None:
    assert length_of(file_s=15) == (10, False)
    assert length_of(file_s=15, kind="flv") == (10, False)
    assert length_of(file_s=13, writer=MKVMERGE) == (10, False)
    assert length_of(file_s=13, kind="nut") == (10, False)


def test_a_length_that_is_over_before_the_stream_begins_counts_from_the_files_start() -> None:
    assert length_of(file_s=11, first_s=3601, file_start_s=3600) == (10, False)
    tags = {"DURATION": "00:00:11.0"}
    assert length_of(tags=tags, first_s=3601, file_start_s=3600) == (10, True)


def test_an_absurd_length_is_none() -> None:
    assert length_of(file_s=1, first_s=9, kind="nut") == (None, False)
