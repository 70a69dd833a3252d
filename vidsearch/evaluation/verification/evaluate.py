"""Verification sets, evaluated: pictures in, a report out."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.device import Device, resolve_device
from vidsearch.errors import ConfigError, PhotoError
from vidsearch.evaluation.metrics.paired import (
    Weighted,
    interval,
    weighted_equal_error_rate,
    weighted_mean,
    weighted_tar,
)
from vidsearch.evaluation.metrics.verification import (
    FoldedAccuracy,
    OperatingPoint,
    equal_error_rate,
    folded_accuracy,
    tar_at_far,
)
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, embed_photos, pooled_items
from vidsearch.evaluation.protocols.pairs import PairSet
from vidsearch.evaluation.report import (
    Headline,
    Measure,
    Picture,
    PictureRow,
    PictureRows,
    Provenance,
    Report,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.angle_figures import angle_histogram
from vidsearch.evaluation.report.figures import roc_of_pairs
from vidsearch.models.registry import LoadedPack, load_pack

NO_FACE_SIMILARITY = -1.0
"""Score of a pair with a picture that is missing or shows no face: it is never accepted."""

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
_SHOWN_ERRORS = 6

CONVENTIONS = (
    "accuracy: the threshold is chosen on all folds but one and applied to it (LFW's protocol)",
    "accuracy is the mean over folds, with their standard deviation",
    "embedding: raw embedding plus that of the mirrored face, then L2-normalised; cosine",
    "a video's template is the centre of its frames' raw embeddings (ArcFace, section 3.1)",
    "TAR at FAR: the best operating point whose FAR is not above that one; not interpolated",
    "equal error rate: straight lines between neighbouring operating points",
    "a pair with a picture in which no face is found scores -1 and is never accepted",
    "intervals: middle 95 % of 1,000 resamples of identities (of pairs, if none are named)",
)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPairs:
    """A verification set with its similarities.

    Attributes:
        pairs: The set.
        similarities: (N,) cosines, or ``NO_FACE_SIMILARITY``.
        without_face: Items in which no face was found.
        missing: Items of which no picture is there.
        unreadable: Items with a picture that cannot be read.
    """

    pairs: PairSet
    similarities: NDArray[np.float64]
    without_face: int
    missing: int
    unreadable: int


def evaluate_pairs(pairs: PairSet, options: EmbeddingOptions) -> Report:
    """Embed a set's pictures, compare the pairs, and return the report.

    Raises:
        ConfigError: Hardly a picture is there, so that the figures would mean nothing.
    """
    started = time.perf_counter()
    pack = load_pack(options.model, _device(options))
    scored = score_pairs(pairs, options)
    if scored.missing + scored.unreadable > len(pairs.items) // 2:
        example = next((p for item in pairs.items for p in item if isinstance(p, Path)), "pictures")
        raise ConfigError(
            f"{scored.missing} of {len(pairs.items)} pictures are missing and {scored.unreadable} "
            f"unreadable, e.g. {example}; check the folder"
        )
    return verification_report(scored, options, pack, time.perf_counter() - started)


def score_pairs(pairs: PairSet, options: EmbeddingOptions) -> ScoredPairs:
    """Return the similarity of every pair."""
    photos = [photo for item in pairs.items for photo in item]
    owners = np.repeat(np.arange(len(pairs.items)), [len(item) for item in pairs.items])
    embedded = embed_photos(photos, options)
    vectors, found = pooled_items(embedded, owners, len(pairs.items))
    cosines = np.einsum("nd,nd->n", vectors[pairs.first], vectors[pairs.second])
    usable = found[pairs.first] & found[pairs.second]
    gone = _of_all(embedded.missing, owners, len(pairs.items))
    broken = _of_all(embedded.unreadable, owners, len(pairs.items)) & ~gone
    return ScoredPairs(
        pairs,
        np.where(usable, np.clip(cosines, -1, 1), NO_FACE_SIMILARITY),
        int((~found & ~gone & ~broken).sum()),
        int(gone.sum()),
        int(broken.sum()),
    )


def _of_all(flags: NDArray[np.bool_], owners: NDArray[np.intp], items: int) -> NDArray[np.bool_]:
    """Return which items have the flag on all their pictures."""
    return np.asarray(np.bincount(owners, ~flags, minlength=items) == 0)


def _device(options: EmbeddingOptions) -> Device:
    return resolve_device(options.device)


def verification_report(
    scored: ScoredPairs, options: EmbeddingOptions, pack: LoadedPack, elapsed_s: float
) -> Report:
    """Return the report on pairs that have their similarities."""
    pairs, similarities = scored.pairs, scored.similarities
    accuracy = folded_accuracy(similarities, pairs.issame, folds=pairs.folds)
    right = _right(similarities, pairs, accuracy)
    points = {far: tar_at_far(similarities, pairs.issame, far=far) for far in FARS}
    error = equal_error_rate(similarities, pairs.issame)
    groups = _groups(pairs)
    intervals = {
        name: interval(measure, groups)
        for name, measure in _measures(similarities, pairs.issame, right).items()
    }
    return Report(
        kind="verification",
        title=f"Verification on {pairs.name} with pack {pack.pack.name}",
        lead=_lead(scored),
        conventions=CONVENTIONS,
        headlines=_headlines(accuracy, points, error, intervals),
        metrics={
            "pairs": len(similarities),
            "genuine": int(pairs.issame.sum()),
            "impostor": int((~pairs.issame).sum()),
            "folds": pairs.folds,
            "accuracy": accuracy.mean,
            "accuracy_std": accuracy.std,
            "tar_at_far": {f"{far:g}": asdict(point) for far, point in points.items()},
            "equal_error_rate": error,
            "intervals_95": intervals,
            "items_without_face": scored.without_face,
            "items_missing": scored.missing,
            "items_unreadable": scored.unreadable,
        },
        provenance=Provenance(
            configuration={**asdict(options), "folds": pairs.folds},
            data=pairs.data,
            model_id=pack.model_id,
            pack_files={file.name: file.sha256 for file in pack.pack.files},
            elapsed_s=elapsed_s,
        ),
        sections=_sections(scored, accuracy, points, right),
        scores=_scores(scored, right),
    )


def _right(
    similarities: NDArray[np.float64], pairs: PairSet, accuracy: FoldedAccuracy
) -> NDArray[np.float64]:
    folds = np.array_split(np.arange(len(similarities)), pairs.folds)
    thresholds = np.concatenate(
        [np.full(len(f), t) for f, t in zip(folds, accuracy.thresholds, strict=True)]
    )
    return np.asarray((similarities >= thresholds) == pairs.issame, np.float64)


def _measures(
    similarities: NDArray[np.float64], issame: NDArray[np.bool_], right: NDArray[np.float64]
) -> dict[str, Weighted]:
    return {
        "accuracy": weighted_mean(right),
        "tar_at_far_1e-3": weighted_tar(similarities, issame, far=1e-3),
        "equal_error_rate": weighted_equal_error_rate(similarities, issame),
    }


def _groups(pairs: PairSet) -> tuple[NDArray[np.intp], ...]:
    if pairs.people is None:
        return (np.arange(len(pairs.issame)),)
    numbers: dict[str, int] = {}
    columns = np.array(
        [[numbers.setdefault(who, len(numbers)) for who in both] for both in pairs.people], np.intp
    )
    return columns[:, 0], columns[:, 1]


def _lead(scored: ScoredPairs) -> str:
    pairs = scored.pairs
    text = (
        f"{len(pairs.issame):,} pairs ({int(pairs.issame.sum()):,} genuine) of "
        f"{len(pairs.items):,} {'videos' if pairs.name == 'YTF' else 'pictures'} in {pairs.folds} "
        "folds."
    )
    troubles = (
        (scored.without_face, "show no face that was found"),
        (scored.missing, "are missing"),
        (scored.unreadable, "cannot be read"),
    )
    for count, what in troubles:
        if count:
            text += f" {count:,} {what}: their pairs count as never accepted."
    return text


def _headlines(
    accuracy: FoldedAccuracy,
    points: dict[float, OperatingPoint],
    error: float,
    intervals: dict[str, tuple[float, float]],
) -> tuple[Headline, ...]:
    def note(name: str) -> str:
        low, high = intervals[name]
        return f"95 % interval {low:.4f} to {high:.4f}"

    def line(label: str, value: float, name: str, shown: str = "") -> Headline:
        bar = (value, *intervals[name])
        return Headline(label, shown if shown else f"{value:.4f}", note(name), bar)

    spread = f"{accuracy.mean:.4f} ± {accuracy.std:.4f}"
    return (
        line("Accuracy, folds", accuracy.mean, "accuracy", spread),
        line("TAR at FAR 1e-3", points[1e-3].tar, "tar_at_far_1e-3"),
        line("Equal error rate", error, "equal_error_rate"),
    )


def _sections(
    scored: ScoredPairs,
    accuracy: FoldedAccuracy,
    points: dict[float, OperatingPoint],
    right: NDArray[np.float64],
) -> tuple[Section, ...]:
    pairs, similarities = scored.pairs, scored.similarities
    impostors = int((~pairs.issame).sum())
    rates = ReportTable(
        "tar-at-far",
        "True accept rate at a false accept rate",
        ("FAR asked for", "false accepts allowed", "FAR reached", "TAR", "threshold (cosine)"),
        tuple(
            (f"{far:g}", int(far * impostors * (1 + 1e-12)), p.far, p.tar, p.threshold)
            for far, p in points.items()
        ),
    )
    folds = ReportTable(
        "folds",
        "Each fold at the threshold that is best on the others",
        ("fold", "accuracy", "threshold (cosine)"),
        tuple(
            (number, value, threshold)
            for number, (value, threshold) in enumerate(
                zip(accuracy.accuracies, accuracy.thresholds, strict=True), 1
            )
        ),
    )
    scoredrows = similarities != NO_FACE_SIMILARITY
    curves = (
        roc_of_pairs(similarities, pairs.issame, label=pairs.name, name="roc"),
        angle_histogram(
            similarities[scoredrows], pairs.issame[scoredrows], title=pairs.name, name="angles"
        ),
    )
    text = "Pairs with a picture without a face are left out of the histogram, of nothing else."
    return (
        Section("Operating points", "", (rates, folds)),
        Section("Curves", text if not scoredrows.all() else "", curves),
        *_worst(scored, right),
    )


def _worst(scored: ScoredPairs, right: NDArray[np.float64]) -> tuple[Section, ...]:
    pairs, similarities = scored.pairs, scored.similarities
    blocks = []
    for same, caption in ((False, "Two people, taken for one"), (True, "One person, not known")):
        rows = np.flatnonzero((right == 0) & (pairs.issame == same))
        worst = rows[np.argsort(similarities[rows] if same else -similarities[rows], kind="stable")]
        shown = tuple(_pair_row(scored, int(row)) for row in worst[:_SHOWN_ERRORS])
        if shown:
            blocks.append(PictureRows(f"{caption}: the {len(shown)} worst of {len(rows)}", shown))
    return (Section("Worst errors", "", tuple(blocks)),) if blocks else ()


def _pair_row(scored: ScoredPairs, row: int) -> PictureRow:
    pairs = scored.pairs
    both = (int(pairs.first[row]), int(pairs.second[row]))
    similarity = scored.similarities[row]
    note = "no face found" if similarity == NO_FACE_SIMILARITY else f"cosine {similarity:.3f}"
    pictures = tuple(Picture(_thumbnail(pairs.items[item][0]), pairs.names[item]) for item in both)
    return PictureRow(f"Pair {row + 1}", note, pictures)


def _thumbnail(photo: Path | bytes, side: int = 120) -> bytes | None:
    from PIL import Image as Pillow

    from vidsearch.photo.open import read_photo

    try:
        picture = Pillow.fromarray(read_photo(photo if isinstance(photo, bytes) else str(photo)))
    except PhotoError:
        return None
    picture.thumbnail((side, side))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _scores(scored: ScoredPairs, right: NDArray[np.float64]) -> Scores:
    pairs = scored.pairs
    columns: dict[str, Sequence[object] | NDArray[np.float64]] = {
        "id": pairs.ids,
        "similarity": scored.similarities,
        "genuine": pairs.issame.tolist(),
        "right": right,
    }
    if pairs.people is not None:
        columns |= {
            "person_a": [a for a, _ in pairs.people],
            "person_b": [b for _, b in pairs.people],
        }
    return Scores(
        "pair",
        columns,
        (
            Measure("accuracy", column="right"),
            Measure("TAR at FAR 1e-3", "tar_at_far", far=1e-3),
            Measure("equal error rate", "equal_error_rate", higher_is_better=False),
        ),
        ("person_a", "person_b") if pairs.people is not None else (),
    )
