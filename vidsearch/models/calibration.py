"""From a raw similarity to the probability that two faces are one person's.

Raw cosines mean nothing to a person and differ from model to model: a pack states which logistic
curve turns its own into a probability, on which labelled pairs the curve was fitted, and how far it
was off on pairs it never saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.models.pair_scores import Floats, checked_pairs

NEWTON_STEPS = 100
"""Far more than a two-parameter logistic fit needs (about ten)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The logistic curve of one pack, and where its two numbers come from.

    Attributes:
        slope: Log-odds a unit of cosine, positive.
        intercept: Log-odds at cosine 0.
        fitted_on: The labelled pairs, by name.
        pairs: How many pairs; 0 where the curve is provisional, which ``fitted_on`` then explains.
        genuine_share: Share of genuine pairs among those fitted on: the curve's built-in prior.
        checked_on: Pairs the fit never saw, by name; empty where there was no check.
        expected_calibration_error: On ``checked_on``; None without a check.

    Example:
        >>> curve = Calibration(slope=10.0, intercept=-5.0, fitted_on="an example", pairs=2)
        >>> curve.confidence(0.5)
        0.5
        >>> round(curve.confidence(0.7), 4)
        0.8808
    """

    slope: float
    intercept: float
    fitted_on: str
    pairs: int
    genuine_share: float = 0.5
    checked_on: str = ""
    expected_calibration_error: float | None = None

    def __post_init__(self) -> None:
        for name in ("slope", "intercept", "genuine_share"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ConfigError(f"calibration {name} must be a finite number; got {value}")
        if self.slope <= 0:
            raise ConfigError(f"calibration slope must be positive; got {self.slope}")
        if not 0 < self.genuine_share < 1:
            raise ConfigError(
                f"calibration genuine_share must lie between 0 and 1; got {self.genuine_share}"
            )
        if self.pairs < 0:
            raise ConfigError(f"calibration pairs must not be negative; got {self.pairs}")
        if not self.fitted_on:
            raise ConfigError("calibration fitted_on must name the pairs it was fitted on")
        error = self.expected_calibration_error
        if error is not None and not 0 <= error <= 1:
            raise ConfigError(
                f"calibration expected_calibration_error must lie in [0, 1]; got {error}"
            )

    @property
    def measured(self) -> bool:
        """Whether labelled pairs stand behind the curve."""
        return self.pairs > 0

    @overload
    def confidence(self, similarity: float, *, prior: float | None = None) -> float: ...

    @overload
    def confidence(
        self, similarity: NDArray[np.floating], *, prior: float | None = None
    ) -> Floats: ...

    def confidence(
        self, similarity: float | NDArray[np.floating], *, prior: float | None = None
    ) -> float | Floats:
        """Return the probability that the two templates are the same person's.

        Strictly increasing in ``similarity``, so ranking by either gives the same order (until
        float64 has no number left between a probability and 0 or 1).

        Args:
            similarity: Cosine of two templates, any shape.
            prior: Share of genuine pairs where the answer is used; default: as in the pairs fitted
                on. Another prior only moves the curve along the similarity axis.

        Raises:
            ConfigError: ``prior`` is not between 0 and 1.
        """
        log_odds = self.slope * np.asarray(similarity, np.float64) + self.intercept
        if prior is not None:
            log_odds = log_odds + self._prior_shift(prior)
        probability = _logistic(log_odds)
        return float(probability) if np.ndim(similarity) == 0 else probability

    def similarity_at(self, confidence: float, *, prior: float | None = None) -> float:
        """Return the cosine at which ``confidence`` is reached; the inverse of ``confidence``.

        Args:
            confidence: Between 0 and 1, exclusive.
            prior: As in ``confidence``.

        Raises:
            ConfigError: ``confidence`` or ``prior`` is not between 0 and 1.
        """
        if not 0 < confidence < 1:
            raise ConfigError(f"confidence must lie between 0 and 1; got {confidence}")
        shift = self._prior_shift(prior) if prior is not None else 0.0
        return (_logit(confidence) - shift - self.intercept) / self.slope

    def _prior_shift(self, prior: float) -> float:
        """Return the log-odds that another prior adds to the curve."""
        if not 0 < prior < 1:
            raise ConfigError(f"prior must lie between 0 and 1; got {prior}")
        return _logit(prior) - _logit(self.genuine_share)


def fit_calibration(
    similarities: ArrayLike, issame: ArrayLike, *, fitted_on: str, balance: bool = False
) -> Calibration:
    """Fit the logistic curve by maximum likelihood, with Platt's smoothed labels.

    The labels 1 and 0 become (n1 + 1)/(n1 + 2) and 1/(n0 + 2), which keeps the slope finite where
    the pairs are perfectly separable and changes nothing to speak of where they are many.

    Args:
        similarities: (N,) cosines.
        issame: (N,) True for genuine pairs; both kinds must occur.
        fitted_on: Name of the pairs, kept in the result.
        balance: Weigh both kinds equally, whatever their numbers; the prior is then 0.5.

    Raises:
        ConfigError: A kind of pair is missing, a similarity is not finite, all are equal, or
            genuine pairs are not the more similar ones.

    Source:
        Platt 1999; Newton's method with step halving as in Lin, Lin and Weng 2007.
    """
    scores, labels = checked_pairs(similarities, issame)
    centre, scale = float(scores.mean()), float(scores.std())
    if scale <= np.finfo(np.float64).eps * max(1.0, abs(centre)):
        raise ConfigError(f"cannot calibrate: all {len(scores)} similarities are equal")
    genuine = int(labels.sum())
    impostor = len(labels) - genuine
    targets = np.where(labels, (genuine + 1) / (genuine + 2), 1 / (impostor + 2))
    weights = np.full(len(labels), 1 / len(labels))
    share = genuine / len(labels)
    if balance:
        weights = np.where(labels, 0.5 / genuine, 0.5 / impostor)
        share = 0.5
    design = np.stack([(scores - centre) / scale, np.ones_like(scores)], axis=1)
    slope, intercept = _newton(design, targets, weights)
    if slope <= 0:
        raise ConfigError(
            "cannot calibrate: genuine pairs are not more similar than impostor pairs; "
            "check the labels and that higher means closer"
        )
    return Calibration(
        slope=slope / scale,
        intercept=intercept - slope * centre / scale,
        fitted_on=fitted_on,
        pairs=len(labels),
        genuine_share=share,
    )


def _newton(design: Floats, targets: Floats, weights: Floats) -> tuple[float, float]:
    """Return (slope, intercept) of the weighted logistic fit; the loss is convex."""
    parameters = np.zeros(2)
    loss = _loss(design @ parameters, targets, weights)
    for _ in range(NEWTON_STEPS):
        log_odds = design @ parameters
        probability = _logistic(log_odds)
        gradient = design.T @ (weights * (probability - targets))
        curvature = weights * probability * (1 - probability)
        # The ridge only keeps the system solvable where the curve has saturated.
        hessian = (design * curvature[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10:
            trial = parameters - size * step
            trial_loss = _loss(design @ trial, targets, weights)
            if trial_loss <= loss:
                break
            size /= 2
        else:
            break
        parameters, improvement, loss = trial, loss - trial_loss, trial_loss
        if improvement <= 1e-15 * max(1.0, loss) and float(np.abs(size * step).max()) < 1e-9:
            break
    return float(parameters[0]), float(parameters[1])


def _loss(log_odds: Floats, targets: Floats, weights: Floats) -> float:
    return float(weights @ (np.logaddexp(0.0, log_odds) - targets * log_odds))


def _logistic(log_odds: Floats) -> Floats:
    """Return 1/(1 + exp(-x)) without overflow, keeping full precision near 0."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))


def _logit(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)
