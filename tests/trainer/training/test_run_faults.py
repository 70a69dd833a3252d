"""Runs that cannot start, resume or go on: one line, and the checkpoints stay."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.training_sets import SyntheticPeople, synthetic_people, tiny_config
from tests.trainer.training.runs import (
    OTHERS,
    PEOPLE,
    run_in,
    weights_of,
)
from trainer.config.toml import override
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import checkpoints, load_backbone
from trainer.training.step import TrainStep
from vidsearch.errors import (
    CheckpointError,
    ConfigError,
    DeviceMemoryError,
    DivergedError,
    TrainingSetError,
)


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
