"""Batches: reproducible, shared by ranks, robust against broken faces."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from multiprocessing import active_children

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from trainer.data.augment import Augmentation
from trainer.data.base import Batch, BrokenFaceError, check_learnable
from trainer.data.loader import FaceLoader, LoaderConfig
from trainer.data.order import GROUPS_IN_WINDOW, epoch_order
from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate

TINY = AlignmentTemplate(name="tiny", size=8, points=((1, 1), (6, 1), (3, 3), (1, 6), (6, 6)))


@dataclass
class Faces:
    """Dataset whose face i has the value i, and 255 in its left column."""

    labels: NDArray[np.int64]
    broken: frozenset[int] = frozenset()
    groups: NDArray[np.int64] | None = None
    name: str = "faces"
    licence: str = ""
    template: AlignmentTemplate = TINY
    classes: int = 4

    @property
    def identities(self) -> tuple[str, ...]:
        return tuple(str(j) for j in range(self.classes))

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        if index in self.broken:
            raise BrokenFaceError(f"face {index} is broken")
        face = np.full((8, 8, 3), index, np.uint8)
        face[:, 0] = 255
        return face


def faces(count: int = 23, **more: object) -> Faces:
    return Faces(np.arange(count, dtype=np.int64) % 4, **more)  # type: ignore[arg-type]


def first(loader: FaceLoader, count: int, start: int = 0) -> list[Batch]:
    return list(islice(loader.batches(start), count))


def joined(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.indices for batch in batches]).tolist()


def test_labels_and_indices_match_the_faces() -> None:
    (batch,) = first(FaceLoader(faces(), LoaderConfig(global_batch=6)), 1)
    assert batch.faces.shape == (6, 3, 8, 8)
    assert batch.faces.dtype == torch.uint8
    assert batch.labels.tolist() == [i % 4 for i in batch.indices.tolist()]
    assert batch.faces[:, 0, 4, 4].tolist() == batch.indices.tolist()


def test_every_epoch_has_every_face_once_across_batches() -> None:
    order = joined(first(FaceLoader(faces(23), LoaderConfig(global_batch=5)), 14))  # 70 > 3 * 23
    epochs = [order[i * 23 : (i + 1) * 23] for i in range(3)]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_set_smaller_than_a_batch_is_repeated() -> None:
    (batch,) = first(FaceLoader(faces(3), LoaderConfig(global_batch=9)), 1)
    assert sorted(batch.indices.tolist()) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_batches_from_a_later_step_equal_those_of_one_sequence() -> None:
    loader = FaceLoader(faces(), LoaderConfig(global_batch=5, augmentation=Augmentation(erase=1)))
    whole, rest = first(loader, 9), first(loader, 4, start=5)
    for expected, batch in zip(whole[5:], rest, strict=True):
        assert torch.equal(batch.faces, expected.faces)
        assert torch.equal(batch.indices, expected.indices)


@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_the_ranks_share_one_global_batch(world: int) -> None:
    config = {"global_batch": 7, "seed": 4, "augmentation": Augmentation(shift_px=2, jpeg=0.5)}
    (alone,) = first(FaceLoader(faces(), LoaderConfig(**config)), 1, start=6)  # type: ignore[arg-type]
    shares = [
        first(FaceLoader(faces(), LoaderConfig(**config, rank=r, world_size=world)), 1, 6)[0]  # type: ignore[arg-type]
        for r in range(world)
    ]
    assert torch.equal(torch.cat([share.faces for share in shares]), alone.faces)
    assert joined(shares) == alone.indices.tolist()
    assert max(len(s.labels) for s in shares) - min(len(s.labels) for s in shares) <= 1


@pytest.mark.slow
def test_decoding_processes_give_the_same_batches() -> None:
    config = {"global_batch": 6, "augmentation": Augmentation(colour=0.5, erase=0.5)}
    alone = first(FaceLoader(faces(), LoaderConfig(**config)), 5)  # type: ignore[arg-type]
    decoded = first(FaceLoader(faces(), LoaderConfig(**config, workers=2)), 5)  # type: ignore[arg-type]
    for expected, batch in zip(alone, decoded, strict=True):
        assert torch.equal(batch.faces, expected.faces)


@pytest.mark.slow
def test_decoding_processes_end_with_the_generator() -> None:
    before = set(active_children())
    with closing(FaceLoader(faces(), LoaderConfig(global_batch=6, workers=2)).batches()) as batches:
        next(batches)
        workers = set(active_children()) - before
        assert len(workers) == 2
    assert not workers & set(active_children())
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_seeds_differ() -> None:
    orders = [
        joined(first(FaceLoader(faces(), LoaderConfig(global_batch=23, seed=s)), 1)) for s in (1, 2)
    ]
    assert orders[0] != orders[1]


def test_half_of_the_faces_are_mirrored_and_others_in_each_epoch() -> None:
    loader = FaceLoader(faces(200, classes=4), LoaderConfig(global_batch=200))
    batches = first(loader, 2)
    mirrored = [
        dict(zip(b.indices.tolist(), (b.faces[:, 0, 0, 7] == 255).tolist(), strict=True))
        for b in batches
    ]
    assert 70 < sum(mirrored[0].values()) < 130
    assert mirrored[0] != mirrored[1]


def test_broken_faces_are_listed_and_replaced() -> None:
    loader = FaceLoader(faces(broken=frozenset({3, 8})), LoaderConfig(global_batch=23))
    (batch,) = first(loader, 1)
    assert len(batch.labels) == 23
    assert not {3, 8} & set(batch.indices.tolist())
    assert sorted(loader.broken) == ["face 3 is broken", "face 8 is broken"]
    first(loader, 1)
    assert len(loader.broken) == 2


def test_too_many_broken_faces_stop_the_run() -> None:
    loader = FaceLoader(
        faces(broken=frozenset({1, 2, 3})), LoaderConfig(global_batch=23, max_broken=2)
    )
    with pytest.raises(TrainingSetError, match=r"3 faces are broken, more than the 2 allowed"):
        first(loader, 1)


def test_a_set_of_broken_faces_gives_one_line() -> None:
    loader = FaceLoader(faces(2, broken=frozenset({0, 1})), LoaderConfig(global_batch=2))
    with pytest.raises(TrainingSetError, match="20 faces in a row are broken"):
        first(loader, 1)


def test_a_window_of_the_order_spans_few_groups() -> None:
    groups = np.arange(0, 1001, 10)  # 100 groups of 10
    order = epoch_order(1000, 0, 0, groups)
    assert sorted(order.tolist()) == list(range(1000))
    window = GROUPS_IN_WINDOW * 10
    for start in range(0, 1000, window):
        assert len(set((order[start : start + window] // 10).tolist())) <= GROUPS_IN_WINDOW
    assert not np.array_equal(order, epoch_order(1000, 0, 1, groups))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Faces(np.zeros(0, np.int64)), "holds no faces"),
        (Faces(np.zeros(5, np.int64), classes=1), "holds one identity"),
        (Faces(np.array([0, 1, 3, 3])), "1 identities have no faces .'2' is the first"),
        (Faces(np.array([0, 1, 2, 4])), "label 4 is outside 0..3"),
        (Faces(np.array([0, -1, 2, 3])), "label -1 is outside 0..3"),
    ],
    ids=["no faces", "one class", "empty class", "label too large", "label negative"],
)
def test_sets_that_cannot_be_learned_are_refused(dataset: Faces, message: str) -> None:
    with pytest.raises(TrainingSetError, match=message):
        check_learnable(dataset)


def test_one_face_a_class_is_refused() -> None:
    check_learnable(faces(5))
    with pytest.raises(TrainingSetError, match="one face per identity"):
        check_learnable(faces(4))


def test_configs_are_checked() -> None:
    with pytest.raises(ConfigError, match="rank must lie"):
        LoaderConfig(global_batch=4, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="at least one face for each"):
        LoaderConfig(global_batch=1, world_size=2)
    with pytest.raises(ConfigError, match="mirror must lie"):
        Augmentation(mirror=1.5)
    with pytest.raises(ConfigError, match="shift_px"):
        Augmentation(shift_px=99)
