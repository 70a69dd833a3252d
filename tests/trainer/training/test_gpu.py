"""The trainer on a GPU: losses equal to the CPU, every precision, resumption, memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.training_sets import synthetic_people, tiny_config
from tests.trainer.head.test_class_head import LABELS, numbers
from tests.trainer.training.runs import OTHERS, curve, interrupted_run, run_in
from trainer.backbones.build import build_backbone
from trainer.config.head import HeadConfig
from trainer.config.loss import NAMED_LOSSES
from trainer.config.toml import override
from trainer.data.base import Batch
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.step import TrainStep
from vidsearch.errors import DeviceMemoryError

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]


def loss_and_gradients(
    name: str, device: str, dtype: torch.dtype, *, autocast: torch.dtype | None = None
) -> tuple[float, torch.Tensor, torch.Tensor]:
    embeddings, weights, bias = (
        torch.tensor(part, dtype=dtype, device=device) for part in numbers()
    )
    embeddings.requires_grad_()
    head = ClassHead(len(weights), weights.shape[1], NAMED_LOSSES[name]).to(device, dtype)
    with torch.no_grad():
        if NAMED_LOSSES[name].has_classes:
            head.weight.copy_(weights[:, None])
        if head.bias is not None:
            head.bias.copy_(bias)
    labels = torch.tensor(LABELS, device=device)
    with torch.autocast(device, autocast or torch.bfloat16, enabled=autocast is not None):
        loss = head(embeddings, labels, [len(labels)]).loss
    loss.backward()
    assert embeddings.grad is not None
    of_weights = head.weight.grad if head.weight.grad is not None else head.weight * 0
    return loss.item(), embeddings.grad.double().cpu(), of_weights.detach().double().cpu()


@pytest.mark.parametrize("name", NAMED_LOSSES)
def test_every_loss_equals_that_of_the_cpu(name: str) -> None:
    value, of_faces, of_weights = loss_and_gradients(name, "cpu", torch.float64)
    for dtype, autocast, tolerance in (
        (torch.float64, None, 1e-9),
        (torch.float32, None, 2e-4),
        (torch.float32, torch.bfloat16, 0.1),
    ):
        found = loss_and_gradients(name, "cuda", dtype, autocast=autocast)
        assert found[0] == pytest.approx(value, rel=tolerance)
        for gradient, expected in ((found[1], of_faces), (found[2], of_weights)):
            limit = tolerance * max(float(expected.norm()), 1e-6)
            assert float((gradient - expected).norm()) <= limit


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_learns(precision: str, tmp_path: Path) -> None:
    settings = [f"speed.precision={precision}", "speed.channels_last=true"]
    config = override(tiny_config(steps=15, batch=24), settings)
    people = synthetic_people(people=6, each=12, noise=15)
    report = run_in(tmp_path, config, data=people, others=OTHERS, device="cuda")
    losses = curve(tmp_path)
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
    assert report.accuracy is not None


@pytest.mark.parametrize("sample_rate", [1.0, 0.5])
def test_a_resumed_run_ends_like_an_unbroken_run(sample_rate: float, tmp_path: Path) -> None:
    config = override(tiny_config(steps=8), [f"head.sample_rate={sample_rate}"])
    run_in(tmp_path / "whole", config, device="cuda")
    interrupted_run(tmp_path / "parts", config, after=5, device="cuda")
    run_in(tmp_path / "parts", config, resume=True, device="cuda")
    # The order of a GPU's sums varies, so the curves are nearly equal, not identical.
    np.testing.assert_allclose(curve(tmp_path / "parts"), curve(tmp_path / "whole"), rtol=0.01)


@pytest.mark.parametrize("name", ["mobilefacenet", "iresnet50", "vit_small"])
def test_networks_train_in_bfloat16(name: str) -> None:
    config = tiny_config(batch=16)
    config = replace(
        config,
        backbone=replace(config.backbone, name=name, embedding_size=512, options={}),
        speed=replace(config.speed, precision="bfloat16", channels_last=True),
    )
    head = ClassHead(1000, 512, config.loss, HeadConfig(sample_rate=0.1))
    model = TrainStep(build_backbone(name, 512), head, config, Ranks(), torch.device("cuda"))
    rng = np.random.default_rng(0)
    faces = torch.from_numpy(rng.integers(0, 256, (16, 3, 112, 112), dtype=np.uint8))
    labels = torch.arange(16)
    losses = [model.run(Batch(faces, labels, labels), step).loss.item() for step in range(12)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


def test_an_out_of_memory_error_of_the_gpu_names_a_remedy() -> None:
    config = tiny_config(batch=1 << 16)
    config = replace(config, backbone=replace(config.backbone, name="iresnet100", options={}))
    head = ClassHead(4, 16, config.loss)
    model = TrainStep(build_backbone("iresnet100", 16), head, config, Ranks(), torch.device("cuda"))
    faces = torch.zeros((1 << 16, 3, 112, 112), dtype=torch.uint8)
    labels = torch.zeros(1 << 16, dtype=torch.int64)
    with pytest.raises(DeviceMemoryError, match=r"cuda.*raise speed\.accumulation"):
        model.run(Batch(faces, labels, labels), 0)
