"""Subsets by identity: new labels belong to the right people, and no person is in two parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.training_sets import SyntheticPeople
from trainer.data.subset import IdentitySubset, split_identities
from vidsearch.errors import TrainingSetError


def people(labels: list[int], groups: list[int] | None = None) -> SyntheticPeople:
    """Return a dataset in which every pixel of a face is the number of its row."""
    rows = np.arange(len(labels), dtype=np.uint8)
    faces = np.tile(rows[:, None, None, None], (1, 2, 2, 3))
    names = tuple(f"p{label}" for label in range(max(labels) + 1))
    offsets = np.array(groups, np.int64) if groups is not None else None
    return SyntheticPeople(names, np.array(labels, np.int64), faces, groups=offsets)


def test_labels_and_faces_by_hand() -> None:
    subset = IdentitySubset(people([2, 0, 1, 2, 0, 3]), np.array([3, 2, 2]))
    assert subset.identities == ("p2", "p3")
    assert subset.labels.tolist() == [0, 0, 1]
    assert [int(subset.aligned_face(row)[0, 0, 0]) for row in range(len(subset))] == [0, 3, 5]


def test_groups_keep_their_faces_together() -> None:
    # Groups [0, 2), [2, 3), [3, 6); the second group loses its only face.
    dataset = people([0, 1, 2, 0, 1, 0], groups=[0, 2, 3, 6])
    assert IdentitySubset(dataset, np.array([0])).groups == pytest.approx(np.array([0, 1, 1, 3]))
    assert IdentitySubset(people([0, 1]), np.array([0])).groups is None


@given(
    st.integers(4, 30).flatmap(
        lambda n: st.lists(st.integers(0, n - 1), max_size=40).map(lambda more: [*range(n), *more])
    ),
    st.floats(0.01, 0.5),
    st.integers(0, 99),
)
def test_nobody_is_in_both_parts(labels: list[int], share: float, seed: int) -> None:
    dataset = people(labels)
    train, held_out = split_identities(dataset, share, seed)
    assert not set(train.identities) & set(held_out.identities)
    assert len(train) + len(held_out) == len(labels)
    for part in (train, held_out):
        assert len(part.identities) >= 2
        for row in range(len(part)):
            source = int(part.aligned_face(row)[0, 0, 0])
            assert part.identities[part.labels[row]] == f"p{labels[source]}"
    again, _ = split_identities(dataset, share, seed)
    assert again.identities == train.identities


def test_three_people_are_too_few() -> None:
    with pytest.raises(TrainingSetError, match="has 3 identities, too few to hold 2 out"):
        split_identities(people([0, 1, 2]), 0.1, 0)
