"""Flash films with each compression."""

from __future__ import annotations

import lzma
import struct
import zlib
from pathlib import Path

import pytest

from tests.helpers.videos import VideoSpec, read_number, write_video
from vidsearch.media.flash import uncompressed_flash
from vidsearch.video.open import open_video


def compressed(film: bytes, kind: bytes) -> bytes:
    if kind == b"CWS":
        return kind + film[3:8] + zlib.compress(film[8:])
    data = lzma.compress(film[8:], lzma.FORMAT_ALONE)
    return kind + film[3:8] + struct.pack("<I", len(data) - 13) + data[:5] + data[13:]


@pytest.mark.parametrize("kind", [b"CWS", b"ZWS"])
def test_a_compressed_film_has_all_its_frames(tmp_path: Path, kind: bytes) -> None:
    film = write_video(tmp_path / "a.swf", VideoSpec(codec="flv")).read_bytes()
    assert uncompressed_flash(compressed(film, kind), len(film)) == film
    (tmp_path / "b.swf").write_bytes(compressed(film, kind))
    with open_video(str(tmp_path / "b.swf")) as reader:
        assert [read_number(frame.rgb()) for frame in reader.decode()] == list(range(30))
        assert not reader.report().partly_read


def test_no_more_than_the_limit_is_uncompressed() -> None:
    film = b"FWS\6" + struct.pack("<I", 10_000) + bytes(9992)
    assert len(uncompressed_flash(compressed(film, b"CWS"), 100)) == 108
    assert uncompressed_flash(b"CWS\6\0\1\0\0damaged", 100) == b"FWS\6\0\1\0\0"
