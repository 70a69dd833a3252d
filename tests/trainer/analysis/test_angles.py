"""``vidsearch evaluate angles`` and ``figures``: from a run to a report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.training_sets import synthetic_people, tiny_config, write_prepared
from trainer.analysis.angle_model import class_weights, embedder_of
from trainer.analysis.angles import AngleOptions, measure_angles, sample_people
from trainer.analysis.figure3 import digits, figure3_panels
from trainer.analysis.target_angles import target_angle_histograms
from trainer.config.loss import LossConfig
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint import load_backbone
from trainer.training.checkpoint_manifest import read_checkpoint_manifest
from trainer.training.loop import RunContext
from trainer.training.run import train
from vidsearch.commands.main import main
from vidsearch.errors import TrainingError, TrainingSetError
from vidsearch.evaluation.metrics.angles import angle_statistics
from vidsearch.evaluation.report import Provenance, Report, Scores, write_report


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of a few steps, and its training set with held-out identities."""
    folder = tmp_path_factory.mktemp("angles")
    faces, run = folder / "faces", folder / "run"
    training, others = synthetic_people(6, 6), synthetic_people(4, 5, seed=9)
    write_prepared(faces, training, others)
    config = tiny_config(steps=9)
    config = replace(config, data=replace(config.data, path=str(faces)))
    context = RunContext(folder=run, ranks=Ranks(), device=torch.device("cpu"))
    train(config, training, None, context)
    return run, faces


def test_table_3_of_a_run(trained: tuple[Path, Path]) -> None:
    run, faces = trained
    found = measure_angles(AngleOptions(model=str(run), data=str(faces)))
    assert [part.part for part in found.sets] == ["train", "test"]
    training = synthetic_people(6, 6)
    backbone, _, identities = load_backbone(run)
    checkpoint = next((run / "checkpoints").glob("step-*"))
    weights = class_weights(read_checkpoint_manifest(checkpoint))
    assert weights.shape == (6, 1, 16)
    assert identities == training.identities
    direct = angle_statistics(embedder_of(backbone)(training.faces), training.labels, weights)
    stats = found.sets[0].values.statistics()
    for name in ("w_ec", "w_inter", "intra", "inter"):
        assert getattr(stats, name) == pytest.approx(getattr(direct, name), abs=1e-3)
    assert (stats.embeddings, stats.identities) == (36, 6)
    test = found.sets[1].values.statistics()
    assert (test.w_ec, test.w_inter, test.embeddings, test.identities) == (None, None, 20, 4)
    # 6 people with 6 faces: 15 pairs each; all the others are impostors.
    assert len(found.sets[0].pairs.genuine) == found.sets[0].pairs.genuine_in_set == 90
    assert len(found.sets[0].pairs.impostor) == 36 * 35 // 2 - 90


def test_command_and_report(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, faces = trained
    out, drawn = tmp_path / "angles", tmp_path / "figures"
    assert main(["evaluate", "angles", str(run), str(faces), "--out", str(out)]) == 0
    document = json.loads((out / "metrics.json").read_text())
    assert document["kind"] == "angles"
    assert document["metrics"]["train"]["w_ec"] > 0
    assert document["metrics"]["test"]["w_ec"] is None
    low, high = document["metrics"]["train"]["intervals_95"]["intra"]
    assert low <= document["metrics"]["train"]["intra"] <= high
    assert sum(document["metrics"]["train"]["pair_histogram"]["genuine"]) == 90
    assert "model.pt" in document["model"]["files_sha256"]
    assert len(document["data_sha256"]) == 2
    assert (out / "tables" / "table-3.md").read_text().count("\n") > 4
    assert (out / "figures" / "figure-4a-theta.svg").is_file()
    arguments = ["--only", "4a", "6", "--run", str(run), "--report", str(out), "--out", str(drawn)]
    assert main(["evaluate", "figures", *arguments]) == 0
    panels = (drawn / "figures" / "figure-6-losses.svg").read_text()
    assert "<!-- run, step-00000009 -->" in panels
    names = sorted(path.name for path in (drawn / "figures").iterdir())
    assert names == ["figure-4a-theta.svg", "figure-6-losses.svg"]


def test_sample_people_are_drawn_the_same_way() -> None:
    dataset = synthetic_people(12, 3)
    rows = sample_people(dataset, 4)
    assert rows == sample_people(dataset, 4)
    assert len(rows) == 12
    assert len(set(dataset.labels[rows].tolist())) == 4
    assert len(sample_people(dataset, 0)) == len(sample_people(dataset, 99)) == 36


def test_mistakes(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, faces = trained
    other = tmp_path / "other"
    unknown = replace(synthetic_people(3, 3), identities=("x", "y", "z"))
    write_prepared(other, unknown, synthetic_people(2, 2))
    with pytest.raises(TrainingSetError, match="was not trained on"):
        measure_angles(AngleOptions(model=str(run), data=str(other)))
    arguments = ["evaluate", "angles", str(tmp_path), str(faces), "--out", str(tmp_path / "o")]
    assert main(arguments) == 2
    assert "neither a run with checkpoints nor a pack" in capsys.readouterr().err
    assert main(["evaluate", "figures", "--only", "8", "--out", str(tmp_path / "f")]) == 2
    assert "figure 8 needs a report with ranks" in capsys.readouterr().err
    assert main(["evaluate", "figures", "--only", "2", "--out", str(tmp_path / "f")]) == 2
    assert "--only must name figures" in capsys.readouterr().err


def test_a_curve_of_target_angles_sums_enough_batches(tmp_path: Path) -> None:
    def line(step: int, degrees: int) -> str:
        counts = [0] * 90
        counts[degrees // 2] = 400
        return json.dumps({"step": step, "bin_deg": 2, "counts": counts})

    angles = [90, 88, 86, 70, 68, 66, 50, 48, 46, 44]
    path = tmp_path / "angles.jsonl"
    path.write_text("\n".join(line(20 * n, angle) for n, angle in enumerate(angles)))
    found = target_angle_histograms(tmp_path)
    # 400 faces a line: three lines have 1,000 faces, and ten lines allow three curves of three.
    assert list(found) == ["start, step 0 to 40", "middle, step 60 to 100", "end, step 140 to 180"]
    assert [round(moment.mean_deg) for moment in found.values()] == [89, 69, 47]
    assert all(moment.counts.sum() == 1200 for moment in found.values())
    path.write_text(path.read_text() + '\n{"step": 200}')
    with pytest.raises(TrainingError, match="line 11: expected a step and counts"):
        target_angle_histograms(tmp_path)
    assert target_angle_histograms(tmp_path / "nothing") == {}


def test_the_panels_of_figure_3_have_embeddings_of_every_digit() -> None:
    dataset = digits()
    assert dataset.identities == tuple("01234567")
    assert dataset.images.shape == (len(dataset), 16, 16, 3)
    panels = figure3_panels(steps=3)
    assert list(panels) == ["Softmax", "ArcFace"]
    for points, labels in panels.values():
        assert points.shape == (len(dataset), 2)
        assert np.isfinite(points).all()
        assert len(np.unique(labels)) == 8


def pair_report(name: str, shift: float) -> Report:
    rng = np.random.default_rng(0)
    genuine = np.arange(200) < 100
    similarity = np.where(genuine, rng.normal(0.6, 0.1, 200), rng.normal(shift, 0.1, 200))
    similarity[0] = -1.0  # a photo without a face
    columns: dict[str, Any] = {
        "id": [str(n) for n in range(200)],
        "similarity": similarity,
        "genuine": genuine,
    }
    return Report(
        kind="verification",
        title="A title that no program reads",
        lead="",
        conventions=(),
        headlines=(),
        metrics={},
        provenance=Provenance({}, {f"{name}.txt": "ab"}, "toy-1", dataset=name),
        sections=(),
        scores=Scores("pair", columns, ()),
    )


def rank_report() -> Report:
    return Report(
        kind="distractors",
        title="Identification",
        lead="",
        conventions=(),
        headlines=(),
        metrics={
            "all": {"rank_k": [0.8, 0.9], "roc": {"far": [0, 1e-6, 1e-5], "tar": [0.5, 0.7, 0.8]}},
            "R": {"rank_k": [0.9, 0.95], "roc": {"far": [0], "tar": [0.6]}},
        },
        provenance=Provenance({}, {}),
        sections=(),
    )


def test_figures_from_reports(tmp_path: Path) -> None:
    for name, dataset, shift in (("lfw", "LFW", 0.0), ("cfp", "CFP-FP", 0.1), ("old", "", 0.1)):
        write_report(pair_report(dataset, shift), tmp_path / name)
    write_report(rank_report(), tmp_path / "megaface")
    reports = [
        part
        for name in ("lfw", "cfp", "old", "megaface")
        for part in ("--report", str(tmp_path / name))
    ]
    out = tmp_path / "out"
    chosen = ["4b", "5", "6", "7", "8", "9"]
    assert main(["evaluate", "figures", "--only", *chosen, *reports, "--out", str(out)]) == 0
    drawn = {path.stem: path.read_text() for path in (out / "figures").iterdir()}
    assert sorted(drawn) == [
        "figure-4b-target-logits",
        "figure-5-margins",
        "figure-6-losses",
        "figure-7-sets",
        "figure-8-cmc",
        "figure-8-roc",
        "figure-9-roc",
    ]
    assert "<!-- CFP-FP -->" in drawn["figure-7-sets"]
    assert "<!-- old -->" in drawn["figure-7-sets"]  # a report of 0.1 states no data set
    assert "<!-- genuine pairs (99) -->" in drawn["figure-7-sets"]  # one pair has a missing face
    assert "<!-- toy-1 (2) -->" in drawn["figure-6-losses"]
    assert "<!-- megaface, R -->" in drawn["figure-8-cmc"]
    assert "<!-- megaface -->" in drawn["figure-8-roc"]
    assert "<!-- megaface, R -->" not in drawn["figure-8-roc"]  # one point is not a curve
    assert "<!-- LFW, toy-1 -->" in drawn["figure-9-roc"]
    document = json.loads((out / "metrics.json").read_text())
    assert document["data_sha256"] == {
        "lfw/LFW.txt": "ab",
        "cfp/CFP-FP.txt": "ab",
        "old/.txt": "ab",
    }


def test_losses_without_classes_have_no_weights(tmp_path: Path) -> None:
    training = synthetic_people(6, 6)
    faces = tmp_path / "faces"
    write_prepared(faces, training, synthetic_people(4, 5, seed=9))
    config = tiny_config(steps=2)
    config = replace(config, loss=LossConfig(kind="none", triplet=1.0))
    run = tmp_path / "run"
    train(config, training, None, RunContext(folder=run, ranks=Ranks(), device=torch.device("cpu")))
    found = measure_angles(AngleOptions(model=str(run), data=str(faces)))
    assert found.sets[0].values.w_ec is None
    assert target_angle_histograms(run) == {}
