"""The demo archive, made once by the command that the pages show."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.pages import Workspace


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of ``vidsearch demo``, and its output."""
    base = tmp_path_factory.mktemp("demo")
    workspace = Workspace(base, "")
    return base / "demo", workspace.output("vidsearch demo demo")


@pytest.fixture
def workspace(demo: tuple[Path, str], tmp_path: Path) -> Callable[[], Workspace]:
    """Function that makes a folder with a copy of the demo archive."""

    def make() -> Workspace:
        folder, output = demo
        shutil.copytree(folder, tmp_path / "demo")
        return Workspace(tmp_path, output)

    return make
