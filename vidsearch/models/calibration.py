"""Calibration: probability that two faces belong to one person, from their similarity.

Cosines differ from model to model. A pack states the logistic curve that converts its cosines to
probabilities, the labelled pairs of the fit, and the calibration error on other pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vidsearch.errors import ConfigError
from vidsearch.models.pair_scores import Floats, checked_pairs

# Largest derivative of the mean loss at the fitted curve.
_GRADIENT_TOLERANCE = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logistic curve of one pack, with the origin of its two parameters.

    Attributes:
        slope: Log-odds per unit of cosine, positive.
        intercept: Log-odds at cosine 0.
        fitted_on: Name of the labelled pairs of the fit.
        pairs: Number of these pairs; 0 for a provisional curve, explained by ``fitted_on``.
        genuine_share: Share of genuine pairs in the fit: the prior of the curve.
        checked_on: Name of other pairs on which the curve was checked; empty without a check.
        expected_calibration_error: Error on ``checked_on``; None without a check.

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
            raise ConfigError("calibration fitted_on must name the labelled pairs of the fit")
        error = self.expected_calibration_error
        if error is not None and not 0 <= error <= 1:
            raise ConfigError(
                f"calibration expected_calibration_error must lie in [0, 1]; got {error}"
            )

    @property
    def measured(self) -> bool:
        """True if the curve was fitted on labelled pairs."""
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
        """Return the probability that two templates belong to the same person.

        The probability rises strictly with the similarity until it rounds to 0 or 1 in float64, so
        similarity and probability give the same ranking.

        Args:
            similarity: Cosine of two templates, any shape.
            prior: Share of genuine pairs in the application; None for the share of the fit. Another
                prior shifts the curve along the similarity axis.

        Raises:
            ConfigError: ``prior`` is not between 0 and 1.
        """
        log_odds = self.slope * np.asarray(similarity, np.float64) + self.intercept
        if prior is not None:
            log_odds = log_odds + self._prior_shift(prior)
        probability = _logistic(log_odds)
        return float(probability) if np.ndim(similarity) == 0 else probability

    def similarity_at(self, confidence: float, *, prior: float | None = None) -> float:
        """Return the cosine at which the probability is ``confidence``.

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
    """Return the logistic curve fitted by maximum likelihood, with Platt's smoothed labels.

    The labels 1 and 0 become (n1 + 1)/(n1 + 2) and 1/(n0 + 2). This keeps the slope finite for
    separable pairs and has little effect on many pairs.

    Args:
        similarities: (N,) cosines.
        issame: (N,) True for genuine pairs; both kinds must occur.
        fitted_on: Name of the pairs.
        balance: Give both kinds the same total weight; the prior is then 0.5.

    Raises:
        ConfigError: A kind of pair is missing, a similarity is not finite, all are equal, or
            genuine pairs are not more similar than impostor pairs.

    Source:
        Platt 1999, "Probabilistic outputs for support vector machines". The minimum is found by
        SciPy's exact trust region.
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
    slope, intercept = _fit(design, targets, weights)
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


def _fit(design: Floats, targets: Floats, weights: Floats) -> tuple[float, float]:
    """Return slope and intercept of the weighted logistic fit, whose loss is convex.

    Args:
        design: (N, 2) float64: standardised similarities, and ones.
        targets: (N,) float64 in (0, 1), smoothed labels.
        weights: (N,) float64, positive.
    """
    from scipy.optimize import minimize

    def loss_and_gradient(parameters: Floats) -> tuple[float, Floats]:
        log_odds = design @ parameters
        loss = float(weights @ (np.logaddexp(0.0, log_odds) - targets * log_odds))
        return loss, design.T @ (weights * (_logistic(log_odds) - targets))

    def hessian(parameters: Floats) -> Floats:
        probability = _logistic(design @ parameters)
        curvature = weights * probability * (1 - probability)
        return np.asarray((design * curvature[:, None]).T @ design, np.float64)

    fitted = minimize(
        loss_and_gradient,
        np.zeros(2),
        jac=True,
        hess=hessian,
        method="trust-exact",
        options={"gtol": _GRADIENT_TOLERANCE},
    )
    slope, intercept = fitted.x
    return float(slope), float(intercept)


def _logistic(log_odds: Floats) -> Floats:
    """Return 1/(1 + exp(-x)) without overflow, keeping full precision near 0."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1 / (1 + small), small / (1 + small))


def _logit(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)
