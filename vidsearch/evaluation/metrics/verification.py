"""1:1 verification metrics: ROC, TAR at FAR, equal error rate and accuracy over folds.

A pair is accepted where its similarity is at least the threshold. Equal similarities are accepted
or rejected together, so no figure depends on the order of the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.models.pair_scores import Flags, Floats, checked_pairs

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """Every operating point, from "accept nothing" to "accept everything".

    Attributes:
        thresholds: (P,) similarities, descending; the first is infinite.
        far: (P,) false accepts over impostor pairs, ascending from 0 to 1.
        tar: (P,) true accepts over genuine pairs, ascending from 0 to 1.
    """

    thresholds: Floats
    far: Floats
    tar: Floats


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One point of the ROC.

    Attributes:
        threshold: Lowest similarity that is accepted; infinite if no pair is.
        far: Share of impostor pairs accepted.
        tar: Share of genuine pairs accepted.
    """

    threshold: float
    far: float
    tar: float


@dataclass(frozen=True, slots=True)
class FoldedAccuracy:
    """Accuracy with the threshold chosen on all folds but one and applied to that one.

    Attributes:
        accuracies: Accuracy of each fold.
        thresholds: Threshold applied to each fold, chosen on the others.
    """

    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over folds."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation over folds, with the number of folds as divisor."""
        return float(np.std(self.accuracies))


def roc(similarities: ArrayLike, issame: ArrayLike) -> Roc:
    """Return the exact receiver operating characteristic, one point per distinct similarity.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.

    Raises:
        ConfigError: See :func:`checked_pairs`.

    Source:
        Definition.

    Example:
        >>> curve = roc([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
        >>> curve.tar.tolist(), curve.far.tolist()
        ([0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0])
    """
    thresholds, true_accepts, false_accepts = accepts(*checked_pairs(similarities, issame))
    return Roc(thresholds, false_accepts / false_accepts[-1], true_accepts / true_accepts[-1])


def tar_at_far(similarities: ArrayLike, issame: ArrayLike, *, far: float) -> OperatingPoint:
    """Return the operating point of highest TAR among those whose FAR does not exceed ``far``.

    With fewer than ``1 / far`` impostor pairs no false accept is allowed. The result is an
    operating point of these pairs: nothing is interpolated.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.
        far: Highest false accept rate, in [0, 1].

    Raises:
        ConfigError: ``far`` is outside [0, 1]; see also :func:`checked_pairs`.

    Source:
        Definition.
    """
    if not 0 <= far <= 1:
        raise ConfigError(f"far must lie in [0, 1]; got {far}")
    return operating_point(*accepts(*checked_pairs(similarities, issame)), far=far)


def operating_point(
    thresholds: Floats, true_accepts: Counts, false_accepts: Counts, *, far: float
) -> OperatingPoint:
    """Return the last point of a curve of counts whose FAR does not exceed ``far``.

    Args:
        thresholds: (P,) thresholds, descending.
        true_accepts: (P,) genuine pairs accepted at each threshold, ascending from 0.
        false_accepts: (P,) impostor pairs accepted at each threshold, ascending from 0.
        far: Highest false accept rate, in [0, 1].
    """
    # Counts are compared, with a margin for the rounding of far * pairs: FAR 1e-3 of 1,000 pairs
    # allows exactly one false accept.
    allowed = np.floor(far * false_accepts[-1] * (1 + 1e-12))
    last = int(np.searchsorted(false_accepts, allowed, side="right")) - 1
    return OperatingPoint(
        threshold=float(thresholds[last]),
        far=float(false_accepts[last] / false_accepts[-1]),
        tar=float(true_accepts[last] / true_accepts[-1]),
    )


def equal_error_rate(similarities: ArrayLike, issame: ArrayLike) -> float:
    """Return the error rate where false accepts and false rejects are equally frequent.

    If no threshold makes the two rates equal, the curve between the two nearest operating points is
    taken as a straight line.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.

    Raises:
        ConfigError: See :func:`checked_pairs`.

    Source:
        Definition.

    Example:
        >>> equal_error_rate([0.9, 0.4, 0.6, 0.1], [1, 1, 0, 0])
        0.5
    """
    curve = roc(similarities, issame)
    return crossing(curve.far, curve.tar)


def crossing(far: Floats, tar: Floats) -> float:
    """Return the rate at which the false accept rate equals the false reject rate (1 - TAR).

    Args:
        far: (P,) false accept rates, ascending from 0 to 1.
        tar: (P,) true accept rates, ascending from 0 to 1.
    """
    gap = far - (1 - tar)
    after = int(np.argmax(gap >= 0))  # exists: the last point has FAR 1 and no false reject
    if gap[after] == 0:
        return float(far[after])
    before = after - 1  # exists: the first point has FAR 0 and rejects everything
    share = -gap[before] / (gap[after] - gap[before])
    return float(far[before] + share * (far[after] - far[before]))


def fold_rows(pairs: int, folds: int | Sequence[int]) -> list[NDArray[np.intp]]:
    """Return the rows of each fold; folds are consecutive.

    Args:
        pairs: Number of pairs, N.
        folds: Number of folds of nearly equal size, or the size of each fold.

    Returns:
        One (F,) array per fold.

    Example:
        >>> [rows.tolist() for rows in fold_rows(5, (2, 3))]
        [[0, 1], [2, 3, 4]]
    """
    rows = np.arange(pairs)
    if isinstance(folds, int):
        return np.array_split(rows, folds)
    return np.split(rows, np.cumsum(folds)[:-1])


def folded_accuracy(
    similarities: ArrayLike, issame: ArrayLike, *, folds: int | Sequence[int] = 10
) -> FoldedAccuracy:
    """Return the accuracy of every fold at the threshold that is best on the others.

    Folds are consecutive runs of pairs. Thresholds lie half-way between neighbouring similarities
    of the training folds. If several are equally good there, the middle one is taken.

    Args:
        similarities: (N,) similarities, in the protocol's order.
        issame: (N,) True for genuine pairs.
        folds: Number of folds, from 2 to N, or the sizes of the folds.

    Raises:
        ConfigError: Fewer than two folds or more folds than pairs, an empty fold, or training folds
            without both kinds of pair; see also :func:`checked_pairs`.

    Source:
        Huang et al. 2007 (LFW): ten folds; the threshold is chosen on the other nine.
    """
    scores, labels = checked_pairs(similarities, issame)
    count = folds if isinstance(folds, int) else len(folds)
    if not 2 <= count <= len(scores):
        raise ConfigError(f"folds must be between 2 and the {len(scores)} pairs; got {count}")
    if not isinstance(folds, int) and (sum(folds) != len(scores) or min(folds) < 1):
        raise ConfigError(f"the folds must hold the {len(scores)} pairs; got {list(folds)}")
    accuracies, thresholds = [], []
    for held_out in fold_rows(len(scores), folds):
        training = np.ones(len(scores), bool)
        training[held_out] = False
        threshold = best_threshold(scores[training], labels[training])
        right = (scores[held_out] >= threshold) == labels[held_out]
        thresholds.append(threshold)
        accuracies.append(float(right.mean()))
    return FoldedAccuracy(tuple(accuracies), tuple(thresholds))


def best_threshold(similarities: ArrayLike, issame: ArrayLike) -> float:
    """Return the threshold of highest accuracy; the middle one if several are equally good.

    Args:
        similarities: (N,) similarities, higher is closer.
        issame: (N,) True for genuine pairs.

    Raises:
        ConfigError: See :func:`checked_pairs`.
    """
    scores, labels = checked_pairs(similarities, issame)
    thresholds, true_accepts, false_accepts = accepts(scores, labels)
    right = true_accepts + (false_accepts[-1] - false_accepts)
    best = np.flatnonzero(right == right.max())
    row = int(best[len(best) // 2])
    upper = thresholds[row] if row else thresholds[1]
    if row == 0:
        return float(np.nextafter(upper, np.inf))
    if row == len(thresholds) - 1:
        return float(upper)
    middle = upper + (thresholds[row + 1] - upper) / 2
    return float(middle if middle > thresholds[row + 1] else upper)


def accepts(scores: Floats, labels: Flags) -> tuple[Floats, Counts, Counts]:
    """Return distinct thresholds, descending, and the true and false accepts at each.

    Args:
        scores: (N,) similarities.
        labels: (N,) True for genuine pairs.

    Returns:
        (P,) thresholds, of which the first is infinite, (P,) true accepts, (P,) false accepts.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, genuine = scores[order], labels[order]
    last_of_tie = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    true_accepts = np.cumsum(genuine)[last_of_tie]
    false_accepts = last_of_tie + 1 - true_accepts
    return (
        np.append(np.inf, ranked[last_of_tie]),
        np.append(0, true_accepts).astype(np.int64),
        np.append(0, false_accepts).astype(np.int64),
    )
