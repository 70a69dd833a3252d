"""Lists of videos in every form name the same files; names that are missing are said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.inputs import list_files
from vidsearch.video.discover import discover

LIST_KINDS = tuple(list_files.lists(Path("/")))


@pytest.mark.parametrize("kind", LIST_KINDS)
def test_lists_of_every_system_name_the_same_files(tmp_path: Path, kind: str) -> None:
    list_files.plant(tmp_path)
    (tmp_path / "list.txt").write_bytes(list_files.lists(tmp_path)[kind])
    found = discover([f"@{tmp_path / 'list.txt'}"])
    assert found.failures == ()
    contents = [Path(video.uri).read_bytes().decode() for video in found.videos]
    assert contents == list(list_files.NAMES)


def test_a_list_with_names_that_are_no_text(tmp_path: Path) -> None:
    list_files.plant(tmp_path)
    (tmp_path / "list.txt").write_bytes(b"latin\xe9.mp4\nfile:latin%E9.mp4\na.mp4\n")
    (tmp_path / "list0").write_bytes(b"latin\xe9.mp4\0a.mp4\0")
    for name in ("list.txt", "list0"):
        found = discover([f"@{tmp_path / name}"])
        assert [os.fsencode(Path(video.uri).name) for video in found.videos] == [
            b"latin\xe9.mp4",
            b"a.mp4",
        ]


def test_a_list_in_another_encoding_says_so_for_every_name(tmp_path: Path) -> None:
    list_files.plant(tmp_path)
    text = "a.mp4\nsub/Zoë.mkv\nlatiné.mp4\nlatin\u00e9[1-9].mp4\ngone.mp4\n"
    (tmp_path / "list.txt").write_bytes(text.encode("cp1252"))
    found = discover([f"@{tmp_path / 'list.txt'}"])
    names = [os.fsencode(Path(video.uri).name) for video in found.videos]
    assert names == [b"a.mp4", b"latin\xe9.mp4"]  # the bytes of the second name a file
    remedy = "its name is not UTF-8 text: check the {}, or save the list as UTF-8"
    messages = [str(failure.error) for failure in found.failures]
    ends = [
        remedy.format("path"),
        remedy.format("pattern"),
        "check the path",
    ]
    assert [m.endswith(f"; {end}") for m, end in zip(messages, ends, strict=True)] == [True] * 3
    assert "Zo\\xeb.mkv' (line 2 of the list" in messages[0]


def test_the_end_of_a_list_is_not_part_of_a_name(tmp_path: Path) -> None:
    for name, content in {
        "a\nb.mp4": b"a\nb.mp4\0",  # find -print0 of one file
        "c\ufeffd.mp4": "c\ufeffd.mp4\n".encode(),
        "e\x1a.mp4": b"e\x1a.mp4\x1a",
        "\u201cf\u201d": "\u201cf\u201d\n".encode(),
    }.items():
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / "list").write_bytes(content)
        assert [Path(v.uri).name for v in discover([f"@{tmp_path / 'list'}"]).videos] == [name]


def test_a_list_joined_of_two_encodings_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a.mp4\n" + "b.mp4\nc.mp4\n".encode("utf-16"))
    (failure,) = discover([f"@{tmp_path / 'list'}"]).failures
    assert "has lines in UTF-16 among others, as 'cat' joins them; save it" in str(failure.error)
