"""torch.compile where there is no compiler: one line that says what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.helpers.training_sets import tiny_config
from trainer.backbones.build import build_backbone
from trainer.config.toml import override
from trainer.data.base import Batch
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.step import TrainStep
from vidsearch.errors import TrainingError

# What torch raises, without loading its compiler, which takes longer than all of this file.
NoCompiler = type("InductorError", (RuntimeError,), {"__module__": "torch._dynamo.exc"})


@pytest.mark.parametrize("compiled", [True, False])
def test_a_missing_compiler_is_one_line(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network: network)
    config = override(tiny_config(), [f"speed.compile={str(compiled).lower()}"])
    backbone = build_backbone("iresnet_tiny", 16, width=0.125, input_size=32)
    head = ClassHead(3, 16, config.loss, config.head, seed=1)
    model = TrainStep(backbone, head, config, Ranks(), torch.device("cpu"))

    def failing(*_: Any) -> None:
        raise NoCompiler("InvalidCxxCompiler: No working C++ compiler found\nSet TORCH_LOGS")

    monkeypatch.setattr(model, "_network", failing)
    faces = torch.zeros(config.batch, 3, 32, 32, dtype=torch.uint8)
    labels = torch.zeros(config.batch, dtype=torch.int64)
    kind, told = (TrainingError, r"cannot build .*No working C\+\+ compiler found\); install") if (
        compiled
    ) else (RuntimeError, "Set TORCH_LOGS")  # fmt: skip
    with pytest.raises(kind, match=told) as caught:
        model.run(Batch(faces, labels, labels), 0)
    assert ("\n" in str(caught.value)) == (not compiled)
