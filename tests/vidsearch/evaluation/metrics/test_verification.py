from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.verification import (
    best_threshold,
    equal_error_rate,
    folded_accuracy,
    roc,
    tar_at_far,
)

Pairs = tuple[NDArray[np.float64], NDArray[np.bool_]]

# Genuine 0.9 0.8 0.5 0.5 0.2, impostor 0.7 0.5 0.4 0.1 0.0, in no order.
SCORES = [0.5, 0.9, 0.1, 0.7, 0.8, 0.5, 0.2, 0.5, 0.0, 0.4]
SAME = [True, True, False, False, True, True, True, False, False, False]


@st.composite
def pairs(draw: st.DrawFn) -> Pairs:
    """Genuine and impostor pairs with many ties."""
    genuine = draw(st.lists(st.integers(0, 8), min_size=1, max_size=20))
    impostor = draw(st.lists(st.integers(0, 8), min_size=1, max_size=20))
    scores = np.array(genuine + impostor, np.float64) / 8
    labels = np.array([True] * len(genuine) + [False] * len(impostor))
    order = draw(st.permutations(range(len(scores))))
    return scores[list(order)], labels[list(order)]


def test_roc_golden() -> None:
    curve = roc(SCORES, SAME)
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.5, 0.4, 0.2, 0.1, 0.0]
    # At 0.5 two genuine and one impostor pair come in together.
    assert curve.tar.tolist() == [0, 0.2, 0.4, 0.4, 0.8, 0.8, 1, 1, 1]
    assert curve.far.tolist() == [0, 0, 0, 0.2, 0.4, 0.6, 0.6, 0.8, 1]


@pytest.mark.parametrize(
    ("far", "tar", "threshold", "reached"),
    [
        (0.0, 0.4, 0.8, 0.0),
        (0.2, 0.4, 0.7, 0.2),
        (0.399, 0.4, 0.7, 0.2),
        (0.4, 0.8, 0.5, 0.4),
        (0.6, 1.0, 0.2, 0.6),
        (1.0, 1.0, 0.0, 1.0),
    ],
)
def test_tar_at_far_golden(far: float, tar: float, threshold: float, reached: float) -> None:
    point = tar_at_far(SCORES, SAME, far=far)
    assert (point.tar, point.threshold, point.far) == (tar, threshold, reached)


def test_far_of_one_in_a_thousand_allows_exactly_one_of_a_thousand() -> None:
    scores = np.concatenate([[0.95], np.linspace(0.5, 0.9, 1000)])
    same = np.arange(1001) == 0
    # 0.001 * 1000 is 1 exactly; 3 * (1/3) style rounding must not lose the last one either.
    assert tar_at_far(scores, same, far=1e-3).far == 1e-3
    assert tar_at_far(scores, same, far=0.009999).far == 9e-3
    assert tar_at_far(scores, same, far=7 * 1e-3).far == 7e-3


def test_equal_error_rate_golden() -> None:
    # (FAR, FRR) falls from (0.2, 0.6) at 0.7 to (0.4, 0.2) at 0.5: the line between them meets
    # FAR = FRR after 0.4 / (0.4 + 0.2) = 2/3 of the way, at 0.2 + 2/3 * 0.2 = 1/3.
    assert equal_error_rate(SCORES, SAME) == pytest.approx(1 / 3)
    assert equal_error_rate([0.9, 0.8, 0.2, 0.1], [True, True, False, False]) == 0
    assert equal_error_rate([0.1, 0.2, 0.8, 0.9], [True, True, False, False]) == 1
    # All similarities are equal: the pairs cannot be separated.
    assert equal_error_rate([0.5] * 4, [True, True, False, False]) == 0.5


def test_folded_accuracy_golden() -> None:
    # Two folds of four. On the second, 0.6 (half-way between 0.5 and 0.7) is best: on the first it
    # errs on 0.55 alone. On the first, 0.5 is best (between 0.45 and 0.55): on the second it errs
    # on the impostor at exactly 0.5, which it accepts.
    scores = [0.9, 0.55, 0.45, 0.1, 0.8, 0.7, 0.5, 0.2]
    same = [True, True, False, False, True, True, False, False]
    result = folded_accuracy(scores, same, folds=2)
    assert result.thresholds == pytest.approx((0.6, 0.5))
    assert list(result.accuracies) == [0.75, 0.75]
    assert (result.mean, result.std) == (0.75, 0.0)


def test_folds_are_consecutive_and_cover_every_pair() -> None:
    scores = np.tile([0.9, 0.1], 5)
    same = np.arange(10) % 2 == 0
    same[-1] = True  # the last pair is the only one that is wrong
    result = folded_accuracy(scores, same, folds=5)
    assert list(result.accuracies) == [1, 1, 1, 1, 0.5]
    assert result.std == pytest.approx(0.2)  # population: sqrt(mean of (0.1 x 4, 0.4) squared)


def test_best_threshold_takes_the_middle_of_equals() -> None:
    # 0.8 | 0.6 | 0.4 (genuine, impostor, genuine): 2 of 3 right at 0.7, and from 0.4 down.
    assert best_threshold([0.8, 0.6, 0.4], [True, False, True]) == pytest.approx(0.4)
    assert best_threshold([0.8, 0.2], [True, False]) == pytest.approx(0.5)
    # Rejecting all is best: just above the highest.
    threshold = best_threshold([0.1, 0.8, 0.9], [True, False, False])
    assert threshold > 0.9


@given(pairs())
def test_against_every_threshold(case: Pairs) -> None:
    scores, same = case
    thresholds = [np.inf, *sorted(set(scores), reverse=True)]
    points = [
        (float((scores[~same] >= t).mean()), float((scores[same] >= t).mean())) for t in thresholds
    ]
    for far in (0.0, 0.1, 0.25, 0.5, 1.0):
        best = max(tar for reached, tar in points if reached <= far)
        assert tar_at_far(scores, same, far=far).tar == pytest.approx(best)
    accuracies = [float(((scores >= t) == same).mean()) for t in thresholds]
    chosen = ((scores >= best_threshold(scores, same)) == same).mean()
    assert chosen == pytest.approx(max(accuracies))
    rate = equal_error_rate(scores, same)
    bounds = [(min(far, 1 - tar), max(far, 1 - tar)) for far, tar in points]
    assert max(low for low, _ in bounds) - 1e-12 <= rate <= min(high for _, high in bounds) + 1e-12


@given(pairs())
def test_roc_equals_scikit_learn(case: Pairs) -> None:
    scores, same = case
    far, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    curve = roc(scores, same)
    np.testing.assert_allclose(curve.far, far)
    np.testing.assert_allclose(curve.tar, tar)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    area = float(((tar[1:] + tar[:-1]) / 2 * np.diff(far)).sum())
    assert roc_auc_score(same, scores) == pytest.approx(area)


@given(pairs(), st.integers(-3, 3), st.sampled_from([0.25, 2.0]))
def test_only_the_order_of_similarities_matters(case: Pairs, shift: int, scale: float) -> None:
    scores, same = case
    other = scores * scale + shift  # exact: multiples of 1/32
    assert equal_error_rate(other, same) == equal_error_rate(scores, same)
    for far in (0.0, 0.1, 0.5):
        assert tar_at_far(other, same, far=far).tar == tar_at_far(scores, same, far=far).tar
    folds = min(len(scores), 4)
    try:
        accuracy = folded_accuracy(scores, same, folds=folds)
    except ConfigError:  # folds that leave one kind of pair only
        return
    assert folded_accuracy(other, same, folds=folds).accuracies == accuracy.accuracies


@given(pairs())
def test_order_changes_nothing_and_tar_never_falls_with_far(case: Pairs) -> None:
    scores, same = case
    order = np.argsort(scores, kind="stable")[::-1]
    assert equal_error_rate(scores, same) == equal_error_rate(scores[order], same[order])
    assert best_threshold(scores, same) == best_threshold(scores[order], same[order])
    tars = [tar_at_far(scores, same, far=far).tar for far in np.linspace(0, 1, 21)]
    assert tars == sorted(tars)


@pytest.mark.parametrize(
    ("scores", "same", "rule"),
    [
        ([0.1, 0.2], [True], "equally long"),
        ([[0.1, 0.2]], [[True, False]], "equally long"),
        ([0.1, np.nan], [True, False], "finite numbers; 1 of 2"),
        ([0.1, 0.2], [True, True], "2 genuine and 0 impostor"),
        ([], [], "0 genuine and 0 impostor"),
    ],
)
def test_unscorable_pairs_are_refused(scores: list[float], same: list[bool], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        roc(scores, same)


def test_bad_settings() -> None:
    with pytest.raises(ConfigError, match="far must lie in"):
        tar_at_far(SCORES, SAME, far=1.5)
    with pytest.raises(ConfigError, match="between 2 and the 10 pairs; got 11"):
        folded_accuracy(SCORES, SAME, folds=11)
