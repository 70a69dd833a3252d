"""Endless batches for training; they depend on the seed, not on the number of processes."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.data.augment import Augmentation
from trainer.data.base import Batch, BrokenFaceError, FaceDataset
from trainer.data.order import GlobalOrder, face_rng, replacement
from trainer.distributed.ranks import split_evenly
from vidsearch.datatypes import Image
from vidsearch.errors import ConfigError, TrainingSetError, VidsearchError
from vidsearch.text.printable import quoted

_ATTEMPTS = 20
_PREFETCH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderConfig:
    """Batch size, share of this rank, augmentation and decoding processes.

    Attributes:
        global_batch: Faces in a step, over all ranks.
        seed: Seed of order and augmentation.
        rank: Rank of this process.
        world_size: Number of ranks that share a global batch.
        augmentation: Random changes of a face.
        workers: Decoding processes; 0 decodes in this process.
        max_broken: Undecodable faces that are skipped before training stops.
        pin_memory: Put batches into pinned memory, for asynchronous copies to a GPU.
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
    """One rank's share of endless global batches of a dataset.

    A global batch and its augmentation depend on the seed and the step alone. A run that resumes
    within an epoch, or on another number of processes, gets the same global batches. The shares of
    the ranks, in order, form the global batch. The first ranks get one face more if the batch
    does not divide evenly.

    Args:
        dataset: The faces.
        config: Batch size, share and decoding.

    Attributes:
        broken: Messages about faces that could not be decoded, each once.

    Raises:
        TrainingSetError: The dataset has no faces.

    Example:
        >>> loader = FaceLoader(dataset, LoaderConfig(global_batch=512))  # doctest: +SKIP
        >>> batch = next(loader.batches(start_step=1000))  # doctest: +SKIP
    """

    def __init__(self, dataset: FaceDataset, config: LoaderConfig) -> None:
        self.dataset = dataset
        self.config = config
        self.broken: list[str] = []
        if not len(dataset):
            raise TrainingSetError(
                f"training set {quoted(dataset.name)} holds no faces; check the path"
            )

    def batches(self, start_step: int = 0) -> Generator[Batch, None, None]:
        """Yield this rank's share of global batch ``start_step`` and of every later global batch.

        Close the generator to end the decoding processes.

        Raises:
            TrainingSetError: More faces are broken than ``max_broken``.
        """
        from torch.utils.data import DataLoader

        workers = self.config.workers
        process_options: dict[str, Any] = (
            {"multiprocessing_context": "spawn", "prefetch_factor": _PREFETCH} if workers else {}
        )
        decoder: Any = _Decoder(self.dataset, self.config)  # maps keys to complete batches
        sampler: Any = _RankBatchSampler(self.dataset, self.config, start_step)
        stream: Iterable[Batch | _DecodingError] = DataLoader(
            decoder,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_unchanged,
            pin_memory=False,
            **process_options,
        )
        for batch in stream:
            if isinstance(batch, _DecodingError):
                raise TrainingSetError(batch.message)
            self._collect_broken(batch)
            yield _pinned(batch) if self.config.pin_memory else batch

    def _collect_broken(self, batch: Batch) -> None:
        reported = set(self.broken)
        self.broken += [message for message in batch.broken if message not in reported]
        if len(self.broken) > self.config.max_broken:
            raise TrainingSetError(
                f"training set {quoted(self.dataset.name)}: {len(self.broken)} faces are broken, "
                "more "
                f"than the {self.config.max_broken} allowed; the last: {self.broken[-1]}; make the "
                "set again or allow more"
            )


class _RankBatchSampler:
    """Batch sampler of DataLoader: (epoch, index) keys of one rank's share of every batch."""

    def __init__(self, dataset: FaceDataset, config: LoaderConfig, start_step: int) -> None:
        self._order = GlobalOrder(len(dataset), config.seed, dataset.groups)
        self._config, self._step = config, start_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        config, step = self._config, self._step
        sizes = split_evenly(config.global_batch, config.world_size)
        start = sum(sizes[: config.rank])
        while True:
            keys = self._order.global_batch(step, config.global_batch)
            yield keys[start : start + sizes[config.rank]]
            step += 1


@dataclass(frozen=True, slots=True)
class _DecodingError:
    """Error of a decoding process. A raised error would arrive with a traceback in its message."""

    message: str


class _Decoder:
    """Decoding and augmentation of complete batches, in a decoding process or in this one."""

    def __init__(self, dataset: FaceDataset, config: LoaderConfig) -> None:
        self._dataset, self._config = dataset, config

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, key: tuple[int, int]) -> Batch | _DecodingError:
        return self.__getitems__([key])

    def __getitems__(self, keys: list[tuple[int, int]]) -> Batch | _DecodingError:
        try:
            return self._batch(keys)
        except VidsearchError as error:
            return _DecodingError(str(error))

    def _batch(self, keys: list[tuple[int, int]]) -> Batch:
        import cv2
        import torch

        cv2.setNumThreads(0)
        side = self._dataset.template.size
        faces = np.empty((len(keys), side, side, 3), np.uint8)
        indices = np.empty(len(keys), np.int64)
        broken: list[str] = []
        for row, (epoch, requested) in enumerate(keys):
            index, face = self._face(epoch, requested, broken)
            rng = face_rng(self._config.seed, epoch, requested)
            faces[row] = self._config.augmentation.apply(face, rng)
            indices[row] = index
        planes = np.ascontiguousarray(faces.transpose(0, 3, 1, 2))
        return Batch(
            torch.from_numpy(planes),
            torch.from_numpy(self._dataset.labels[indices]),
            torch.from_numpy(indices),
            tuple(broken),
        )

    def _face(self, epoch: int, requested: int, broken: list[str]) -> tuple[int, Image]:
        """Return a decodable face and its index: the requested face, or a replacement."""
        index = requested
        for attempt in range(_ATTEMPTS):
            try:
                return index, self._dataset.aligned_face(index)
            except BrokenFaceError as error:
                broken.append(str(error))
                index = replacement(
                    self._config.seed, epoch, requested, attempt, len(self._dataset)
                )
        raise TrainingSetError(
            f"training set {quoted(self._dataset.name)}: {_ATTEMPTS} faces in a row are broken; "
            f"the last: {broken[-1]}; make the set again"
        )


def _unchanged(batch: Any) -> Any:
    return batch


def _pinned(batch: Batch) -> Batch:
    return Batch(batch.faces.pin_memory(), batch.labels.pin_memory(), batch.indices, batch.broken)
