"""File formats recognised by their first bytes, so that an error can name the remedy.

Animations among image files are recognised in ``media.animation``.

Two libraries were measured on 46 headers. ``filetype`` 1.2 misses 21 of them, among them TIFF, JPEG
XL, EMF, MPEG-TS, SVG and playlists, and takes a camera raw file for a video. ``puremagic`` 1.30
takes an AVIF photo for an MPEG-4 video and a file of zeros for an embroidery design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

OPENED_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")
"""Formats in which Pillow opens a photo. HEIC and camera raw files have decoders of their own.

Excluded formats run a helper program (EPS, WMF), refer to another file, or have a decoder with few
tests.
"""

ACCEPTED: Final = "JPEG, PNG, WebP, HEIC, AVIF, TIFF, GIF, BMP, PPM, JPEG 2000 or camera raw"

HEAD_BYTES: Final = 512

Category: TypeAlias = Literal["image", "document", "video", "archive"]

_CONVERT = "convert it to JPEG or PNG first"
STILL_REMEDY: Final = "save a still image of it and search with the image"
_EXPORT_PAGE = "export the page as JPEG or PNG"


@dataclass(frozen=True, slots=True)
class FileKind:
    """File format.

    Attributes:
        name: Short name, e.g. ``JPEG XL``.
        noun: Name with its article, e.g. ``a JPEG XL image``.
        category: Kind of content; ``image_format`` recognises the category ``image`` only.
        remedy: Advice for a user who gave the file as a photo; empty if the photo is opened.
        decoder: Library that opens the photo.
    """

    name: str
    noun: str
    category: Category
    remedy: str = ""
    decoder: Literal["pillow", "libheif", "libraw"] = "pillow"


def _image(name: str, remedy: str = "") -> FileKind:
    return FileKind(name, f"a {name} image", "image", remedy)


def _archive(name: str) -> FileKind:
    return FileKind(name, f"a {name} archive", "archive", "unpack it first")


_ICON = FileKind("icon", "an icon", "document", _CONVERT)
_JPEG_XL = _image("JPEG XL", _CONVERT)
_JPEG_2000 = _image("JPEG 2000")
_HEIC = FileKind("HEIC", "a HEIC image", "image", decoder="libheif")
_HEIF = FileKind("HEIF", "a HEIC image", "image", decoder="libheif")
_HEIF_SEQUENCE = FileKind("HEIF sequence", "a HEIC image", "video", decoder="libheif")
_POSTSCRIPT = FileKind("PostScript", "a PostScript file", "document", _EXPORT_PAGE)
_METAFILE = FileKind("WMF", "a Windows metafile", "document", _CONVERT)
_RAW = FileKind("camera raw", "a camera raw file", "document", decoder="libraw")
_RAW_VIDEO = FileKind("CR3", "a camera raw file", "video", decoder="libraw")
_MPEG = FileKind("MPEG", "an MPEG video", "video", STILL_REMEDY)
_AVIF = _image("AVIF")
_AVIF_SEQUENCE = FileKind("AVIF sequence", "an AVIF image", "video")
_VIDEO = FileKind("MP4", "a video", "video", STILL_REMEDY)
_TRANSPORT_STREAM = FileKind("MPEG-TS", "an MPEG transport stream", "video", STILL_REMEDY)
_SVG = FileKind("SVG", "an SVG drawing", "document", "export it as PNG")
_TEXT = FileKind(
    "text", "a text file, not an image", "document", "check that the download succeeded"
)
_ZIP = _archive("zip")
_LOCKED_ZIP = FileKind(
    "zip", "a zip archive with a password", "archive", "unpack it with its password first"
)

_ENCRYPTED = FileKind("encrypted", "an encrypted file", "archive", "decrypt it first")
_AUDIO = FileKind("audio", "an audio file", "document", "name a photo")

# Offset of the signature, signature, format.
_SIGNATURES: Final[tuple[tuple[int, bytes, FileKind], ...]] = (
    (0, b"\xff\xd8\xff", _image("JPEG")),
    (0, b"\x89PNG\r\n\x1a\n", _image("PNG")),
    (0, b"GIF87a", _image("GIF")),
    (0, b"GIF89a", _image("GIF")),
    (0, b"BM", _image("BMP")),
    *((8, mark, _RAW) for mark in (b"CR\2\0", b"IIII", b"MMMM")),  # Canon, Phase One
    (0, b"II*\0", _image("TIFF")),
    (0, b"MM\0*", _image("TIFF")),
    *((0, mark, _RAW) for mark in (b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"\0MRM", b"FOVb")),
    (6, b"HEAPCCDR", _RAW),
    (8, b"WEBP", _image("WebP")),
    (0, b"8BPS", FileKind("Photoshop", "a Photoshop file", "image", "export it as JPEG or PNG")),
    (0, b"\xff\x0a", _JPEG_XL),
    (4, b"JXL ", _JPEG_XL),
    (4, b"jP  ", _JPEG_2000),
    (0, b"\xff\x4f\xff\x51", FileKind("J2K", "a JPEG 2000 image", "document")),
    (0, b"%PDF", FileKind("PDF", "a PDF", "document", _EXPORT_PAGE)),
    (0, b"%!PS", _POSTSCRIPT),
    (0, b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),
    (0, b"\0\0\1\0", _ICON),
    (0, b"icns", _ICON),
    (0, b"\x76\x2f\x31\x01", FileKind("OpenEXR", "an OpenEXR image", "image", _CONVERT)),
    (0, b"#?RADIANCE", _image("Radiance HDR", _CONVERT)),
    (0, b"qoif", _image("QOI", _CONVERT)),
    (0, b"gimp xcf", _image("GIMP", _CONVERT)),
    (0, b"DDS ", _image("DDS", _CONVERT)),
    (0, b"II\xbc\1", _image("JPEG XR", _CONVERT)),
    *((0, mark, _image("PAM or PFM", _CONVERT)) for mark in (b"P7\n", b"PF\n", b"Pf\n")),
    (0, b"\xd7\xcd\xc6\x9a", _METAFILE),
    (40, b" EMF", _METAFILE),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"\x1aE\xdf\xa3", FileKind("Matroska", "a Matroska or WebM video", "video", STILL_REMEDY)),
    (8, b"AVI ", FileKind("AVI", "an AVI video", "video", STILL_REMEDY)),
    (0, b"FLV\1", FileKind("FLV", "a Flash video", "video", STILL_REMEDY)),
    (0, b"\0\0\1\xba", _MPEG),
    (0, b"\0\0\1\xb3", _MPEG),
    (0, b"0&\xb2u\x8ef\xcf\x11", FileKind("WMV", "a Windows Media video", "video", STILL_REMEDY)),
    (0, b"OggS", FileKind("Ogg", "an Ogg file", "video", STILL_REMEDY)),
    (0, b"PK\3\4", _ZIP),
    (0, b"\x1f\x8b", _archive("gzip")),
    (0, b"7z\xbc\xaf\x27\x1c", _archive("7z")),
    (0, b"Rar!\x1a\7", _archive("RAR")),
    (0, b"\xfd7zXZ\0", _archive("xz")),
    (0, b"BZh", _archive("bzip2")),
    (0, b"\x28\xb5\x2f\xfd", _archive("Zstandard")),
    (257, b"ustar", _archive("tar")),
    *((0, mark, _ENCRYPTED) for mark in (b"Salted__", b"age-encryption.org/")),
    (0, b"-----BEGIN PGP MESSAGE", _ENCRYPTED),
    *((0, mark, _AUDIO) for mark in (b"ID3", b"fLaC")),
    (8, b"WAVE", _AUDIO),
    (128, b"DICM", FileKind("DICOM", "a DICOM image", "image", _CONVERT)),
    (
        0,
        b"\0\5\x16\7",
        FileKind(
            "AppleDouble",
            "metadata that macOS keeps beside a file",
            "document",
            "name the file without '._' in front",
        ),
    ),
    (
        0,
        b"version https://git-lfs",
        FileKind(
            "Git LFS",
            "a Git LFS pointer, not the file",
            "document",
            "fetch the file with: git lfs pull",
        ),
    ),
    (
        0,
        b"L\0\0\0\1\x14\2\0",
        FileKind("shortcut", "a Windows shortcut", "document", "name the file that it points to"),
    ),
)

_HEIC_BRANDS: Final = {
    b"heic": _HEIC,
    b"heix": _HEIC,
    b"mif1": _HEIF,
    b"heim": _HEIF_SEQUENCE,
    b"heis": _HEIF_SEQUENCE,
    b"hevc": _HEIF_SEQUENCE,
    b"hevx": _HEIF_SEQUENCE,
    b"msf1": _HEIF_SEQUENCE,
}
_PLAYLISTS: Final = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0\r", b"v=0\n", b"[playlist]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def file_kind(head: bytes) -> FileKind | None:
    """Return the format of a file; None if the first bytes match no known format.

    Args:
        head: First ``HEAD_BYTES`` of the file, or fewer.

    Example:
        >>> file_kind(b"%PDF-1.7").noun
        'a PDF'
    """
    if head[4:8] == b"ftyp":
        return _iso_media_kind(head)
    for offset, signature, kind in _SIGNATURES:
        if head[offset:].startswith(signature):
            return _LOCKED_ZIP if kind is _ZIP and head[6:7] and head[6] & 1 else kind
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return _TRANSPORT_STREAM
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip().lower()
    if text.startswith((b"<svg", b"<!doctype svg")) or (
        text.startswith(b"<?xml") and b"<svg" in text
    ):
        return _SVG
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"{", b"http/1.", b"data:")):
        return _TEXT
    return None


def refusal(head: bytes) -> tuple[str, str] | None:
    """Return the reason and the remedy for a file that is not opened as a photo.

    Args:
        head: First ``HEAD_BYTES`` of the file, or fewer.

    Returns:
        Format with its article ("a PDF") and remedy; None if the file may
        have one of ``OPENED_FORMATS``.
    """
    kind = file_kind(head)
    return (kind.noun, kind.remedy) if kind is not None and kind.remedy else None


def image_format(head: bytes) -> str | None:
    """Return the format's name if a file with these first bytes is an image.

    Example:
        >>> image_format(b"GIF89a")
        'GIF'
    """
    kind = file_kind(head)
    return kind.name if kind is not None and kind.category == "image" else None


def is_playlist(head: bytes) -> bool:
    """Return True if a file with these first bytes is a text file that only names other files."""
    return head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_PLAYLISTS)


def _iso_media_kind(head: bytes) -> FileKind:
    """Return the format of an ISO base media file: AVIF, HEIC, camera raw or video."""
    length = int.from_bytes(head[:4], "big")
    brands = head[8 : min(max(length, 12), len(head))]
    major = head[8:12]
    if b"avif" in brands or b"avis" in brands:
        return _AVIF if major in {b"avif", b"mif1"} else _AVIF_SEQUENCE
    if major in _HEIC_BRANDS:
        return _HEIC_BRANDS[major]
    return _RAW_VIDEO if major.startswith(b"crx") else _VIDEO
