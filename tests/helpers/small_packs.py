"""Small packs for tests that need another model than ``open``."""

from __future__ import annotations

from pathlib import Path

from vidsearch.faces.geometry.align import ARCFACE_112, AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import DetectorSpec, EmbedderSpec, ModelPack
from vidsearch.models.pack_toml import describe_file, write_pack


def write_tiny_pack(
    folder: Path,
    *,
    dim: int = 24,
    seed: int = 0,
    template: AlignmentTemplate = ARCFACE_112,
    blind: bool = False,
) -> Path:
    """Write a pack with an untrained network; a blind one maps all faces to one vector.

    The untrained network still separates images: it is a random projection of a small image.
    """
    import torch
    from torch import nn

    from trainer.export.onnx import write_onnx

    torch.manual_seed(seed)
    side = template.size
    network = nn.Sequential(
        nn.AvgPool2d(side // 14), nn.Flatten(), nn.Linear(3 * (side // (side // 14)) ** 2, dim)
    )
    if blind:
        for parameter in network[2].parameters():
            nn.init.constant_(parameter, 1.0 if parameter.ndim == 1 else 0.0)
    folder.mkdir(parents=True)
    write_onnx(network, side, folder / "embedder.onnx")
    file = describe_file(folder / "embedder.onnx")
    pack = ModelPack(
        name=folder.name,
        version="1",
        licence="CC0-1.0",
        licence_url="",
        licence_notes="made in a test",
        commercial_use=True,
        detector=DetectorSpec(kind="centerface"),
        embedder=EmbedderSpec(
            kind="onnx",
            file="embedder.onnx",
            dim=dim,
            template=template,
            normalisation=Normalisation(),
        ),
        calibration=Calibration(
            slope=12.0,
            intercept=-8.0,
            fitted_on="nothing",
            pairs=2,
            genuine_share=0.5,
            checked_on="",
            expected_calibration_error=0.0,
        ),
        files=(file,),
    )
    write_pack(pack, folder)
    return folder
