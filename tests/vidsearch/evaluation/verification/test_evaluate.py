"""Verification by the command, on real faces and on wrong input."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.commands.main import main
from vidsearch.evaluation.report import read_report


def make_pairs(media: Path, target: Path, count: int) -> None:
    lines = (media / "lfw_pairs.txt").read_text().splitlines()[1:]
    genuine, impostor = lines[:count], lines[300 : 300 + count]
    folds = [line for pair in zip(genuine, impostor, strict=True) for line in pair]
    target.write_text("\n".join([f"{count}\t1", *folds]) + "\n")


@pytest.mark.media
def test_real_lfw(media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pairs(media, tmp_path / "pairs.txt", 20)
    out = tmp_path / "report"
    command = ["evaluate", "verification", str(media / "lfw"), "--processes", "1"]
    command += ["--pairs", str(tmp_path / "pairs.txt"), "--device", "cpu", "--out", str(out)]
    assert main(command) == 0
    assert "Accuracy, folds" in capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert metrics["pairs"] == 40
    assert metrics["accuracy"] >= 0.95
    assert metrics["items_missing"] == 0
    scores = read_report(out).scores
    assert scores is not None
    assert np.mean(scores.columns["right"]) == pytest.approx(metrics["accuracy"])


@pytest.mark.media
def test_real_bin_with_and_without_faces(media: Path, tmp_path: Path) -> None:
    names = ["Abel_Pacheco/Abel_Pacheco_0001.jpg", "Abel_Pacheco/Abel_Pacheco_0004.jpg"]
    a, b = ((media / "lfw" / name).read_bytes() for name in names)
    other = (media / "lfw/Aaron_Eckhart/Aaron_Eckhart_0001.jpg").read_bytes()
    content = ([a, b, a, other] * 2 + [a, b, a, b"no picture"], [True, False] * 3)
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(content))
    out = tmp_path / "report"
    command = ["evaluate", "verification", str(path), "--folds", "3", "--processes", "1"]
    assert main([*command, "--out", str(out), "--device", "cpu"]) == 3
    document = json.loads((out / "metrics.json").read_text())
    metrics = document["metrics"]
    assert (metrics["items_unreadable"], metrics["equal_error_rate"]) == (1, 0.0)
    (left_out,) = document["left_out"]
    assert left_out == {
        "unit": "pair",
        "count": 1,
        "reason": "picture unreadable",
        "names": ["picture 11"],
    }
    scores = read_report(out).scores
    assert scores is not None
    assert len(scores.columns["similarity"]) == metrics["pairs"] == 5
    assert scores.columns["similarity"][0] == pytest.approx(scores.columns["similarity"][2])


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "verification", str(tmp_path)]) == 2
    assert "name its pairs with --pairs" in capsys.readouterr().err
    (tmp_path / "pairs.txt").write_text("1\nA\t1\t2\nA\t1\tB\t1\n")
    command = ["evaluate", "verification", str(tmp_path), "--pairs", str(tmp_path / "pairs.txt")]
    assert main([*command, "--device", "cpu", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "3 of 3 images are missing" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
