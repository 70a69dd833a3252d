"""Time limits of a video, for given sizes and lengths."""

from __future__ import annotations

from pipelines.indexing.time_limit import TimeLimit
from vidsearch.video.discover import VideoSource


def test_time_grows_with_the_video() -> None:
    source = VideoSource("x", 10_000_000, 0)
    limit = TimeLimit(60.0)
    assert limit.before_open(source) == 62.0
    assert limit.after_open(source, 120.0) == 180.0
    # 10 MB are at least 10 s of video, whatever the container says.
    assert limit.after_open(source, 0.5) == 70.0
    assert limit.after_open(source, None) == 860.0


def test_a_slice_has_its_share_of_the_time() -> None:
    source = VideoSource("x", 10_000_000, 0)
    # 60 s to open the file, and a quarter of the 120 s for two minutes of video.
    assert TimeLimit(60.0).after_slice_open(source, 120.0, 0.25) == 90.0
