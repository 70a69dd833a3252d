"""Records: ids of tracks, stored paths, and outcomes that contradict themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.helpers.synthetic_catalog import make_video
from vidsearch.catalog.records import (
    IndexedVideo,
    VideoRecord,
    track_ids,
)
from vidsearch.errors import ConfigError

RECORD: dict[str, Any] = {
    "video_id": "v",
    "uri": "/a.mp4",
    "size": 1,
    "mtime_ns": 1,
    "status": "indexed",
    "model_id": "m",
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "lost"}, "status must be one of .*; got 'lost'"),
        ({"video_id": ""}, "video_id of '/a.mp4' must not be empty"),
        ({"status": "failed"}, "failed video '/a.mp4' must state the reason"),
        ({"status": "failed", "failure": ""}, "failed video '/a.mp4' must state the reason"),
    ],
)
def test_contradicting_outcomes(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoRecord(**{**RECORD, **changes})


def test_a_failed_video_has_no_tracks() -> None:
    failed = VideoRecord(**{**RECORD, "status": "failed", "failure": "damaged"})
    with pytest.raises(ConfigError, match=r"failed video '/a.mp4' must not have tracks; got 1"):
        IndexedVideo(failed, make_video(0, tracks=1).tracks)


def test_ids_differ_by_video_model_shot_and_start_only() -> None:
    video = make_video(0, tracks=4)
    ids = track_ids(video.video, video.tracks)
    assert len(set(ids)) == 4
    # Path, size and time of change are facts of a copy, not of the content.
    moved = replace(video.video, uri="/moved.mp4", size=9, mtime_ns=9)
    assert track_ids(moved, video.tracks) == ids
    for other in (replace(video.video, video_id="w"), replace(video.video, model_id="n")):
        assert not set(track_ids(other, video.tracks)) & set(ids)


def test_a_twin_keeps_the_ids_of_the_others() -> None:
    # The second of two equal tracks gets a number; all earlier ids stay what they were.
    video = make_video(0, tracks=3)
    doubled = (*video.tracks, video.tracks[1])
    ids = track_ids(video.video, doubled)
    assert ids[:3] == track_ids(video.video, video.tracks)
    assert len(set(ids)) == 4
