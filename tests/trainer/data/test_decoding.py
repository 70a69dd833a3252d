"""Decoding of one face: red stays red, and a wrong file is named."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from trainer.data.base import BrokenFaceError
from trainer.data.decoding import decode_face


def encoded(image: Pillow.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP"])
def test_red_stays_red(kind: str) -> None:
    face = decode_face(encoded(Pillow.new("RGB", (16, 16), (250, 10, 20)), kind), "a", 16)
    assert face.shape == (16, 16, 3)
    assert face.flags.c_contiguous
    assert np.allclose(face.reshape(-1, 3), (250, 10, 20), atol=6)


def test_grey_has_three_equal_channels() -> None:
    face = decode_face(encoded(Pillow.new("L", (8, 8), 77), "PNG"), "a", 8)
    assert (face == 77).all()


def test_the_first_row_is_the_top() -> None:
    image = Pillow.new("RGB", (8, 8), "black")
    image.paste((255, 255, 255), (0, 0, 8, 1))
    face = decode_face(encoded(image, "PNG"), "a", 8)
    assert face[0].min() == 255
    assert face[1:].max() == 0


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff\xe0", bytes(500)])
def test_bytes_that_are_no_image(content: bytes) -> None:
    with pytest.raises(BrokenFaceError, match=rf"^row 7: not an image .* \({len(content)} bytes"):
        decode_face(content, "row 7", 16)


def test_a_face_of_another_size_states_width_before_height() -> None:
    content = encoded(Pillow.new("RGB", (20, 30)), "PNG")
    with pytest.raises(BrokenFaceError, match=r"a: 20 x 30 pixels.* 16 x 16"):
        decode_face(content, "a", 16)
