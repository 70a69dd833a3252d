"""Evaluation of verification sets: embed the images, compare the pairs, report."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.evaluation.photo_embeddings import (
    EmbeddingOptions,
    PhotoEmbeddings,
    embed_photos,
    pooled_items,
)
from vidsearch.evaluation.protocols.pairs import PairSet
from vidsearch.evaluation.report import LeftOut, LeftOutInputs, Report, with_inputs
from vidsearch.evaluation.verification.report import (
    NO_FACE_SIMILARITY,
    ScoredPairs,
    verification_report,
)
from vidsearch.models.registry import load_pack
from vidsearch.text.printable import printable


def evaluate_pairs(pairs: PairSet, options: EmbeddingOptions) -> Report:
    """Embed the images of a verification set, compare the pairs, and return the report.

    Raises:
        ConfigError: More than half of the images are missing or unreadable, or the set is one fold.
    """
    started = time.perf_counter()
    if pairs.folds < 2:
        raise ConfigError(
            f"{printable(pairs.name)} has one fold, and the threshold of a fold is chosen on the "
            "others; state two folds or more"
        )
    pack = load_pack(options.model, resolve_device(options.device))
    scored = score_pairs(pairs, options)
    if scored.missing + scored.unreadable > len(pairs.items) // 2:
        paths = (p for item in pairs.items for p in item if isinstance(p, Path))
        example = printable(str(next(paths, pairs.names[0])))
        raise ConfigError(
            f"{scored.missing} of {len(pairs.items)} images are missing and {scored.unreadable} "
            f"unreadable, e.g. {example}; check the folder"
        )
    report = verification_report(scored, options, pack, time.perf_counter() - started)
    return with_inputs(report, (*scored.left_out, *_remarks(pairs)))


def score_pairs(pairs: PairSet, options: EmbeddingOptions) -> ScoredPairs:
    """Return a verification set with the similarity of every pair.

    A pair with a picture that is missing or unreadable is left out; the others stay in their folds.

    Raises:
        ConfigError: The model returned an embedding that is not finite.
    """
    photos = [photo for item in pairs.items for photo in item]
    owners = np.repeat(np.arange(len(pairs.items)), [len(item) for item in pairs.items])
    embedded = embed_photos(photos, options)
    vectors, found = pooled_items(embedded, owners, len(pairs.items))
    missing = _items_with_all(embedded.missing, owners, len(pairs.items))
    unusable = _items_with_all(embedded.missing | embedded.unreadable, owners, len(pairs.items))
    usable = ~(unusable[pairs.first] | unusable[pairs.second])
    complete = pairs.select(usable)
    cosines = np.einsum("nd,nd->n", vectors[complete.first], vectors[complete.second])
    with_faces = found[complete.first] & found[complete.second]
    return ScoredPairs(
        complete,
        np.where(with_faces, np.clip(cosines, -1, 1), NO_FACE_SIMILARITY),
        int((~found & ~unusable).sum()),
        int(missing.sum()),
        int((unusable & ~missing).sum()),
        _left_out(pairs, missing, unusable, embedded, owners),
    )


def _left_out(
    pairs: PairSet,
    missing: NDArray[np.bool_],
    unusable: NDArray[np.bool_],
    embedded: PhotoEmbeddings,
    owners: NDArray[np.intp],
) -> tuple[LeftOut, ...]:
    """Return the pairs left out, and single frames of usable videos that are not used."""
    left_out = LeftOutInputs()
    for first, second in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        unusable_items = [item for item in (first, second) if unusable[item]]
        for number, item in enumerate(unusable_items):
            reason = "picture missing" if missing[item] else "picture unreadable"
            reason = reason if pairs.items[item] else "video without readable frames"
            left_out.add("pair", reason, pairs.names[item], count=int(number == 0))
    photos = [photo for item in pairs.items for photo in item]
    for row in np.flatnonzero(embedded.missing | embedded.unreadable).tolist():
        if not unusable[owners[row]]:
            left_out.add("frame", "picture unreadable", str(photos[row]))
    return left_out.groups()


def _remarks(pairs: PairSet) -> tuple[LeftOut, ...]:
    """Return the pairs that count although they add nothing."""
    remarks = LeftOutInputs()
    earlier: set[frozenset[int]] = set()
    for first, second in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True):
        both = frozenset((first, second))
        name = f"{pairs.names[first]}, {pairs.names[second]}"
        if first == second:
            remarks.add("pair", "a picture beside itself, counted all the same", name, remark=True)
        elif both in earlier:
            remarks.add("pair", "repeated, counted each time", name, remark=True)
        earlier.add(both)
    return remarks.groups()


def _items_with_all(
    flags: NDArray[np.bool_], owners: NDArray[np.intp], items: int
) -> NDArray[np.bool_]:
    """Return one flag per item: True if the flags of all its images are True."""
    return np.asarray(np.bincount(owners, ~flags, minlength=items) == 0)
