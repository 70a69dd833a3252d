"""Advisory locks: the calls of POSIX, and those of Windows with a stand-in for its module."""

from __future__ import annotations

import errno
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vidsearch.storage import locks
from vidsearch.storage.locks import lock_file, open_folder_for_lock


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_lock_excludes_other_holders_until_it_is_closed(tmp_path: Path, kind: str) -> None:
    def opened() -> int:
        if kind == "folder":
            return open_folder_for_lock(tmp_path)
        return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)

    first, second = opened(), opened()
    lock_file(first)
    with pytest.raises(BlockingIOError):
        lock_file(second)
    os.close(first)
    lock_file(second, wait=True)
    os.close(second)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from vidsearch.storage.locks import *\n"
        "lock_file(open_folder_for_lock(__import__('pathlib').Path(sys.argv[1])))\n"
        "os._exit(7)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == 7
    handle = open_folder_for_lock(tmp_path)
    lock_file(handle)
    os.close(handle)


class Msvcrt:
    """Stand-in for the module of Windows: one lock, held by a descriptor."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.refusals = 0
        self.positions: list[int] = []

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (self.LK_NBLCK, 1)
        self.positions.append(os.lseek(descriptor, 0, os.SEEK_CUR))
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EACCES, "Permission denied")


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Msvcrt]:
    """Return the module as Windows loads it, and its stand-in for msvcrt."""
    fake = Msvcrt()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    return SimpleNamespace(**runpy.run_path(str(locks.__file__))), fake


def test_windows_locks_a_byte_of_a_file_in_the_folder(
    on_windows: tuple[Any, Msvcrt], tmp_path: Path
) -> None:
    module, fake = on_windows
    handle = module.open_folder_for_lock(tmp_path)
    os.write(handle, b"x")
    module.lock_file(handle)
    assert fake.positions == [0], "every holder must lock the same byte"
    fake.refusals = 1
    with pytest.raises(BlockingIOError):
        module.lock_file(handle)
    fake.refusals = 2
    module.lock_file(handle, wait=True)
    assert fake.refusals == 0
    os.close(handle)
