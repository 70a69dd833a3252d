"""Stills: the frame displayed at a time, in every container that can be searched."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import videos
from vidsearch.errors import VideoDecodeError, VideoError
from vidsearch.read_options import ReadOptions
from vidsearch.video.open import open_video
from vidsearch.video.stills import draw_boxes, jpeg, still

SEARCHABLE: dict[str, dict[str, Any]] = {
    "mkv": {"b_frames": 2},
    "mp4": {"b_frames": 3, "audio": True},
    "ts": {"codec": "mpeg2video", "b_frames": 2},
    "mpg": {"codec": "mpeg2video", "b_frames": 2, "time_base": Fraction(1, 25)},
    "avi": {"codec": "mpeg4", "b_frames": 2},
    "flv": {"codec": "flv"},
    "wmv": {"codec": "wmv2"},
}


@pytest.mark.parametrize("ending", SEARCHABLE)
def test_a_still_is_the_frame_that_the_index_has_at_this_time(tmp_path: Path, ending: str) -> None:
    spec = videos.VideoSpec(frames=120, keyframes=25, **SEARCHABLE[ending])
    path = videos.write_video(tmp_path / f"a.{ending}", spec)
    with open_video(str(path)) as reader:
        times = [(frame.time_s, videos.read_number(frame.rgb())) for frame in reader.decode()]
        read = reader.read_options
    for options in (read, ReadOptions()):  # with what indexing found, and without
        for time_s, number in times[::11]:
            assert videos.read_number(still(str(path), time_s, options)) == number
        between_s = (times[30][0] + times[31][0]) / 2
        assert videos.read_number(still(str(path), between_s, options)) == times[30][1]


AUDIO_FIRST = {"codec": "flv", "audio": True, "ticks": tuple(range(10, 40))}


@pytest.mark.parametrize(("ending", "options"), [*SEARCHABLE.items(), ("flv", AUDIO_FIRST)])
def test_a_still_of_the_start_is_the_first_frame(
    tmp_path: Path, ending: str, options: dict[str, Any]
) -> None:
    spec = videos.VideoSpec(frames=60, keyframes=25, **options)
    path = videos.write_video(tmp_path / f"a.{ending}", spec)
    assert videos.read_number(still(str(path), 0.0)) == 0


def test_a_container_that_cannot_be_searched_is_decoded_from_its_first_frame(
    tmp_path: Path,
) -> None:
    path = videos.write_video(tmp_path / "a.h264", videos.VideoSpec())
    assert videos.read_number(still(str(path), 1.0)) == 10


def test_a_time_after_the_end_is_an_error(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "a.mkv", videos.VideoSpec(frames=20))
    assert videos.read_number(still(str(path), 2.0)) == 19
    with pytest.raises(VideoDecodeError, match=r"has no frame at 60\.0 s"):
        still(str(path), 60.0)


def test_a_missing_video_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        still(str(tmp_path / "gone.mkv"), 0)


def test_boxes_are_drawn_on_a_copy() -> None:
    image = np.full((100, 200, 3), 50, np.uint8)
    drawn = draw_boxes(image, [np.array([20, 20, 60, 60], np.float32)])
    assert (image == 50).all()
    assert (drawn[20, 40] != 50).any()
    assert (drawn[40, 40] == 50).all()
    assert jpeg(drawn, 100).startswith(b"\xff\xd8")
