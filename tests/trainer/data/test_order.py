"""Order of the faces: each face once an epoch, whatever the groups are."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.data.order import GlobalOrder, epoch_order, face_rng, replacement

GROUPS = st.lists(st.integers(0, 5), max_size=80).map(lambda sizes: np.cumsum([0, *sizes]))


@given(GROUPS, st.integers(0, 99), st.integers(0, 9))
def test_each_face_once_with_groups_of_any_size(
    groups: np.ndarray[Any, Any], seed: int, epoch: int
) -> None:
    count = int(groups[-1])
    order = epoch_order(count, seed, epoch, groups.astype(np.int64))
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(count))


@given(st.integers(1, 50), st.integers(1, 30), st.lists(st.integers(0, 20), min_size=1))
def test_any_step_can_be_asked_for_first(count: int, size: int, steps: list[int]) -> None:
    # A resumed run begins in the middle of an epoch.
    once = GlobalOrder(count, 7)
    for step in steps:
        assert once.global_batch(step, size) == GlobalOrder(count, 7).global_batch(step, size)


def test_a_batch_over_the_end_of_an_epoch() -> None:
    # 5 faces in batches of 4: the second batch has the last face of epoch 0 and 3 of epoch 1.
    batch = GlobalOrder(5, 1).global_batch(1, 4)
    assert [epoch for epoch, _ in batch] == [0, 1, 1, 1]
    assert batch[0][1] == epoch_order(5, 1, 0)[4]
    assert [index for _, index in batch[1:]] == epoch_order(5, 1, 1)[:3].tolist()


def test_a_face_is_drawn_anew_in_each_epoch_and_for_each_purpose() -> None:
    draws = {
        tuple(face_rng(seed, epoch, index).integers(1 << 30, size=2))
        for seed in range(3)
        for epoch in range(3)
        for index in range(3)
    }
    assert len(draws) == 27
    assert np.array_equal(face_rng(1, 2, 3).random(4), face_rng(1, 2, 3).random(4))


def test_replacements_of_a_broken_face_are_spread() -> None:
    chosen = [replacement(1, 0, 5, attempt, 1000) for attempt in range(50)]
    assert all(0 <= index < 1000 for index in chosen)
    assert len(set(chosen)) > 40, "a second broken face does not end in a circle"
    assert chosen == [replacement(1, 0, 5, attempt, 1000) for attempt in range(50)]
