"""A catalog that lost a table: one plain line that names the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vidsearch.catalog import Catalog
from vidsearch.commands.main import main


@pytest.mark.parametrize("name", ["videos", "tracks", "files", "people"])
def test_a_missing_folder_is_named(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / "catalog" / name
    shutil.rmtree(folder)
    assert main(["forget", catalog.uri, "--video", "a"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    if name in ("videos", "files"):
        assert f"table '{name}'" in line
        assert f"(its folder '{folder}' is missing); restore it from a copy" in line
    for part in ("Os {", "kind:", "rror 2", "0:"):
        assert part not in line
