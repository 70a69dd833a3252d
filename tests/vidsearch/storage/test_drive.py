"""Abilities of drives: hard links, writing, and a lock that excludes threads and processes."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from vidsearch.storage.drive import LOCK_NAME, commit_lock, has_hard_links, try_writing


def test_a_folder_that_cannot_be_written_is_not_judged(tmp_path: Path) -> None:
    assert has_hard_links(tmp_path / "missing")


def test_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    try_writing(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        try_writing(tmp_path / "missing")


def test_the_lock_is_held_by_one_thread_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(5):
            with commit_lock(tmp_path):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_the_lock_ends_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), commit_lock(tmp_path):
        raise ValueError("x")
    with commit_lock(tmp_path):
        pass


def test_a_drive_without_locks_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with commit_lock(tmp_path):
        pass
    assert "neither hard links nor locks" in caplog.text
    assert (tmp_path / LOCK_NAME).exists()
