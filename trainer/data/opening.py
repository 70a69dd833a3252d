"""A path -> the dataset that is stored there."""

from __future__ import annotations

from pathlib import Path

from trainer.data.base import FaceDataset
from trainer.data.folders import FolderDataset
from vidsearch.errors import TrainingSetError
from vidsearch.trainingset.manifest import MANIFEST, Part


def open_dataset(path: str | Path, part: Part = "train") -> FaceDataset:
    """Open a training set of any kind.

    Args:
        path: A folder made by ``vidsearch prepare``, a folder with one sub-folder an identity, a
            folder of Parquet shards, or an InsightFace ``.rec`` file (or the folder that holds
            ``train.rec``).
        part: Which part of a prepared set; the other kinds have ``train`` only.

    Raises:
        TrainingSetError: Nothing there that is a training set, or it is malformed.
    """
    place = Path(path)
    if not place.exists():
        raise TrainingSetError(f"training set {place} does not exist; check the path")
    if (place / MANIFEST).is_file():
        if not (place / part).is_dir():
            raise TrainingSetError(
                f"training set {place} has no part {part!r}; make it with: vidsearch prepare "
                "--held-out SHARE"
            )
        place = place / part
    elif part != "train":
        raise TrainingSetError(
            f"training set {place} was not made by vidsearch prepare and has no part {part!r}; "
            "name the folder of the other identities itself"
        )
    if place.is_file() or (place / "train.rec").is_file():
        from trainer.data.records import RecordDataset

        return RecordDataset(place if place.is_file() else place / "train.rec")
    if any(place.glob("*.parquet")):
        from trainer.data.shards import ShardDataset

        return ShardDataset(place)
    return FolderDataset(place)
