"""Short runs: reproducible curves, resumption, best models, and errors for mistakes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.training_sets import SyntheticPeople, synthetic_people, tiny_config
from trainer.backbones.base import Backbone
from trainer.config.loss import NAMED_LOSSES
from trainer.config.toml import override
from trainer.config.train import TrainConfig
from trainer.data.base import FaceDataset
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import checkpoints, load_backbone
from trainer.training.loop import RunContext, RunReport
from trainer.training.run import train
from trainer.training.step import TrainStep
from trainer.training.validation import Validation, draw_pairs
from vidsearch.datatypes import Image
from vidsearch.errors import (
    CheckpointError,
    ConfigError,
    DeviceMemoryError,
    DivergedError,
    TrainingSetError,
)
from vidsearch.evaluation.metrics.verification import FoldedAccuracy

PEOPLE = synthetic_people()
OTHERS = synthetic_people(people=8, seed=99)
NEARLY_ARCFACE = {"arcface-0.4", "arcface-0.45", "arcface-0.55"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def run_in(
    folder: Path,
    config: TrainConfig,
    *,
    data: FaceDataset = PEOPLE,
    others: SyntheticPeople | None = None,
    resume: bool = False,
    device: str = "cpu",
) -> RunReport:
    context = RunContext(folder=folder, ranks=Ranks(), device=torch.device(device), resume=resume)
    return train(config, data, others, context)


def curve(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_backbone(checkpoints(folder)[-1])[0].state_dict()


def assert_same_weights(run: Path, reference: Path) -> None:
    expected = weights_of(reference)
    for name, value in weights_of(run).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_in(folder, tiny_config())
    return folder


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


@dataclass(frozen=True)
class InterruptingPeople(SyntheticPeople):
    """Faces that send SIGTERM to this process, as a scheduler would, when enough were read."""

    reads: list[int] = field(default_factory=list)
    interrupt_at: int = 0

    def aligned_face(self, index: int) -> Image:
        self.reads.append(index)
        if len(self.reads) == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().aligned_face(index)


def interrupted_run(
    folder: Path, config: TrainConfig, *, after: int, device: str = "cpu"
) -> RunReport:
    """Run until a SIGTERM in the middle of update ``after``."""
    people = InterruptingPeople(
        PEOPLE.identities,
        PEOPLE.labels,
        PEOPLE.faces,
        interrupt_at=(after - 1) * config.batch + config.batch // 2,
    )
    report = run_in(folder, config, data=people, device=device)
    assert (report.ended, report.step) == ("interrupted", after)
    return report


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


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    config = override(tiny_config(steps=6), ["keep.checkpoint_every=2"])
    original: Callable[..., Any] = TrainStep.run

    def run(self: TrainStep, batch: Any, step: int) -> Any:
        if step == 3:
            with torch.no_grad():
                next(self.backbone.parameters()).fill_(float("nan"))
        return original(self, batch, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainStep, "run", run)
        with pytest.raises(DivergedError, match=r"step 3: the loss is nan .* faces \d+, .*0002"):
            run_in(tmp_path, config)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000002"]
    assert all(torch.isfinite(value).all() for value in weights_of(tmp_path).values())
    assert run_in(tmp_path, config, resume=True).step == 6


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    # The gradients of step 0 are finite, the weights after its update are not.
    config = override(
        tiny_config(steps=2), ["optim.lr=1e38", "optim.clip_norm=0", "keep.checkpoint_every=1"]
    )
    with pytest.raises(DivergedError, match=r"step 0: its update left weights that are not finite"):
        run_in(tmp_path, config)
    assert not checkpoints(tmp_path)


def test_embeddings_that_overflow_in_validation_are_named(tmp_path: Path) -> None:
    config = override(tiny_config(steps=2), ["optim.lr=2000", "validation.every=1"])
    with pytest.raises(DivergedError, match=r"step 0: the network cannot be validated after it"):
        run_in(tmp_path, config, others=OTHERS)
    assert not checkpoints(tmp_path, "best")


def test_class_weights_that_do_not_fit_into_memory_name_a_remedy(tmp_path: Path) -> None:
    def to(self: ClassHead, device: torch.device) -> ClassHead:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClassHead, "to", to)
        with pytest.raises(DeviceMemoryError, match=r"12 classes over 1 .*more processes"):
            run_in(tmp_path, tiny_config())


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        (["backbone.embedding_size=8"], CheckpointError, r"another architecture: .*16 numbers"),
        (["backbone.options.width=0.25"], CheckpointError, "another architecture"),
        (["batch=24"], ConfigError, "cannot change batch when it resumes: it was 12, now 24"),
        (["seed=3"], ConfigError, "cannot change seed"),
        (["optim.kind=adamw"], ConfigError, "cannot change optim.kind"),
    ],
)
def test_a_run_with_other_fixed_settings_does_not_resume(
    whole_run: Path, change: list[str], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        run_in(whole_run, override(tiny_config(), change), resume=True)


def test_a_run_with_other_identities_does_not_resume(whole_run: Path) -> None:
    with pytest.raises(CheckpointError, match="trained on other identities"):
        run_in(whole_run, tiny_config(), data=OTHERS, resume=True)


def test_a_run_is_not_overwritten(whole_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds a run already .* add --resume"):
        run_in(whole_run, tiny_config())


def test_weights_of_another_architecture_are_refused(whole_run: Path, tmp_path: Path) -> None:
    settings = [f"backbone.weights={whole_run}", "backbone.embedding_size=8"]
    with pytest.raises(CheckpointError, match=r"holds iresnet_tiny \(16 numbers.*this run needs"):
        run_in(tmp_path, override(tiny_config(), settings))


@pytest.mark.parametrize("name", ["model.pt", "manifest.json", "head-0.pt"])
def test_damaged_checkpoints_are_refused(name: str, tmp_path: Path) -> None:
    run_in(tmp_path, tiny_config(steps=1))
    file = checkpoints(tmp_path)[-1] / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"is damaged|is not a checkpoint"):
        run_in(tmp_path, tiny_config(steps=2), resume=True)


def test_a_folder_without_a_run_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a run with checkpoints nor a checkpoint"):
        load_backbone(tmp_path)


@pytest.mark.parametrize(
    ("data", "settings", "error", "complaint"),
    [
        (synthetic_people(people=1), [], TrainingSetError, "holds one identity"),
        (
            replace(PEOPLE, identities=(*PEOPLE.identities, "nobody")),
            [],
            TrainingSetError,
            "1 identities have no faces",
        ),
        (replace(PEOPLE, labels=PEOPLE.labels + 1), [], TrainingSetError, r"label 12 is outside"),
        (
            synthetic_people(each=1),
            [],
            TrainingSetError,
            "one face per identity",
        ),
        (PEOPLE, ["speed.accumulation=7"], ConfigError, "fewer than two faces to each of 7 parts"),
        (PEOPLE, ["backbone.options.input_size=48"], TrainingSetError, "takes 48"),
    ],
    ids=["one class", "empty class", "labels", "one face", "accumulation", "size"],
)
def test_unusable_training_sets_give_one_line(
    data: SyntheticPeople,
    settings: list[str],
    error: type[Exception],
    complaint: str,
    tmp_path: Path,
) -> None:
    with pytest.raises(error, match=complaint):
        run_in(tmp_path / "run", override(tiny_config(), settings), data=data)
    assert not (tmp_path / "run").exists()


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


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    config = override(tiny_config(steps=4), ["keep.checkpoint_every=2"])
    run_in(folder, replace(config, steps=2))
    before = weights_of(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(CheckpointError, match="step-00000002 is kept: make space") as raised:
            run_in(folder, config, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(raised.value)
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step-00000002"]
    for name, value in weights_of(folder).items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert run_in(folder, config, resume=True).step == 4
