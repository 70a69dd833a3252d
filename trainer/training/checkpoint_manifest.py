"""``manifest.json`` of a checkpoint, and safe reading of the checkpoint's files.

A file is read with ``weights_only`` after its sha256 has been compared with the manifest, so it
cannot run code. A malformed file gives a one-line error.
"""

from __future__ import annotations

import json
import pickle  # for its error class only: this module does not unpickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainer.config.toml import parse_config
from trainer.config.train import TrainConfig
from vidsearch.errors import CheckpointError
from vidsearch.storage.files import file_sha256, sync, unicode_alias
from vidsearch.text.parse import read_json
from vidsearch.text.printable import first_line

MANIFEST = "manifest.json"
FORMAT = 1
REMEDY = "delete this folder and resume from an earlier checkpoint with --resume"
# Errors of torch.load, json and load_state_dict for malformed files.
MALFORMED = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointManifest:
    """Manifest of a checkpoint.

    Attributes:
        folder: Folder of the checkpoint.
        step: Updates made.
        config: Configuration of the run.
        accuracy: Best verification accuracy so far; None before the first validation.
        stale: Validations since the best one.
        scale: Loss scale of float16.
        head: (file, first class, end) of each part of the class weights.
        head_numbers: Optimizer state of the head that all classes share.
        sha256: Hash of every other file, by name.
    """

    folder: Path
    step: int
    config: TrainConfig
    accuracy: float | None
    stale: int
    scale: float
    head: tuple[tuple[str, int, int], ...]
    head_numbers: dict[str, float]
    sha256: dict[str, str]

    def read(self, name: str) -> Any:
        """Check the hash of a file and load it.

        Raises:
            CheckpointError: The file is missing, damaged or malformed.
        """
        path = self.folder / name
        try:
            intact = file_sha256(path) == self.sha256.get(name)
        except OSError as error:
            raise CheckpointError(f"checkpoint {self.folder}: {error}; {REMEDY}") from error
        if not intact:
            raise CheckpointError(f"checkpoint {self.folder}: {name} is damaged; {REMEDY}")
        try:
            if name.endswith(".json"):
                return read_json(path.read_text(encoding="utf-8"))
            with unicode_alias(self.folder) as folder:
                return torch.load(folder / name, map_location="cpu", weights_only=True, mmap=True)
        except MALFORMED as error:
            raise CheckpointError(
                f"checkpoint {self.folder}: {name} cannot be read ({first_line(error)}); {REMEDY}"
            ) from error


def read_checkpoint_manifest(folder: Path) -> CheckpointManifest:
    """Read the manifest of a checkpoint.

    Raises:
        CheckpointError: The folder is not a checkpoint, or has a newer format.
    """
    try:
        table = read_json((folder / MANIFEST).read_text(encoding="utf-8"))
        written = table["format"]
        manifest = _parse_manifest(folder, table) if written == FORMAT else None
    except MALFORMED as error:
        raise CheckpointError(
            f"{folder} is not a checkpoint ({type(error).__name__}: {first_line(error)}); name a "
            "run folder or one of its checkpoints"
        ) from error
    if manifest is None:
        raise CheckpointError(
            f"checkpoint {folder} has format {written!r}, this version reads {FORMAT}; use the "
            "version that wrote it"
        )
    return manifest


def _parse_manifest(folder: Path, table: dict[str, Any]) -> CheckpointManifest:
    accuracy = table["accuracy"]
    head = tuple((str(n), int(a), int(b)) for n, a, b in table["head"])
    if any(Path(name).name != name for name, _, _ in head):
        raise ValueError("a part of the head lies outside the folder")
    step, stale = int(table["step"]), int(table["stale"])
    if step < 0 or stale < 0:
        raise ValueError(f"step {step} or stale {stale} is negative")
    return CheckpointManifest(
        folder=folder,
        step=step,
        config=parse_config(table["config"]),
        accuracy=None if accuracy is None else float(accuracy),
        stale=stale,
        scale=float(table["scale"]),
        head=head,
        head_numbers={str(k): float(v) for k, v in table["head_numbers"].items()},
        sha256={str(k): str(v) for k, v in table["sha256"].items()},
    )


def write_tensors(path: Path, value: Any) -> str:
    """Write tensors for :meth:`CheckpointManifest.read`, flushed to the disk; return the sha256."""
    # Given a path, torch reports a full disk as an inner error of its file format.
    with path.open("wb") as file:
        torch.save(value, file)
    sync(path)
    return file_sha256(path)


def write_json(path: Path, value: Any) -> str:
    """Write a JSON value, flushed to the disk; return the sha256 of the file."""
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    sync(path)
    return file_sha256(path)
