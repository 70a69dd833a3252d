"""Streaming against brute force, and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.metrics.distractors import (
    DISTRACTOR,
    StreamPlan,
    StreamResult,
    allowed_false_accepts,
    blocks_of,
    distractor_result,
    merge,
    stream,
    with_mates_among_probes,
)
from vidsearch.evaluation.metrics.verification import tar_at_far


def exact_rows(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return unit rows whose products are exact in float32, with many ties: 16 numbers of +-1/4."""
    return rng.choice(np.array([-0.25, 0.25], np.float32), (count, 16))


def brute(
    probes: np.ndarray, labels: np.ndarray, rows: np.ndarray, subjects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    similarities = probes @ rows.T
    same = labels[:, None] == subjects[None, :]
    return similarities, same


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 40), st.integers(1, 30))
def test_streaming_is_brute_force(seed: int, block: int, tail: int, ranks: int) -> None:
    rng = np.random.default_rng(seed)
    probes, rows = exact_rows(rng, 7), exact_rows(rng, 25)
    labels, subjects = rng.integers(0, 4, 7), rng.integers(DISTRACTOR, 6, 25)
    plan = StreamPlan(tail=tail, ranks=ranks, probe_block=block)
    seen = stream(probes, labels, blocks_of(rows, subjects, block), plan)
    similarities, same = brute(probes, labels, rows, subjects)
    assert seen.impostors == int((~same).sum())
    np.testing.assert_array_equal(seen.tail, np.sort(similarities[~same])[::-1][:tail])
    np.testing.assert_array_equal(np.sort(seen.genuine), np.sort(similarities[same]))
    hidden = np.where(same, -np.inf, similarities)
    expected = np.sort(hidden, axis=1)[:, ::-1][:, :ranks]
    np.testing.assert_array_equal(seen.best[:, : expected.shape[1]], expected)
    parts = [
        stream(probes, labels, blocks_of(rows[part], subjects[part], block), plan)
        for part in (slice(0, 9), slice(9, 10), slice(10, 25))
    ]
    merged = merge(parts[::-1], plan)
    np.testing.assert_array_equal(merged.tail, seen.tail)
    np.testing.assert_array_equal(merged.best, seen.best)
    assert sorted(zip(merged.genuine_probe, merged.genuine, strict=True)) == sorted(
        zip(seen.genuine_probe, seen.genuine, strict=True)
    )


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.01, 0.1, 0.5]))
def test_threshold_is_that_of_all_pairs(seed: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    probes, rows = exact_rows(rng, 6), exact_rows(rng, 20)
    labels, subjects = np.arange(6), np.concatenate([np.arange(6), np.full(14, DISTRACTOR)])
    plan = StreamPlan(tail=allowed_false_accepts(far, 6 * 19) + 1, ranks=3)
    found = distractor_result(
        stream(probes, labels, blocks_of(rows, subjects, 4), plan), far=far, fpr=0.2
    )
    similarities, same = brute(probes, labels, rows, subjects)
    point = tar_at_far(similarities.ravel(), same.ravel(), far=far)
    assert found.ver_tar == point.tar
    ranks = [(similarities[i][~same[i]] >= similarities[i, i]).sum() for i in range(6)]
    for k in (1, 2, 3):
        assert found.rank_k[k - 1] == np.mean([rank < k for rank in ranks])
    highest = sorted((similarities[i][~same[i]].max() for i in range(6)), reverse=True)
    right = [ranks[i] == 0 and similarities[i, i] > highest[1] for i in range(6)]
    assert found.id_tpr == np.mean(right)


def f32(values: object) -> np.ndarray:
    return np.array(values, np.float32)


def test_hand_worked() -> None:
    # Two probes; their mates' similarities 0.9 and 0.5, impostors' (0.8, 0.1) and (0.6, 0.4).
    seen = StreamResult(
        4,
        f32([0.8, 0.6, 0.4, 0.1]),
        f32([[0.8, 0.1], [0.6, 0.4]]),
        np.array([0, 1]),
        f32([0.9, 0.5]),
    )
    none = distractor_result(seen, far=0.0, fpr=0.0)
    assert (none.rank_k, none.ver_tar, none.id_tpr) == ((0.5, 1.0), 0.5, 0.5)
    assert none.ver_threshold == pytest.approx(0.8)
    # FAR 0.5 of four pairs allows two: the bar is 0.4, and 0.5 passes it, but is second in rank.
    half = distractor_result(seen, far=0.5, fpr=0.5)
    assert (half.ver_tar, half.id_tpr) == (1.0, 0.5)
    # FAR 1 accepts everything.
    assert distractor_result(seen, far=1.0, fpr=1.0).ver_tar == 1.0


def test_mates_among_probes() -> None:
    probes = np.array([[1, 0], [0.6, 0.8], [0, 1], [0, 1]], np.float32)
    labels = np.array([5, 7, 5, 5])
    rows = np.array([[0.8, 0.6]], np.float32)
    seen = stream(probes, labels, blocks_of(rows, None), StreamPlan(tail=9))
    assert len(seen.genuine) == 0
    both = with_mates_among_probes(seen, probes, labels)
    pairs = sorted(zip(both.genuine_probe.tolist(), both.genuine.tolist(), strict=True))
    assert pairs == [(0, 0), (0, 0), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert both.impostors == 4


def test_a_short_tail_is_refused() -> None:
    seen = StreamResult(100, f32([0.5]), f32([[0.5]]), np.array([0]), f32([0.9]))
    assert distractor_result(seen, far=0.001, fpr=0).ver_tar == 1
    with pytest.raises(ConfigError, match=r"needs the 11 highest.*only 1 were kept"):
        distractor_result(seen, far=0.1, fpr=0)


def test_bad_input() -> None:
    probes, labels = np.eye(2, dtype=np.float32), np.arange(2)
    plan = StreamPlan(tail=1)
    nowhere = np.full(1, DISTRACTOR)
    with pytest.raises(ShapeError, match=r"probes' 2 numbers; got shape \(1, 3\)"):
        stream(probes, labels, [(np.ones((1, 3), np.float32), nowhere)], plan)
    with pytest.raises(ShapeError, match=r"gallery rows from 0 must be finite.*row 0"):
        stream(probes, labels, [(np.array([[np.nan, 0]], np.float32), nowhere)], plan)
    with pytest.raises(ShapeError, match="one label each"):
        stream(probes, labels[:1], [], plan)
    with pytest.raises(ConfigError, match="both kinds"):
        distractor_result(stream(probes, labels, [], plan), far=0, fpr=0)
    with pytest.raises(ConfigError, match="positive"):
        StreamPlan(tail=0)
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge([], plan)
    with pytest.raises(ConfigError, match="must lie in"):
        allowed_false_accepts(2, 10)
