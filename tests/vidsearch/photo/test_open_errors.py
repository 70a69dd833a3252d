"""Large, refused and missing photos: one line with the remedy."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.vidsearch.photo.specimens import (
    blocks,
    encoded,
    middles,
    png,
    specimens,
)
from vidsearch.errors import PhotoError
from vidsearch.photo.open import MAX_SIDE, open_photo, read_photo


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
    "an OpenEXR image": b"\x76\x2f\x31\x01\2\0\0\0",
    "Radiance HDR": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "QOI": b"qoif\0\0\0\1",
    "GIMP": b"gimp xcf v011\0",
    "DDS": b"DDS |\0\0\0",
    "JPEG XR": b"II\xbc\1\x20\0\0\0",
    "PAM or PFM": b"P7\nWIDTH 2\n",
    "a text file": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff",
    "text": b"data:image/jpeg;base64,/9j/4AAQ",
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
