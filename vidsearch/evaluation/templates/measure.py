"""Figures of templates: pairs 1:1, galleries 1:N, and all galleries merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.distractors import StreamPlan, blocks_of, stream
from vidsearch.evaluation.metrics.identification import search
from vidsearch.evaluation.metrics.tail_interval import tar_intervals
from vidsearch.evaluation.metrics.templates import Templates, pair_similarities
from vidsearch.evaluation.metrics.verification import (
    OperatingPoint,
    accepts,
    crossing,
    operating_point,
)
from vidsearch.evaluation.protocols.templates import Subjects
from vidsearch.evaluation.report.identification import (
    FPIRS,
    RANKS,
    GalleryFigures,
    gallery_figures,
)
from vidsearch.evaluation.templates.data import TemplateSet
from vidsearch.models.pair_scores import checked_pairs

FARS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
SMALL_FARS = (1e-5, 1e-4, 1e-3)
"""FARs whose TAR has an interval."""
UNUSABLE_SIMILARITY = -1.0
"""Score of a pair with a template without a usable image: it is never accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class VerificationFigures:
    """Figures of the 1:1 verification.

    Attributes:
        genuine: Number of genuine pairs.
        impostor: Number of impostor pairs.
        points: FAR -> operating point.
        equal_error_rate: Equal error rate.
        intervals: FAR -> 95 % interval of TAR, for ``SMALL_FARS``.
        far: (P,) false accept rates of the ROC.
        tar: (P,) true accept rates of the ROC.
    """

    genuine: int
    impostor: int
    points: dict[float, OperatingPoint]
    equal_error_rate: float
    intervals: dict[float, tuple[float, float]]
    far: NDArray[np.float64] = field(repr=False)
    tar: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class MergedGalleries:
    """Figures of all galleries as one, in InsightFace's convention.

    Attributes:
        enrolled: Number of templates.
        rank_k: k -> share of probes whose mate is among the first k.
        tpir: FPIR -> share of probes whose mate exceeds the threshold.
        thresholds: FPIR -> threshold, a cosine.
    """

    enrolled: int
    rank_k: dict[int, float]
    tpir: dict[float, float]
    thresholds: dict[float, float]

    def metrics(self) -> dict[str, Any]:
        """Return all figures for ``metrics.json``."""
        return {
            "enrolled": self.enrolled,
            "rank_k": {str(k): value for k, value in self.rank_k.items()},
            "tpir_at_fpir": {
                f"{fpir:g}": {"value": rate, "threshold": self.thresholds[fpir]}
                for fpir, rate in self.tpir.items()
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class TemplateFigures:
    """All figures of a template set.

    Attributes:
        verification: Figures of the pairs; None without pairs.
        galleries: Figures of each gallery; empty without galleries.
        merged: Figures of all galleries as one; None if they cannot be merged.
    """

    verification: VerificationFigures | None
    galleries: tuple[GalleryFigures, ...]
    merged: MergedGalleries | None


def verify(data: TemplateSet, threads: int) -> VerificationFigures:
    """Return the figures of the template pairs."""
    pairs, templates = data.pairs, data.templates
    assert pairs is not None
    scores = pair_similarities(
        templates,
        templates.rows(pairs.first),
        templates.rows(pairs.second),
        missing=UNUSABLE_SIMILARITY,
        threads=threads,
    )
    people = _people(data)
    groups = people[templates.rows(pairs.first)], people[templates.rows(pairs.second)]
    return verified_pairs(scores, pairs.issame, groups)


def _people(data: TemplateSet) -> NDArray[np.intp]:
    """Return the (T,) number of each template's subject.

    Two templates show one subject if a gallery or the probes list them under one subject, or if a
    genuine pair joins them.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    templates, pairs = data.templates, data.pairs
    assert pairs is not None
    links = [(pairs.first[pairs.issame], pairs.second[pairs.issame])]
    lists = [*data.galleries, *([data.probes] if data.probes is not None else [])]
    if lists:
        subjects = np.concatenate([listed.subjects for listed in lists])
        ids = np.concatenate([listed.templates for listed in lists])
        _, first, subject_rows = np.unique(subjects, return_index=True, return_inverse=True)
        links.append((ids, ids[first][subject_rows]))
    a, b = (templates.rows(np.concatenate(side)) for side in zip(*links, strict=True))
    count = len(templates.ids)
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def verified_pairs(
    scores: NDArray[np.float64],
    issame: NDArray[np.bool_],
    groups: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> VerificationFigures:
    """Return the figures of scored pairs; the pairs are sorted once for all figures.

    Args:
        scores: (N,) similarities.
        issame: (N,) True for genuine pairs.
        groups: Two (N,) arrays: number of the first and of the second subject, from 0.

    Raises:
        ConfigError: See ``checked_pairs`` and ``tar_intervals``.
    """
    thresholds, true_accepts, false_accepts = accepts(*checked_pairs(scores, issame))
    far, tar = false_accepts / false_accepts[-1], true_accepts / true_accepts[-1]
    return VerificationFigures(
        int(true_accepts[-1]),
        int(false_accepts[-1]),
        {rate: operating_point(thresholds, true_accepts, false_accepts, far=rate) for rate in FARS},
        crossing(far, tar),
        tar_intervals(scores, issame, groups, SMALL_FARS),
        far,
        tar,
    )


def identify(data: TemplateSet) -> tuple[GalleryFigures, ...]:
    """Search all probes in each gallery.

    Raises:
        ConfigError: A gallery without a subject of any probe.
    """
    figures = []
    for gallery in data.galleries:
        assert data.probes is not None
        probes, probe_subjects, probe_found = _vectors(data.templates, data.probes)
        enrolled, subjects, gallery_found = _vectors(data.templates, gallery)
        searches = search(probes, probe_subjects, enrolled, subjects, (probe_found, gallery_found))
        if not searches.mated.any():
            raise ConfigError(
                f"no probe shows a subject of gallery {gallery.name}; check the files"
            )
        figures.append(
            gallery_figures(gallery.name, searches, probe_subjects.tolist(), len(subjects))
        )
    return tuple(figures)


def _vectors(
    templates: Templates, listed: Subjects
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    rows = templates.rows(listed.templates)
    return templates.unit[rows], listed.subjects, templates.found[rows]


def merge_galleries(data: TemplateSet) -> MergedGalleries | None:
    """Return the figures of all galleries as one.

    Returns:
        None if galleries share a subject, a probe has no mate, or a template has no usable image.
    """
    assert data.probes is not None
    subjects = np.concatenate([gallery.subjects for gallery in data.galleries])
    if len(np.unique(subjects)) < len(subjects):
        return None
    ids = np.concatenate([gallery.templates for gallery in data.galleries])
    gallery = Subjects("merged", ids, subjects)
    probes, probe_subjects, probe_found = _vectors(data.templates, data.probes)
    enrolled, _, enrolled_found = _vectors(data.templates, gallery)
    searches = search(probes, probe_subjects, enrolled, subjects, (probe_found, enrolled_found))
    if not searches.mated.all() or not (probe_found.all() and enrolled_found.all()):
        return None
    counts = {fpir: int(np.ceil(fpir * len(probe_subjects) * (1 - 1e-12))) for fpir in FPIRS}
    numbers = np.unique(subjects)
    streamed = stream(
        probes.astype(np.float32),
        np.searchsorted(numbers, probe_subjects),
        blocks_of(enrolled.astype(np.float32), np.searchsorted(numbers, subjects)),
        StreamPlan(tail=max(counts.values())),
    )
    thresholds = {fpir: float(streamed.tail[count - 1]) for fpir, count in counts.items()}
    return MergedGalleries(
        enrolled=len(subjects),
        rank_k={k: searches.rank_k(k) for k in RANKS},
        tpir={fpir: float((streamed.genuine > bar).mean()) for fpir, bar in thresholds.items()},
        thresholds=thresholds,
    )
