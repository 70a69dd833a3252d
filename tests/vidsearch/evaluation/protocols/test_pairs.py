"""Pair lists: read exactly, or refused with file and line."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.errors import ConfigError
from vidsearch.evaluation.protocols.pairs import read_bin, read_lfw_pairs, read_ytf

GOOD = "2\t1\nAnn\t1\t3\nAnn\t2\tBob\t4\nBob\t4\t5\nCy\t1\tAnn\t1\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_lfw(tmp_path: Path) -> None:
    pairs = read_lfw_pairs(write(tmp_path / "pairs.txt", GOOD), tmp_path)
    assert pairs.folds == 2
    assert pairs.issame.tolist() == [True, False, True, False]
    named = [
        (pairs.names[a], pairs.names[b]) for a, b in zip(pairs.first, pairs.second, strict=True)
    ]
    assert named == [
        ("Ann/Ann_0001.jpg", "Ann/Ann_0003.jpg"),
        ("Ann/Ann_0002.jpg", "Bob/Bob_0004.jpg"),
        ("Bob/Bob_0004.jpg", "Bob/Bob_0005.jpg"),
        ("Cy/Cy_0001.jpg", "Ann/Ann_0001.jpg"),
    ]
    assert len(pairs.items) == 6  # each photo once
    assert pairs.items[0] == (tmp_path / "Ann/Ann_0001.jpg",)
    assert pairs.people is not None
    assert pairs.people[3] == ("Cy", "Ann")
    assert len(set(pairs.ids)) == 4
    one = read_lfw_pairs(write(tmp_path / "one.txt", "1\nA\t1\t2\nA\t1\tB\t1\n"), tmp_path)
    assert one.folds == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: expected the number of folds"),
        ("ten\t300\n", r"line 1: expected the number of folds.*got 'ten.*300'"),
        (GOOD.replace("Bob\t4\t5", "Bob\t4"), r"pairs.txt, line 4: expected 'name i j'.*'Bob"),
        (GOOD.replace("1\t3", "1\tx"), r"line 2: expected 'name i j'"),
        (GOOD.replace("Cy\t1\tAnn", "Ann\t1\tAnn"), r"line 5: expected"),
        (GOOD.replace("Cy", ".."), r"line 5: expected"),
        (GOOD.replace("Cy", "../Cy"), r"line 5: expected"),
        (GOOD.replace("Cy", "C\0y"), r"line 5: expected"),
        (GOOD.replace("1\t3", "1\t" + "3" * 5000), r"line 2: expected"),
        (GOOD.replace("Cy", "C" * 300), r"line 5: expected"),
        ("9" * 5000 + "\t300\n", r"line 1: expected the number of folds"),
        (
            GOOD.rsplit("Cy", 1)[0],
            r"must hold 4 pairs as its first line states \(2 folds of 1 genuine and 1 imp.*got 3",
        ),
    ],
)
def test_lfw_malformed(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_lfw_pairs(write(tmp_path / "pairs.txt", text), tmp_path)


def test_lfw_unreadable_files(tmp_path: Path) -> None:
    path = write(tmp_path / "pairs.txt", GOOD)
    with pytest.raises(ConfigError, match="is not a folder"):
        read_lfw_pairs(path, tmp_path / "none")
    with pytest.raises(ConfigError, match=r"none\.txt cannot be read"):
        read_lfw_pairs(tmp_path / "none.txt", tmp_path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"is not .*text"):
        read_lfw_pairs(path, tmp_path)


def test_bin(tmp_path: Path) -> None:
    path = tmp_path / "cfp_fp.bin"
    images = [b"a", np.frombuffer(b"bc", np.uint8), b"d", b"e"]
    path.write_bytes(pickle.dumps((images, [True, False])))
    pairs = read_bin(path, folds=2)
    assert (pairs.name, pairs.folds, pairs.aligned, pairs.people) == ("cfp_fp", 2, True, None)
    assert pairs.items == ((b"a",), (b"bc",), (b"d",), (b"e",))
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 2], [1, 3])
    assert pairs.issame.tolist() == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2, 3], r"must hold \(images, issame\); got list"),
        (([b"a", b"b"], [2]), "issame must be a list of True and False"),
        (([b"a", b"b"], "yes"), "issame must be a list"),
        (([b"a", b"b"], [True, False]), "got 2 images for 2 pairs"),
        (([], []), "issame must be|got 0 images"),
        (([b"a", b"b"], [[True], [True, False]]), "issame must be a list"),
        ((7, [True]), "must hold a list of images; got int"),
        ((["a", "b"], [True]), "an image must be the bytes of a file; got str"),
    ],
)
def test_bin_malformed(content: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ConfigError, match=message):
        read_bin(path)


def make_videos(root: Path, *names: str) -> None:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "0.2.jpg").touch()
        (root / name / "0.10.jpg").touch()
        (root / name / "notes.txt").touch()


def test_ytf(tmp_path: Path) -> None:
    make_videos(tmp_path, "Ann/0", "Ann/1", "Bob/5")
    text = "split number, pair number, first name, second name, is same\n"
    text += "1, 1, Ann/0, Ann/1, 1\n2, 1, Ann/0, Bob/5, 0\n"
    pairs = read_ytf(write(tmp_path / "splits.txt", text), tmp_path, folds=2)
    assert pairs.issame.tolist() == [True, False]
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 0], [1, 2])
    assert [len(item) for item in pairs.items] == [2, 2, 2]
    assert pairs.people == (("Ann", "Ann"), ("Ann", "Bob"))
    # The corrected list has the corrected label in a sixth field.
    text = "1, 1, Ann/0, Ann/1, 1, 0\n2, 1, Ann/0, Bob/5, 0, 1\n"
    pairs = read_ytf(write(tmp_path / "splits.txt", text), tmp_path, folds=2)
    assert pairs.issame.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1, 1, Ann/0, Ann/1\n", "line 1: expected 'fold, pair, person/video"),
        ("1, Ann/0, Ann/1, 1, 7\n", "line 1: expected"),
        ("1, 1, Ann/0, Ann/1, yes\n", "line 1: expected"),
        ("1, 1, Ann/0, Ann/1, 1, 2\n", "line 1: expected"),
        ("1, 1, Ann/0, ../x/1, 1\n", "line 1: expected"),
        (f"1, {'9' * 5000}, Ann/0, Ann/1, 1\n", "line 1: expected"),
        ("2, 1, Ann/0, Ann/1, 1\n1, 1, Ann/0, Ann/1, 1\n", "line 2: expected consecutive folds"),
        ("1, 1, Ann/0, Ann/1, 1\n", r"must hold 2 folds of equal size; got \[1\]"),
    ],
)
def test_ytf_malformed(text: str, message: str, tmp_path: Path) -> None:
    make_videos(tmp_path, "Ann/0", "Ann/1")
    with pytest.raises(ConfigError, match=message):
        read_ytf(write(tmp_path / "splits.txt", text), tmp_path, folds=2)


def test_ytf_videos_without_frames_are_items_without_images(tmp_path: Path) -> None:
    make_videos(tmp_path, "Ann/0", "Ann/1")
    (tmp_path / "Dan/1").mkdir(parents=True)
    (tmp_path / "Cy").write_bytes(b"not a folder")
    text = "1, 1, Ann/0, Cy/1, 0\n1, 2, Ann/0, Dan/1, 0\n1, 3, Ann/0, Ann/1, 1\n"
    pairs = read_ytf(write(tmp_path / "splits.txt", text), tmp_path, folds=1)
    assert [len(item) for item in pairs.items] == [len(pairs.items[0]), 0, 0, len(pairs.items[3])]
    assert pairs.items[0]
    with pytest.raises(ConfigError, match=r"gone is not a folder"):
        read_ytf(tmp_path / "splits.txt", tmp_path / "gone", folds=1)
