"""A trained network -> a model pack that ``vidsearch index --model`` takes.

The pack is put together under another name and appears whole. What it claims was measured on the
way: that the ONNX file gives the network's numbers, what a smaller precision costs, and which
probability belongs to a similarity, all on people that training never saw.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.export.onnx import (
    TOLERANCE,
    Precision,
    largest_difference,
    to_half,
    to_int8,
    write_onnx,
)
from vidsearch.datatypes import AlignedFaces
from vidsearch.device import CPU
from vidsearch.errors import ConfigError, ExportError
from vidsearch.evaluation.metrics.reliability import expected_calibration_error
from vidsearch.evaluation.metrics.verification import folded_accuracy
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.faces.embed.onnx import OnnxEmbedder
from vidsearch.faces.template import normalise
from vidsearch.models.calibration import Calibration, fit_calibration
from vidsearch.models.pack import NAME_RULE, DetectorSpec, EmbedderSpec, ModelPack, PackFile
from vidsearch.models.pack_toml import PACK_TOML, describe_file, verify_pack, write_pack

if TYPE_CHECKING:
    from trainer.backbones.base import Backbone
    from trainer.training.validation import ValidationSet

EMBEDDER_FILE, REPORT_FILE = "embedder.onnx", "export.json"
NOBODY_HELD_OUT = (
    "a pack states probabilities, which are fitted on people that training never saw, and "
    "this run held nobody out; pass --held-out SET"
)
_FOLDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What kind of pack is made.

    Attributes:
        name: Of the pack; empty takes the folder's.
        version: Of the pack.
        precision: ``float32``, or smaller and a little less exact.
        detector: Pack whose detector finds the faces: ``open``, or a folder.
        licence: Of the weights; empty states the training set's.
        commercial_use: Whether that licence allows it.
        held_out: Other people to measure on; empty takes what the run validated on.
        pairs: Genuine and as many impostor pairs to measure on.
        calibration_faces: Training faces that 8-bit ranges are taken from.
    """

    name: str = ""
    version: str = "1"
    precision: Precision = "float32"
    detector: str = "open"
    licence: str = ""
    commercial_use: bool = False
    held_out: str = ""
    pairs: int = 3000
    calibration_faces: int = 256


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was measured on the way.

    Attributes:
        onnx_difference: Largest difference of the float32 file from torch, as a share of an
            embedding's length.
        faces_compared: Real faces it was found on.
        accuracy_float32: Verification accuracy on the held-out people.
        accuracy: The same in the pack's precision.
        precision: Of the pack.
        size_bytes: Of the embedder's file.
        pairs: Pairs measured on.
        training_set: Name of the set.
        identities: People trained on.
    """

    onnx_difference: float
    faces_compared: int
    accuracy_float32: float
    accuracy: float
    precision: Precision
    size_bytes: int
    pairs: int
    training_set: str
    identities: int


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Held-out faces and the pairs among them."""

    faces: AlignedFaces
    people: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]


def export_pack(run: Path, out: Path, options: ExportOptions | None = None) -> ExportReport:
    """Make a pack of a run's best network.

    Args:
        run: Folder of the run, or one of its checkpoints.
        out: Folder of the pack; new.
        options: What kind of pack.

    Raises:
        ConfigError: ``out`` exists, its name is none for a pack, or nobody was held out.
        CheckpointError: No network there.
        ExportError: The network cannot be expressed, or the file does not give its numbers.
        TrainingSetError: The training set is gone or does not fit.
    """
    from trainer.data.opening import open_dataset
    from trainer.training.checkpoint import load_backbone
    from trainer.training.run import open_sets

    settings = options if options is not None else ExportOptions()
    name = pack_name(out, settings)
    backbone, config, identities = load_backbone(run)
    training, held_out = open_sets(config)
    if settings.held_out:
        held_out = open_dataset(settings.held_out)
    if held_out is None:
        raise ConfigError(NOBODY_HELD_OUT)
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        report = _fill(staged, name, backbone, (training, held_out), len(identities), settings)
        staged.chmod(0o755)
        staged.rename(out)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return report


def pack_name(out: Path, options: ExportOptions) -> str:
    """Return what a pack in this new folder is called.

    Raises:
        ConfigError: It exists already, or gives no name.
    """
    if out.exists():
        raise ConfigError(f"{out} exists already; name a new folder for the pack")
    return options.name if options.name else _plain_name(out)


def _fill(
    folder: Path,
    name: str,
    backbone: Backbone,
    sets: tuple[FaceDataset, ValidationSet],
    identities: int,
    options: ExportOptions,
) -> ExportReport:
    training, held_out = sets
    measured = _measured(held_out, options.pairs)
    whole = folder / "float32.onnx"
    write_onnx(backbone, training.template.size, whole)
    some = measured.faces[:64]
    difference = largest_difference(backbone, backbone.spec.normalisation, whole, some)
    if not difference <= TOLERANCE:
        raise ExportError(
            f"the ONNX file differs from the network by {difference:.2g} of an embedding's length, "
            f"more than {TOLERANCE:g}; nothing was written"
        )
    config = EmbedderConfig(
        model_id=name,
        dim=backbone.embedding_size,
        template=training.template,
        normalisation=backbone.spec.normalisation,
    )
    in_float32 = _similarities(whole, config, measured)
    file = folder / EMBEDDER_FILE
    similarities = in_float32
    if options.precision == "float32":
        whole.rename(file)
    else:
        _smaller(whole, file, training, config, options)
        whole.unlink()
        similarities = _similarities(file, config, measured)
    report = ExportReport(
        onnx_difference=difference,
        faces_compared=len(some),
        accuracy_float32=_accuracy(in_float32, measured.issame),
        accuracy=_accuracy(similarities, measured.issame),
        precision=options.precision,
        size_bytes=file.stat().st_size,
        pairs=len(measured.issame),
        training_set=training.name,
        identities=identities,
    )
    (folder / REPORT_FILE).write_text(json.dumps(asdict(report), indent=2) + "\n")
    detector, files = _detector(options.detector, folder)
    pack = ModelPack(
        name=name,
        version=options.version,
        licence=options.licence if options.licence else _licence_of(training),
        licence_url="",
        licence_notes=f"trained on {training.name}: {len(training)} faces of {identities} people",
        commercial_use=options.commercial_use,
        detector=detector,
        embedder=EmbedderSpec(
            kind="onnx",
            file=EMBEDDER_FILE,
            dim=config.dim,
            template=config.template,
            normalisation=config.normalisation,
            mirror=config.mirror,
        ),
        calibration=_calibration(similarities, measured, held_out.name),
        files=(describe_file(file), describe_file(folder / REPORT_FILE), *files),
    )
    write_pack(pack, folder)
    verify_pack(pack, folder)
    return report


def _measured(dataset: ValidationSet, pairs: int) -> _Measured:
    """Decode the faces of the pairs; those of a verification set that show none are left out."""
    from trainer.data.pair_faces import PairFaces
    from trainer.training.validation import pairs_of

    drawn = pairs_of(dataset, pairs, seed=0)
    faces: dict[int, Any] = {}
    for index in np.unique(np.concatenate([drawn.left, drawn.right])).tolist():
        try:
            faces[index] = dataset.aligned_face(index)
        except BrokenFaceError as error:
            if not isinstance(dataset, PairFaces):
                raise ExportError(f"held-out set: {error}; remove this face") from error
    used = np.array(sorted(faces), np.int64)
    both = np.isin(drawn.left, used) & np.isin(drawn.right, used)
    left, right = (np.searchsorted(used, side[both]) for side in (drawn.left, drawn.right))
    return _Measured(
        np.stack([faces[i] for i in used.tolist()]),
        dataset.labels[used],
        left.astype(np.int64),
        right.astype(np.int64),
        drawn.issame[both],
    )


def _similarities(path: Path, config: EmbedderConfig, measured: _Measured) -> NDArray[np.float64]:
    unit = normalise(OnnxEmbedder(path, config, CPU).embed(measured.faces)).astype(np.float64)
    return np.asarray((unit[measured.left] * unit[measured.right]).sum(axis=1), np.float64)


def _accuracy(similarities: NDArray[np.float64], issame: NDArray[np.bool_]) -> float:
    return folded_accuracy(similarities, issame, folds=min(_FOLDS, len(issame) // 2)).mean


def _calibration(similarities: NDArray[np.float64], measured: _Measured, name: str) -> Calibration:
    """Fit on half of the people and check on the others, then fit on everybody."""
    fitted_on = f"held-out people of {name}"
    whole = fit_calibration(similarities, measured.issame, fitted_on=fitted_on, balance=True)
    half = np.random.default_rng(0).random(int(measured.people.max()) + 1) < 0.5
    sides = half[measured.people[measured.left]], half[measured.people[measured.right]]
    here, there = sides[0] & sides[1], ~sides[0] & ~sides[1]
    for part in (here, there):
        if not 20 <= measured.issame[part].sum() <= part.sum() - 20:
            return whole
    first = fit_calibration(
        similarities[here], measured.issame[here], fitted_on=fitted_on, balance=True
    )
    error = expected_calibration_error(
        first.confidence(similarities[there], prior=float(measured.issame[there].mean())),
        measured.issame[there],
    )
    return replace(
        whole,
        checked_on=f"a fit on half of these people, on the other half ({int(there.sum())} pairs)",
        expected_calibration_error=error,
    )


def _smaller(
    whole: Path, path: Path, training: FaceDataset, config: EmbedderConfig, options: ExportOptions
) -> None:
    if options.precision == "float16":
        to_half(whole, path)
        return
    chosen = np.random.default_rng(0).permutation(len(training))
    faces: list[Any] = []
    for index in chosen.tolist():
        if len(faces) == options.calibration_faces:
            break
        try:
            faces.append(training.aligned_face(index))
        except BrokenFaceError:
            continue  # training listed it already
    to_int8(whole, path, config.normalisation.apply(np.stack(faces)))


def _detector(pack: str, folder: Path) -> tuple[DetectorSpec, tuple[PackFile, ...]]:
    """Return the detector of a base pack, its file copied into the folder if it has one."""
    from vidsearch.models.open_pack import OPEN
    from vidsearch.models.own_pack import read_own_pack

    if pack == OPEN.name:
        return OPEN.detector, ()
    if not (Path(pack) / PACK_TOML).is_file():
        raise ConfigError(f"--detector must be 'open' or the folder of a pack; got {pack!r}")
    base = read_own_pack(Path(pack))
    verify_pack(base, Path(pack))
    if base.detector.file is None:
        return base.detector, ()
    shutil.copyfile(Path(pack) / base.detector.file, folder / base.detector.file)
    return base.detector, (base.file(base.detector.file),)


def _licence_of(training: FaceDataset) -> str:
    stated = training.licence if training.licence else "not stated"
    return f"as the training set {training.name} allows: {stated}"


def _plain_name(out: Path) -> str:
    name = re.sub(r"[^a-z0-9_.-]+", "-", out.name.lower()).strip("-.")
    if not NAME_RULE.fullmatch(name):
        raise ConfigError(f"{out.name!r} gives no name for a pack; pass --name")
    return name
