from __future__ import annotations

import functools
import io
import logging
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from tests.inputs.photo_files import dng, heic
from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError
from vidsearch.photo.open import MAX_SIDE, open_photo, read_photo
from vidsearch.photo.query_warning import QueryWarning, WarningCode

BLOCK = 16


def blocks(rows: int = 3, columns: int = 4, seed: int = 0) -> Image:
    """Return an image of flat coloured squares, whose middles survive lossy formats."""
    colours = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return np.kron(colours, np.ones((BLOCK, BLOCK, 1), np.uint8))


def middles(image: Image) -> Image:
    """Return the colour in the middle of every square."""
    return image[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK]


def encoded(picture: Pillow.Image | NDArray[Any], form: str, **options: Any) -> bytes:
    """Return the content of a file."""
    file = io.BytesIO()
    # A copy, because saving changes the encoder settings of an image.
    image = picture.copy() if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    image.save(file, form, **options)
    return file.getvalue()


def turned(image: Image, form: str, orientation: int) -> bytes:
    """Return a file that states an EXIF orientation."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encoded(image, form, exif=exif)


def srgb_profile() -> bytes:
    """Return an ICC profile that changes nothing."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.cache
def specimens() -> dict[str, bytes]:
    """Return small files of many kinds, for mutation."""
    image = blocks(2, 2)
    rgb = Pillow.fromarray(image)
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.convert("L"))
    wide = np.linspace(0, 65535, 24 * 32).astype(np.uint16).reshape(24, 32)
    files = {form: encoded(rgb, form) for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM")}
    files |= {f"turned {form}": turned(image, form, 6) for form in ("JPEG", "PNG", "WEBP", "TIFF")}
    files |= {
        f"animated {form}": encoded(rgb, form, save_all=True, append_images=[rgb.rotate(90)])
        for form in ("GIF", "PNG", "WEBP", "MPO", "TIFF")
    }
    files |= {f"16-bit {form}": encoded(wide, form) for form in ("PNG", "TIFF", "PPM")}
    files |= {
        f"TIFF {method}": encoded(rgb, "TIFF", compression=method)
        for method in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")
    }
    return files | {
        "AVIF": encoded(rgb, "AVIF"),
        "HEIC": heic(image, 6),
        "camera raw": dng(image),
        "camera raw with a preview": dng(image, preview_side=16),
        "fax TIFF": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "CMYK JPEG": encoded(rgb.convert("CMYK"), "JPEG", icc_profile=srgb_profile()),
        "progressive JPEG": encoded(rgb, "JPEG", progressive=True, icc_profile=srgb_profile()),
        "RGBA PNG": encoded(rgba, "PNG", icc_profile=srgb_profile()),
        "palette PNG": encoded(rgb.convert("P"), "PNG", transparency=b"\0" * 9),
        "grey PNG with a colour key": encoded(rgb.convert("L"), "PNG", transparency=3),
        "bilevel PNG": encoded(rgb.convert("1"), "PNG"),
        "float TIFF": encoded(rgb.convert("F"), "TIFF"),
    }


# Lossy formats: largest error in the middle of a flat square.
TOLERANCE = {"JPEG": 4, "WEBP": 6, "AVIF": 6}


class TestFormats:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
    def test_every_accepted_format(self, form: str) -> None:
        image = blocks()
        found = read_photo(encoded(image, form))
        assert found.shape == image.shape
        assert found.dtype == np.uint8
        off = np.abs(middles(found).astype(int) - middles(image)).max()
        assert off <= TOLERANCE.get(form, 0)

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied(self, form: str, orientation: int) -> None:
        content = turned(blocks(), form, orientation)
        with Pillow.open(io.BytesIO(content)) as picture:
            expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        np.testing.assert_array_equal(read_photo(content), expected)

    def test_orientation_six_is_a_quarter_turn_clockwise(self) -> None:
        # Red at the top left of the file must come out at the top right.
        image = np.zeros((16, 32, 3), np.uint8)
        image[:8, :8] = (255, 0, 0)
        found = read_photo(turned(image, "PNG", 6))
        assert found.shape == (32, 16, 3)
        assert found[0, 15].tolist() == [255, 0, 0]
        assert found[0, 0].tolist() == [0, 0, 0]

    @pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
    def test_16_bit_grey_is_scaled_not_clipped(self, form: str) -> None:
        # 257 times 255 is 65535; 128.5 rounds up: 33024 = 257 * 128.498 -> 128, 33025 -> 129.
        samples = np.array([[0, 128, 129, 257, 33024, 33025, 65535]], np.uint16)
        found = read_photo(encoded(samples, form))
        assert found[0, :, 0].tolist() == [0, 0, 1, 1, 128, 129, 255]
        assert (found == found[..., :1]).all()

    def test_16_bit_colour_png_keeps_its_range(self) -> None:
        # Pillow writes no 16-bit colour: one row of four RGB pixels, by hand.
        row = np.array([[0, 0, 0], [0x80FF] * 3, [65535, 0, 256], [65535] * 3], ">u2")
        content = png(4, 1, depth=16, colour=2, data=b"\0" + row.tobytes())
        assert read_photo(content)[0].tolist() == [
            [0, 0, 0],
            [128, 128, 128],
            [255, 0, 1],
            [255, 255, 255],
        ]

    @pytest.mark.parametrize("form", ["JPEG", "TIFF"])
    def test_ink_becomes_light(self, form: str) -> None:
        """A JPEG stores CMYK inverted; an error would give the negative."""
        image = blocks()
        found = read_photo(encoded(Pillow.fromarray(image).convert("CMYK"), form))
        assert np.abs(middles(found).astype(int) - middles(image)).max() <= 4

    def test_transparent_parts_become_white(self) -> None:
        rgba = np.zeros((8, 8, 4), np.uint8)
        rgba[:, 4:] = (200, 100, 0, 255)
        rgba[:4, :4, 3] = 128  # half black on white: 255 * (1 - 128 / 255) = 127
        found = read_photo(encoded(rgba, "PNG"))
        assert found[0, 0].tolist() == [127, 127, 127]
        assert found[7, 0].tolist() == [255, 255, 255]
        assert found[0, 7].tolist() == [200, 100, 0]

    def test_palette_with_transparency(self) -> None:
        picture = Pillow.new("P", (4, 4), 1)
        picture.putpalette([10, 20, 30, 200, 100, 50])
        picture.putpixel((0, 0), 0)
        found = read_photo(encoded(picture, "PNG", transparency=0))
        assert found[0, 0].tolist() == [255, 255, 255]
        assert found[3, 3].tolist() == [200, 100, 50]

    def test_grey_becomes_three_equal_channels(self) -> None:
        grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
        np.testing.assert_array_equal(
            read_photo(encoded(grey, "PNG")), np.repeat(grey[..., None], 3, 2)
        )

    def test_one_pixel(self) -> None:
        assert read_photo(encoded(np.full((1, 1, 3), 7, np.uint8), "PNG")).tolist() == [[[7, 7, 7]]]

    @pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
    def test_colour_profile_is_applied(self, form: str) -> None:
        """With red's and blue's primaries exchanged in the profile, red numbers mean blue."""
        profile = srgb_profile().replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ")
        red = np.full((32, 32, 3), (255, 0, 0), np.uint8)
        options = {} if form in ("PNG", "TIFF") else {"quality": 95}
        found = read_photo(
            encoded(red, form, icc_profile=profile.replace(b"____", b"bXYZ"), **options)
        )
        assert np.abs(found.astype(int) - [0, 0, 255]).max() <= 8

    def test_lab_samples(self) -> None:
        image = blocks() // 2 + 64
        lab = ImageCms.profileToProfile(
            Pillow.fromarray(image),
            ImageCms.createProfile("sRGB"),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
        assert lab is not None
        assert np.abs(read_photo(encoded(lab, "TIFF")).astype(int) - image).max() <= 6

    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    @pytest.mark.parametrize("profile", [b"no profile at all", b""])
    def test_broken_profile_costs_nothing(self, mode: str, profile: bytes) -> None:
        picture = Pillow.fromarray(blocks()).convert(mode)
        plain = read_photo(encoded(picture, "TIFF"))
        np.testing.assert_array_equal(
            read_photo(encoded(picture, "TIFF", icc_profile=profile)), plain
        )

    def test_profile_of_another_colour_space(self) -> None:
        """Grey images often keep the RGB profile of the image they were converted from."""
        grey = Pillow.fromarray(blocks()).convert("L")
        found = read_photo(encoded(grey, "PNG", icc_profile=srgb_profile()))
        assert np.abs(found[..., 0].astype(int) - np.asarray(grey)).max() <= 1

    @pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
    def test_animation_gives_its_first_frame_and_says_so(
        self, form: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, second = blocks(seed=1), blocks(seed=2)
        options = {"lossless": True} if form == "WEBP" else {}
        content = encoded(
            first, form, save_all=True, append_images=[Pillow.fromarray(second)], **options
        )
        with caplog.at_level(logging.INFO):
            photo = open_photo(content, "wave.gif")
        np.testing.assert_array_equal(photo.image, first)
        assert photo.warnings == (QueryWarning(WarningCode.FRAMES_IGNORED, {"frames": 2}),)
        assert "wave.gif" in caplog.text

    def test_second_view_of_a_phone_is_no_animation(self) -> None:
        image = blocks()
        content = encoded(image, "MPO", save_all=True, append_images=[Pillow.fromarray(image)])
        assert open_photo(content).warnings == ()


class TestLargePhotos:
    def test_is_shrunk_while_reading(self) -> None:
        image = Pillow.fromarray(blocks(4, 8)).resize((2 * MAX_SIDE + 8, MAX_SIDE + 4), 0)
        photo = open_photo(encoded(image, "JPEG"))
        assert photo.image.shape == (MAX_SIDE // 2, MAX_SIDE, 3)
        assert photo.scale == pytest.approx((2 * MAX_SIDE + 8) / MAX_SIDE)
        step = MAX_SIDE // 8
        expected = middles(blocks(4, 8))
        found = photo.image[step // 2 :: step, step // 2 :: step]
        assert np.abs(found.astype(int) - expected).max() <= 4

    def test_small_photo_keeps_its_pixels(self) -> None:
        photo = open_photo(encoded(np.zeros((3, MAX_SIDE, 3), np.uint8), "PNG"))
        assert photo.image.shape == (3, MAX_SIDE, 3)
        assert photo.scale == 1

    @pytest.mark.slow
    def test_60_megapixels_in_bounded_memory(self, tmp_path: Path) -> None:
        """A JPEG decoded in full would take 240 MB more than one decoded at half size."""
        import subprocess
        import sys

        path = tmp_path / "large.jpg"
        Pillow.fromarray(blocks(4, 6)).resize((9_500, 6_300), 0).save(path)
        code = (
            "import re, sys\n"
            "from pathlib import Path\n"
            "from vidsearch.photo.open import read_photo\n"
            "assert read_photo(sys.argv[1]).shape == (2716, 4096, 3)\n"
            "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
        assert int(done.stdout) < 330 * 1024  # KiB; measured 254 MiB

    @pytest.mark.parametrize("size", [(10_001, 10_000), (60_000, 60_000)])
    def test_bomb_is_refused_from_its_header(self, size: tuple[int, int]) -> None:
        with pytest.raises(PhotoError, match=r"100 million.*save a smaller copy"):
            read_photo(png(*size, depth=8, colour=2, data=b""))

    def test_limit_is_inclusive(self) -> None:
        """The header is valid, so the error is about the missing pixels."""
        with pytest.raises(PhotoError, match="damaged or cut short"):
            read_photo(png(10_000, 10_000, depth=8, colour=2, data=b""))


REFUSED = {
    "PDF": b"%PDF-1.7\n%",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "SVG drawing": b'\xef\xbb\xbf<svg xmlns="http://www.w3.org/2000/svg"/>',
    "JPEG XL": b"\xff\x0a\xfa\x7f\x01",
    "a video": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "Matroska": b"\x1aE\xdf\xa3\x9fB\x86\x81\1",
    "AVI video": b"RIFF\0\0\0\0AVI LIST",
    "transport stream": (b"\x47" + b"\0" * 187) * 2,
    "Photoshop": b"8BPS\0\1",
    "an icon": b"\0\0\1\0\1\0",
    "metafile": b"\1\0\0\0" + b"\0" * 36 + b" EMF",
    "zip archive": b"PK\3\4",
    "encrypted": b"Salted__" + bytes(16),
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1",
    "metadata that macOS keeps": b"\0\5\x16\7\0\2",
    "text file": b"<!DOCTYPE html><title>404</title>",
}


class TestErrors:
    @pytest.mark.parametrize("kind", REFUSED)
    def test_other_kinds_are_named(self, kind: str) -> None:
        with pytest.raises(PhotoError, match=rf"^photo 'x' is .*{kind}.*; \w+"):
            read_photo(REFUSED[kind], "x")

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty"),
            (b"x", "not an image in a known format"),
            (bytes(1000), "holds zero bytes only; copy"),
        ],
    )
    def test_no_picture(self, content: bytes, reason: str) -> None:
        with pytest.raises(PhotoError, match=reason):
            read_photo(content)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "AVIF", "16-bit TIFF"])
    def test_cut_in_the_header(self, kind: str) -> None:
        with pytest.raises(PhotoError, match=r"cannot be (decoded|read)|not an image"):
            read_photo(specimens()[kind][:50])

    def test_samples_without_an_agreed_scale(self) -> None:
        with pytest.raises(PhotoError, match=r"floating-point.*save it as 8-bit"):
            read_photo(encoded(np.ones((4, 4), np.float32), "TIFF"))
        with pytest.raises(PhotoError, match=r"32-bit.*save it as 8-bit"):
            read_photo(encoded(np.full((4, 4), 70_000, np.int32), "TIFF"))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match=r"no\.jpg' does not exist; check the path"):
            read_photo(tmp_path / "no.jpg")

    @pytest.mark.parametrize("path", ["a\0b", "x" * 5000, ""])
    def test_impossible_path(self, path: str) -> None:
        with pytest.raises(PhotoError):
            read_photo(path)

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="is a folder"):
            read_photo(tmp_path)

    def test_pipe_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PhotoError, match="not a regular file"):
            read_photo(tmp_path / "pipe")

    def test_unreadable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tests may run as root, which ignores permissions, so the error is simulated."""
        path = tmp_path / "secret.jpg"
        path.write_bytes(specimens()["JPEG"])

        def refuse(*_args: object, **_options: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(PhotoError, match=r"secret.*Permission denied; check its permissions"):
            read_photo(path)

    def test_name_with_newline_stays_on_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "two\nlines\x1b[31m.jpg"
        path.write_bytes(b"nothing")
        with pytest.raises(PhotoError) as caught:
            read_photo(path)
        assert len(str(caught.value).splitlines()) == 1
        assert r"two\nlines\x1b[31m.jpg" in str(caught.value)

    def test_file_name_extension_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "really a png.jpg"
        path.write_bytes(encoded(blocks(), "PNG"))
        np.testing.assert_array_equal(read_photo(path), blocks())

    def test_damaged_tiff_prints_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        content = bytearray(specimens()["TIFF tiff_adobe_deflate"])
        with Pillow.open(io.BytesIO(content)) as picture:
            start = picture.tile[0].offset if picture.tile[0].offset else 8
        content[start : start + 40] = b"\xff" * 40
        with pytest.raises(PhotoError):
            read_photo(bytes(content))
        assert capfd.readouterr() == ("", "")

    def test_warnings_filters_are_left_alone(self) -> None:
        before = list(warnings.filters)
        read_photo(specimens()["animated PNG"])
        assert warnings.filters == before


class TestFuzz:
    """Any input gives pixels or a PhotoError of one line, and no Python warning."""

    @staticmethod
    def check(content: bytes) -> None:
        try:
            image = read_photo(content, "fuzz")
        except PhotoError as error:
            message = str(error)
        else:
            message = "fuzz"
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
            assert min(image.shape) >= 1
            assert image.flags.c_contiguous
            assert image.flags.writeable
        assert "fuzz" in message
        assert len(message.splitlines()) == 1

    @pytest.mark.parametrize("kind", sorted(specimens()))
    def test_mutated_files(self, kind: str, rng: np.random.Generator) -> None:
        whole = specimens()[kind]
        self.check(whole)
        for _ in range(60):
            self.check(mutated(whole, rng))

    @given(st.binary(max_size=400))
    def test_random_bytes(self, content: bytes) -> None:
        self.check(content)

    @given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "AVIF", "animated PNG"]), st.data())
    def test_bytes_after_a_real_beginning(self, kind: str, data: st.DataObject) -> None:
        content = specimens()[kind]
        kept = data.draw(st.integers(4, len(content)))
        self.check(content[:kept] + data.draw(st.binary(max_size=100)))


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, overwrite, remove or insert bytes; then correct the checksums of a PNG."""
    damaged = bytearray(content)
    where, other = sorted(int(n) for n in rng.integers(0, len(damaged), 2))
    match int(rng.integers(5)):
        case 0:
            del damaged[where:]
        case 1:
            for index in rng.integers(0, len(damaged), 5):
                damaged[index] = rng.integers(256)
        case 2:  # headers hold the sizes
            damaged[int(rng.integers(min(len(damaged), 200)))] = int(rng.choice([0, 1, 127, 255]))
        case 3:
            del damaged[where:other]
        case _:
            damaged[where:where] = rng.bytes(int(rng.integers(1, 40)))
    if damaged.startswith(b"\x89PNG") and rng.random() < 0.7:
        at = 8
        while at + 12 <= len(damaged):
            end = at + 8 + int.from_bytes(damaged[at : at + 4], "big")
            if end + 4 > len(damaged):
                break
            damaged[end : end + 4] = zlib.crc32(damaged[at + 4 : end]).to_bytes(4, "big")
            at = end + 4
    return bytes(damaged)


def png(width: int, height: int, *, depth: int, colour: int, data: bytes) -> bytes:
    """Return a PNG from its header and its unpacked rows, filter bytes included."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )
