"""Figures among distractors: the gallery is streamed in parts, one task each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.angles import unit_rows
from vidsearch.evaluation.metrics.distractors import (
    DISTRACTOR,
    DistractorResult,
    StreamPlan,
    StreamResult,
    allowed_false_accepts,
    distractor_result,
    merge,
    stream,
    with_mates_among_probes,
)
from vidsearch.evaluation.protocols.vectors import open_vectors

PART_ROWS = 65_536
"""Gallery rows of one task."""
_ROC_POINTS = 300

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistractorOptions:
    """Inputs and operating points of an evaluation among distractors.

    Attributes:
        probes: ``.npy`` file of probe embeddings.
        probe_list: List of lines ``image subject``, one per probe.
        gallery: ``.npy`` file of gallery embeddings.
        gallery_list: List of lines ``image``, or ``image subject`` with ``gallery_subjects``.
        gallery_subjects: True if the gallery holds the mates; else the mates of a probe are the
            other probes of its subject.
        noise: Lists of images that are left out of the "R" figures.
        far: False accept rate of the verification.
        fpr: False positive rate of the identification.
        ranks: Last rank of the CMC.
        scheduler: Address of the Dask scheduler behind the mapper; recorded in the report.
    """

    probes: Path
    probe_list: Path
    gallery: Path
    gallery_list: Path | None = None
    gallery_subjects: bool = False
    noise: tuple[Path, ...] = ()
    far: float = 1e-6
    fpr: float = 1e-3
    ranks: int = 1
    scheduler: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GalleryPart:
    """Task: compare gallery rows [start, stop) with all probes; the worker reads the files.

    Attributes:
        probes: ``.npy`` file of probe embeddings.
        gallery: ``.npy`` file of gallery embeddings.
        labels: (P,) subject of each probe that takes part.
        subjects: (B,) subject of each gallery row of the part; None: all are distractors.
        keep_probes: (N,) True for probes that take part.
        keep: (B,) True for gallery rows of the part that take part.
        start: First gallery row.
        stop: Gallery row after the last.
        plan: Sizes of the results.
    """

    probes: Path
    gallery: Path
    labels: NDArray[np.int64] = field(repr=False)
    subjects: NDArray[np.int64] | None = field(repr=False)
    keep_probes: NDArray[np.bool_] = field(repr=False)
    keep: NDArray[np.bool_] = field(repr=False)
    start: int
    stop: int
    plan: StreamPlan


class Mapper(Protocol):
    """A ``map`` over gallery parts: the built-in one, or one that uses a cluster."""

    def __call__(
        self, function: Callable[[GalleryPart], StreamResult], parts: Sequence[GalleryPart], /
    ) -> Iterable[StreamResult]:
        """Return ``function(part)`` of every part, in any order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RowFigures:
    """Figures of one choice of rows, with or without the noise.

    Attributes:
        result: Identification and verification.
        far: (N,) false accept rates of the low end of the ROC.
        tar: (N,) true accept rates of the low end of the ROC.
    """

    result: DistractorResult
    far: Floats
    tar: Floats


def measure_rows(
    options: DistractorOptions,
    mapper: Mapper,
    labels: NDArray[np.int64],
    subjects: NDArray[np.int64] | None,
    keep: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> RowFigures:
    """Stream all pairs of the selected rows and return their figures.

    Args:
        options: Inputs and operating points.
        mapper: Runs the tasks, one per part of the gallery.
        labels: (P,) subject of each probe.
        subjects: (G,) subject of each gallery row; None: all are distractors.
        keep: (P,) and (G,) flags of the probes and gallery rows that take part.

    Raises:
        ConfigError: No probe or no gallery row is left.
        ShapeError: A vector that is not finite or of length zero.
    """
    from tqdm import tqdm

    keep_probes, keep_gallery = keep
    if not keep_probes.any() or not keep_gallery.any():
        raise ConfigError("no probe or no gallery row is left; check the noise lists")
    pairs = int(keep_probes.sum()) * int(keep_gallery.sum())
    plan = StreamPlan(tail=allowed_false_accepts(options.far, pairs) + 1, ranks=options.ranks)
    parts = [
        GalleryPart(
            probes=options.probes.absolute(),
            gallery=options.gallery.absolute(),
            labels=labels[keep_probes],
            subjects=None if subjects is None else subjects[top : top + PART_ROWS],
            keep_probes=keep_probes,
            keep=keep_gallery[top : top + PART_ROWS],
            start=top,
            stop=min(top + PART_ROWS, len(keep_gallery)),
            plan=plan,
        )
        for top in range(0, len(keep_gallery), PART_ROWS)
    ]
    streamed: StreamResult | None = None
    results = mapper(stream_part, parts)
    for part in tqdm(results, total=len(parts), desc="gallery", unit="part", disable=None):
        streamed = part if streamed is None else merge([streamed, part], plan)
    assert streamed is not None
    if subjects is None:
        probes = _probes(options.probes, keep_probes)
        streamed = with_mates_among_probes(streamed, probes, labels[keep_probes])
    far, tar = tail_roc(streamed)
    return RowFigures(distractor_result(streamed, far=options.far, fpr=options.fpr), far, tar)


def stream_part(part: GalleryPart) -> StreamResult:
    """Compare all probes with one part of the gallery.

    Raises:
        ConfigError: A file cannot be read.
        ShapeError: A vector that is not finite or of length zero.
    """
    probes = _probes(part.probes, part.keep_probes)
    rows = open_vectors(part.gallery)
    return stream(probes, part.labels, _blocks(part, rows), part.plan, part.start)


def _probes(path: Path, keep: NDArray[np.bool_]) -> NDArray[np.float32]:
    return unit_rows(f"probes {path.name}", np.asarray(open_vectors(path)[keep], np.float32))


def _blocks(
    part: GalleryPart, rows: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for top in range(part.start, part.stop, part.plan.gallery_block):
        end = min(top + part.plan.gallery_block, part.stop)
        keep = part.keep[top - part.start : end - part.start]
        block = np.asarray(rows[top:end][keep], np.float32)
        if not len(block):
            continue
        if part.subjects is None:
            yield block, np.full(len(block), DISTRACTOR, np.int64)
        else:
            yield block, part.subjects[top - part.start : end - part.start][keep]


def tail_roc(streamed: StreamResult, points: int = _ROC_POINTS) -> tuple[Floats, Floats]:
    """Return the low end of the ROC, which the highest impostor similarities determine exactly.

    A point that allows n false accepts has its threshold just above the (n + 1)-th highest impostor
    similarity, so impostors of equal similarity are all refused. The curve runs from FAR 0 to the
    rate of the stream plan; lower similarities were not kept.

    Args:
        streamed: Result over the whole gallery.
        points: Largest number of points, evenly spread over log n.

    Returns:
        (N,) FAR and (N,) TAR, both ascending; empty without genuine or impostor pairs.

    Source:
        Definition; drawn as Figure 8b of ArcFace.
    """
    count = len(streamed.tail)
    if not count or not len(streamed.genuine):
        return np.zeros(0), np.zeros(0)
    spread = np.geomspace(1, count, points).astype(np.int64) - 1
    false_accepts = np.unique(np.append(spread, 0))
    genuine = np.sort(streamed.genuine)
    refused = np.searchsorted(genuine, streamed.tail[false_accepts], side="right")
    return false_accepts / streamed.impostors, 1 - refused / len(genuine)
