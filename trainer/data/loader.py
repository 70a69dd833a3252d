"""Batches for training: endless, the same for one seed, however many processes share the work."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.data.augment import Augmentation
from trainer.data.base import Batch, BrokenFaceError, FaceDataset
from trainer.data.order import GlobalOrder, face_rng, replacement
from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError, TrainingSetError, VidsearchError

_ATTEMPTS = 20
_PREFETCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderConfig:
    """How a dataset becomes batches.

    Attributes:
        global_batch: Faces in a step, over all ranks.
        seed: Decides order and augmentation.
        rank: Which share of every global batch this process gets.
        world_size: Processes that share a global batch.
        augmentation: What may happen to a face.
        workers: Processes that decode; 0 decodes in this one.
        max_broken: Broken faces that are skipped before training stops.
        pin_memory: Put batches where a GPU can fetch them while it computes.
    """

    global_batch: int
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    workers: int = 0
    max_broken: int = 100
    pin_memory: bool = False

    def __post_init__(self) -> None:
        if self.world_size < 1 or not 0 <= self.rank < self.world_size:
            raise ConfigError(
                f"rank must lie in 0..world_size - 1; got {self.rank} of {self.world_size}"
            )
        if self.global_batch < self.world_size:
            raise ConfigError(
                f"the global batch ({self.global_batch}) must hold at least one face for each of "
                f"the {self.world_size} processes; raise the batch size"
            )
        if self.workers < 0 or self.max_broken < 0 or self.seed < 0:
            raise ConfigError(
                "workers, max_broken and seed must be at least 0; got "
                f"{self.workers}, {self.max_broken} and {self.seed}"
            )


class FaceLoader:
    """Turns a dataset into one rank's share of endless global batches.

    What a global batch holds, and how each of its faces is augmented, depends on the seed and the
    step alone: a run that goes on in mid-epoch, or on another number of processes, sees the same
    global batches. The shares of the ranks, in their order, are the global batch; where it does
    not divide evenly, the first ranks get one more.

    Example:
        >>> loader = FaceLoader(dataset, LoaderConfig(global_batch=512))  # doctest: +SKIP
        >>> batch = next(loader.batches(start_step=1000))  # doctest: +SKIP
    """

    def __init__(self, dataset: FaceDataset, config: LoaderConfig) -> None:
        self.dataset = dataset
        self.config = config
        self.broken: list[str] = []
        if not len(dataset):
            raise TrainingSetError(f"training set {dataset.name!r} holds no faces; check the path")

    def batches(self, start_step: int = 0) -> Generator[Batch, None, None]:
        """Yield this rank's share of global batch ``start_step``, then of the next, without end.

        Messages about broken faces are collected in ``broken``. Close the generator when you have
        enough: the processes that decode end then.

        Raises:
            TrainingSetError: More faces are broken than ``max_broken``.
        """
        from torch.utils.data import DataLoader

        workers = self.config.workers
        more: dict[str, Any] = (
            {"multiprocessing_context": "spawn", "prefetch_factor": _PREFETCH} if workers else {}
        )
        decoder: Any = _Decoder(self.dataset, self.config)  # a map from keys to whole batches
        share: Any = _Share(self.dataset, self.config, start_step)
        stream: Iterable[Batch | _Hopeless] = DataLoader(
            decoder,
            batch_sampler=share,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=False,
            **more,
        )
        for batch in stream:
            if isinstance(batch, _Hopeless):
                raise TrainingSetError(batch.message)
            self._count(batch)
            yield _pinned(batch) if self.config.pin_memory else batch

    def _count(self, batch: Batch) -> None:
        seen = set(self.broken)
        self.broken += [message for message in batch.broken if message not in seen]
        if len(self.broken) > self.config.max_broken:
            raise TrainingSetError(
                f"training set {self.dataset.name!r}: {len(self.broken)} faces are broken, more "
                f"than the {self.config.max_broken} allowed; the last: {self.broken[-1]}; make the "
                "set again or allow more"
            )


class _Share:
    """A rank's keys of every global batch: what DataLoader calls a batch sampler."""

    def __init__(self, dataset: FaceDataset, config: LoaderConfig, start_step: int) -> None:
        self._order = GlobalOrder(len(dataset), config.seed, dataset.groups)
        self._config, self._step = config, start_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        config, step = self._config, self._step
        sizes = [
            config.global_batch // config.world_size
            + (rank < config.global_batch % config.world_size)
            for rank in range(config.world_size)
        ]
        start = sum(sizes[: config.rank])
        while True:
            keys = self._order.global_batch(step, config.global_batch)
            yield keys[start : start + sizes[config.rank]]
            step += 1


@dataclass(frozen=True, slots=True)
class _Hopeless:
    """What a worker returns where it should raise: an error that crosses over gains a traceback."""

    message: str


class _Decoder:
    """Decodes and augments whole batches, in a worker or here."""

    def __init__(self, dataset: FaceDataset, config: LoaderConfig) -> None:
        self._dataset, self._config = dataset, config

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int]) -> Batch | _Hopeless:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[tuple[int, int]]) -> Batch | _Hopeless:
        try:
            return self._batch(keys)
        except VidsearchError as error:
            return _Hopeless(str(error))

    def _batch(self, keys: list[tuple[int, int]]) -> Batch:
        import cv2
        import torch

        cv2.setNumThreads(0)
        side = self._dataset.template.size
        faces = np.empty((len(keys), side, side, 3), np.uint8)
        indices = np.empty(len(keys), np.int64)
        broken: list[str] = []
        for row, (epoch, wanted) in enumerate(keys):
            index, face = self._face(epoch, wanted, broken)
            rng = face_rng(self._config.seed, epoch, wanted)
            faces[row] = self._config.augmentation.apply(face, rng)
            indices[row] = index
        planes = np.ascontiguousarray(faces.transpose(0, 3, 1, 2))
        return Batch(
            torch.from_numpy(planes),
            torch.from_numpy(self._dataset.labels[indices]),
            torch.from_numpy(indices),
            tuple(broken),
        )

    def _face(self, epoch: int, wanted: int, broken: list[str]) -> tuple[int, Image]:
        index = wanted
        for attempt in range(_ATTEMPTS):
            try:
                return index, self._dataset.aligned_face(index)
            except BrokenFaceError as error:
                broken.append(str(error))
                index = replacement(self._config.seed, epoch, wanted, attempt, len(self._dataset))
        raise TrainingSetError(
            f"training set {self._dataset.name!r}: {_ATTEMPTS} faces in a row are broken; the "
            f"last: {broken[-1]}; make the set again"
        )


def _as_it_is(batch: Any) -> Any:
    return batch


def _pinned(batch: Batch) -> Batch:
    return Batch(batch.faces.pin_memory(), batch.labels.pin_memory(), batch.indices, batch.broken)
