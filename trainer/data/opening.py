"""Opening of a training set of any kind."""

from __future__ import annotations

from pathlib import Path

from trainer.data.base import FaceDataset
from trainer.data.folders import FolderDataset
from vidsearch.errors import TrainingSetError
from vidsearch.text.names import native_name
from vidsearch.trainingset.manifest import MANIFEST, Part


def open_dataset(path: str | Path, part: Part = "train") -> FaceDataset:
    """Open a training set of any kind.

    Args:
        path: A folder made by ``vidsearch prepare``, a folder with one sub-folder for each
            identity, a folder of Parquet shards, an InsightFace ``.rec`` file, or a folder with
            ``train.rec``.
        part: Part of a prepared set; the other kinds have ``train`` only.

    Raises:
        TrainingSetError: The path is not a training set, lacks the part, or is malformed.
    """
    source = Path(native_name(str(path)))
    if not source.exists():
        raise TrainingSetError(f"training set {source} does not exist; check the path")
    if (source / MANIFEST).is_file():
        if not (source / part).is_dir():
            raise TrainingSetError(
                f"training set {source} has no part {part!r}; make it with: vidsearch prepare "
                "--held-out SHARE"
            )
        source = source / part
    elif part != "train":
        raise TrainingSetError(
            f"training set {source} was not made by vidsearch prepare and has no part {part!r}; "
            "name the folder of the other identities itself"
        )
    if source.is_file() or (source / "train.rec").is_file():
        from trainer.data.records import RecordDataset

        return RecordDataset(source if source.is_file() else source / "train.rec")
    if any(source.glob("*.parquet")):
        from trainer.data.shards import ShardDataset

        return ShardDataset(source)
    return FolderDataset(source)
