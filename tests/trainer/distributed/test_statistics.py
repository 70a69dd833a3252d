"""Batch statistics of several processes: validation and checkpoints use one model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch.multiprocessing.spawn import spawn

from tests.helpers.training_sets import SyntheticPeople, synthetic_people, tiny_config
from trainer.config.toml import override
from trainer.config.train import TrainConfig
from trainer.data.loader import FaceLoader, LoaderConfig
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import new_backbone
from trainer.training.step import TrainStep
from trainer.training.validation import Validation, draw_pairs

WORLD, STEPS = 2, 2
OTHERS = synthetic_people(people=8, seed=99)


def config() -> TrainConfig:
    return override(tiny_config(), ["backbone.frozen_stages=1"])


def validation(ranks: Ranks) -> Validation:
    return Validation(OTHERS, draw_pairs(OTHERS, 40, 0), ranks)


def run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=WORLD)
    ranks, people = Ranks(rank, WORLD), synthetic_people()
    model = trained(people, ranks)
    before = statistics(model)
    model.average_statistics()
    after = statistics(model)
    similarities = torch.from_numpy(validation(ranks).similarities(model.backbone))
    weights = model.backbone.state_dict()
    torch.save((before, after, similarities, weights), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def trained(people: SyntheticPeople, ranks: Ranks) -> TrainStep:
    torch.manual_seed(0)
    settings = config()
    head = ClassHead(len(people.identities), 16, settings.loss, ranks=ranks)
    model = TrainStep(new_backbone(settings), head, settings, ranks, torch.device("cpu"))
    loader = FaceLoader(
        people,
        LoaderConfig(global_batch=settings.batch, rank=ranks.rank, world_size=ranks.world_size),
    )
    for step, batch in zip(range(STEPS), loader.batches(), strict=False):
        model.run(batch, step)
    return model


def statistics(model: TrainStep) -> dict[str, torch.Tensor]:
    return {
        name: buffer.clone()
        for name, buffer in model.backbone.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    }


def test_average_statistics_gives_all_ranks_the_same_network(tmp_path: Path) -> None:
    spawn(run_rank, (str(tmp_path),), WORLD)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in range(WORLD))
    differed = 0
    for name, before in first[0].items():
        frozen = name.startswith("stem")
        expected = before if frozen else (before + second[0][name]) / 2
        for after in (first[1][name], second[1][name]):
            torch.testing.assert_close(after, expected)
        differed += not torch.equal(before, second[0][name])
    # Each rank had its own faces.
    assert differed > 10
    # One process gets the same similarities from the saved network as two processes.
    saved = new_backbone(config())
    saved.load_state_dict(first[3])
    alone = validation(Ranks()).similarities(saved)
    for part in (first, second):
        assert part[2].numpy() == pytest.approx(alone, abs=1e-6)
