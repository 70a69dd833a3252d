"""Verification by the command, on real faces and on wrong input."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from vidsearch.commands.main import main
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, PhotoEmbeddings
from vidsearch.evaluation.protocols.pairs import read_ytf
from vidsearch.evaluation.report import read_report
from vidsearch.evaluation.verification.evaluate import evaluate_pairs
from vidsearch.models.registry import LoadedPack


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


def test_pairs_that_add_nothing_and_videos_without_frames_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: LoadedPack
) -> None:
    for name in ("A/0", "A/1", "B/0", "B/1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1.jpg").write_bytes(name.encode())
    lines = [
        "A/0, A/1, 1",
        "A/0, B/0, 0",
        "A/1, A/0, 1",
        "B/0, B/0, 1",
        "A/0, C/7, 0",
        "B/1, A/0, 0",
    ]
    text = "".join(f"{1 + n // 3}, {n}, {line}\n" for n, line in enumerate(lines))
    (tmp_path / "splits.txt").write_text(text)

    def embedded(photos: list[Path], _: EmbeddingOptions) -> PhotoEmbeddings:
        raw = [
            [1, 0.1 * n] if photo.parts[-3] == "A" else [0.1 * n, 1]
            for n, photo in enumerate(photos)
        ]
        found = np.ones(len(photos), bool)
        return PhotoEmbeddings(np.array(raw, np.float32), found, ~found, ~found)

    module = "vidsearch.evaluation.verification.evaluate"
    monkeypatch.setattr(f"{module}.embed_photos", embedded)
    monkeypatch.setattr(f"{module}.load_pack", lambda *_: models)
    pairs = read_ytf(tmp_path / "splits.txt", tmp_path, folds=2)
    report = evaluate_pairs(pairs, EmbeddingOptions(model="open", device="cpu"))
    assert report.metrics["pairs"] == 5
    assert [(g.count, g.reason, g.names, g.remark) for g in report.left_out] == [
        (1, "video without readable frames", ("C/7",), False),
        (1, "repeated, counted each time", ("A/1, A/0",), True),
        (1, "a picture beside itself, counted all the same", ("B/0, B/0",), True),
    ]


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "verification", str(tmp_path)]) == 2
    assert "name its pairs with --pairs" in capsys.readouterr().err
    (tmp_path / "pairs.txt").write_text("1\nA\t1\t2\nA\t1\tB\t1\n")
    command = ["evaluate", "verification", str(tmp_path), "--pairs", str(tmp_path / "pairs.txt")]
    assert main([*command, "--device", "cpu", "--out", str(tmp_path / "out")]) == 2
    assert "LFW has one fold, and the threshold" in capsys.readouterr().err
    (tmp_path / "pairs.txt").write_text("2\t1\n" + 2 * "A\t1\t2\nA\t1\tB\t1\n")
    command = ["evaluate", "verification", str(tmp_path), "--pairs", str(tmp_path / "pairs.txt")]
    assert main([*command, "--device", "cpu", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "3 of 3 images are missing" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
