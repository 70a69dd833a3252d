"""Angle statistics of a trained network or a pack on a labelled set of faces: Table 3."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.backbones.base import Backbone
from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.data.opening import open_dataset
from trainer.data.pair_faces import PairFaces
from trainer.training.checkpoint import checkpoints, load_backbone
from trainer.training.checkpoint_manifest import (
    MANIFEST,
    CheckpointManifest,
    read_checkpoint_manifest,
)
from trainer.training.run import open_sets
from vidsearch.datatypes import AlignedFaces, Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import (
    CheckpointError,
    ConfigError,
    PackNotFoundError,
    TrainingSetError,
)
from vidsearch.evaluation.metrics.angles import AngleValues, angle_values
from vidsearch.evaluation.metrics.pair_angles import PairAngles, pair_angles

_BATCH = 64
Embed: TypeAlias = Callable[[AlignedFaces], Matrix]
Progress: TypeAlias = Callable[[Sequence[int]], Iterable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AngleOptions:
    """What is measured.

    Attributes:
        model: Run folder, checkpoint, or pack (a name or a folder).
        data: Training set, or any set for a pack; its held-out part is the test set.
        test: Another test set; empty for the held-out part.
        people: At most so many people of each set, the same ones each time; 0 for all.
        pairs: Genuine, and as many impostor pairs, in the histograms at most.
        device: Where a pack runs; a checkpoint runs on the processor.
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
class AngleModel:
    """What embeds, and its class weights if it has any.

    Attributes:
        name: To show.
        embed: (N, S, S, 3) uint8 RGB -> (N, D) raw.
        size: S.
        weights: (C, K, D); None where there are none.
        identities: Names of the C classes.
        files: sha256 of what it was read from, by name.
        configuration: To keep beside the figures.
        model_id: Of a pack, else empty.
        run: The run folder that a checkpoint lies in.
    """

    name: str
    embed: Embed = field(repr=False)
    size: int
    weights: NDArray[np.float32] | None = field(default=None, repr=False)
    identities: tuple[str, ...] = field(default=(), repr=False)
    files: dict[str, str] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    model_id: str = ""
    run: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredSet:
    """The angles of one set.

    Attributes:
        part: ``train`` or ``test``.
        name: Of the set.
        values: The angles.
        pairs: Angles of pairs.
        people: Name of each identity of ``values``.
        broken: Faces that cannot be decoded, left out.
        sha256: Of labels and embeddings' faces in order: two measurements saw the same set.
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
    """Everything that was measured."""

    model: AngleModel
    sets: tuple[MeasuredSet, ...]
    elapsed_s: float


def measure_angles(options: AngleOptions, progress: Progress = iter) -> MeasuredAngles:
    """Embed the faces of a model's training and test set and measure the angles.

    Args:
        options: What.
        progress: Wraps the faces of a set, to show how far it is.

    Raises:
        CheckpointError: No network there.
        ConfigError: Neither a checkpoint nor a pack.
        TrainingSetError: A set cannot be opened, does not fit the network, or has too few people.
        ShapeError: Embeddings that are not finite or cancel out.
    """
    started = time.perf_counter()
    place = Path(options.model)
    checkpoint = _checkpoint(place)
    test: FaceDataset | None
    if checkpoint is not None:
        model, config = _of_checkpoint(checkpoint)
        training, judged = open_sets(replace(config, data=replace(config.data, path=options.data)))
        # A run may be judged by pairs, whose faces name no people: there is no angle between those.
        test = None if isinstance(judged, PairFaces) else judged
    else:
        model = _of_pack(options.model, options.device)
        training, test = open_dataset(options.data), _held_out(options.data)
    if options.test:
        test = open_dataset(options.test)
    if checkpoint is not None and not set(training.identities) <= set(model.identities):
        raise TrainingSetError(
            f"{options.model} was not trained on {options.data}: it knows no identity "
            f"{next(n for n in training.identities if n not in set(model.identities))!r}; name its "
            "training set first and this one with --test"
        )
    measured = [
        _measure(part, dataset, model, options, progress)
        for part, dataset in (("train", training), ("test", test))
        if dataset is not None
    ]
    return MeasuredAngles(model, tuple(measured), time.perf_counter() - started)


def _checkpoint(place: Path) -> Path | None:
    if (place / MANIFEST).is_file():
        return place
    found = checkpoints(place, "best") or checkpoints(place)
    return found[-1] if found else None


def _of_checkpoint(folder: Path) -> tuple[AngleModel, Any]:
    backbone, config, identities = load_backbone(folder)
    manifest = read_checkpoint_manifest(folder)
    weights = class_weights(manifest) if config.loss.has_classes else None
    model = AngleModel(
        name=f"{folder.resolve().parents[1].name}, {folder.name}",
        embed=embedder_of(backbone),
        size=backbone.spec.input_size,
        weights=weights,
        identities=identities,
        files=dict(manifest.sha256),
        configuration={"step": manifest.step, "loss": asdict(config.loss)},
        run=folder.resolve().parents[1],
    )
    return model, config


def _of_pack(name: str, device: str) -> AngleModel:
    from vidsearch.models.registry import load_pack

    try:
        pack = load_pack(name, resolve_device(device))
    except PackNotFoundError as error:
        raise ConfigError(
            f"{name!r} is neither a run with checkpoints nor a pack ({error})"
        ) from error
    return AngleModel(
        name=f"pack {pack.pack.name}",
        embed=pack.embedder.embed,
        size=pack.embedder.template.size,
        files={file.name: file.sha256 for file in pack.pack.files},
        model_id=pack.model_id,
    )


def _held_out(path: str) -> FaceDataset | None:
    try:
        return open_dataset(path, "held_out")
    except TrainingSetError:
        return None  # a set without one


def class_weights(manifest: CheckpointManifest) -> NDArray[np.float32]:
    """Return (C, K, D): the class weights of a checkpoint, K sub-centres each.

    Raises:
        CheckpointError: Damaged.
    """
    parts = [manifest.read(name)["weight"] for name, _, _ in sorted(manifest.head, key=_first)]
    if not parts:
        raise CheckpointError(f"checkpoint {manifest.folder} holds no class weights; train again")
    return np.asarray(torch.cat(parts).float().numpy(), np.float32)


def _first(entry: tuple[str, int, int]) -> int:
    return entry[1]


def embedder_of(backbone: Backbone, *, mirror: bool = True) -> Embed:
    """Return what embeds faces: the sum over the face and its mirror image, as in validation.

    Args:
        backbone: A network; it is put into evaluation mode.
        mirror: False leaves the mirror image out.
    """
    backbone.eval()

    def embed(faces: AlignedFaces) -> Matrix:
        pixels = torch.from_numpy(np.ascontiguousarray(faces.transpose(0, 3, 1, 2)))
        with torch.no_grad():
            planes = backbone.normalise(pixels)
            raw = backbone(planes)
            raw = raw + backbone(planes.flip(3)) if mirror else raw
            return np.asarray(raw.numpy(), np.float32)

    return embed


def embed_faces(
    dataset: FaceDataset, rows: Sequence[int], embed: Embed, progress: Progress = iter
) -> tuple[Matrix, NDArray[np.intp], str]:
    """Return raw embeddings, the rows they are of (broken faces are left out), and a hash.

    Args:
        dataset: The faces.
        rows: Which of them.
        embed: See :func:`embedder_of`.
        progress: Wraps ``rows``.
    """
    digest = hashlib.sha256()
    parts: list[Matrix] = []
    kept: list[int] = []
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
        kept.append(row)
        waiting.append(face)
        if len(waiting) == _BATCH:
            flush()
    flush()
    whole = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    return whole, np.array(kept, np.intp), digest.hexdigest()


def some_people(dataset: FaceDataset, people: int) -> list[int]:
    """Return the faces of so many people, drawn the same way each time; 0: of all."""
    count = len(dataset.identities)
    if not people or people >= count:
        return list(range(len(dataset)))
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(0).permutation(count)[:people]] = True
    found: list[int] = np.flatnonzero(chosen[dataset.labels]).tolist()
    return found


def _measure(
    part: str, dataset: FaceDataset, model: AngleModel, options: AngleOptions, progress: Progress
) -> MeasuredSet:
    if dataset.template.size != model.size:
        raise TrainingSetError(
            f"{dataset.name!r} holds faces of {dataset.template.size} pixels, {model.name} takes "
            f"{model.size}; make the set again with: vidsearch prepare --template"
        )
    rows = some_people(dataset, options.people)
    embeddings, kept, digest = embed_faces(dataset, rows, model.embed, progress)
    labels = dataset.labels[kept]
    if len(np.unique(labels)) < 2:
        raise TrainingSetError(
            f"{dataset.name!r} ({part}) shows fewer than two people, so there is no angle between "
            "people; name another set"
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
        broken=len(rows) - len(kept),
        sha256=digest,
    )
