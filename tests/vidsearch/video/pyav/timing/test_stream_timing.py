"""Length of a stream by its container, for each way in which a container states it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from vidsearch.video.pyav.timing.stream_timing import expected_stream

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
    """Return length and exactness of a video stream in a file that also holds audio."""
    stream: Any = SimpleNamespace(
        time_base=Fraction(1, 1000),
        start_time=first_s * 1000,
        duration=None if stream_s is None else round(stream_s * 1000),
        metadata=dict(tags or {}),
        frames=0,
        average_rate=None,
        codec_context=SimpleNamespace(framerate=None),
    )
    container: Any = SimpleNamespace(
        format=SimpleNamespace(name=kind),
        metadata={"ENCODER": writer} if writer else {},
        start_time=file_start_s * 1_000_000,
        duration=None if file_s is None else round(file_s * 1e6),
        streams=[stream, object()],
    )
    expected = expected_stream(container, stream)
    return expected.duration_s, expected.exact


def test_the_streams_own_length_counts_from_its_first_frame() -> None:
    assert length_of(stream_s=10, file_s=99, tags={"DURATION": "00:00:55.0"}) == (10, True)


def test_a_length_filled_in_from_the_file_is_not_the_streams_own() -> None:
    tags = {"DURATION": "00:00:15.000000000"}
    assert length_of(stream_s=99, file_s=99, writer=FFMPEG, tags=tags) == (10, True)
    assert length_of(stream_s=99, file_s=99) == (94, False)


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
