"""Published sizes, one contract for every network, freezing and recomputation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from trainer.backbones.base import Backbone
from trainer.backbones.build import backbone_names, build_backbone
from vidsearch.errors import ConfigError

SMALL: dict[str, dict[str, Any]] = {
    "iresnet_tiny": {"width": 0.125, "input_size": 32},
    "mobilefacenet": {"width": 0.25, "input_size": 32},
    "vit_small": {"input_size": 32, "dim": 32, "depth": 3},
}


def small(name: str) -> Backbone:
    torch.manual_seed(0)
    return build_backbone(name, 16, **SMALL[name])


@pytest.mark.parametrize(
    ("name", "size", "parameters", "multiplications"),
    [
        # ArcFace authors' published models: 24.0, 34.1, 43.6 and 65.2 million parameters;
        # 2.6, 4.5, 6.3 and 12.1 G multiplications. The paper: 160 MB and 250 MB for 50 and 100.
        ("iresnet18", 512, 24_025_600, 2.62e9),
        ("iresnet34", 512, 34_139_328, 4.48e9),
        ("iresnet50", 512, 43_590_848, 6.33e9),
        ("iresnet100", 512, 65_156_160, 12.12e9),
        ("iresnet200", 512, 118_833_920, 23.4e9),
        # Chen et al. 2018, table 2: 0.99 million parameters, 221 M multiply-adds.
        ("mobilefacenet", 128, 1_003_136, 221e6),
    ],
)
def test_published_sizes(name: str, size: int, parameters: int, multiplications: float) -> None:
    with torch.device("meta"):
        network = build_backbone(name, size).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 112, 112))
    counted = sum(parameter.numel() for parameter in network.parameters())
    assert counted == parameters
    assert counter.get_total_flops() / 2 == pytest.approx(multiplications, rel=0.01)


def test_parameters_of_iresnet50_by_hand() -> None:
    # Convolutions have no bias; BN has 2 parameters a channel, PReLU 1.
    def block(before: int, after: int, *, downsamples: bool) -> int:
        main = 2 * before + 9 * before * after + 2 * after + after + 9 * after**2 + 2 * after
        return main + (before * after + 2 * after if downsamples else 0)

    total = 27 * 64 + 3 * 64
    before = 64
    for count, after in zip((3, 4, 14, 3), (64, 128, 256, 512), strict=True):
        total += block(before, after, downsamples=True) + (count - 1) * block(
            after, after, downsamples=False
        )
        before = after
    total += 2 * 512 + (512 * 49 * 512 + 512) + 2 * 512
    with torch.device("meta"):
        network = build_backbone("iresnet50", 512)
    assert sum(parameter.numel() for parameter in network.parameters()) == total


@pytest.mark.parametrize("name", SMALL)
def test_embeddings_do_not_depend_on_the_batch(name: str) -> None:
    network = small(name).eval()
    side = network.spec.input_size
    faces = torch.randint(0, 256, (5, 3, side, side), dtype=torch.uint8)
    together = network(network.normalise(faces))
    assert together.shape == (5, 16)
    alone = torch.cat([network(network.normalise(faces[i : i + 1])) for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_normalisation_is_the_papers() -> None:
    network = small("iresnet_tiny")
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    normal = network.normalise(ends)
    assert bool((normal[0] == -1).all())
    assert bool((normal[1] == 1).all())


@pytest.mark.parametrize("name", SMALL)
def test_recomputing_changes_no_gradient_and_no_statistics(name: str) -> None:
    results = []
    for recompute in (False, True):
        network = small(name).train()
        network.recompute_activations = recompute
        torch.manual_seed(1)
        network(torch.randn(6, 3, 32, 32)).square().sum().backward()
        gradients = [p.grad for p in network.parameters()]
        results.append((gradients, dict(network.named_buffers())))
    for stored, recomputed in zip(results[0][0], results[1][0], strict=True):
        torch.testing.assert_close(stored, recomputed)
    for key, value in results[0][1].items():
        if "num_batches" not in key:
            torch.testing.assert_close(value, results[1][1][key])


@pytest.mark.parametrize("name", SMALL)
def test_frozen_stages_do_not_change(name: str) -> None:
    network = small(name)
    network.freeze(2)
    network.train()
    frozen = [list(part.state_dict().values()) for part in network.stages()[:2]]
    before = [[value.clone() for value in values] for values in frozen]
    network(torch.randn(4, 3, 32, 32)).sum().backward()
    for values, old in zip(frozen, before, strict=True):
        for value, old_value in zip(values, old, strict=True):
            torch.testing.assert_close(value, old_value)
    assert all(p.grad is None for part in network.stages()[:2] for p in part.parameters())
    assert any(p.grad is not None for p in network.stages()[-1].parameters())


def test_everything_but_the_output_can_be_frozen() -> None:
    network = small("iresnet_tiny")
    with pytest.raises(ConfigError, match="frozen_stages must be between 0 and 5"):
        network.freeze(6)


def test_dlib_starts_as_published_and_learns() -> None:
    network = build_backbone("dlib", 128)
    network.freeze(3)
    network.train()
    faces = torch.randint(0, 256, (2, 3, 150, 150), dtype=torch.uint8)
    embeddings = network(network.normalise(faces))
    assert embeddings.shape == (2, 128)
    embeddings.sum().backward()
    stages = network.stages()
    assert len(stages) == 6
    # 29 convolutions, and the projection.
    assert sum(1 for m in network.modules() if isinstance(m, torch.nn.Conv2d)) == 29
    assert all(p.grad is None for part in stages[:3] for p in part.parameters())
    assert all(p.grad is not None for part in stages[3:] for p in part.parameters())


@pytest.mark.parametrize(
    ("name", "size", "options", "complaint"),
    [
        ("resnet", 512, {}, "backbone must be one of .*iresnet50"),
        ("iresnet50", 512, {"colour": 1}, "does not accept these options: colour"),
        ("iresnet50", 0, {}, "embedding_size must be positive"),
        ("iresnet_tiny", 16, {"input_size": 40}, "input_size must be a multiple of 16; got 40"),
        ("iresnet_tiny", 16, {"dropout": 1.0}, "dropout must lie in"),
        ("iresnet_tiny", 16, {"width": 0.0}, "width must be positive"),
        ("dlib", 512, {}, "set backbone.embedding_size=128"),
        ("vit_small", 16, {"heads": 3}, "dim must be a multiple of heads"),
    ],
)
def test_impossible_networks_are_refused(
    name: str, size: int, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        build_backbone(name, size, **options)


def test_every_name_builds() -> None:
    for name in backbone_names():
        with torch.device("meta"):
            options: dict[str, Any] = {"published": False} if name == "dlib" else {}
            network = build_backbone(name, 128, **options)
        assert network.spec.input_size in (112, 150)
