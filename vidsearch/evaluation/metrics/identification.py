"""1:N identification: probes searched in a gallery that holds one template per subject."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, ShapeError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

_PROBE_BLOCK = 1024

NO_ANSWER = np.inf
"""Rank of the mate for a probe without a template, such as a photo without a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Outcome of every probe's search.

    Attributes:
        mated: (P,) True if the probe's subject is in the gallery.
        ranks: (P,) rank of the mate, from 1; infinite without a mate or without a template.
        mate: (P,) similarity of the mate; -inf without a mate or without a template.
        best_other: (P,) highest similarity of another subject; -inf if there is none.
    """

    mated: NDArray[np.bool_]
    ranks: Floats
    mate: Floats
    best_other: Floats

    @property
    def best(self) -> Floats:
        """(P,) similarity of the best answer, mate or not."""
        return np.maximum(self.mate, self.best_other)

    def rank_k(self, k: int) -> float:
        """Return the share of mated probes whose mate is among the first ``k``."""
        return float(self.found_within(k)[self.mated].mean())

    def found_within(self, k: int) -> Floats:
        """Return (P,) 1 where the mate is among the first ``k``, else 0.

        Raises:
            ConfigError: ``k`` is below 1.
        """
        if k < 1:
            raise ConfigError(f"k must be at least 1; got {k}")
        return (self.ranks <= k).astype(np.float64)


def search(
    probes: Floats,
    subjects: Labels,
    gallery: Floats,
    enrolled: Labels,
    found: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None,
) -> Searches:
    """Search every probe in a gallery.

    The rank of the mate is one plus the number of other subjects that are at least as similar.
    Similarities are summed in float64 and rounded to float32, so equal templates tie exactly.

    Args:
        probes: (P, D) of unit length.
        subjects: (P,) subject of each probe.
        gallery: (G, D) of unit length.
        enrolled: (G,) subject of each gallery template, all different.
        found: (P,) and (G,) True where a template exists; None: all exist. A gallery template that
            does not exist is never an answer.

    Raises:
        ConfigError: No probe, an empty gallery, or a subject enrolled twice.
        ShapeError: Shapes that do not match, or values that are not finite.

    Source:
        Definition of closed-set rank; ties count against the mate.

    Example:
        >>> searches = search(np.eye(2), np.array([5, 6]), np.eye(2), np.array([5, 7]))
        >>> searches.mated.tolist(), searches.ranks.tolist(), searches.best.tolist()
        ([True, False], [1.0, inf], [1.0, 1.0])
    """
    _check(probes, subjects, gallery, enrolled)
    if found is None:
        found = np.ones(len(probes), bool), np.ones(len(gallery), bool)
    probe_found, gallery_found = found
    order = np.argsort(enrolled, kind="stable")
    mate_of = order[np.minimum(np.searchsorted(enrolled[order], subjects), len(order) - 1)]
    mated = enrolled[mate_of] == subjects
    ranks = np.full(len(probes), NO_ANSWER)
    mate = np.full(len(probes), -np.inf)
    other = np.full(len(probes), -np.inf)
    for top in range(0, len(probes), _PROBE_BLOCK):
        block_rows = np.arange(top, min(top + _PROBE_BLOCK, len(probes)))
        similarities = (probes[block_rows] @ gallery.T).astype(np.float32).astype(np.float64)
        similarities[:, ~gallery_found] = -np.inf
        mated_rows = mated[block_rows]
        own = mate_of[block_rows[mated_rows]]
        mate[block_rows[mated_rows]] = similarities[mated_rows, own]
        similarities[mated_rows, own] = -np.inf
        other[block_rows] = similarities.max(axis=1)
        better_subjects = (similarities[mated_rows] >= mate[block_rows[mated_rows], None]).sum(
            axis=1
        )
        ranks[block_rows[mated_rows]] = np.where(gallery_found[own], 1 + better_subjects, NO_ANSWER)
    for values, no_value in ((ranks, NO_ANSWER), (mate, -np.inf), (other, -np.inf)):
        values[~probe_found] = no_value
    return Searches(mated, ranks, mate, other)


def _check(probes: Floats, subjects: Labels, gallery: Floats, enrolled: Labels) -> None:
    if not len(probes) or not len(gallery):
        raise ConfigError(
            f"identification needs probes and a gallery; got {len(probes)} and {len(gallery)}"
        )
    if probes.ndim != 2 or gallery.ndim != 2 or probes.shape[1] != gallery.shape[1]:
        raise ShapeError(
            f"probes and gallery must be (N, D) of one model; got {probes.shape} and "
            f"{gallery.shape}"
        )
    if subjects.shape != (len(probes),) or enrolled.shape != (len(gallery),):
        raise ShapeError(
            f"each template needs one subject; got {subjects.shape} and {enrolled.shape}"
        )
    for name, table in (("probe", probes), ("gallery", gallery)):
        wrong = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if len(wrong):
            raise ShapeError(f"{name} templates must be finite; row {int(wrong[0])} is not")
    values, counts = np.unique(enrolled, return_counts=True)
    if (counts > 1).any():
        raise ConfigError(
            f"subject {int(values[counts > 1][0])} has {int(counts.max())} templates in one "
            "gallery; one per subject is expected"
        )
