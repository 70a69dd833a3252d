"""Short runs on made-up people, for the tests of training."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import torch

from tests.helpers.training_sets import SyntheticPeople, synthetic_people
from trainer.config.train import TrainConfig
from trainer.data.base import FaceDataset
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint import checkpoints, load_backbone
from trainer.training.loop import RunContext, RunReport
from trainer.training.run import train
from vidsearch.datatypes import Image

PEOPLE = synthetic_people()
OTHERS = synthetic_people(people=8, seed=99)


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
