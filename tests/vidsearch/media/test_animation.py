"""Animations and still images of one format."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from vidsearch.media.animation import ANIMATION_BYTES, ANIMATION_ENDINGS, is_animation

FORMATS = ["GIF", "PNG", "WEBP", "AVIF"]


def _saved(kind: str, frames: int, *, size: tuple[int, int] = (48, 32)) -> bytes:
    rng = np.random.default_rng(0)
    shape = (size[1], size[0], 3)
    images = [Pillow.fromarray(rng.integers(0, 255, shape, np.uint8)) for _ in range(frames)]
    target = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:], "duration": 100} if frames > 1 else {}
    images[0].save(target, kind, **more)
    return target.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_several_frames_are_an_animation_and_one_frame_is_not(kind: str) -> None:
    assert is_animation(_saved(kind, 3))
    assert not is_animation(_saved(kind, 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_first_bytes_tell_an_animation_whose_frames_are_large(kind: str) -> None:
    moving = _saved(kind, 3, size=(400, 400))
    if kind == "GIF":
        loop = moving.index(b"!\xff") if b"NETSCAPE2.0" in moving else 0
        assert loop == 0, "Pillow states no loop without the argument"
        moving = _with_loop(moving)
    assert len(moving) > ANIMATION_BYTES or kind == "AVIF"
    assert is_animation(moving[:ANIMATION_BYTES])
    assert not is_animation(_saved(kind, 1, size=(400, 400))[:ANIMATION_BYTES])


def test_a_gif_of_one_frame_with_a_loop_is_a_still_image_when_read_whole() -> None:
    assert not is_animation(_with_loop(_saved("GIF", 1)))


def test_a_webp_of_one_frame_with_metadata_behind_it_is_a_still_image() -> None:
    target = io.BytesIO()
    Pillow.new("RGB", (32, 32), "red").save(target, "WEBP", exif=b"Exif\0\0" + bytes(64))
    assert not is_animation(target.getvalue())


@pytest.mark.parametrize("head", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"x"])
def test_cut_or_other_bytes_are_no_animation(head: bytes) -> None:
    assert not is_animation(head)


def test_the_brand_of_a_heif_sequence_tells_it() -> None:
    assert is_animation(b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc")
    assert not is_animation(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def test_endings_are_in_lower_case_with_a_dot() -> None:
    assert all(ending.startswith(".") and ending.islower() for ending in ANIMATION_ENDINGS)


def _with_loop(gif: bytes) -> bytes:
    """Return the GIF with an endless loop stated before its first block."""
    at = 13 + (3 << (gif[10] & 7) + 1 if gif[10] & 0x80 else 0)
    return gif[:at] + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + gif[at:]
