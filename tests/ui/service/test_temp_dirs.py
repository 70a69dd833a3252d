"""Clip folders: readable by this user only; removed at exit or at the next start."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.app_server import free_port, serving
from ui.service.settings import UiSettings
from ui.service.temp_dirs import PREFIX, private_folder

HOLD = """
import sys, time
from pathlib import Path
from ui.service.temp_dirs import private_folder
folder = private_folder(Path(sys.argv[1]))
(folder / "clip.mp4").write_bytes(b"a face")
print(folder, flush=True)
sys.stdin.read()
"""


def holder(place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(child: subprocess.Popen[str]) -> Path:
    assert child.stdout is not None
    return Path(child.stdout.readline().strip())


def test_a_folder_lives_as_long_as_its_process_and_no_longer(tmp_path: Path) -> None:
    with holder(tmp_path) as ending, holder(tmp_path) as killed:
        folders = [told(ending), told(killed)]
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
        mine = private_folder(tmp_path)
        assert all((folder / "clip.mp4").exists() for folder in folders), "both are in use"
        ending.communicate("", timeout=30)
        assert not folders[0].exists()
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        assert folders[1].exists()
    private_folder(tmp_path)
    assert not folders[1].exists()
    assert mine.exists()


def test_folders_in_use_or_of_others_stay(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / (PREFIX + "link")).symlink_to(kept)
    (tmp_path / (PREFIX + "file")).write_text("x")
    (tmp_path / (PREFIX + "young")).mkdir()
    (tmp_path / (PREFIX + "old")).mkdir()
    long_ago = time.time() - 3600
    os.utime(tmp_path / (PREFIX + "old"), (long_ago, long_ago))
    private_folder(tmp_path)
    assert kept.exists()
    assert (tmp_path / (PREFIX + "file")).exists()
    assert (tmp_path / (PREFIX + "young")).exists()
    assert not (tmp_path / (PREFIX + "old")).exists()


def test_the_app_leaves_no_clip_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    settings = UiSettings(catalog=str(tmp_path / "none"), port=free_port())
    with serving(settings, tmp_path / "log.txt"):
        assert list(place.glob(PREFIX + "*"))
    assert list(place.glob(PREFIX + "*")) == []
