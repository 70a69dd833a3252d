from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps

from tests.vidsearch.photo.specimens import (
    TOLERANCE,
    blocks,
    encoded,
    middles,
    png,
    srgb_profile,
    turned,
)
from vidsearch.photo.open import open_photo, read_photo
from vidsearch.photo.query_warning import QueryWarning, WarningCode


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
