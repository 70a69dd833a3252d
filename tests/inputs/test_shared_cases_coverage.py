"""Reported faults of coverage and batches, with the original files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vidsearch.video.discover import discover

pytestmark = pytest.mark.media


def test_every_film_of_the_folder_is_found_and_every_other_file_counted(cases: Path) -> None:
    found = discover([str(cases)])
    names = {Path(video.uri).name for video in found.videos}
    assert {"nvr.dav", "ipcam.mjpeg", "anim.gif", "cut_half.avi", "longaudio.wmv"} <= names
    files = [path for path in cases.rglob("*") if path.is_file()]
    assert found.account.videos + sum(found.account.passed_over.values()) == len(files)
    assert found.account.passed_over[".heic"] == 3
    assert found.failures == ()


def test_a_list_with_one_missing_entry(cases: Path, tmp_path: Path) -> None:
    shutil.copy(cases / "list_one_missing.txt", tmp_path / "list.txt")
    entries = (tmp_path / "list.txt").read_text().split()
    for name in entries:
        if name != "missing.mp4":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
    found = discover([f"@{tmp_path / 'list.txt'}"])
    assert len(found.videos) == len(entries) - 1
    (failure,) = found.failures
    assert failure.source == str(tmp_path / "missing.mp4")
