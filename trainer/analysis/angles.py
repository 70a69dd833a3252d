"""Angle statistics of a trained network or a pack on labelled faces.

Source: Deng et al. 2019, Table 3.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trainer.analysis.angle_model import (
    AngleModel,
    Embed,
    checkpoint_model,
    pack_model,
)
from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.data.opening import open_dataset
from trainer.data.pair_faces import PairFaces
from trainer.training.checkpoint import find_checkpoint
from trainer.training.run import open_sets
from vidsearch.datatypes import Matrix
from vidsearch.errors import (
    ConfigError,
    TrainingSetError,
)
from vidsearch.evaluation.metrics.angles import AngleValues, angle_values
from vidsearch.evaluation.metrics.pair_angles import PairAngles, pair_angles
from vidsearch.text.printable import quoted

_BATCH = 64
Progress: TypeAlias = Callable[[Sequence[int]], Iterable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AngleOptions:
    """Model, sets and sample sizes of a measurement.

    Attributes:
        model: Run folder, checkpoint, or pack (a name or a folder).
        data: Training set, or any set for a pack; its held-out part is the test set.
        test: Another test set; empty for the held-out part.
        people: Largest number of identities of each set, drawn reproducibly; 0 for all.
        pairs: Largest number of genuine pairs, and of impostor pairs, in the histograms.
        device: Device of a pack; a checkpoint runs on the CPU.
    """

    model: str
    data: str
    test: str = ""
    people: int = 0
    pairs: int = 500_000
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.people < 0 or self.people == 1:
            raise ConfigError(f"--people must be at least 2, or 0 for all; got {self.people}")
        if self.pairs < 1:
            raise ConfigError(f"--pairs must be at least 1; got {self.pairs}")


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSet:
    """Angles of one set.

    Attributes:
        part: ``train`` or ``test``.
        name: Name of the set.
        values: Angles of Table 3.
        pairs: Angles of pairs.
        people: Name of each identity of ``values``.
        broken: Faces that cannot be decoded; they are left out.
        sha256: Hash of labels and faces in order; equal for two measurements of the same set.
    """

    part: str
    name: str
    values: AngleValues
    pairs: PairAngles
    people: tuple[str, ...]
    broken: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredAngles:
    """Angles of the training set and the test set of a model.

    Attributes:
        model: The model.
        sets: Measured sets, the training set first.
        elapsed_s: Duration of the measurement, seconds.
    """

    model: AngleModel
    sets: tuple[MeasuredSet, ...]
    elapsed_s: float


def measure_angles(options: AngleOptions, progress: Progress = iter) -> MeasuredAngles:
    """Embed the faces of a model's training set and test set and measure the angles.

    Args:
        options: Model, sets and sample sizes.
        progress: Wraps the indices of a set's faces, to display progress.

    Raises:
        CheckpointError: The checkpoint cannot be read.
        ConfigError: The model is neither a checkpoint nor a pack.
        TrainingSetError: A set cannot be opened, does not fit the network, or has too few people.
        ShapeError: Embeddings are not finite, or cancel out.
    """
    started = time.perf_counter()
    checkpoint = find_checkpoint(Path(options.model))
    test: FaceDataset | None
    if checkpoint is not None:
        model, config = checkpoint_model(checkpoint)
        config = replace(config, data=replace(config.data, path=options.data))
        training, validation_set = open_sets(config)
        # A verification set has pairs, not classes, so there are no angles between identities.
        test = None if isinstance(validation_set, PairFaces) else validation_set
    else:
        model = pack_model(options.model, options.device)
        training, test = open_dataset(options.data), _held_out(options.data)
    if options.test:
        test = open_dataset(options.test)
    if checkpoint is not None and not set(training.identities) <= set(model.identities):
        raise TrainingSetError(
            f"{options.model} was not trained on {options.data}: it has no identity "
            f"{quoted(next(n for n in training.identities if n not in set(model.identities)))}; "
            "name its training set first and this one with --test"
        )
    measured = [
        _measure(part, dataset, model, options, progress)
        for part, dataset in (("train", training), ("test", test))
        if dataset is not None
    ]
    return MeasuredAngles(model, tuple(measured), time.perf_counter() - started)


def _held_out(path: str) -> FaceDataset | None:
    try:
        return open_dataset(path, "held_out")
    except TrainingSetError:
        return None  # the set has no held-out part


def embed_faces(
    dataset: FaceDataset, rows: Sequence[int], embed: Embed, progress: Progress = iter
) -> tuple[Matrix, NDArray[np.intp], str]:
    """Embed faces of a dataset; broken faces are left out.

    Args:
        dataset: The faces.
        rows: Indices of the faces to embed.
        embed: See :func:`embedder_of`.
        progress: Wraps ``rows``.

    Returns:
        (M, D) float32 raw embeddings, (M,) indices of their faces, and the sha256 of the faces with
        their identities.
    """
    digest = hashlib.sha256()
    parts: list[Matrix] = []
    embedded: list[int] = []
    waiting: list[NDArray[np.uint8]] = []

    def flush() -> None:
        if waiting:
            parts.append(embed(np.stack(waiting)))
            waiting.clear()

    for row in progress(rows):
        try:
            face = dataset.aligned_face(row)
        except BrokenFaceError:
            continue
        digest.update(f"{dataset.identities[int(dataset.labels[row])]}\n".encode())
        digest.update(np.ascontiguousarray(face).tobytes())
        embedded.append(row)
        waiting.append(face)
        if len(waiting) == _BATCH:
            flush()
    flush()
    embeddings = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    return embeddings, np.array(embedded, np.intp), digest.hexdigest()


def sample_people(dataset: FaceDataset, people: int) -> list[int]:
    """Return the indices of the faces of some identities, drawn with a fixed seed.

    Args:
        dataset: The faces.
        people: Number of identities; 0 for all.
    """
    count = len(dataset.identities)
    if not people or people >= count:
        return list(range(len(dataset)))
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(0).permutation(count)[:people]] = True
    rows: list[int] = np.flatnonzero(chosen[dataset.labels]).tolist()
    return rows


def _measure(
    part: str, dataset: FaceDataset, model: AngleModel, options: AngleOptions, progress: Progress
) -> MeasuredSet:
    if dataset.template.size != model.size:
        raise TrainingSetError(
            f"{quoted(dataset.name)} holds faces of {dataset.template.size} pixels, {model.name} "
            f"takes {model.size}; make the set again with: vidsearch prepare --template"
        )
    rows = sample_people(dataset, options.people)
    embeddings, embedded, digest = embed_faces(dataset, rows, model.embed, progress)
    labels = dataset.labels[embedded]
    if len(np.unique(labels)) < 2:
        raise TrainingSetError(
            f"{quoted(dataset.name)} ({part}) shows fewer than two people; an angle between people "
            "needs two: name another set"
        )
    weights = model.weights if part == "train" else None
    if weights is not None:
        number = {name: row for row, name in enumerate(model.identities)}
        classes = np.array([number[name] for name in dataset.identities], np.int64)
        labels = classes[labels]
    values = angle_values(embeddings, labels, weights)
    names = model.identities if weights is not None else dataset.identities
    return MeasuredSet(
        part=part,
        name=dataset.name,
        values=values,
        pairs=pair_angles(embeddings, labels, most=options.pairs),
        people=tuple(names[j] for j in values.identities.tolist()),
        broken=len(rows) - len(embedded),
        sha256=digest,
    )
