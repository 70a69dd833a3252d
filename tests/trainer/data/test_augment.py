"""Augmentation: each change, its bounds, and its independence of the others."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from trainer.data.augment import Augmentation
from vidsearch.datatypes import Image

DISABLED = {field.name: 0 for field in fields(Augmentation)}


@pytest.fixture
def face(rng: np.random.Generator) -> Image:
    smooth = np.linspace(0, 255, 112)
    columns = np.tile(smooth, (112, 1))
    channels = [np.add.outer(smooth, smooth) / 2, columns, columns.T]
    return np.stack(channels, axis=2).astype(np.uint8)


def augment(face: Image, seed: int = 0, **options: float) -> Image:
    values = {**DISABLED, **options}
    return Augmentation(**values).apply(face, np.random.default_rng(seed))  # type: ignore[arg-type]


def test_without_changes_a_face_stays_the_same(face: Image) -> None:
    assert np.array_equal(augment(face), face)


def test_mirroring_exchanges_left_and_right(face: Image) -> None:
    assert np.array_equal(augment(face, mirror=1), face[:, ::-1])


def test_a_shift_moves_whole_pixels_and_repeats_the_border(face: Image) -> None:
    found = set()
    for seed in range(200):
        moved = augment(face, seed, shift_px=1)
        for x in (-1, 0, 1):
            for y in (-1, 0, 1):
                rows, columns = (np.clip(np.arange(112) + d, 0, 111) for d in (y, x))
                if np.array_equal(moved, face[rows][:, columns]):
                    found.add((x, y))
    assert len(found) == 9


@pytest.mark.parametrize("option", ["colour", "grey", "blur", "jpeg", "downscale", "erase"])
def test_each_option_changes_a_face_and_leaves_the_original(face: Image, option: str) -> None:
    before = face.copy()
    changed = augment(face, **{option: 1})
    assert changed.shape == face.shape
    assert changed.dtype == np.uint8
    assert changed.flags["C_CONTIGUOUS"]
    assert not np.array_equal(changed, before)
    assert np.array_equal(face, before)
    assert np.array_equal(changed, augment(face, **{option: 1}))


def test_grey_has_no_colour(face: Image) -> None:
    grey = augment(face, grey=1).astype(int)
    assert np.ptp(grey, axis=2).max() <= 1
    luma = face @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() <= 1


def test_erasing_takes_the_stated_share(face: Image) -> None:
    shares = [(augment(face, s, erase=1) != face).any(axis=2).mean() for s in range(60)]
    assert 0.01 < min(shares) < 0.08
    assert 0.12 < max(shares) < 0.25


def test_enabling_one_change_does_not_alter_the_others(face: Image) -> None:
    mirrored = [np.array_equal(augment(face, s, mirror=0.5), face[:, ::-1]) for s in range(40)]
    both = [augment(face, s, mirror=0.5, grey=1) for s in range(40)]
    grey = augment(face, grey=1)
    assert mirrored == [np.array_equal(b, grey[:, ::-1]) for b in both]
