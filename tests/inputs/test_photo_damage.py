"""Photos with damage that costs no pixel, or little: what is said about them is true."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from tests.inputs.photo_files import encoded, heic
from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError
from vidsearch.photo.open import open_photo
from vidsearch.photo.png_repair import repaired_png
from vidsearch.photo.query_warning import WarningCode
from vidsearch.results.sentences import WARNING_SENTENCES

WIDTH, HEIGHT = 161, 120
SILENT = ""
WHOLE = "damaged or without its end, but all of the picture was read"
CHECKSUM = "damaged: a checksum is wrong, so that parts of the picture may be wrong"


def picture() -> Image:
    """Return waves with some noise; the lower half is white, as a studio's backdrop may be."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    waves = 110 + 90 * np.sin(rows / 9)[..., None] * np.cos(columns[..., None] / [7, 11, 17])
    waves += np.random.default_rng(0).normal(0, 6, waves.shape)
    waves[HEIGHT // 2 :] = 255
    return np.asarray(waves, np.uint8)


def noisy() -> Image:
    """Return waves over the whole picture."""
    upper = picture()[: HEIGHT // 2]
    return np.concatenate([upper, 255 - upper[::-1, ::-1]])


def png_parts(content: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Return name, data and checksum of every chunk; the pixels are in chunks of 2,000 bytes."""
    parts, offset = [], 8
    while offset < len(content):
        end = offset + 8 + int.from_bytes(content[offset : offset + 4], "big")
        name, data = content[offset + 4 : offset + 8], content[offset + 8 : end]
        pieces = (
            [data[n : n + 2000] for n in range(0, len(data), 2000)] if name == b"IDAT" else [data]
        )
        parts += [(name, piece, struct.pack(">I", zlib.crc32(name + piece))) for piece in pieces]
        offset = end + 4
    return parts


def png(parts: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """Return a PNG file of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + checksum for name, data, checksum in parts
    )


def png_with_wrong_checksum(*names: bytes) -> bytes:
    """Return a PNG file whose chunks of some names have a wrong checksum."""
    parts = png_parts(encoded(picture(), "PNG", dpi=(72, 72)))
    assert {name for name, _, _ in parts} >= set(names)
    return png([(n, data, b"oops" if n in names else c) for n, data, c in parts])


def png_with_wrong_sum_of_pixels(*, lost: int = 0) -> bytes:
    """Return a PNG file whose compressed pixels end in a wrong checksum, or lack it."""
    parts = png_parts(encoded(picture(), "PNG"))
    place = max(number for number, part in enumerate(parts) if part[0] == b"IDAT")
    data = parts[place][1][:-4] + b"oops"[lost:]
    parts[place] = b"IDAT", data, struct.pack(">I", zlib.crc32(b"IDAT" + data))
    return png(parts)


def changed(content: bytes, offset: int, new: bytes) -> bytes:
    """Return a file with other bytes at an offset."""
    return content[:offset] + new + content[offset + len(new) :]


def png_with_long_texts(name: bytes, prefix: bytes, *, texts: int = 1) -> bytes:
    """Return a PNG file whose texts or colour profile are longer than Pillow reads."""
    parts = png_parts(encoded(picture(), "PNG"))
    data = prefix + zlib.compress(bytes(1 << 21 if texts == 1 else 1_000_000), 9)
    parts[1:1] = [(name, data, struct.pack(">I", zlib.crc32(name + data)))] * texts
    return png(parts)


def webp(size: Callable[[int], int]) -> bytes:
    """Return a WebP file with another size in its header."""
    content = encoded(picture(), "WEBP", quality=95)
    return changed(content, 4, struct.pack("<I", size(len(content) - 8)))


def zeros_for(content: bytes, share: float) -> bytes:
    """Return a file with zero bytes in place of a share of it at its end."""
    there = round(len(content) * (1 - share))
    return content[:there].ljust(len(content), b"\0")


NOTHING_LOST: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG: checksum of pixels' chunks": (lambda: png_with_wrong_checksum(b"IDAT"), SILENT),
    "PNG: checksum of metadata": (lambda: png_with_wrong_checksum(b"pHYs"), WHOLE),
    "PNG: checksum of the header": (lambda: png_with_wrong_checksum(b"IHDR"), WHOLE),
    "PNG: checksum of the end": (lambda: png_with_wrong_checksum(b"IEND"), SILENT),
    "PNG: every checksum": (
        lambda: png_with_wrong_checksum(b"IHDR", b"pHYs", b"IDAT", b"IEND"),
        WHOLE,
    ),
    "PNG: checksum of the pixels": (png_with_wrong_sum_of_pixels, CHECKSUM),
    "PNG: half a checksum of the pixels": (lambda: png_with_wrong_sum_of_pixels(lost=2), SILENT),
    "PNG with a long text": (lambda: png_with_long_texts(b"zTXt", b"Comment\0\0"), SILENT),
    "PNG with long metadata": (lambda: png_with_long_texts(b"iTXt", b"XML\0\1\0\0\0"), SILENT),
    "PNG with many texts": (lambda: png_with_long_texts(b"zTXt", b"a\0\0", texts=70), SILENT),
    "PNG with a long profile": (lambda: png_with_long_texts(b"iCCP", b"a\0\0"), SILENT),
    "PNG without its end": (lambda: encoded(picture(), "PNG")[:-12], SILENT),
    "PNG with rubbish behind": (lambda: encoded(picture(), "PNG") + b"rubbish", SILENT),
    "JPEG without its end": (lambda: encoded(picture(), "JPEG", quality=95)[:-2], WHOLE),
    "JPEG with half its end": (lambda: encoded(picture(), "JPEG", quality=95)[:-1], WHOLE),
    "JPEG with zeros for its end": (
        lambda: encoded(picture(), "JPEG", quality=95)[:-2] + bytes(999),
        SILENT,
    ),
    "progressive JPEG without its end": (
        lambda: encoded(picture(), "JPEG", quality=95, progressive=True)[:-2],
        WHOLE,
    ),
    "JPEG with rubbish behind": (
        lambda: encoded(picture(), "JPEG", quality=95) + b"x" * 999,
        SILENT,
    ),
    "JPEG with zeros behind": (
        lambda: encoded(picture(), "JPEG", quality=95) + bytes(4096),
        SILENT,
    ),
    "WebP with a size too large": (lambda: webp(lambda size: size + 100), WHOLE),
    "WebP with a size too small": (lambda: webp(lambda size: size - 100), WHOLE),
    "WebP without a size": (lambda: webp(lambda _: 0), WHOLE),
    "WebP with the largest size": (lambda: webp(lambda _: 2**32 - 1), WHOLE),
    "WebP with zeros behind": (
        lambda: encoded(picture(), "WEBP", quality=95) + bytes(4096),
        SILENT,
    ),
    "lossless WebP with a wrong size": (
        lambda: changed(encoded(picture(), "WEBP", lossless=True), 4, bytes(4)),
        WHOLE,
    ),
    "GIF without its end": (lambda: encoded(picture(), "GIF")[:-1], SILENT),
    "BMP without its padding": (lambda: encoded(picture(), "BMP")[:-1], SILENT),
    "BMP with a wrong size": (lambda: changed(encoded(picture(), "BMP"), 2, bytes(4)), SILENT),
    "TIFF with rubbish behind": (lambda: encoded(picture(), "TIFF") + b"rubbish", SILENT),
    "PPM with rubbish behind": (lambda: encoded(picture(), "PPM") + b"rubbish", SILENT),
    "JPEG 2000 without its end": (lambda: encoded(picture(), "JPEG2000")[:-2], WHOLE),
    "HEIC with rubbish behind": (lambda: heic(picture()) + bytes(600), SILENT),
}


@pytest.mark.parametrize("kind", NOTHING_LOST)
def test_damage_that_costs_no_pixel(kind: str) -> None:
    make, said = NOTHING_LOST[kind]
    photo = open_photo(make())
    sentences = [WARNING_SENTENCES[warning.code](warning.fields) for warning in photo.warnings]
    assert sentences == ([f"the file is {said}; copy or download it again"] if said else [])
    if not kind.startswith("GIF"):  # 256 colours
        difference = np.abs(photo.image.astype(int) - picture()).mean(axis=(1, 2))
        assert difference.max() < 12  # of every row


LOST: dict[str, tuple[Callable[[], bytes], float]] = {
    "JPEG": (lambda: encoded(noisy(), "JPEG", quality=95), 0.4),
    "JPEG with a white lower half": (lambda: encoded(picture(), "JPEG", quality=95), 0.05),
    "PNG": (lambda: encoded(noisy(), "PNG"), 0.4),
    "BMP": (lambda: encoded(noisy(), "BMP"), 0.4),
    "PPM": (lambda: encoded(noisy(), "PPM"), 0.4),
}


@pytest.mark.parametrize("kind", LOST)
def test_the_share_of_a_cut_photo(kind: str) -> None:
    make, lost = LOST[kind]
    content = make()
    photo = open_photo(content[: round(len(content) * (1 - lost))])
    (warning,) = photo.warnings
    expected = 1 - lost if "white" not in kind else 0.4  # its white rows need few bytes
    assert warning.fields["share"] == pytest.approx(expected, abs=0.08)
    assert "damaged or cut short" in WARNING_SENTENCES[warning.code](warning.fields)


def test_damage_within_the_pixels_of_a_png_file_is_said() -> None:
    content = encoded(noisy(), "PNG")
    photo = open_photo(changed(content, len(content) // 2, bytes(50)))
    (warning,) = photo.warnings
    sentence = WARNING_SENTENCES[warning.code](warning.fields)
    assert "may be wrong; copy or download it again" in sentence
    assert dict(warning.fields)["trusted"] is False


ZEROS = {
    "JPEG": lambda: encoded(noisy(), "JPEG", quality=95),
    "WebP": lambda: encoded(noisy(), "WEBP", quality=95),
    "HEIC": lambda: heic(noisy()),
    "AVIF": lambda: encoded(noisy(), "AVIF", quality=95),
}


@pytest.mark.parametrize("kind", ZEROS)
def test_zero_bytes_in_place_of_the_end_are_said(kind: str) -> None:
    """Broken downloads and memory cards leave zero bytes, which decoders take for a picture."""
    photo = open_photo(zeros_for(ZEROS[kind](), 0.4))
    (warning,) = photo.warnings
    assert warning.code is WarningCode.PHOTO_DAMAGED
    assert warning.fields["share"] == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("offset", [16, 20, 24, 25, 28])
def test_a_damaged_header_of_a_png_file_is_an_error(offset: int) -> None:
    """Width, height, depth, colours and interlacing, each with the checksum of the right header."""
    content = changed(encoded(picture(), "PNG"), offset, b"\x63")
    with pytest.raises(
        PhotoError, match=r"not an image in a known format|it is damaged or cut short"
    ):
        open_photo(content)


@pytest.mark.parametrize("profile", [True, False])
def test_a_jpeg_file_that_was_transferred_as_text_is_refused(profile: bool) -> None:
    content = encoded(noisy(), "JPEG", quality=95, comment=b"a\r\n" * 20 if profile else b"")
    assert open_photo(content).warnings == ()
    with pytest.raises(PhotoError, match="changed by a transfer as text"):
        open_photo(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def test_a_cut_png_keeps_its_colour_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    content = encoded(noisy(), "PNG", icc_profile=profile)
    assert b"iCCP" in content
    repaired = repaired_png(content[: len(content) // 2], 10**6)
    assert repaired is not None
    assert Pillow.open(io.BytesIO(repaired.content)).info["icc_profile"] == profile


def test_a_repaired_png_keeps_its_colours_and_transparency() -> None:
    marked = Pillow.fromarray(picture()).quantize(16)
    file = io.BytesIO()
    marked.save(file, "PNG", transparency=3)
    parts = png_parts(file.getvalue())
    broken = png([(n, data, b"oops" if n == b"IHDR" else c) for n, data, c in parts])
    np.testing.assert_array_equal(open_photo(broken).image, open_photo(file.getvalue()).image)


@pytest.mark.parametrize("mode", ["L", "1", "I;16", "RGBA", "P"])
def test_the_size_of_the_rows_of_every_pixel_format(mode: str) -> None:
    from PIL import Image as Pillow

    file = io.BytesIO()
    image = Pillow.fromarray(picture())
    image = Pillow.new(mode, image.size) if mode == "I;16" else image.convert(mode)
    image.save(file, "PNG")
    parts = png_parts(file.getvalue())
    (warning,) = open_photo(
        png([(n, d, b"oops" if n == b"IHDR" else c) for n, d, c in parts])
    ).warnings
    assert dict(warning.fields) == {"share": 1.0, "trusted": True}
