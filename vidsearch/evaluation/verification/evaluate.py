"""Evaluation of verification sets: embed the images, compare the pairs, report."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, embed_photos, pooled_items
from vidsearch.evaluation.protocols.pairs import PairSet
from vidsearch.evaluation.report import Report
from vidsearch.evaluation.verification.report import (
    NO_FACE_SIMILARITY,
    ScoredPairs,
    verification_report,
)
from vidsearch.models.registry import load_pack


def evaluate_pairs(pairs: PairSet, options: EmbeddingOptions) -> Report:
    """Embed the images of a verification set, compare the pairs, and return the report.

    Raises:
        ConfigError: More than half of the images are missing or unreadable.
    """
    started = time.perf_counter()
    pack = load_pack(options.model, resolve_device(options.device))
    scored = score_pairs(pairs, options)
    if scored.missing + scored.unreadable > len(pairs.items) // 2:
        example = next((p for item in pairs.items for p in item if isinstance(p, Path)), "images")
        raise ConfigError(
            f"{scored.missing} of {len(pairs.items)} images are missing and {scored.unreadable} "
            f"unreadable, e.g. {example}; check the folder"
        )
    return verification_report(scored, options, pack, time.perf_counter() - started)


def score_pairs(pairs: PairSet, options: EmbeddingOptions) -> ScoredPairs:
    """Return a verification set with the similarity of every pair.

    Raises:
        ConfigError: The model returned an embedding that is not finite.
    """
    photos = [photo for item in pairs.items for photo in item]
    owners = np.repeat(np.arange(len(pairs.items)), [len(item) for item in pairs.items])
    embedded = embed_photos(photos, options)
    vectors, found = pooled_items(embedded, owners, len(pairs.items))
    cosines = np.einsum("nd,nd->n", vectors[pairs.first], vectors[pairs.second])
    usable = found[pairs.first] & found[pairs.second]
    missing = _items_with_all(embedded.missing, owners, len(pairs.items))
    unreadable = _items_with_all(embedded.unreadable, owners, len(pairs.items)) & ~missing
    return ScoredPairs(
        pairs,
        np.where(usable, np.clip(cosines, -1, 1), NO_FACE_SIMILARITY),
        int((~found & ~missing & ~unreadable).sum()),
        int(missing.sum()),
        int(unreadable.sum()),
    )


def _items_with_all(
    flags: NDArray[np.bool_], owners: NDArray[np.intp], items: int
) -> NDArray[np.bool_]:
    """Return one flag per item: True if the flags of all its images are True."""
    return np.asarray(np.bincount(owners, ~flags, minlength=items) == 0)
