"""Short runs: reproducible curves, resumption, best models."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.training_sets import synthetic_people, tiny_config
from tests.trainer.training.runs import (
    OTHERS,
    PEOPLE,
    assert_same_weights,
    curve,
    interrupted_run,
    run_in,
    weights_of,
)
from trainer.backbones.base import Backbone
from trainer.config.loss import NAMED_LOSSES
from trainer.config.toml import override
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import checkpoints, load_backbone
from trainer.training.validation import Validation, draw_pairs
from vidsearch.errors import (
    TrainingSetError,
)
from vidsearch.evaluation.metrics.verification import FoldedAccuracy

NEARLY_ARCFACE = {"arcface-0.4", "arcface-0.45", "arcface-0.55"}


def test_same_seed_same_curve(whole_run: Path, tmp_path: Path) -> None:
    run_in(tmp_path / "again", tiny_config())
    assert curve(tmp_path / "again") == curve(whole_run)
    assert_same_weights(tmp_path / "again", whole_run)
    run_in(tmp_path / "other", replace(tiny_config(steps=2), seed=1))
    assert curve(tmp_path / "other") != curve(whole_run)[:2]


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["head.sample_rate=0.5"],
        ["optim.kind=adamw", "optim.lr=0.001"],
        ["backbone.options.dropout=0.3", "speed.accumulation=2"],
    ],
    ids=["sgd", "sampled", "adamw", "dropout"],
)
def test_a_run_resumed_within_an_epoch_equals_an_unbroken_run(
    settings: list[str], tmp_path: Path
) -> None:
    config = override(tiny_config(steps=8), settings)
    run_in(tmp_path / "whole", config)
    # Step 5 of 8, in the first epoch (96 faces in batches of 12). The schedule is the whole run's.
    interrupted_run(tmp_path / "parts", config, after=5)
    report = run_in(tmp_path / "parts", config, resume=True)
    assert (report.ended, report.step) == ("finished", 8)
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    assert_same_weights(tmp_path / "parts", tmp_path / "whole")


def test_an_incomplete_checkpoint_is_ignored(tmp_path: Path) -> None:
    config = override(tiny_config(steps=4), ["keep.checkpoint_every=2", "keep.checkpoints=5"])
    run_in(tmp_path, config)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000002", "step-00000004"]
    # The state after a kill during writing.
    (tmp_path / "checkpoints" / "step-00000004").rename(
        tmp_path / "checkpoints" / ".writing-step-00000004"
    )
    report = run_in(tmp_path, config, resume=True)
    assert report.step == 4
    assert not list((tmp_path / "checkpoints").glob(".writing-*"))


def test_the_latest_checkpoints_and_the_best_are_kept(tmp_path: Path) -> None:
    settings = ["keep.checkpoint_every=1", "keep.checkpoints=2", "validation.every=2"]
    report = run_in(tmp_path, override(tiny_config(steps=6), settings), others=OTHERS)
    names = [p.name for p in checkpoints(tmp_path)]
    assert names == ["step-00000005", "step-00000006"]
    best = checkpoints(tmp_path, "best")
    assert len(best) == 1
    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    found = {x["step"]: x["verification_accuracy"] for x in lines if "best" in x}
    assert list(found) == [2, 4, 6]
    assert report.accuracy == max(found.values())
    assert best[0].name == f"best-{max(found, key=lambda s: found[s]):08d}"


def test_the_best_model_is_what_others_load(tmp_path: Path) -> None:
    report = run_in(tmp_path, tiny_config(steps=3), others=OTHERS)
    backbone, config, identities = load_backbone(tmp_path)
    assert not backbone.training
    assert config == tiny_config(steps=3)
    assert identities == PEOPLE.identities
    pairs = draw_pairs(OTHERS, config.validation.pairs, config.seed)
    assert Validation(OTHERS, pairs).run(backbone).mean == report.accuracy


def test_training_stops_early_without_a_better_accuracy(tmp_path: Path) -> None:
    # The learning rate is nearly zero, so no later validation is better than the first.
    settings = ["optim.lr=1e-12", "validation.every=1", "validation.patience=2"]
    easy = synthetic_people(people=4, noise=1)
    report = run_in(tmp_path, override(tiny_config(steps=50), settings), others=easy)
    assert report.ended == "early"
    assert report.step < 50


def test_fine_tuning_starts_from_another_run(whole_run: Path, tmp_path: Path) -> None:
    settings = [f"backbone.weights={whole_run}", "backbone.frozen_stages=5", "optim.lr=1e-6"]
    few = synthetic_people(people=3, seed=5)
    run_in(tmp_path, override(tiny_config(steps=2), settings), data=few)
    initial = weights_of(whole_run)
    for name, value in weights_of(tmp_path).items():
        if not name.startswith("output"):
            torch.testing.assert_close(value, initial[name], rtol=0, atol=0)


def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole() -> None:
    from trainer.config.loss import named_loss

    torch.manual_seed(0)
    faces, labels = torch.randn(12, 8), torch.arange(12) % 5
    whole = ClassHead(5, 8, named_loss("arcface"), seed=1)
    parts = ClassHead(5, 8, named_loss("arcface"), seed=1)
    whole(faces, labels, [12]).loss.backward()
    for rows in (slice(0, 5), slice(5, 12)):
        size = rows.stop - rows.start
        (parts(faces[rows], labels[rows], [size]).loss * size / 12).backward()
    assert whole.weight.grad is not None
    assert parts.weight.grad is not None
    torch.testing.assert_close(parts.weight.grad, whole.weight.grad)


def test_fine_tuning_without_a_gain_keeps_the_initial_weights(
    whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    falling = iter([0.9, 0.8, 0.7])

    def run(_judge: Validation, _backbone: Backbone) -> FoldedAccuracy:
        return FoldedAccuracy((next(falling),), (0.0,))

    monkeypatch.setattr(Validation, "run", run)
    settings = [f"backbone.weights={whole_run}", "validation.every=1", "validation.patience=2"]
    report = run_in(tmp_path, override(tiny_config(steps=9), settings), others=OTHERS)
    assert (report.ended, report.step) == ("early", 2)
    assert report.accuracy == pytest.approx(0.9)
    assert [p.name for p in checkpoints(tmp_path, "best")] == ["best-00000000"]
    best, _, _ = load_backbone(tmp_path)
    initial = weights_of(whole_run)
    for name, value in best.state_dict().items():
        torch.testing.assert_close(value, initial[name], rtol=0, atol=0)


def test_a_new_run_deletes_the_best_model_of_a_killed_one(tmp_path: Path) -> None:
    config = override(tiny_config(steps=3), ["validation.every=1"])
    run_in(tmp_path, config, others=OTHERS)
    # The state after a kill before the first checkpoint to resume from.
    for folder in checkpoints(tmp_path):
        shutil.rmtree(folder)
    checkpoints(tmp_path, "best")[-1].rename(tmp_path / "checkpoints" / "best-00000900")
    run_in(tmp_path, config, others=OTHERS)
    assert [p.name < "best-00000900" for p in checkpoints(tmp_path, "best")] == [True]


@pytest.mark.parametrize("name", sorted(set(NAMED_LOSSES) - NEARLY_ARCFACE))
def test_every_loss_learns(name: str, tmp_path: Path) -> None:
    config = replace(tiny_config(steps=25, batch=24), loss=NAMED_LOSSES[name])
    run_in(tmp_path, config, data=synthetic_people(people=6, each=12, noise=15))
    losses = curve(tmp_path)
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_and_channels_last_learn(precision: str, tmp_path: Path) -> None:
    settings = [f"speed.precision={precision}", "speed.channels_last=true"]
    config = override(tiny_config(steps=15, batch=24), settings)
    run_in(tmp_path, config, data=synthetic_people(people=6, each=12, noise=15))
    losses = curve(tmp_path)
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


def test_target_angles_are_logged_for_figure_4a(whole_run: Path) -> None:
    lines = [json.loads(line) for line in (whole_run / "angles.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert {sum(line["counts"]) for line in lines} == {12}
    # Random weights in 16 dimensions: the first angles lie around 90 degrees.
    centres = np.arange(1, 180, 2)
    first = float(np.average(centres, weights=lines[0]["counts"]))
    assert 60 < first < 120


def test_tensorboard_has_the_same_values(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_in(tmp_path, override(tiny_config(steps=3), ["keep.tensorboard=true"]))
    events = EventAccumulator(
        str(tmp_path / "tensorboard"), size_guidance={"histograms": 0, "scalars": 0}
    ).Reload()
    values = [event.value for event in events.Scalars("loss")]
    assert values == pytest.approx(curve(tmp_path))
    assert len(events.Histograms("target_angle_deg")) == 3


def test_pairs_are_balanced_and_match_the_labels() -> None:
    pairs = draw_pairs(OTHERS, 50, 0)
    assert (pairs.issame.sum(), len(pairs.issame)) == (50, 100)
    labels = OTHERS.labels
    np.testing.assert_array_equal(labels[pairs.left] == labels[pairs.right], pairs.issame)
    genuine = {(int(a), int(b)) for a, b in zip(pairs.left, pairs.right, strict=True) if a != b}
    assert len(genuine) >= 50
    # 8 people with 8 faces have 8 * 28 genuine pairs.
    assert draw_pairs(OTHERS, 10_000, 0).issame.sum() == 224
    with pytest.raises(TrainingSetError, match="one with two faces"):
        draw_pairs(synthetic_people(each=1), 10, 0)
