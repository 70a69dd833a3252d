"""Playing: clips of any container at the right time, keys that cannot be guessed."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from ui.service.clip_cache import ClipCutter, cut_clip, playable_as_it_is
from ui.service.media_tokens import MediaTokens, Served
from vidsearch.errors import VideoError
from vidsearch.video.stills import boxed, jpeg, still


def numbered_film(path: Path, codec: str, seconds: int, *, sound: bool = False) -> Path:
    """Make a film whose brightness is 20 a second: every picture tells its time."""
    with av.open(str(path), "w") as out:
        stream = cast("av.VideoStream", out.add_stream(codec, 10))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        voice = out.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(10 * seconds):
            grey = np.full((64, 96, 3), 20 * (number // 10), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        out.mux(stream.encode(None))
        if voice is not None:
            for number in range(48 * seconds):
                tone = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1000), np.float32), "fltp", "mono"
                )  # fmt: skip
                tone.rate, tone.pts = 48_000, 1000 * number
                out.mux(voice.encode(tone))
            out.mux(voice.encode(None))
    return path


def length_s(path: Path) -> float:
    with av.open(str(path)) as film:
        return float(film.duration or 0) / 1e6


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("b.ts", "mpeg2video"),
                                             ("c.avi", "mpeg4")])  # fmt: skip
def test_a_clip_begins_before_the_moment_and_plays_anywhere(
    tmp_path: Path, name: str, codec: str
) -> None:
    film = numbered_film(tmp_path / name, codec, 12)
    target = tmp_path / "clip.mp4"
    begins = cut_clip(str(film), 7.0, 8.0, target)
    # 3 s before the moment, and 6 s after its end, where the film is over.
    assert begins == pytest.approx(4.0, abs=0.15)
    assert length_s(target) == pytest.approx(8.0, abs=0.4)
    assert playable_as_it_is(str(target)) == "video/mp4"
    # The picture a second into the clip is the one of 5 s: 20 * 5.
    assert float(still(str(target), 1.05).mean()) == pytest.approx(100, abs=6)


def test_a_clip_keeps_the_sound(tmp_path: Path) -> None:
    film = numbered_film(tmp_path / "a.mkv", "libx264", 3, sound=True)
    cut_clip(str(film), 1.0, 2.0, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert [stream.type for stream in clip.streams] == ["audio", "video"] or [
            stream.type for stream in clip.streams
        ] == ["video", "audio"]


def test_what_browsers_play_is_not_cut(tmp_path: Path) -> None:
    film = numbered_film(tmp_path / "a.mp4", "libx264", 2)
    playing = ClipCutter().play(str(film), 1.0, 1.5)
    assert (playing.served, playing.at_s, playing.clip) == (Served(film, "video/mp4"), 1.0, False)


def test_few_clips_are_kept(tmp_path: Path) -> None:
    film = numbered_film(tmp_path / "a.mkv", "libx264", 4)
    cutter = ClipCutter(kept=2)
    played = [cutter.play(str(film), moment, moment + 0.2) for moment in (0.0, 1.0, 2.0)]
    assert [playing.served.path.exists() for playing in played] == [False, True, True]
    assert cutter.play(str(film), 2.0, 2.2) == played[2], "the same clip is not cut again"


def test_a_film_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        ClipCutter().play(str(tmp_path / "gone.mkv"), 0, 1)
    with pytest.raises(VideoError, match="does not exist"):
        still(str(tmp_path / "gone.mkv"), 0)
    film = numbered_film(tmp_path / "a.mkv", "libx264", 1)
    with pytest.raises(VideoError, match="no picture from"):
        cut_clip(str(film), 100.0, 101.0, tmp_path / "clip.mp4")


def test_keys_cannot_be_guessed_and_old_ones_go() -> None:
    shelf = MediaTokens(size=2)
    keys = [shelf.put(Served(Path(str(number)), "video/mp4")) for number in range(3)]
    assert len(set(keys)) == 3
    assert all(len(key) >= 43 for key in keys), "256 bits"
    assert shelf.find(keys[0]) is None
    assert shelf.find(keys[2]) == Served(Path("2"), "video/mp4")
    assert shelf.find("../../etc/passwd") is None


def test_boxes_are_drawn_and_the_picture_stays() -> None:
    image = np.full((100, 200, 3), 50, np.uint8)
    drawn = boxed(image, [np.array([20, 20, 60, 60], np.float32)])
    assert (image == 50).all()
    assert (drawn[20, 40] != 50).any()
    assert (drawn[40, 40] == 50).all()
    assert jpeg(drawn, 100).startswith(b"\xff\xd8")
