"""Formats by their first bytes, as photos and as videos."""

from __future__ import annotations

import pytest

from vidsearch.media.kinds import file_kind, image_format, is_playlist, refusal

BOX = b"\0\0\0\x18ftyp"


@pytest.mark.parametrize(
    ("head", "image", "refused_photo"),
    [
        (b"\xff\xd8\xff\xe0", "JPEG", None),
        (b"GIF89a" + b"\x47" * 200, "GIF", None),  # G is also the sync byte of a transport stream
        (b"MM\0*", "TIFF", None),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP", None),
        (b"8BPS\0\1", "Photoshop", "a Photoshop file"),
        (b"\xff\x0a\xfa", "JPEG XL", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000", None),
        (BOX + b"heic\0\0\0\0mif1heic", "HEIC", None),
        (BOX + b"mif1\0\0\0\0mif1heic", "HEIF", None),
        (BOX + b"mif1\0\0\0\0mif1avif", "AVIF", None),
        (BOX + b"avif\0\0\0\0avifmif1", "AVIF", None),
        (BOX + b"msf1\0\0\0\0msf1hevc", None, None),
        (BOX + b"crx \0\0\0\0crx isom", None, None),
        (BOX + b"isom\0\0\0\0isommp42", None, "a video"),
        (b"II*\0\x10\0\0\0CR\2\0", None, None),
        (b"Salted__1234", None, "an encrypted file"),
        (b"7z\xbc\xaf\x27\x1c", None, "a 7z archive"),
        (b"\0\5\x16\7", None, "metadata that macOS keeps beside a file"),
        (b"%PDF-1.7", None, "a PDF"),
        (b"RIFF\0\0\0\0AVI LIST", None, "an AVI video"),
        ((b"\x47" + bytes(187)) * 2, None, "an MPEG transport stream"),
        (b"<?xml version='1.0'?><svg/>", None, "an SVG drawing"),
        (b'{"error": 404}', None, "a text file, not an image"),
    ],
)
def test_a_format_as_video_and_as_photo(
    head: bytes, image: str | None, refused_photo: str | None
) -> None:
    assert image_format(head) == image
    reason = refusal(head)
    assert (reason[0] if reason is not None else None) == refused_photo
    assert reason is None or reason[1], "a refusal names a remedy"


@pytest.mark.parametrize("head", [b"", b"P6 10 10 255\n", bytes(512), b"some text"])
def test_other_bytes_are_of_no_known_format(head: bytes) -> None:
    assert file_kind(head) is None


def test_playlists_may_begin_with_a_byte_order_mark_and_blank_lines() -> None:
    assert is_playlist(b"\xef\xbb\xbf\n\n #EXTM3U")
    assert is_playlist(b"<?xml version='1.0'?><MPD>")
    assert not is_playlist(b"\x47" + bytes(187))
