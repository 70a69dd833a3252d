"""Camera moves: windows and appearances of the demo, checked frame by frame."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipelines.demo.camera_moves import (
    ABSENT,
    FPS,
    HEIGHT,
    VIDEOS,
    WIDTH,
    CameraMove,
    DemoVideo,
    appearances,
)
from pipelines.demo.people import PEOPLE

MOVE = CameraMove("group", 2.0, (100, 90, 320), (200, 90, 160))


def test_a_move_begins_and_ends_at_its_windows() -> None:
    assert MOVE.frames == 50
    # 320 wide at 16:9 is 180 high.
    assert MOVE.window(0) == (-60, 0, 260, 180)
    assert MOVE.window(49) == (120, 45, 280, 135)


def test_a_move_eases_in_and_out() -> None:
    widths = [x2 - x1 for x1, _, x2, _ in map(MOVE.window, range(MOVE.frames))]
    steps = [a - b for a, b in pairwise(widths)]
    assert all(step > 0 for step in steps)
    assert steps[0] < max(steps) / 5
    assert steps == pytest.approx(steps[::-1])


@pytest.mark.parametrize("frame", [0, 7, 49])
def test_windows_have_the_shape_of_the_video(frame: int) -> None:
    x1, y1, x2, y2 = MOVE.window(frame)
    assert (x2 - x1) / (y2 - y1) == pytest.approx(WIDTH / HEIGHT)


def test_a_shot_of_one_frame_shows_its_first_window() -> None:
    still = CameraMove("group", 1 / FPS, (10, 10, 16), (500, 10, 16))
    assert still.frames == 1
    assert still.window(0)[0] == 2


def video_of(name: str) -> DemoVideo:
    return next(video for video in VIDEOS if video.name == name)


def test_appearances_lie_inside_their_videos() -> None:
    found = appearances()
    for appearance in found:
        length_s = sum(1 for _ in video_of(appearance.video).frames()) / FPS
        certain, possible = appearance.certain, appearance.possible
        assert 0 <= possible.start_s < possible.end_s <= length_s
        if certain is not None:
            assert possible.start_s <= certain.start_s < certain.end_s <= possible.end_s


def test_people_appear_where_their_photo_is_shown() -> None:
    found = {(a.person.slug, a.video) for a in appearances()}
    assert ("astronaut", "press/mission briefing.mkv") in found
    assert not {video for _, video in found} & {"landscapes.mp4"}, "nobody is in this video"
    assert {slug for slug, _ in found} == {p.slug for p in PEOPLE} - set(ABSENT)


def test_the_second_shot_of_a_person_counts_from_its_own_start() -> None:
    # Mission briefing: 4 s astronaut, 2 s coffee, 3 s astronaut.
    shots = [a.possible for a in appearances() if a.person.slug == "astronaut"]
    assert [(span.start_s, span.end_s) for span in shots] == [(0.0, 4.0), (6.0, 9.0)]
