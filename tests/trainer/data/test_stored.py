"""Folders and shards: reading returns the stored faces."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.recordio_bytes import insightface_set, png
from trainer.data.base import BrokenFaceError, FaceDataset
from trainer.data.opening import open_dataset
from trainer.data.order import GROUPS_IN_WINDOW
from trainer.data.shards import OpenFiles, ShardDataset
from vidsearch.errors import TrainingSetError
from vidsearch.trainingset import shards


def folders(root: Path, counts: dict[str, int], side: int = 112) -> Path:
    value = 0
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{number}.png").write_bytes(png(value, side))
            value += 1
    return root


def red(dataset: FaceDataset) -> list[int]:
    return [int(dataset.aligned_face(i)[0, 0, 0]) for i in range(len(dataset))]


def test_folders(tmp_path: Path) -> None:
    root = folders(tmp_path / "set", {"Zoe": 2, "Ann": 3})
    (root / ".hidden").mkdir()
    (root / "Ann" / "notes.txt").write_text("x")
    dataset = open_dataset(root)
    assert dataset.identities == ("Ann", "Zoe")
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1]
    assert red(dataset) == [2, 3, 4, 0, 1]
    assert dataset.name == "set"


@pytest.mark.parametrize(("side", "template"), [(112, "arcface_112"), (150, "dlib_150")])
def test_the_size_of_the_faces_selects_the_template(
    tmp_path: Path, side: int, template: str
) -> None:
    assert open_dataset(folders(tmp_path / "x", {"a": 1, "b": 1}, side)).template.name == template


def test_paths_that_are_not_training_sets(tmp_path: Path) -> None:
    with pytest.raises(TrainingSetError, match="does not exist"):
        open_dataset(tmp_path / "no")
    with pytest.raises(TrainingSetError, match="no sub-folders"):
        open_dataset(tmp_path)
    root = folders(tmp_path / "x", {"a": 1, "b": 1})
    (root / "empty").mkdir()
    with pytest.raises(TrainingSetError, match="identity 'empty' has no images"):
        open_dataset(root)
    with pytest.raises(TrainingSetError, match=r"must be 112 x 112 .*got 96 x 96.*prepare"):
        open_dataset(folders(tmp_path / "y", {"a": 1}, side=96))
    with pytest.raises(TrainingSetError, match="no part 'held_out'"):
        open_dataset(root, "held_out")


def test_broken_files_are_named(tmp_path: Path) -> None:
    root = folders(tmp_path / "x", {"a": 2, "b": 1})
    (root / "a" / "1.png").write_bytes(b"not an image!")
    (root / "b" / "0.png").write_bytes(png(1, 64))
    dataset = open_dataset(root)
    with pytest.raises(BrokenFaceError, match=r"1\.png: not an image .*13 bytes"):
        dataset.aligned_face(1)
    with pytest.raises(BrokenFaceError, match="64 x 64 pixels; expected 112 x 112"):
        dataset.aligned_face(2)


def test_an_insightface_folder_is_found(tmp_path: Path) -> None:
    path = insightface_set(tmp_path / "faces", (1, 1))
    assert open_dataset(path).identities == open_dataset(path.parent).identities == ("0", "1")


def write_shards(folder: Path, count: int, people: int = 3) -> None:
    with shards.ShardWriter(folder) as writer:
        for i in range(count):
            writer.add(f"person {i % people}", png(i % 251), f"photo {i}")


def test_shards_return_the_written_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "GROUP_FACES", 4)
    monkeypatch.setattr(shards, "SHARD_FACES", 8)
    write_shards(tmp_path / "set", 21)
    assert len(list((tmp_path / "set").glob("part-*.parquet"))) == 3
    dataset = open_dataset(tmp_path / "set")
    assert dataset.identities == ("person 0", "person 1", "person 2")
    assert dataset.labels.tolist() == [i % 3 for i in range(21)]
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [0, 4, 8, 12, 16, 20, 21]
    assert red(dataset) == list(range(21))
    assert red(pickle.loads(pickle.dumps(dataset))) == list(range(21))


def test_shards_bound_the_groups_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "GROUP_FACES", 2)
    write_shards(tmp_path / "set", 2 * (GROUPS_IN_WINDOW + 9))
    dataset = ShardDataset(tmp_path / "set")
    rng = np.random.default_rng(0)
    for index in rng.permutation(len(dataset)):
        dataset.aligned_face(int(index))
        assert dataset.cached_groups <= GROUPS_IN_WINDOW
    assert dataset.cached_groups == GROUPS_IN_WINDOW


def test_the_least_recently_used_file_is_closed(tmp_path: Path) -> None:
    files = OpenFiles(2)
    handles = [(tmp_path / str(number)).open("w") for number in range(3)]
    files[0], files[1] = handles[:2]
    assert files[0] is handles[0]  # a use: file 1 is now the oldest
    files[2] = handles[2]
    assert sorted(files) == [0, 2]
    assert [handle.closed for handle in handles] == [False, True, False]
    for handle in handles:
        handle.close()


def test_damaged_shards_are_named(tmp_path: Path) -> None:
    write_shards(tmp_path, 3)
    path = tmp_path / "part-00000.parquet"
    intact = path.read_bytes()
    path.write_bytes(intact[:-100])
    with pytest.raises(
        TrainingSetError, match=r"part-00000.parquet is not a readable Parquet file"
    ):
        open_dataset(tmp_path)
    pq.write_table(pa.table({"label": [1, 2]}), path)
    with pytest.raises(TrainingSetError, match="no column 'identity'"):
        open_dataset(tmp_path)
    path.write_bytes(intact)
    with pytest.raises(TrainingSetError, match="row groups above"):
        ShardDataset(tmp_path, max_group_bytes=100)
