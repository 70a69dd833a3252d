"""Folders of a user without a home."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from vidsearch.errors import ConfigError
from vidsearch.models.registry import ModelHome
from vidsearch.storage.user_folders import cache_folder, home_folder


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Function that makes the process one of a user that the system does not know."""

    def unknown(*_: object) -> None:
        raise KeyError("uid not found")

    def leave() -> None:
        for name in ("HOME", "XDG_CACHE_HOME", "VIDSEARCH_CACHE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(pwd, "getpwuid", unknown)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    return leave


def test_a_known_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path
    assert cache_folder().name == "vidsearch"


def test_an_unknown_user_has_a_private_folder(
    homeless: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homeless()
    assert home_folder() is None
    folder = cache_folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder
    models = ModelHome.from_environment()
    assert models.cache_dir == folder / "models"
    assert models.insightface_root.is_relative_to(folder)
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "own"))
    assert ModelHome.from_environment().cache_dir == tmp_path / "own" / "models"


def test_a_folder_that_others_may_change_is_refused(
    homeless: Callable[[], None], tmp_path: Path
) -> None:
    homeless()
    cache_folder().chmod(0o777)
    with pytest.raises(ConfigError, match="is not private; set HOME or VIDSEARCH_CACHE"):
        cache_folder()
    cache_folder_path = next(tmp_path.iterdir())
    cache_folder_path.rmdir()
    cache_folder_path.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is not private"):
        cache_folder()
