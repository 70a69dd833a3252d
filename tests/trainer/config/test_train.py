"""Training configuration: recipes, TOML, overrides, schedules and loss scaling."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer.config.head import HeadConfig
from trainer.config.loss import named_loss
from trainer.config.recipes import RECIPES, recipe
from trainer.config.toml import override, parse_config, read_config, to_toml
from trainer.config.train import BackboneConfig, OptimConfig, ScheduleConfig, TrainConfig
from trainer.distributed.ranks import Ranks
from trainer.training.optim import gradient_norm, lr_factor
from trainer.training.scaler import LossScaler
from vidsearch.errors import ConfigError


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_survive_a_round_trip_through_toml(name: str) -> None:
    config = recipe(name)
    assert parse_config(to_toml(config)) == config


def test_the_recipes_of_the_paper() -> None:
    # Deng et al. 2019, section 3.1.
    casia, ms1m = recipe("casia_r50_arcface"), recipe("ms1mv2_r100_arcface")
    assert (casia.steps, casia.schedule.milestones) == (32_000, (20_000, 28_000))
    assert (ms1m.steps, ms1m.schedule.milestones) == (180_000, (100_000, 160_000))
    for config, backbone in ((casia, "iresnet50"), (ms1m, "iresnet100")):
        assert (config.batch, config.backbone.name) == (512, backbone)
        assert (config.optim.lr, config.optim.momentum) == (0.1, 0.9)
        assert config.optim.weight_decay == 5e-4
        assert config.loss == named_loss("arcface")
        assert config.data.augmentation.mirror == 0.5


def test_fields_are_overridden_by_their_type() -> None:
    config = override(
        TrainConfig(),
        [
            "optim.lr=1",
            "backbone.name=iresnet18",
            "backbone.options.width=0.5",
            "schedule.milestones=[10, 20]",
            "speed.compile=true",
            "loss.margin.angle_margin_rad=0.3",
            "data.path=with spaces/and=equals",
        ],
    )
    assert (config.optim.lr, type(config.optim.lr)) == (1.0, float)
    assert config.backbone.options == {"width": 0.5}
    assert config.schedule.milestones == (10, 20)
    assert config.speed.compile
    assert config.loss.margin.angle_margin_rad == 0.3
    assert config.data.path == "with spaces/and=equals"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("optim.lr", "--set needs field=value"),
        ("optim.rate=1", "there is no field 'optim.rate'"),
        ("optimizer.lr=1", r"there is no field 'optimizer.lr' \(the nearest is 'optim.lr'\)"),
        ("optim.lr=fast", "optim.lr must be a number; got 'fast'"),
        ("optim.lr=-1", "optim.lr must be positive; got -1"),
        ("optim.lr=inf", "optim.lr must be positive; got inf"),
        ("steps=1.5", "steps must be a whole number; got 1.5"),
        ("speed.compile=1", "speed.compile must be true or false; got 1"),
        ("optim.kind=lamb", "optim.kind must be one of sgd, adamw; got 'lamb'"),
        ("loss=arcface", "loss is a table of fields; got 'arcface'"),
        ("schedule.milestones=[20, 10]", "schedule.milestones must rise"),
        ("schedule.milestones=[40000]", "must come before the end, step 32000"),
        ("loss.inter=nan", "loss inter must be a number of at least 0; got nan"),
        ("batch=1", "batch must be at least 2"),
        ("head.sample_rate=0", r"sample_rate must lie in \(0, 1\]"),
        ("validation.held_out=1.0", r"held_out must lie in \[0, 1\)"),
    ],
)
def test_wrong_settings_are_one_line(setting: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        override(TrainConfig(), [setting])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps = ", "not TOML"),
        (
            "stepps = 3",
            r"unknown field stepps \(the nearest is 'steps'\); a config has steps, batch",
        ),
        ("[optim]\nrate = 1", "unknown field optim.rate; optim has kind, lr"),
    ],
)
def test_wrong_files_name_the_file(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"config .*config.toml: {complaint}"):
        read_config(path)


def test_contradicting_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"set head\.sample_rate=1 or optim.kind=sgd"):
        TrainConfig(head=HeadConfig(sample_rate=0.5), optim=OptimConfig(kind="adamw"))
    with pytest.raises(ConfigError, match="needs all of them"):
        TrainConfig(head=HeadConfig(sample_rate=0.5), loss=named_loss("arcface+inter"))
    with pytest.raises(ConfigError, match="sub_centres needs kind 'margin'"):
        replace(named_loss("softmax"), sub_centres=3)
    with pytest.raises(ConfigError, match="loss kind 'none' is for triplets"):
        replace(named_loss("triplet"), triplet=0.0)


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        (ScheduleConfig(milestones=(20, 28)), 0, 1.0),
        (ScheduleConfig(milestones=(20, 28)), 19, 1.0),
        (ScheduleConfig(milestones=(20, 28)), 20, 0.1),
        (ScheduleConfig(milestones=(20, 28)), 31, 0.01),
        (ScheduleConfig(kind="polynomial", warmup_steps=10), 0, 0.1),
        (ScheduleConfig(kind="polynomial", warmup_steps=10), 10, 1.0),
        # Half-way from 10 to 32: (1 - 1/2) ** 2
        (ScheduleConfig(kind="polynomial", warmup_steps=10), 21, 0.25),
        (ScheduleConfig(kind="cosine"), 16, 0.5),
        # A quarter: (1 + cos 45 degrees) / 2
        (ScheduleConfig(kind="cosine"), 8, (1 + math.sqrt(0.5)) / 2),
        (ScheduleConfig(kind="cosine", end_factor=0.1), 32, 0.1),
        (ScheduleConfig(kind="constant"), 31, 1.0),
    ],
)
def test_learning_rates(schedule: ScheduleConfig, step: int, factor: float) -> None:
    assert lr_factor(schedule, step, 32) == pytest.approx(factor)


def test_norm_of_all_gradients() -> None:
    # sqrt(3^2 + 4^2 + 12^2) = 13
    shared, split = [torch.tensor([3.0]), torch.tensor([4.0])], [torch.tensor([12.0])]
    assert float(gradient_norm(shared, split, Ranks())) == pytest.approx(13)
    assert float(gradient_norm(shared, [], Ranks())) == pytest.approx(5)


def test_an_overflow_in_float16_skips_the_update_and_halves_the_scale() -> None:
    scaler = LossScaler(enabled=True)
    start = scaler.scale
    assert not scaler.may_step(torch.tensor(math.inf))
    assert scaler.scale == start / 2
    gradient = torch.tensor([scaler.scale])
    scaler.unscale([gradient])
    assert gradient.item() == 1
    for _ in range(2000):
        assert scaler.may_step(torch.tensor(1.0))
    assert scaler.scale == start
    for _ in range(30):
        scaler.may_step(torch.tensor(math.nan))
    assert scaler.exhausted


def test_a_config_can_be_checked_without_torch() -> None:
    import subprocess
    import sys

    modules = "sys, trainer.config.recipes, trainer.config.toml, trainer.commands.main"
    code = f"import {modules}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_options_that_are_not_a_table_are_refused() -> None:
    table: dict[str, Any] = {"backbone": {"options": 3}}
    from trainer.config.toml import from_table

    with pytest.raises(ConfigError, match=r"backbone\.options must be"):
        from_table(TrainConfig, table)
    assert BackboneConfig().options == {}
