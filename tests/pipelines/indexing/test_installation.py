"""A broken installation ends a run before any work; it is no failure of each video."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines import index
from pipelines.stages import error_boundary
from pipelines.stages.options import IndexConfig
from vidsearch.commands.main import main
from vidsearch.errors import InstallationError
from vidsearch.libraries import HEADLESS_OPENCV
from vidsearch.video.discover import VideoSource

LIBGL = "libGL.so.1: cannot open shared object file: No such file or directory"


@pytest.fixture
def without_libgl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``import cv2`` fail as on a server without libGL."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "cv2.py").write_text(f"raise ImportError({LIBGL!r}, name='cv2')")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "cv2", raising=False)


@pytest.mark.usefixtures("without_libgl")
def test_a_missing_library_is_named_once_and_no_catalog_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x" * 2000)
    assert main(["index", str(tmp_path / "catalog"), str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "vidsearch: cv2 cannot be loaded: libGL.so.1 is not on this machine; "
        f"run: {HEADLESS_OPENCV}\n"
    )
    assert not (tmp_path / "catalog").exists()


def test_a_decoder_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    (tmp_path / "a.mp4").write_bytes(b"x" * 2000)
    with pytest.raises(InstallationError, match="decord"):
        index(tmp_path / "catalog", [tmp_path], IndexConfig(decoder="decord"))
    assert not (tmp_path / "catalog").exists()


def test_an_import_that_fails_during_a_video_asks_for_no_report() -> None:
    source = VideoSource(uri="a.mp4", size=1, mtime_ns=0)
    failure = error_boundary._unexpected(source, ImportError(LIBGL, name="cv2"), None)
    assert "please report it" not in failure.message
    assert f"run: {HEADLESS_OPENCV}" in failure.message
