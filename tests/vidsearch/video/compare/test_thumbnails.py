"""Differences of thumbnails: bars at the edges and shifts of the picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsearch.video.compare.thumbnails import Thumbnail

SIDE = (36, 64)


def soft(seed: int, width: int = 64) -> NDArray[np.uint8]:
    """Return soft random shapes, (36, width, 3)."""
    import cv2

    coarse = np.random.default_rng(seed).uniform(0, 255, (6, width // 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, 36), interpolation=cv2.INTER_CUBIC), 0, 255).astype(
        np.uint8
    )


def between_bars(picture: NDArray[np.uint8], colour: int) -> NDArray[np.uint8]:
    framed = np.full((*SIDE, 3), colour, np.uint8)
    framed[6:30, 20:44] = picture[6:30, 20:44]
    return framed


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_bars_of_one_colour_do_not_count(colour: int) -> None:
    first, second = (Thumbnail(between_bars(soft(seed), colour), 0.0) for seed in (1, 2))
    inside, also = (Thumbnail(soft(seed)[6:30, 20:44], 0.0) for seed in (1, 2))
    assert first.picture_difference(second) == pytest.approx(inside.difference(also), rel=1e-4)
    assert first.difference(second) < 0.7 * first.picture_difference(second)


def test_frames_without_bars_differ_alike_in_both_ways() -> None:
    first, second = Thumbnail(soft(1), 0.0), Thumbnail(soft(2), 0.0)
    assert first.picture_difference(second) == pytest.approx(first.difference(second))


def test_frames_of_one_colour_are_compared_whole() -> None:
    black, grey = (Thumbnail(np.full((*SIDE, 3), level, np.uint8), 0.0) for level in (0, 80))
    assert black.picture_difference(grey) == pytest.approx(10.0)  # 80 / (0 + 0 + 8)


def test_a_shifted_picture_is_the_same() -> None:
    wide = soft(3, width=160)
    first, second = Thumbnail(wide[:, 10:74], 0.0), Thumbnail(wide[:, 30:94], 0.0)
    assert first.picture_difference(second) > 0.3
    assert first.shifted_difference(second) < 0.02
    assert first.shifted_difference(Thumbnail(soft(4), 0.0)) > 0.14
