"""Files named by texts of other systems."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from vidsearch.storage.find_file import find_file

COMPOSED = "Zoë/Müller.jpg"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    ("on_disk", "written"),
    [
        (COMPOSED, COMPOSED),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("a/b.JPG", "a/b.jpg"),
        (DECOMPOSED.replace("jpg", "JPG"), COMPOSED),
        ("a/b.jpg", "a\\b.jpg"),
        ("a/b\\c.jpg", "a/b\\c.jpg"),
        ("a/b.jpg", "a/./b.jpg"),
    ],
)
def test_a_name_of_another_system_finds_its_file(
    tmp_path: Path, on_disk: str, written: str
) -> None:
    file = tmp_path / on_disk
    file.parent.mkdir()
    file.touch()
    assert find_file(tmp_path / written) == file


def test_a_name_that_fits_two_files_is_not_resolved(tmp_path: Path) -> None:
    for name in ("a.JPG", "a.Jpg"):
        (tmp_path / name).touch()
    assert find_file(tmp_path / "a.jpg") == tmp_path / "a.jpg"


@pytest.mark.parametrize("name", ["none.jpg", "none/none.jpg", "A.jpg", "x\0y", "n" * 300])
def test_a_missing_file_stays_as_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.jpg").touch()
    assert find_file(tmp_path / name) == tmp_path / name
