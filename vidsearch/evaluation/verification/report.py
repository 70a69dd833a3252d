"""Report on a verification set: operating points, folds, curves and worst errors."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import PhotoError
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
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.protocols.pairs import PairSet
from vidsearch.evaluation.report import (
    Headline,
    ImageRow,
    ImageRows,
    LeftOut,
    Measure,
    Provenance,
    Report,
    ReportImage,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report.angle_figures import angle_histogram
from vidsearch.evaluation.report.figures import roc_of_pairs
from vidsearch.models.registry import LoadedPack

NO_FACE_SIMILARITY = -1.0
"""Score of a pair with an image without a face: it is never accepted."""

FARS = (1e-1, 1e-2, 1e-3, 1e-4)
_MAX_ERRORS = 6
"""Worst errors of each kind in the report."""

CONVENTIONS = (
    "accuracy: the threshold is chosen on all folds but one and applied to that fold (LFW)",
    "accuracy is the mean over folds, with their standard deviation",
    "embedding: raw embedding plus that of the mirrored face, then L2-normalised; cosine",
    "template of a video: centre of its frames' raw embeddings (ArcFace, section 3.1)",
    "TAR at FAR: operating point of highest TAR whose FAR is not above; not interpolated",
    "equal error rate: straight lines between neighbouring operating points",
    "a pair with an image in which no face is found scores -1 and is never accepted",
    "a pair with an image that is missing or unreadable is left out",
    "intervals: middle 95 % of 1,000 resamples of identities (of pairs, if no names are given)",
)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPairs:
    """A verification set with its similarities.

    Attributes:
        pairs: The set.
        similarities: (N,) cosines, or ``NO_FACE_SIMILARITY``.
        without_face: Number of items in which no face was found.
        missing: Number of items of which all images are missing.
        unreadable: Number of items of which no image can be read.
        left_out: Pairs of these items, which are not among the N pairs.
    """

    pairs: PairSet
    similarities: NDArray[np.float64]
    without_face: int
    missing: int
    unreadable: int
    left_out: tuple[LeftOut, ...] = ()


def verification_report(
    scored: ScoredPairs, options: EmbeddingOptions, pack: LoadedPack, elapsed_s: float
) -> Report:
    """Return the report on scored pairs.

    Raises:
        ConfigError: Pairs that cannot be scored; see ``checked_pairs`` and ``folded_accuracy``.
    """
    pairs, similarities = scored.pairs, scored.similarities
    accuracy = folded_accuracy(
        similarities, pairs.issame, folds=pairs.fold_sizes if pairs.fold_sizes else pairs.folds
    )
    right = _decided_correctly(similarities, pairs, accuracy)
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
            dataset=pairs.name,
            pack=pack.pack.name,
        ),
        sections=_sections(scored, accuracy, points, right),
        scores=_scores(scored, right),
    )


def _decided_correctly(
    similarities: NDArray[np.float64], pairs: PairSet, accuracy: FoldedAccuracy
) -> NDArray[np.float64]:
    """Return (N,) 1 for pairs decided correctly at the threshold of their fold, else 0."""
    thresholds = np.concatenate(
        [np.full(len(f), t) for f, t in zip(pairs.fold_rows, accuracy.thresholds, strict=True)]
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
    """Return the group numbers for resampling: both people of a pair, or the pair itself."""
    if pairs.people is None:
        return (np.arange(len(pairs.issame)),)
    numbers: dict[str, int] = {}
    columns = np.array(
        [[numbers.setdefault(name, len(numbers)) for name in both] for both in pairs.people],
        np.intp,
    )
    return columns[:, 0], columns[:, 1]


def _lead(scored: ScoredPairs) -> str:
    pairs = scored.pairs
    text = (
        f"{len(pairs.issame):,} pairs ({int(pairs.issame.sum()):,} genuine) of "
        f"{len(pairs.items):,} {'videos' if pairs.name == 'YTF' else 'images'} in {pairs.folds} "
        "folds."
    )
    if scored.without_face:
        text += (
            f" {scored.without_face:,} have no detected face: their pairs count as never accepted."
        )
    return text


def _headlines(
    accuracy: FoldedAccuracy,
    points: dict[float, OperatingPoint],
    error: float,
    intervals: dict[str, tuple[float, float]],
) -> tuple[Headline, ...]:
    def headline(label: str, value: float, name: str, text: str = "") -> Headline:
        low, high = intervals[name]
        return Headline(
            label,
            text if text else f"{value:.4f}",
            f"95 % interval {low:.4f} to {high:.4f}",
            (value, low, high),
        )

    spread = f"{accuracy.mean:.4f} ± {accuracy.std:.4f}"
    return (
        headline("Accuracy, folds", accuracy.mean, "accuracy", spread),
        headline("TAR at FAR 1e-3", points[1e-3].tar, "tar_at_far_1e-3"),
        headline("Equal error rate", error, "equal_error_rate"),
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
    fold_rows = zip(accuracy.accuracies, accuracy.thresholds, strict=True)
    folds = ReportTable(
        "folds",
        "Accuracy of each fold at the best threshold of the other folds",
        ("fold", "accuracy", "threshold (cosine)"),
        tuple((number, *row) for number, row in enumerate(fold_rows, 1)),
    )
    with_faces = similarities != NO_FACE_SIMILARITY
    curves = (
        roc_of_pairs(similarities, pairs.issame, label=pairs.name, name="roc"),
        angle_histogram(
            similarities[with_faces], pairs.issame[with_faces], title=pairs.name, name="angles"
        ),
    )
    text = "Only the histogram leaves out pairs with an image without a face."
    return (
        Section("Operating points", "", (rates, folds)),
        Section("Curves", text if not with_faces.all() else "", curves),
        *_worst_errors(scored, right),
    )


def _worst_errors(scored: ScoredPairs, right: NDArray[np.float64]) -> tuple[Section, ...]:
    pairs, similarities = scored.pairs, scored.similarities
    blocks = []
    for same, caption in (
        (False, "Impostor pairs that were accepted"),
        (True, "Genuine pairs that were rejected"),
    ):
        rows = np.flatnonzero((right == 0) & (pairs.issame == same))
        worst = rows[np.argsort(similarities[rows] if same else -similarities[rows], kind="stable")]
        examples = tuple(_pair_row(scored, int(row)) for row in worst[:_MAX_ERRORS])
        if examples:
            worst_of = f"{caption}: the {len(examples)} worst of {len(rows)}"
            blocks.append(ImageRows(worst_of, examples))
    return (Section("Worst errors", "", tuple(blocks)),) if blocks else ()


def _pair_row(scored: ScoredPairs, row: int) -> ImageRow:
    pairs = scored.pairs
    both = (int(pairs.first[row]), int(pairs.second[row]))
    similarity = scored.similarities[row]
    note = "no face found" if similarity == NO_FACE_SIMILARITY else f"cosine {similarity:.3f}"
    images = tuple(
        ReportImage(_thumbnail(pairs.items[item][0]), pairs.names[item]) for item in both
    )
    return ImageRow(f"Pair {row + 1}", note, images)


def _thumbnail(photo: Path | bytes, side: int = 120) -> bytes | None:
    """Return a small JPEG of a photo, or None if the photo cannot be read."""
    from PIL import Image as Pillow

    from vidsearch.photo.open import read_photo

    try:
        image = Pillow.fromarray(read_photo(photo if isinstance(photo, bytes) else str(photo)))
    except PhotoError:
        return None
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
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
