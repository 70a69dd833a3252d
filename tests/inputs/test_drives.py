"""Drives that refuse to write, or have no hard links, are found out before the first decoding."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import index
from pipelines.stages import index_video
from vidsearch import Archive, Catalog
from vidsearch.catalog import commits
from vidsearch.errors import CatalogWriteError
from vidsearch.storage import drive, files
from vidsearch.storage.path import StoragePath


@pytest.fixture
def empty_catalog(tmp_path: Path) -> Catalog:
    return Catalog.create(tmp_path / "catalog", pack="toy", model_id="toy", dim=8)


def refuse(code: int) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_drive_that_refuses_to_write(
    empty_catalog: Catalog, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    empty_catalog.require_writable()
    before = sorted(path.name for path in Path(empty_catalog.uri).iterdir())
    monkeypatch.setattr(os, "fsync", refuse(code))
    with pytest.raises(CatalogWriteError, match=os.strerror(code)):
        empty_catalog.require_writable()
    assert sorted(path.name for path in Path(empty_catalog.uri).iterdir()) == before


def test_a_catalog_that_cannot_be_written_is_found_out_before_the_first_decoding(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(tmp_path / "catalog", [film])
    monkeypatch.setattr(commits, "try_writing", refuse(errno.EROFS))
    monkeypatch.setattr(index_video, "run", refuse(errno.EINVAL))
    shutil.copy(film, tmp_path / "films" / "copy.mp4")
    with pytest.raises(CatalogWriteError, match="Read-only file system"):
        index(tmp_path / "catalog", [film.parent])
    # Without work there is nothing to write.
    assert index(tmp_path / "catalog", [film]).skipped == 1


def test_a_folder_of_a_table_without_write_permission(
    empty_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).parent.name != "tracks" and access(path, mode)
    )
    with pytest.raises(CatalogWriteError, match="no write permission in _delta_log"):
        empty_catalog.require_writable()


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_drives_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (tmp_path / "with").mkdir()
    assert drive.has_hard_links(tmp_path / "with")
    monkeypatch.setattr(os, "link", refuse(code))
    assert not drive.has_hard_links(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["with"]
    assert commits.drive_options(StoragePath.of(tmp_path)) == {"allow_unsafe_rename": "true"}


def test_a_catalog_on_a_drive_without_hard_links(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.has_hard_links.cache_clear()
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    options: list[dict[str, str]] = []
    allowed = commits.drive_options

    def recorded(root: Any) -> dict[str, str]:
        options.append(allowed(root))
        return options[-1]

    monkeypatch.setattr("vidsearch.catalog.tables.drive_options", recorded)
    try:
        assert index(tmp_path / "catalog", [film]).indexed == 1
        assert index(tmp_path / "catalog", [film]).skipped == 1
    finally:
        drive.has_hard_links.cache_clear()
    assert {option["allow_unsafe_rename"] for option in options} == {"true"}
    assert Archive.open(tmp_path / "catalog").status().videos["indexed"] == 1


def test_creation_without_hard_links_has_one_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    assert files.create_atomically(tmp_path / "x", b"one")
    assert not files.create_atomically(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"one"
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        files.create_atomically(tmp_path / "y", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


NO_LINKS = """
#include <errno.h>
int link(const char *from, const char *to) { errno = EPERM; return -1; }
int linkat(int a, const char *from, int b, const char *to, int c) { errno = EPERM; return -1; }
"""


@pytest.mark.slow
def test_two_writers_on_a_drive_whose_system_call_refuses_links(film: Path, tmp_path: Path) -> None:
    """The table store makes its links itself: a library in front of the system's refuses them."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "links.c").write_text(NO_LINKS)
    library = tmp_path / "links.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "links.c"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    second = tmp_path / "second"
    second.mkdir()
    for number in range(6):
        folder = (film.parent, second)[number % 2]
        (folder / f"{number}.mp4").write_bytes(film.read_bytes() + bytes(number + 1))
    command = [sys.executable, "-m", "vidsearch.commands.main", "index", str(tmp_path / "catalog")]
    runs = [
        subprocess.Popen([*command, str(folder), "--workers", "1"], env=environment)
        for folder in (film.parent, second)
    ]
    assert [run.wait() for run in runs] == [0, 0]
    assert Archive.open(tmp_path / "catalog").status().videos["indexed"] == 7
