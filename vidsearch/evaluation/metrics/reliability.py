"""Reliability of calibrated probabilities: calibration error, Brier score and log loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Reliability:
    """Agreement of confidences with labels.

    Attributes:
        pairs: Number of pairs.
        expected_calibration_error: See :func:`expected_calibration_error`.
        brier: Mean squared difference of confidence and label.
        log_loss: Mean negative log-likelihood, nats.
        bins: (low, high, pairs, mean confidence, share of genuine) of every bin with a pair.
    """

    pairs: int
    expected_calibration_error: float
    brier: float
    log_loss: float
    bins: tuple[tuple[float, float, int, float, float], ...]


def expected_calibration_error(
    confidence: ArrayLike, issame: ArrayLike, *, bins: int = 15
) -> float:
    """Return the mean gap between confidence and share of genuine pairs, weighted by bin size.

    Bins are of equal width over [0, 1]; the last bin includes 1.

    Args:
        confidence: (N,) probabilities of "same person".
        issame: (N,) True for genuine pairs.
        bins: Number of bins.

    Raises:
        ConfigError: A confidence is outside [0, 1], or there are no pairs, or no bins.

    Source:
        Naeini, Cooper and Hauskrecht 2015, applied to the probability of "same person".

    Example:
        Two bins: |0.2 - 0| * 1/3 + |mean(0.6, 1.0) - 1| * 2/3 = 0.2

        >>> round(expected_calibration_error([0.2, 0.6, 1.0], [0, 1, 1], bins=2), 6)
        0.2
    """
    return reliability(confidence, issame, bins=bins).expected_calibration_error


def reliability(confidence: ArrayLike, issame: ArrayLike, *, bins: int = 15) -> Reliability:
    """Return calibration error, Brier score, log loss and the reliability table.

    Args:
        confidence: (N,) probabilities of "same person".
        issame: (N,) True for genuine pairs.
        bins: Number of bins.

    Raises:
        ConfigError: A confidence is outside [0, 1], or there are no pairs, or no bins.
    """
    probability = np.asarray(confidence, np.float64)
    labels = np.asarray(issame, bool)
    if probability.ndim != 1 or probability.shape != labels.shape or not len(probability):
        raise ConfigError(
            f"confidence and issame must be two equally long, non-empty lists; got "
            f"{probability.shape} and {labels.shape}"
        )
    if not np.all((probability >= 0) & (probability <= 1)):
        raise ConfigError("confidence must lie in [0, 1]")
    if bins < 1:
        raise ConfigError(f"bins must be at least 1; got {bins}")
    bin_numbers = np.minimum((probability * bins).astype(np.intp), bins - 1)
    rows: list[tuple[float, float, int, float, float]] = []
    error = 0.0
    for number in np.unique(bin_numbers):
        inside = bin_numbers == number
        mean, share = float(probability[inside].mean()), float(labels[inside].mean())
        count = int(inside.sum())
        error += count / len(labels) * abs(mean - share)
        rows.append((float(number) / bins, float(number + 1) / bins, count, mean, share))
    tiny = np.finfo(np.float64).tiny
    likelihood = np.where(labels, probability, 1 - probability)
    return Reliability(
        pairs=len(labels),
        expected_calibration_error=error,
        brier=float(np.mean((probability - labels) ** 2)),
        log_loss=float(-np.mean(np.log(np.maximum(likelihood, tiny)))),
        bins=tuple(rows),
    )
