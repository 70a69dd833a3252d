"""Errors of the backbone inside an update: one line with a remedy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.training_sets import SIDE, tiny_config
from trainer.backbones.base import Backbone, BackboneSpec
from trainer.config.toml import override
from trainer.config.train import TrainConfig
from trainer.data.base import Batch
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.step import TrainStep
from vidsearch.errors import DeviceMemoryError, TrainingError

# The error class of torch without the import of its compiler, which takes longer than these tests.
NoCompiler = type("InductorError", (RuntimeError,), {"__module__": "torch._dynamo.exc"})


class FailingBackbone(Backbone):
    """Network whose forward pass raises an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(16, BackboneSpec(input_size=SIDE))
        self.error = error
        self.output = nn.Linear(1, 16)

    def stages(self) -> Sequence[nn.Module]:
        return (self.output,)

    def forward(self, faces: Tensor) -> Tensor:
        raise self.error


def update(config: TrainConfig, error: Exception) -> None:
    head = ClassHead(3, 16, config.loss, config.head, seed=1)
    model = TrainStep(FailingBackbone(error), head, config, Ranks(), torch.device("cpu"))
    faces = torch.zeros(config.batch, 3, SIDE, SIDE, dtype=torch.uint8)
    labels = torch.zeros(config.batch, dtype=torch.int64)
    model.run(Batch(faces, labels, labels), 0)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_missing_compiler_is_one_line(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda network: network)
    config = override(tiny_config(), [f"speed.compile={str(compiled).lower()}"])
    error = NoCompiler("InvalidCxxCompiler: No working C++ compiler found\nSet TORCH_LOGS")
    kind: type[Exception] = TrainingError if compiled else RuntimeError
    message = r"cannot build .*No working C\+\+ compiler found\); install"
    with pytest.raises(kind, match=message if compiled else "Set TORCH_LOGS") as caught:
        update(config, error)
    assert ("\n" in str(caught.value)) == (not compiled)


def test_out_of_memory_names_settings_to_change() -> None:
    with pytest.raises(DeviceMemoryError, match=r"cpu at step 0 .*raise speed.accumulation, or"):
        update(tiny_config(), torch.OutOfMemoryError("CUDA out of memory"))
