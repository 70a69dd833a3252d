"""Names of files as text: valid everywhere, and back to the same bytes."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.text.names import ascii_name, composed, native_name, path_of_url, portable_name

PATHS = st.binary(min_size=1, max_size=30).map(
    lambda name: "/films/" + os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_"))
)


@pytest.mark.parametrize(
    ("stored", "usable"),
    [
        # Written by portable_name: the byte E9 alone is not UTF-8.
        ("file:///videos/caf%E9.mp4", "/videos/caf\udce9.mp4"),
        # Given by a user: the file would have been stored as a plain path.
        ("file:///videos/a%20b.mp4", "file:///videos/a%20b.mp4"),
        ("file:///videos/caf%C3%A9.mp4", "file:///videos/caf%C3%A9.mp4"),
        ("s3://bucket/caf%E9.mp4", "s3://bucket/caf%E9.mp4"),
    ],
)
def test_only_our_own_urls_are_decoded(stored: str, usable: str) -> None:
    assert native_name(stored) == usable
    assert portable_name(usable) == stored


@given(PATHS)
def test_every_path_survives(path: str) -> None:
    portable = portable_name(path)
    portable.encode()
    assert native_name(portable) == path
    assert (portable == path) == (path.encode(errors="replace").decode() == path)


@given(PATHS)
def test_an_ascii_name_names_the_same_file(path: str) -> None:
    name = ascii_name(path)
    assert name.isascii()
    assert name.isprintable()
    assert name == path or path_of_url(name) == os.path.normpath(path)


def test_a_remote_name_is_not_made_a_path() -> None:
    assert portable_name("s3://b/caf\udce9.mp4") == "s3://b/caf%E9.mp4"
    assert ascii_name("s3://b/é #1.mp4") == "s3://b/%C3%A9 #1.mp4"


def test_a_relative_name_becomes_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert portable_name("caf\udce9.jpg") == "file:///caf%E9.jpg"
    assert portable_name("café.jpg") == "café.jpg"


@given(st.text())
def test_composed_and_decomposed_are_the_same_name(name: str) -> None:
    assert composed(unicodedata.normalize("NFD", name)) == composed(name)
    assert composed("caf\udce9") == "caf\udce9"
