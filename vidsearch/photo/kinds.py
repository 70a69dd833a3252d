"""What a file is, told from its first bytes, so that a refusal can say what to do instead."""

from __future__ import annotations

OPENED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
"""The only formats a photo is ever handed to Pillow as: none that runs a helper program
(EPS, WMF), refers to another file, or has a decoder that few have tested."""

ACCEPTED = "JPEG, PNG, WebP, AVIF, TIFF, GIF, BMP or PPM"

HEAD_BYTES = 512

_CONVERT = "convert it to JPEG or PNG first"
_STILL = "save a still picture from it, and search with that"

_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Format, where its mark stands, the mark, what to do.
_KINDS: tuple[tuple[str, int, bytes, str], ...] = (
    ("a PDF", 0, b"%PDF", "export the page as JPEG or PNG"),
    ("a PostScript file", 0, b"%!PS", "export the page as JPEG or PNG"),
    ("a PostScript file", 0, b"\xc5\xd0\xd3\xc6", "export the page as JPEG or PNG"),
    ("a Photoshop file", 0, b"8BPS", "export it as JPEG or PNG"),
    ("a JPEG XL picture", 0, b"\xff\x0a", _CONVERT),
    ("a JPEG XL picture", 4, b"JXL \r\n", _CONVERT),
    ("a JPEG 2000 picture", 4, b"jP  \r\n", _CONVERT),
    ("a JPEG 2000 picture", 0, b"\xff\x4f\xff\x51", _CONVERT),
    ("an icon", 0, b"\0\0\1\0", _CONVERT),
    ("a Windows metafile", 0, b"\xd7\xcd\xc6\x9a", _CONVERT),
    ("a Windows metafile", 40, b" EMF", _CONVERT),
    ("a camera raw file", 0, b"FUJIFILMCCD-RAW", "develop it to JPEG first"),
    ("a Matroska or WebM video", 0, b"\x1aE\xdf\xa3", _STILL),
    ("an AVI video", 8, b"AVI ", _STILL),
    ("a Flash video", 0, b"FLV\1", _STILL),
    ("an MPEG video", 0, b"\0\0\1\xba", _STILL),
    ("an MPEG video", 0, b"\0\0\1\xb3", _STILL),
    ("a Windows Media video", 0, b"0&\xb2u\x8ef\xcf\x11", _STILL),
    ("an Ogg file", 0, b"OggS", _STILL),
    ("a zip archive", 0, b"PK\3\4", "unpack it first"),
    ("a gzip archive", 0, b"\x1f\x8b", "unpack it first"),
)


def refusal(head: bytes) -> tuple[str, str] | None:
    """Say what a file is and what to do instead, if its first bytes show a kind we do not open.

    Args:
        head: The first ``HEAD_BYTES`` of the file, or fewer.

    Returns:
        What it is ("a PDF") and the remedy; None if it may be one of ``OPENED_FORMATS``.
    """
    if head[4:8] == b"ftyp":
        return _boxed_media(head)
    for kind, offset, mark, remedy in _KINDS:
        if head[offset:].startswith(mark):
            return kind, remedy
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "an MPEG transport stream", _STILL
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<!doctype svg")) or (
        text.startswith(b"<?xml") and b"<svg" in text
    ):
        return "an SVG drawing", "export it as PNG"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"{")):
        return "a text file, not a picture", "check that the download succeeded"
    return None


def _boxed_media(head: bytes) -> tuple[str, str] | None:
    """Tell the kinds apart that share the ISO base media container: AVIF, HEIC and video."""
    length = int.from_bytes(head[:4], "big")
    brands = head[8 : min(max(length, 12), len(head))]
    if b"avif" in brands or b"avis" in brands:
        return None
    major = head[8:12]
    if major in _HEIC_BRANDS:
        return (
            "a HEIC picture",
            "convert it to JPEG first (on a phone: camera format 'Most Compatible')",
        )
    if major.startswith(b"crx"):
        return "a camera raw file", "develop it to JPEG first"
    return "a video", _STILL
