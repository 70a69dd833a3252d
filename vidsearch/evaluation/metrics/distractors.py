"""Identification and verification among distractors, in one pass over any number of pairs.

Every probe is compared with every row of a gallery: its mates (rows of the same subject) and
impostors. There may be trillions of impostor pairs. Two bounded sets are kept, from which the
figures follow exactly: the n + 1 highest similarities of all pairs, where n is the number of
allowed false accepts, and the K highest of every probe. Results of parts of a gallery can be merged
in any order, so the parts can be processed on any machine.
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
"""Gallery rows of one block; its similarities take 32 MiB."""

DISTRACTOR = -1
"""Label of a gallery row that shows none of the subjects."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Sizes of the results and of the blocks of a streamed comparison.

    Attributes:
        tail: Number of highest impostor similarities kept: allowed false accepts plus one.
        ranks: Number of highest impostor similarities kept per probe.
        probe_block: Probes of one block.
        gallery_block: Gallery rows of one block.
    """

    tail: int
    ranks: int = 1
    probe_block: int = PROBE_BLOCK
    gallery_block: int = GALLERY_BLOCK

    def __post_init__(self) -> None:
        if min(self.tail, self.ranks, self.probe_block, self.gallery_block) < 1:
            raise ConfigError(f"a streaming plan needs positive numbers; got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class StreamResult:
    """Result of streaming a part of the gallery.

    Attributes:
        impostors: Number of impostor pairs.
        tail: (T,) highest impostor similarities, descending; T is at most the plan's ``tail``.
        best: (P, K) highest impostor similarities of each probe, descending, padded with -inf.
        genuine_probe: (G,) probe of every genuine pair.
        genuine: (G,) similarity of every genuine pair.
    """

    impostors: int
    tail: Floats32 = field(repr=False)
    best: Floats32 = field(repr=False)
    genuine_probe: NDArray[np.int64] = field(repr=False)
    genuine: Floats32 = field(repr=False)


def allowed_false_accepts(far: float, pairs: int) -> int:
    """Return the number of false accepts that a rate allows, tolerant to rounding of the product.

    Raises:
        ConfigError: ``far`` is outside [0, 1].
    """
    if not 0 <= far <= 1:
        raise ConfigError(f"a false accept rate must lie in [0, 1]; got {far}")
    return int(np.floor(far * pairs * (1 + 1e-12)))


def stream(
    probes: Matrix, labels: Labels, blocks: Blocks, plan: StreamPlan, offset: int = 0
) -> StreamResult:
    """Compare every probe with every row of the blocks, in memory that does not depend on G.

    Args:
        probes: (P, D) float32 of unit length.
        labels: (P,) subject of each probe, from 0.
        blocks: Blocks of the gallery: (B, D) finite, non-zero rows and their (B,) subjects, where
            ``DISTRACTOR`` marks a distractor.
        plan: Sizes of the results.
        offset: Row of the gallery at which the blocks begin, for errors.

    Raises:
        ShapeError: Rows of another dimension, not finite, or of length zero.
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
            block_rows = slice(top, min(top + plan.probe_block, len(probes)))
            similarities = probes[block_rows] @ unit.T
            in_block = (mates[0] >= block_rows.start) & (mates[0] < block_rows.stop)
            genuine_cells = mates[0][in_block] - top, mates[1][in_block]
            found.append((mates[0][in_block], similarities[genuine_cells]))
            similarities[genuine_cells] = -np.inf
            tail.add(similarities)
            _insert_best(best[block_rows], similarities)
    genuine_probe = (
        np.concatenate([probe for probe, _ in found]) if found else np.empty(0, np.int64)
    )
    genuine = np.concatenate([value for _, value in found]) if found else np.empty(0, np.float32)
    return StreamResult(pairs - len(genuine), tail.sorted(), best, genuine_probe, genuine)


def merge(parts: Sequence[StreamResult], plan: StreamPlan) -> StreamResult:
    """Return the result of one pass over the galleries of all parts.

    Raises:
        ConfigError: No part.
    """
    if not parts:
        raise ConfigError("there is nothing to merge")
    tail = np.sort(np.concatenate([part.tail for part in parts]))[::-1][: plan.tail]
    best = np.sort(np.concatenate([part.best for part in parts], axis=1), axis=1)[:, ::-1]
    return StreamResult(
        sum(part.impostors for part in parts),
        tail,
        np.ascontiguousarray(best[:, : plan.ranks]),
        np.concatenate([part.genuine_probe for part in parts]),
        np.concatenate([part.genuine for part in parts]),
    )


def blocks_of(rows: Matrix, labels: Labels | None, size: int = GALLERY_BLOCK) -> Blocks:
    """Yield a gallery, which may be memory-mapped, block by block.

    Args:
        rows: (G, D) gallery rows.
        labels: (G,) subjects; None: all rows are distractors.
        size: Rows per block.
    """
    for start in range(0, len(rows), size):
        block = np.asarray(rows[start : start + size], np.float32)
        if labels is None:
            yield block, np.full(len(block), DISTRACTOR, np.int64)
        else:
            yield block, labels[start : start + size]


def with_mates_among_probes(streamed: StreamResult, probes: Matrix, labels: Labels) -> StreamResult:
    """Add every pair of two different probes of one subject as a genuine pair.

    For galleries of distractors only: each other photo of the subject is the mate in turn.

    Args:
        streamed: Result over the gallery.
        probes: (P, D) float32 of unit length.
        labels: (P,) subject of each probe.
    """
    order = np.argsort(labels, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(labels[order])) + 1, len(order))
    start = 0
    genuine_probes, values = [streamed.genuine_probe], [streamed.genuine]
    for end in ends:
        rows = order[start:end]
        start = int(end)
        mates = ~np.eye(len(rows), dtype=bool)
        values.append((probes[rows] @ probes[rows].T)[mates])
        genuine_probes.append(np.broadcast_to(rows[:, None], mates.shape)[mates].astype(np.int64))
    return replace(
        streamed, genuine_probe=np.concatenate(genuine_probes), genuine=np.concatenate(values)
    )


def _mates(
    ranked: Labels, order: NDArray[np.intp], subjects: Labels
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the probe and the column of every genuine pair of a block."""
    first = np.searchsorted(ranked, subjects, side="left")
    counts = np.searchsorted(ranked, subjects, side="right") - first
    counts[subjects == DISTRACTOR] = 0
    columns = np.repeat(np.arange(len(subjects)), counts)
    starts = np.repeat(first - np.cumsum(counts) + counts, counts)
    return order[starts + np.arange(len(columns))].astype(np.int64), columns.astype(np.int64)


class _Tail:
    """The ``size`` highest values of a stream; memory is bounded by ``size`` and one block."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._highest = np.empty(0, np.float32)
        self._floor = np.float32(-np.inf)  # values at or below it cannot enter the tail

    def add(self, block: Floats32) -> None:
        above = block[block > self._floor]
        if not len(above):
            return
        self._highest = np.concatenate([self._highest, above])
        if len(self._highest) > self._size:
            cut = len(self._highest) - self._size
            self._highest = np.partition(self._highest, cut)[cut:]
            self._floor = self._highest[0]

    def sorted(self) -> Floats32:
        return np.sort(self._highest)[::-1]


def _insert_best(best: Floats32, block: Floats32) -> None:
    """Insert the block's values into each row's highest values, descending."""
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
    """Figures of MegaFace and Trillion-Pairs.

    Attributes:
        probes: Number of probes.
        genuine: Number of genuine pairs.
        impostors: Number of impostor pairs.
        rank_k: Share of genuine pairs whose mate is among the first k (k = 1, 2, ...).
        ver_far: Requested false accept rate of the verification.
        ver_threshold: Similarity that an accepted pair exceeds.
        ver_tar: Share of genuine pairs above ``ver_threshold``.
        id_fpr: Requested false positive rate of the identification, over probes.
        id_threshold: Similarity that an accepted first answer exceeds.
        id_tpr: Share of genuine pairs whose mate is first and above ``id_threshold``.
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


def distractor_result(streamed: StreamResult, *, far: float, fpr: float) -> DistractorResult:
    """Return the figures of a streamed comparison.

    Every genuine pair is one search: the probe against its mate and all its impostors. The mate is
    within rank k if fewer than k impostors are at least as similar. Verification accepts above the
    (n + 1)-th highest of all impostor similarities, n = floor(FAR x impostor pairs). Identification
    accepts a first answer above the (n + 1)-th highest of the probes' best impostors,
    n = floor(FPR x probes).

    Args:
        streamed: Result over the whole gallery.
        far: False accept rate of the verification, e.g. 1e-6 (MegaFace), 1e-9 (Trillion-Pairs).
        fpr: False positive rate of the identification, e.g. 1e-3 (Trillion-Pairs).

    Raises:
        ConfigError: No genuine or no impostor pair, or a tail too short for this FAR.

    Source:
        Kemelmacher-Shlizerman et al. 2016 (MegaFace); DeepGlint's Trillion-Pairs challenge.
    """
    if not len(streamed.genuine) or not streamed.impostors:
        raise ConfigError(
            f"pairs of both kinds are needed; got {len(streamed.genuine)} genuine and "
            f"{streamed.impostors} impostor"
        )
    count = allowed_false_accepts(far, streamed.impostors)
    if count < streamed.impostors and count >= len(streamed.tail):
        raise ConfigError(
            f"FAR {far:g} of {streamed.impostors} pairs needs the {count + 1} highest impostor "
            f"similarities; only {len(streamed.tail)} were kept"
        )
    threshold = float(streamed.tail[count]) if count < streamed.impostors else -np.inf
    first = np.sort(streamed.best[:, 0])[::-1]
    allowed_alarms = allowed_false_accepts(fpr, len(first))
    id_threshold = float(first[allowed_alarms]) if allowed_alarms < len(first) else -np.inf
    better_impostors = (streamed.best[streamed.genuine_probe] >= streamed.genuine[:, None]).sum(
        axis=1
    )
    longest = streamed.best.shape[1]
    return DistractorResult(
        probes=len(streamed.best),
        genuine=len(streamed.genuine),
        impostors=streamed.impostors,
        rank_k=tuple(float((better_impostors < k).mean()) for k in range(1, longest + 1)),
        ver_far=far,
        ver_threshold=threshold,
        ver_tar=float((streamed.genuine > threshold).mean()),
        id_fpr=fpr,
        id_threshold=id_threshold,
        id_tpr=float(((better_impostors == 0) & (streamed.genuine > id_threshold)).mean()),
    )
