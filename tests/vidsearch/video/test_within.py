"""Discovery within folders: no link, list or name leads out of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsearch.video.discover import discover
from vidsearch.video.discovery.exclusion import OUTSIDE_RULE

FILM = b"\0\0\0\x18ftypmp42" + bytes(64)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one film, and links to a film, a folder and the parent outside it."""
    root, outside = tmp_path / "root", tmp_path / "root-outside"
    for folder in (root / "in", outside / "deep"):
        folder.mkdir(parents=True)
        (folder / "film.mp4").write_bytes(FILM + str(folder).encode())
    (root / "link.mp4").symlink_to(outside / "deep" / "film.mp4")
    (root / "folder").symlink_to(outside)
    (root / "parent").symlink_to(tmp_path)
    (root / "same").symlink_to(root / "in")
    (root / "list.txt").write_text(f"{outside}/deep/film.mp4\nin/film.mp4\ns3://bucket/a.mp4\n")
    return root


def found(sources: list[str], root: Path) -> list[str]:
    return [video.uri for video in discover(sources, within=[str(root)]).videos]


def test_links_out_of_the_folder_are_not_followed(root: Path) -> None:
    inside = str(root / "in" / "film.mp4")
    result = discover([str(root)], within=[str(root)])
    assert [video.uri for video in result.videos] == [inside]
    assert result.account.excluded[OUTSIDE_RULE] == 3
    assert len(discover([str(root)]).videos) == 2, "without the option links are followed"


@pytest.mark.parametrize("pattern", ["*.mp4", "**/*.mp4", "folder", "fold*", "*/deep/*.mp4"])
def test_globs_do_not_lead_out(root: Path, pattern: str) -> None:
    videos = found([str(root / pattern)], root)
    assert {Path(video).resolve() for video in videos} <= {root / "in" / "film.mp4"}


def test_names_and_lists_do_not_lead_out(root: Path) -> None:
    outside = root.parent / "root-outside"
    names = (
        outside,
        outside / "deep" / "film.mp4",
        root / "link.mp4",
        root / ".." / "root-outside",
        "s3://bucket/a.mp4",
    )
    for name in names:
        result = discover([str(name)], within=[str(root)])
        assert result.videos == ()
        assert "outside the folders of --within" in str(result.failures[0].error)
    assert found([f"@{root / 'list.txt'}"], root) == [str(root / "in" / "film.mp4")]
