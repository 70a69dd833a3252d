"""Endings of file names: groups that do not overlap, every container's own endings, text."""

from __future__ import annotations

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.media.animation import ANIMATION_ENDINGS
from vidsearch.media.endings import (
    OTHER_ENDINGS,
    SHARED_WITH_OTHERS,
    VIDEO_ENDINGS,
    ending_of,
    has_video_ending,
    is_text,
)
from vidsearch.video.pyav.container import CONTAINERS

# Sound, subtitles, stills and manifests; and endings that other programs use for other files, so
# that the content decides.
NOT_FILMS = {".ism", ".isma", ".m4a", ".m4b", ".mka", ".mks", ".mpo"}
BY_CONTENT = {".dat", ".imx", ".ogg", ".psp", ".sdr2", ".ser"}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_text_of_any_language_is_text(text: str) -> None:
    assert is_text(text.encode())


@pytest.mark.parametrize("head", [b"", b"G \x7f", bytes.fromhex("47400010 0000b00d"), b"a\0b"])
def test_bytes_that_are_no_text(head: bytes) -> None:
    assert not is_text(head)


@pytest.mark.parametrize(
    "name", ["A.MP4", "a.b.mkv", "x.M2TS", "/v/ä.webm", "tape.TY+", "x.Dvr-MS"]
)
def test_endings_in_any_case(name: str) -> None:
    assert has_video_ending(name)
    assert not has_video_ending(name + ".part")


@pytest.mark.parametrize("name", ["mp4", ".mp4", "a.mp4/", "a.mp3", "a", "a.mp4 copy"])
def test_names_without_a_video_ending(name: str) -> None:
    assert not has_video_ending(name)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.XMP", ".xmp"),
        ("frame.0001", ".0001"),
        ("frame.000123", ""),  # a sequence of images is one group, not one for each image
        ("a. a long remark behind a point", ""),
        ("notes.", "."),
        ("README", ""),
        ("Ä.ÄÖÜ", ".äöü"),
    ],
)
def test_ending_of_a_name(name: str, ending: str) -> None:
    assert ending_of(name) == ending


def test_every_ending_of_the_containers_is_looked_for() -> None:
    endings = {
        f".{ending}"
        for name in CONTAINERS
        if _exists(name)
        for ending in av.ContainerFormat(name, "r").extensions
    }
    assert endings - VIDEO_ENDINGS - ANIMATION_ENDINGS - NOT_FILMS - BY_CONTENT == set()
    assert not BY_CONTENT & OTHER_ENDINGS
    assert len(endings) > 40


def _exists(container: str) -> bool:
    try:
        av.ContainerFormat(container, "r")
    except ValueError:
        return False
    return True


def test_no_ending_has_two_meanings() -> None:
    assert set() == VIDEO_ENDINGS & OTHER_ENDINGS
    assert set() == VIDEO_ENDINGS & ANIMATION_ENDINGS
    assert set() == OTHER_ENDINGS & ANIMATION_ENDINGS
    assert SHARED_WITH_OTHERS <= VIDEO_ENDINGS
    assert all(ending == ending_of("x" + ending) for ending in VIDEO_ENDINGS | OTHER_ENDINGS)
