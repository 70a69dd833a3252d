"""Embeddings of photos: templates of items, missing and unreadable files, processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.photo_embeddings import (
    EmbeddingOptions,
    PhotoEmbeddings,
    embed_photos,
    pooled_items,
)


def test_videos_are_centres_of_raw_embeddings() -> None:
    raw = np.array([[6, 0], [0, 8], [0, 0], [0, 0]], np.float32)
    found = np.array([True, True, False, False])
    none = np.zeros(4, bool)
    vectors, usable = pooled_items(
        PhotoEmbeddings(raw, found, none, none), np.array([0, 0, 0, 1]), 2
    )
    np.testing.assert_allclose(vectors, np.array([[0.6, 0.8], [0, 0]]))
    assert usable.tolist() == [True, False]
    raw[0, 0] = np.nan
    with pytest.raises(ConfigError, match="not finite"):
        pooled_items(PhotoEmbeddings(raw, found, none, none), np.array([0, 0, 0, 1]), 2)


def test_missing_unreadable_and_faceless_photos(photos: Path, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "broken.jpg").write_bytes(b"no image")
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "blank.png")
    paths = [
        tmp_path / "none.jpg",
        photos / "astronaut.jpg",
        tmp_path / "broken.jpg",
        tmp_path / "blank.png",
        tmp_path / ("x" * 300),  # longer than a file name may be
    ]
    embedded = embed_photos(paths, EmbeddingOptions())
    assert embedded.missing.tolist() == [True, False, False, False, True]
    assert embedded.unreadable.tolist() == [False, False, True, False, False]
    assert embedded.found.tolist() == [False, True, False, False, False]
    assert not embedded.raw[[0, 2, 3, 4]].any()
    # The content of a file gives the same embedding as its path.
    content = (photos / "astronaut.jpg").read_bytes()
    again = embed_photos([content], EmbeddingOptions())
    np.testing.assert_array_equal(again.raw[0], embedded.raw[1])


def test_no_photo_gives_no_rows() -> None:
    embedded = embed_photos([], EmbeddingOptions())
    assert (len(embedded.raw), len(embedded.found)) == (0, 0)


def test_processes_are_checked() -> None:
    with pytest.raises(ConfigError, match="--processes must be at least 1; got 0"):
        EmbeddingOptions(processes=0)
