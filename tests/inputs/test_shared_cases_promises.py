"""Promises of containers, from reports about software of this kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inputs.written import report_of

pytestmark = pytest.mark.media


def test_half_an_avi_is_partly_read(cases: Path) -> None:
    report = report_of(cases / "cut_half.avi")
    assert report.share == pytest.approx(48 / 90)
    assert "partly read (53.3 %): 48 frames, the last at 1.6 of 3.0 s" in report.reason


@pytest.mark.parametrize("ending", ["flv", "wmv", "mpg"])
def test_longer_sound_is_no_missing_film(cases: Path, ending: str) -> None:
    assert report_of(cases / f"longaudio.{ending}").reason == ""


def test_joined_mp4_files_say_what_lies_outside_the_index(cases: Path) -> None:
    path = cases / "joined_by_cat.mp4"
    report = report_of(path)
    outside = (cases / "control_2s.mp4").stat().st_size
    assert report.gaps == {"outside"}
    assert f"{outside} of {path.stat().st_size} bytes lie outside the index" in report.reason


@pytest.mark.parametrize("name", ["control_2s.mp4", "control_upright.mp4", "nvr.dav"])
def test_intact_files_are_whole(cases: Path, name: str) -> None:
    assert report_of(cases / name).reason == ""
