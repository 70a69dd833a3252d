"""Clips of any container at the right time, with audio, playable in every browser."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.helpers import videos
from vidsearch.errors import VideoError
from vidsearch.video.clips import browser_media_type, cut_clip
from vidsearch.video.stills import still

SOURCES: dict[str, dict[str, Any]] = {
    "mkv": {},
    "ts": {"codec": "mpeg2video"},
    "avi": {"codec": "mpeg4"},
    "avi with B-frames": {"codec": "mpeg4", "b_frames": 2, "container": "avi"},
}


def length_s(path: Path) -> float:
    with av.open(str(path)) as clip:
        return float(clip.duration or 0) / 1e6


@pytest.mark.parametrize("source", SOURCES)
def test_a_clip_begins_before_the_moment_and_plays_anywhere(tmp_path: Path, source: str) -> None:
    spec = videos.VideoSpec(frames=120, **SOURCES[source])
    path = videos.write_video(tmp_path / f"a.{source[:3].strip()}", spec)
    target = tmp_path / "clip.mp4"
    begins_s = cut_clip(str(path), 7.0, 8.0, target)
    # 3 s before the moment, and 6 s after its end, where the video ends.
    assert begins_s == pytest.approx(4.0, abs=0.15)
    assert length_s(target) == pytest.approx(8.0, abs=0.4)
    assert browser_media_type(str(target)) == "video/mp4"
    # The frame a second into the clip is the one of 5 s: frame 50 at 10 frames per second.
    assert videos.read_number(still(str(target), 5.0 - begins_s)) == pytest.approx(50, abs=1)


def test_a_clip_keeps_the_audio_in_step(tmp_path: Path) -> None:
    spec = videos.VideoSpec(frames=20, audio=True)
    path = videos.write_video(tmp_path / "a.mkv", spec)
    cut_clip(str(path), 1.0, 2.0, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert sorted(stream.type for stream in clip.streams) == ["audio", "video"]
        samples = sum(frame.samples for frame in clip.decode(audio=0))
    # Frames and audio both last 2 s; AAC works in blocks of 1024 samples.
    assert samples / 48_000 == pytest.approx(2.0, abs=0.15)


def test_a_clip_has_at_most_1280_pixels_and_even_sides(tmp_path: Path) -> None:
    image = np.full((721, 1441, 3), 99, np.uint8)
    spec = videos.VideoSpec(frames=3, size=(1441, 721), codec="ffv1", pixels="yuv444p")
    path = videos.write_video(tmp_path / "a.mkv", spec, [image] * 3)
    cut_clip(str(path), 0.0, 0.2, tmp_path / "clip.mp4")
    assert still(str(tmp_path / "clip.mp4"), 0).shape == (640, 1280, 3)


@pytest.mark.parametrize(
    ("name", "spec", "media_type"),
    [
        ("a.mp4", {}, "video/mp4"),
        ("a.m4v", {"container": "mp4"}, "video/mp4"),
        ("a.webm", {"codec": "libvpx"}, "video/webm"),
        ("a.mkv", {}, None),
        ("ten bits.mp4", {"pixels": "yuv420p10le"}, None),
        ("old codec.mp4", {"codec": "mpeg4"}, None),
    ],
)
def test_only_what_every_browser_plays_has_a_media_type(
    tmp_path: Path, name: str, spec: dict[str, Any], media_type: str | None
) -> None:
    path = videos.write_video(tmp_path / name, videos.VideoSpec(frames=3, **spec))
    assert browser_media_type(str(path)) == media_type


def test_errors_leave_no_file(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    with pytest.raises(VideoError, match="does not exist"):
        cut_clip(str(tmp_path / "gone.mkv"), 0, 1, target)
    path = videos.write_video(tmp_path / "a.mkv", videos.VideoSpec(frames=10))
    with pytest.raises(VideoError, match="no frame from"):
        cut_clip(str(path), 100.0, 101.0, target)
    assert not target.exists()


def test_a_clip_of_a_long_span_shows_its_best_moment(tmp_path: Path) -> None:
    spec = videos.VideoSpec(frames=200, time_base=Fraction(1))
    path = videos.write_video(tmp_path / "a.mkv", spec)
    target = tmp_path / "clip.mp4"
    begin_s = cut_clip(str(path), 5.0, 190.0, target, best_s=150.0)
    assert begin_s <= 150.0 <= begin_s + length_s(target)
    assert cut_clip(str(path), 5.0, 190.0, target, best_s=20.0) == pytest.approx(2.0, abs=0.01)
