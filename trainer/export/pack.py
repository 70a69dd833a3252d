"""Export of a trained network as a model pack for ``vidsearch index --model``.

The pack is written under a temporary name and renamed when it is complete. The export measures the
difference between ONNX file and network, the accuracy in the pack's precision, and the calibration
of similarities. All of them are measured on identities that are not in the training set.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.export.held_out import accuracy_of, calibrate, decode_pairs, similarities_of
from trainer.export.onnx import (
    TOLERANCE,
    Precision,
    largest_difference,
    to_half,
    to_int8,
    write_onnx,
)
from vidsearch.errors import ConfigError, ExportError
from vidsearch.faces.embed.base import EmbedderConfig
from vidsearch.models.pack import NAME_RULE, DetectorSpec, EmbedderSpec, ModelPack, PackFile
from vidsearch.models.pack_toml import PACK_TOML, describe_file, verify_pack, write_pack
from vidsearch.storage.files import folder_mode, unicode_alias
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable, quoted

if TYPE_CHECKING:
    from trainer.backbones.base import Backbone
    from trainer.training.validation import ValidationSet

EMBEDDER_FILE, REPORT_FILE = "embedder.onnx", "export.json"
_COMPARED_FACES = 64


class NoHeldOutIdentitiesError(ConfigError):
    """A pack cannot be calibrated, because no identities were held out of training.

    Args:
        remedy: Option that names other identities, e.g. ``--held-out SET``.
    """

    def __init__(self, remedy: str) -> None:
        super().__init__(
            "the probabilities of a pack are calibrated on people outside the training set, and "
            f"this run has no validation set; pass {remedy}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Name, precision, detector and licence of a pack, and the sets it is measured on.

    Attributes:
        name: Name of the pack; empty for the name of its folder.
        version: Version of the pack.
        precision: ``float32``, or a smaller and less accurate format.
        detector: Pack whose detector finds the faces: ``open``, or a folder.
        licence: Licence of the weights; empty to refer to that of the training set.
        commercial_use: True if that licence permits commercial use.
        held_out: Training set of other identities; empty for the run's validation set.
        pairs: Genuine pairs, and as many impostor pairs, of the measurement.
        calibration_faces: Training faces from which int8 ranges are measured.
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
    """Measurements of an export.

    Attributes:
        onnx_difference: Largest difference between the float32 file and torch, relative to the
            norm of an embedding.
        faces_compared: Faces behind ``onnx_difference``.
        accuracy_float32: Verification accuracy in float32 on held-out identities.
        accuracy: Verification accuracy in the pack's precision.
        precision: Precision of the pack.
        size_bytes: Size of the embedder's file.
        pairs: Pairs behind the accuracies.
        training_set: Name of the training set.
        identities: Number of identities in the training set.
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


def export_pack(run: Path, out: Path, options: ExportOptions | None = None) -> ExportReport:
    """Export the best network of a run as a pack.

    Args:
        run: Folder of the run, or one of its checkpoints.
        out: Folder of the pack; it must not exist.
        options: Name, precision, detector and licence of the pack.

    Raises:
        ConfigError: ``out`` exists, or its name is not valid for a pack.
        NoHeldOutIdentitiesError: No identities were held out of training.
        CheckpointError: The run has no checkpoint, or a damaged one.
        ExportError: The network cannot be written as ONNX, or the file differs from the network.
        TrainingSetError: The training set is missing or does not fit.
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
        raise NoHeldOutIdentitiesError("--held-out SET")
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{out.name[:25]}.", suffix=".part", dir=out.parent))
    try:
        with unicode_alias(staged) as folder:
            report = _write_pack(
                folder, name, backbone, (training, held_out), len(identities), settings
            )
        staged.chmod(folder_mode())  # mkdtemp gives access to this user only
        staged.rename(out)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return report


def pack_name(out: Path, options: ExportOptions) -> str:
    """Return the name of a pack in a new folder.

    Raises:
        ConfigError: The folder exists, or its name is not valid for a pack.
    """
    if out.exists():
        raise ConfigError(f"'{printable(str(out))}' exists already; name a new folder for the pack")
    if options.name:
        return options.name
    name = re.sub(r"[^a-z0-9_.-]+", "-", out.name.lower()).strip("-.")
    if not NAME_RULE.fullmatch(name):
        raise ConfigError(f"{quoted(out.name)} does not give a valid pack name; pass --name")
    return name


def _write_pack(
    folder: Path,
    name: str,
    backbone: Backbone,
    sets: tuple[FaceDataset, ValidationSet],
    identities: int,
    options: ExportOptions,
) -> ExportReport:
    training, held_out = sets
    measured = decode_pairs(held_out, options.pairs)
    float32_file = folder / "float32.onnx"
    write_onnx(backbone, training.template.size, float32_file)
    compared = measured.faces[:_COMPARED_FACES]
    difference = largest_difference(backbone, backbone.spec.normalisation, float32_file, compared)
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
    similarities = in_float32 = similarities_of(float32_file, config, measured)
    file = folder / EMBEDDER_FILE
    if options.precision == "float32":
        float32_file.rename(file)
    else:
        _reduce_precision(float32_file, file, training, config, options)
        float32_file.unlink()
        similarities = similarities_of(file, config, measured)
    report = ExportReport(
        onnx_difference=difference,
        faces_compared=len(compared),
        accuracy_float32=accuracy_of(in_float32, measured.issame),
        accuracy=accuracy_of(similarities, measured.issame),
        precision=options.precision,
        size_bytes=file.stat().st_size,
        pairs=len(measured.issame),
        training_set=training.name,
        identities=identities,
    )
    (folder / REPORT_FILE).write_text(json_text(asdict(report), indent=2) + "\n")
    detector, files = _base_detector(options.detector, folder)
    stated = training.licence if training.licence else "not stated"
    licence = options.licence or f"as the training set {training.name} allows: {stated}"
    pack = ModelPack(
        name=name,
        version=options.version,
        licence=licence,
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
        calibration=calibrate(similarities, measured, held_out.name),
        files=(describe_file(file), describe_file(folder / REPORT_FILE), *files),
    )
    write_pack(pack, folder)
    verify_pack(pack, folder)
    return report


def _reduce_precision(
    float32_file: Path,
    path: Path,
    training: FaceDataset,
    config: EmbedderConfig,
    options: ExportOptions,
) -> None:
    if options.precision == "float16":
        to_half(float32_file, path)
        return
    chosen = np.random.default_rng(0).permutation(len(training))
    faces: list[Any] = []
    for index in chosen.tolist():
        if len(faces) == options.calibration_faces:
            break
        try:
            faces.append(training.aligned_face(index))
        except BrokenFaceError:
            continue  # training has already reported broken faces
    to_int8(float32_file, path, config.normalisation.apply(np.stack(faces)))


def _base_detector(pack: str, folder: Path) -> tuple[DetectorSpec, tuple[PackFile, ...]]:
    """Return the detector of a base pack; its file, if any, is copied into the folder."""
    from vidsearch.models.open_pack import OPEN
    from vidsearch.models.registry import read_user_pack

    if pack == OPEN.name:
        return OPEN.detector, ()
    if not (Path(pack) / PACK_TOML).is_file():
        raise ConfigError(f"--detector must be 'open' or the folder of a pack; got {quoted(pack)}")
    base = read_user_pack(Path(pack))
    verify_pack(base, Path(pack))
    if base.detector.file is None:
        return base.detector, ()
    shutil.copyfile(Path(pack) / base.detector.file, folder / base.detector.file)
    return base.detector, (base.file(base.detector.file),)
