"""Cache of clips: files that browsers play are served directly, others as a few cached clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import videos
from ui.service.clip_cache import ClipCutter
from ui.service.media_tokens import ServedFile
from vidsearch.errors import VideoError


def test_a_file_that_browsers_play_is_not_cut(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "a.mp4", videos.VideoSpec(frames=20))
    playing = ClipCutter().play(str(path), 1.0, 1.5)
    assert (playing.served, playing.at_s, playing.clip) == (
        ServedFile(path, "video/mp4"),
        1.0,
        False,
    )


def test_the_least_recently_played_clip_is_removed(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "a.mkv", videos.VideoSpec(frames=40))
    cutter = ClipCutter(capacity=2)
    played = [cutter.play(str(path), moment, moment + 0.2) for moment in (0.0, 1.0, 2.0)]
    assert [playing.served.path.exists() for playing in played] == [False, True, True]
    assert cutter.play(str(path), 2.0, 2.2) == played[2], "the same clip is not cut again"


def test_a_missing_video_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        ClipCutter().play(str(tmp_path / "gone.mkv"), 0, 1)
