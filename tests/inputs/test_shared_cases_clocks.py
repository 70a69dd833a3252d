"""Clocks that leap, stand still or are missing, from reports about software of this kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.inputs.conftest import CasesSearch, FoundInCases
from ui.service.clip_cache import ClipCutter
from vidsearch.video.stills import still

pytestmark = pytest.mark.media

JOINED = ("joined_clock_forward.ts", "joined_clock_back.ts")
WHOLE = ("all_pts_zero.mkv", "bframes_h264.avi")
CONTROLS = ("control_2s.mp4", "control_upright.mp4")


@pytest.fixture(scope="module")
def found(search_cases: CasesSearch) -> FoundInCases:
    return search_cases(*JOINED, *WHOLE, *CONTROLS)


@pytest.mark.parametrize("name", JOINED)
def test_joined_recordings_are_four_seconds_long(found: FoundInCases, name: str) -> None:
    assert found.spans(name) == [pytest.approx((0.0, 2.0), abs=0.05)]
    lengths = {
        Path(row["uri"]).name: row["duration_s"]
        for row in found.archive.catalog.snapshot().videos(["uri", "duration_s"]).to_pylist()
    }
    assert lengths[name] == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("name", WHOLE)
def test_times_are_those_of_the_film_with_a_good_clock(found: FoundInCases, name: str) -> None:
    assert found.spans(name)[0] == pytest.approx((2.74, 7.04), abs=0.05)


@pytest.mark.parametrize("name", JOINED + WHOLE)
def test_still_and_clip_show_the_best_moment(
    found: FoundInCases, name: str, tmp_path: Path
) -> None:
    hit = found.hits[name][0]
    control = CONTROLS[0] if name in JOINED else CONTROLS[1]
    (path,) = {h.video for h in found.hits[control]}
    expected = still(path, hit.best_s).astype(int)
    shown = still(hit.video, hit.best_s, hit.read).astype(int)
    played = ClipCutter().play(hit.video, hit.span.start_s, hit.span.end_s, hit.read)
    clip = still(str(played.served.path), hit.best_s - played.offset_s).astype(int)
    assert played.clip
    assert shown.shape == expected.shape == clip.shape
    assert np.abs(shown - expected).mean() < 6
    assert np.abs(clip - expected).mean() < 6
