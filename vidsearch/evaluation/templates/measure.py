"""The figures of template evaluation: pairs 1:1, galleries 1:N, and all galleries as one."""

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
from vidsearch.evaluation.report import identification as tables
from vidsearch.evaluation.report.identification import Identified, identified
from vidsearch.evaluation.templates.data import TemplateSet
from vidsearch.models.pair_scores import checked_pairs

FARS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
SMALL_FARS = (1e-5, 1e-4, 1e-3)
"""FARs whose TAR gets an interval."""
NOT_FOUND = -1.0
"""Score of a pair with a template of which no image could be used: it is never accepted."""


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """The 1:1 figures.

    Attributes:
        genuine: Number of genuine pairs.
        impostor: Number of impostor pairs.
        points: FAR -> operating point.
        equal_error_rate: Of the whole curve.
        intervals: FAR -> 95 % interval of TAR, for small FARs.
        far: (P,) of the curve.
        tar: (P,) of the curve.
    """

    genuine: int
    impostor: int
    points: dict[float, OperatingPoint]
    equal_error_rate: float
    intervals: dict[float, tuple[float, float]]
    far: NDArray[np.float64] = field(repr=False)
    tar: NDArray[np.float64] = field(repr=False)


def verify(data: TemplateSet, threads: int) -> Verified:
    """Return the 1:1 figures of the template pairs."""
    pairs, templates = data.pairs, data.templates
    assert pairs is not None
    scores = pair_similarities(
        templates,
        templates.rows(pairs.first),
        templates.rows(pairs.second),
        missing=NOT_FOUND,
        threads=threads,
    )
    people = _people(data)
    groups = people[templates.rows(pairs.first)], people[templates.rows(pairs.second)]
    return verified_pairs(scores, pairs.issame, groups)


def _people(data: TemplateSet) -> NDArray[np.intp]:
    """Return a number for the subject of each template.

    Templates are one subject's where a gallery or the probes say so, or a genuine pair does.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    templates, pairs = data.templates, data.pairs
    assert pairs is not None
    links = [(pairs.first[pairs.issame], pairs.second[pairs.issame])]
    listed = [*data.galleries, *([data.probes] if data.probes is not None else [])]
    if listed:
        subjects = np.concatenate([one.subjects for one in listed])
        ids = np.concatenate([one.templates for one in listed])
        _, first, who = np.unique(subjects, return_index=True, return_inverse=True)
        links.append((ids, ids[first][who]))
    a, b = (templates.rows(np.concatenate(side)) for side in zip(*links, strict=True))
    count = len(templates.ids)
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.intp)


def verified_pairs(
    scores: NDArray[np.float64],
    issame: NDArray[np.bool_],
    groups: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> Verified:
    """Return the 1:1 figures of scored pairs; they are ranked once for all of them."""
    thresholds, true_accepts, false_accepts = accepts(*checked_pairs(scores, issame))
    far, tar = false_accepts / false_accepts[-1], true_accepts / true_accepts[-1]
    return Verified(
        int(true_accepts[-1]),
        int(false_accepts[-1]),
        {rate: operating_point(thresholds, true_accepts, false_accepts, far=rate) for rate in FARS},
        crossing(far, tar),
        tar_intervals(scores, issame, groups, SMALL_FARS),
        far,
        tar,
    )


def identify(data: TemplateSet) -> tuple[Identified, ...]:
    """Search all probes in each gallery."""
    found = []
    for gallery in data.galleries:
        assert data.probes is not None
        probes, who, probe_found = _vectors(data.templates, data.probes)
        enrolled, subjects, gallery_found = _vectors(data.templates, gallery)
        searches = search(probes, who, enrolled, subjects, (probe_found, gallery_found))
        if not searches.mated.any():
            raise ConfigError(
                f"no probe shows a subject of gallery {gallery.name}; check the files"
            )
        found.append(identified(gallery.name, searches, who.tolist(), len(subjects)))
    return tuple(found)


def _vectors(
    templates: Templates, listed: Subjects
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    rows = templates.rows(listed.templates)
    return templates.unit[rows], listed.subjects, templates.found[rows]


def merge_galleries(data: TemplateSet) -> dict[str, Any] | None:
    """Return the figures of all galleries as one, where they do not share a subject."""
    assert data.probes is not None
    subjects = np.concatenate([gallery.subjects for gallery in data.galleries])
    if len(np.unique(subjects)) < len(subjects):
        return None
    ids = np.concatenate([gallery.templates for gallery in data.galleries])
    gallery = Subjects("merged", ids, subjects)
    probes, who, probe_found = _vectors(data.templates, data.probes)
    enrolled, _, enrolled_found = _vectors(data.templates, gallery)
    searches = search(probes, who, enrolled, subjects, (probe_found, enrolled_found))
    if not searches.mated.all() or not (probe_found.all() and enrolled_found.all()):
        return None
    allowed = {fpir: int(np.ceil(fpir * len(who) * (1 - 1e-12))) for fpir in tables.FPIRS}
    numbers = np.unique(subjects)
    seen = stream(
        probes.astype(np.float32),
        np.searchsorted(numbers, who),
        blocks_of(enrolled.astype(np.float32), np.searchsorted(numbers, subjects)),
        StreamPlan(tail=max(allowed.values())),
    )
    bars = {fpir: float(seen.tail[count - 1]) for fpir, count in allowed.items()}
    return {
        "enrolled": len(subjects),
        "rank_k": {str(k): searches.rank_k(k) for k in tables.RANKS},
        "tpir_at_fpir": {
            f"{fpir:g}": {"value": float((seen.genuine > bar).mean()), "threshold": bar}
            for fpir, bar in bars.items()
        },
    }
