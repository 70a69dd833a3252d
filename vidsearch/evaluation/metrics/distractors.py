"""Identification and verification among distractors, in one pass over any number of pairs.

Every probe is compared with every row of a gallery: mates (rows of its subject) and impostors. Of
the impostor pairs, which may be trillions, only what decides the figures is kept, and it decides
them exactly: of all pairs the n + 1 highest similarities, n being the false accepts that are
allowed, and of every probe its K highest. What is kept from parts of a gallery can be merged in any
order, so parts may be worked through anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.metrics.angles import unit_rows

Floats32 = NDArray[np.float32]
Labels = NDArray[np.int64]
Blocks = Iterable[tuple[Matrix, Labels]]

PROBE_BLOCK = 1024
GALLERY_BLOCK = 8192
"""Similarities of one block take 32 MiB."""

NOBODY = -1
"""Label of a gallery row that shows none of the subjects: a distractor."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What is kept while pairs stream by.

    Attributes:
        tail: How many of the highest impostor similarities: allowed false accepts plus one.
        ranks: How many of the highest impostor similarities of each probe.
        probe_block: Probes compared at a time.
        gallery_block: Gallery rows compared at a time.
    """

    tail: int
    ranks: int = 1
    probe_block: int = PROBE_BLOCK
    gallery_block: int = GALLERY_BLOCK

    def __post_init__(self) -> None:
        if min(self.tail, self.ranks, self.probe_block, self.gallery_block) < 1:
            raise ConfigError(f"a streaming plan needs positive numbers; got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Streamed:
    """What a part of the gallery leaves behind.

    Attributes:
        impostors: Impostor pairs seen.
        tail: The highest impostor similarities, descending; at most the plan's ``tail``.
        best: (P, K) each probe's highest impostor similarities, descending, -inf where fewer.
        genuine_probe: (G,) probe of every genuine pair.
        genuine: (G,) its similarity.
    """

    impostors: int
    tail: Floats32 = field(repr=False)
    best: Floats32 = field(repr=False)
    genuine_probe: NDArray[np.int64] = field(repr=False)
    genuine: Floats32 = field(repr=False)


def allowed(far: float, pairs: int) -> int:
    """Return how many false accepts a rate allows, with room for the rounding of the product."""
    if not 0 <= far <= 1:
        raise ConfigError(f"a false accept rate must lie in [0, 1]; got {far}")
    return int(np.floor(far * pairs * (1 + 1e-12)))


def stream(
    probes: Matrix, labels: Labels, blocks: Blocks, plan: StreamPlan, offset: int = 0
) -> Streamed:
    """Compare every probe with every row of the blocks; memory does not grow with their number.

    Args:
        probes: (P, D) of unit length, float32.
        labels: (P,) subject of each, from 0.
        blocks: (B, D) rows of any length, finite and not zero, and their (B,) subjects;
            ``NOBODY`` is a distractor.
        plan: What is kept.
        offset: Row of the gallery at which the blocks begin, for errors.

    Raises:
        ShapeError: Rows of another length, not finite or zero.
    """
    if not len(probes) or labels.shape != (len(probes),):
        raise ShapeError(f"probes need one label each; got {len(probes)} and {labels.shape}")
    tail = _Tail(plan.tail)
    best = np.full((len(probes), plan.ranks), -np.inf, np.float32)
    order = np.argsort(labels, kind="stable")
    ranked = labels[order]
    found: list[tuple[NDArray[np.int64], Floats32]] = []
    pairs = 0
    for rows, subjects in blocks:
        if rows.ndim != 2 or rows.shape[1] != probes.shape[1]:
            raise ShapeError(
                f"gallery rows must have the probes' {probes.shape[1]} numbers; got shape "
                f"{rows.shape}"
            )
        unit = unit_rows(f"gallery rows from {offset}", rows)
        offset += len(unit)
        pairs += len(unit) * len(probes)
        mates = _mates(ranked, order, subjects)
        for top in range(0, len(probes), plan.probe_block):
            here = slice(top, min(top + plan.probe_block, len(probes)))
            similarities = probes[here] @ unit.T
            mine = (mates[0] >= here.start) & (mates[0] < here.stop)
            at = mates[0][mine] - top, mates[1][mine]
            found.append((mates[0][mine], similarities[at]))
            similarities[at] = -np.inf
            tail.add(similarities)
            _raise_best(best[here], similarities)
    who = np.concatenate([probe for probe, _ in found]) if found else np.empty(0, np.int64)
    genuine = np.concatenate([value for _, value in found]) if found else np.empty(0, np.float32)
    return Streamed(pairs - len(genuine), tail.sorted(), best, who, genuine)


def merge(parts: Sequence[Streamed], plan: StreamPlan) -> Streamed:
    """Return what one pass over all the parts' galleries would have left behind."""
    if not parts:
        raise ConfigError("there is nothing to merge")
    tail = np.sort(np.concatenate([part.tail for part in parts]))[::-1][: plan.tail]
    best = np.sort(np.concatenate([part.best for part in parts], axis=1), axis=1)[:, ::-1]
    return Streamed(
        sum(part.impostors for part in parts),
        tail,
        np.ascontiguousarray(best[:, : plan.ranks]),
        np.concatenate([part.genuine_probe for part in parts]),
        np.concatenate([part.genuine for part in parts]),
    )


def blocks_of(rows: Matrix, labels: Labels | None, size: int = GALLERY_BLOCK) -> Blocks:
    """Yield a gallery, which may be memory-mapped, block by block.

    Args:
        rows: (G, D).
        labels: (G,) subjects; None: all are distractors.
        size: Rows a block.
    """
    for start in range(0, len(rows), size):
        block = np.asarray(rows[start : start + size], np.float32)
        if labels is None:
            yield block, np.full(len(block), NOBODY, np.int64)
        else:
            yield block, labels[start : start + size]


def with_mates_among_probes(seen: Streamed, probes: Matrix, labels: Labels) -> Streamed:
    """Add every pair of two different probes of one subject as a genuine pair.

    For galleries that hold distractors only: each other photo of the subject is its mate in turn.
    """
    order = np.argsort(labels, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(labels[order])) + 1, len(order))
    start = 0
    who, values = [seen.genuine_probe], [seen.genuine]
    for end in ends:
        rows = order[start:end]
        start = int(end)
        mates = ~np.eye(len(rows), dtype=bool)
        values.append((probes[rows] @ probes[rows].T)[mates])
        who.append(np.broadcast_to(rows[:, None], mates.shape)[mates].astype(np.int64))
    return replace(seen, genuine_probe=np.concatenate(who), genuine=np.concatenate(values))


def _mates(
    ranked: Labels, order: NDArray[np.intp], subjects: Labels
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return probe and column of every genuine pair of a block."""
    first = np.searchsorted(ranked, subjects, side="left")
    counts = np.searchsorted(ranked, subjects, side="right") - first
    counts[subjects == NOBODY] = 0
    columns = np.repeat(np.arange(len(subjects)), counts)
    starts = np.repeat(first - np.cumsum(counts) + counts, counts)
    return order[starts + np.arange(len(columns))].astype(np.int64), columns.astype(np.int64)


class _Tail:
    """The highest of all values seen, in memory that is bounded by their number and one block."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = np.empty(0, np.float32)
        self._floor = np.float32(-np.inf)  # nothing at or below it can matter any more

    def add(self, block: Floats32) -> None:
        above = block[block > self._floor]
        if not len(above):
            return
        self._kept = np.concatenate([self._kept, above])
        if len(self._kept) > self._size:
            cut = len(self._kept) - self._size
            self._kept = np.partition(self._kept, cut)[cut:]
            self._floor = self._kept[0]

    def sorted(self) -> Floats32:
        return np.sort(self._kept)[::-1]


def _raise_best(best: Floats32, block: Floats32) -> None:
    """Replace each row's kept values, descending, where the block has higher ones."""
    ranks = best.shape[1]
    if ranks == 1:
        np.maximum(best[:, 0], block.max(axis=1), out=best[:, 0])
        return
    rows = np.flatnonzero(block.max(axis=1) > best[:, -1])
    for row in rows:
        values = block[row]
        values = np.concatenate([best[row], values[values > best[row, -1]]])
        if len(values) > 4 * ranks:
            values = np.partition(values, len(values) - ranks)[-ranks:]
        best[row] = np.sort(values)[::-1][:ranks]


@dataclass(frozen=True, slots=True)
class DistractorResult:
    """MegaFace's and Trillion-Pairs' figures.

    Attributes:
        probes: Number of probes.
        genuine: Number of genuine pairs.
        impostors: Number of impostor pairs.
        rank_k: Share of genuine pairs whose mate is among the first k (k = 1, 2, ...).
        ver_far: False accept rate asked for.
        ver_threshold: Similarity that must be exceeded.
        ver_tar: Share of genuine pairs above it.
        id_fpr: False positive rate asked for, over probes.
        id_threshold: Similarity that must be exceeded.
        id_tpr: Share of genuine pairs whose mate is first and above it.
    """

    probes: int
    genuine: int
    impostors: int
    rank_k: tuple[float, ...]
    ver_far: float
    ver_threshold: float
    ver_tar: float
    id_fpr: float
    id_threshold: float
    id_tpr: float


def distractor_result(seen: Streamed, *, far: float, fpr: float) -> DistractorResult:
    """Return the figures of everything that was streamed.

    Every genuine pair is one search: the probe against its mate and all its impostors. The mate has
    rank k if fewer than k impostors are as similar; a tie counts against it. Verification accepts
    above the n + 1 st highest of all impostor similarities, n = floor(FAR x impostor pairs).
    Identification accepts a first answer above the n + 1 st highest of the probes' best impostors,
    n = floor(FPR x probes).

    Args:
        seen: All parts, merged.
        far: Of the verification, e.g. 1e-6 (MegaFace) or 1e-9 (Trillion-Pairs).
        fpr: Of the identification, e.g. 1e-3 (Trillion-Pairs).

    Raises:
        ConfigError: No pair of a kind, or too little was kept for this FAR.

    Source:
        Kemelmacher-Shlizerman et al. 2016 (MegaFace); DeepGlint's Trillion-Pairs challenge.
    """
    if not len(seen.genuine) or not seen.impostors:
        raise ConfigError(
            f"pairs of both kinds are needed; got {len(seen.genuine)} genuine and "
            f"{seen.impostors} impostor"
        )
    count = allowed(far, seen.impostors)
    if count < seen.impostors and count >= len(seen.tail):
        raise ConfigError(
            f"FAR {far:g} of {seen.impostors} pairs needs the {count + 1} highest impostor "
            f"similarities; only {len(seen.tail)} were kept"
        )
    bar = float(seen.tail[count]) if count < seen.impostors else -np.inf
    first = np.sort(seen.best[:, 0])[::-1]
    alarms = allowed(fpr, len(first))
    id_bar = float(first[alarms]) if alarms < len(first) else -np.inf
    outranked = (seen.best[seen.genuine_probe] >= seen.genuine[:, None]).sum(axis=1)
    return DistractorResult(
        probes=len(seen.best),
        genuine=len(seen.genuine),
        impostors=seen.impostors,
        rank_k=tuple(float((outranked < k).mean()) for k in range(1, seen.best.shape[1] + 1)),
        ver_far=far,
        ver_threshold=bar,
        ver_tar=float((seen.genuine > bar).mean()),
        id_fpr=fpr,
        id_threshold=id_bar,
        id_tpr=float(((outranked == 0) & (seen.genuine > id_bar)).mean()),
    )
