"""Duplicate files of a run: the first file of each content is indexed."""

from __future__ import annotations

from pathlib import Path

from pipelines.indexing.duplicates import split_duplicates
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id


def source(path: Path, content: bytes | None, size: int | None = None) -> VideoSource:
    """Write a file; with None there is no file, as after a removal."""
    if content is not None:
        path.write_bytes(content)
    return VideoSource(str(path), size if size is not None else len(content or b""), 0)


def test_copies_follow_their_first_file(tmp_path: Path) -> None:
    first, other, copy, last = (
        source(tmp_path / "b", b"same"),
        source(tmp_path / "c", b"diff"),
        source(tmp_path / "a", b"same"),
        source(tmp_path / "d", b"same"),
    )
    originals, duplicates = split_duplicates([first, other, copy, last])
    assert originals == [first, other]
    assert [(d.source, d.original) for d in duplicates] == [(copy, first), (last, first)]
    assert {d.video_id for d in duplicates} == {content_id(first.uri)}


def test_a_file_of_its_own_size_is_not_read(tmp_path: Path) -> None:
    gone = source(tmp_path / "gone", None, size=7)
    assert split_duplicates([gone, source(tmp_path / "a", b"12")]) == (
        [gone, VideoSource(str(tmp_path / "a"), 2, 0)],
        [],
    )


def test_unreadable_files_of_one_size_are_not_duplicates(tmp_path: Path) -> None:
    # Both must reach the stage that reports them; neither may stand for the other.
    gone = [source(tmp_path / name, None, size=4) for name in "ab"]
    real = source(tmp_path / "c", b"1234")
    assert split_duplicates([*gone, real]) == ([*gone, real], [])


def test_empty_files_are_copies_of_each_other(tmp_path: Path) -> None:
    originals, duplicates = split_duplicates(
        [source(tmp_path / "a", b""), source(tmp_path / "b", b"")]
    )
    assert len(originals) == len(duplicates) == 1
