"""Export of a run as a pack: the pack loads, its precisions agree, mistakes leave no files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from trainer.config.train import (
    BackboneConfig,
    CheckpointConfig,
    DataConfig,
    TrainConfig,
    ValidationConfig,
)
from trainer.data.opening import open_dataset
from trainer.distributed.ranks import Ranks
from trainer.export.onnx import TOLERANCE, largest_difference, write_onnx
from trainer.export.pack import ExportOptions, NoHeldOutIdentitiesError, export_pack
from trainer.training.checkpoint import checkpoints
from trainer.training.loop import RunContext
from trainer.training.run import open_sets, train
from vidsearch.commands.main import main
from vidsearch.device import CPU
from vidsearch.errors import CheckpointError, ConfigError, ExportError
from vidsearch.models.registry import load_pack

PEOPLE, PHOTOS = 16, 6


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network after two steps on patterns that differ by person."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    for person in range(PEOPLE):
        pattern = rng.integers(0, 256, (7, 7, 3)).astype(np.float32)
        (folder / "faces" / f"p{person:02d}").mkdir(parents=True)
        for photo in range(PHOTOS):
            noisy = np.clip(pattern + rng.normal(0, 20, pattern.shape), 0, 255).astype(np.uint8)
            face = cv2.resize(noisy, (112, 112), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / "faces" / f"p{person:02d}" / f"{photo}.png"), face)
    config = TrainConfig(
        steps=2,
        batch=8,
        device="cpu",
        backbone=BackboneConfig(name="iresnet_tiny", embedding_size=16, options={"width": 0.125}),
        data=DataConfig(path=str(folder / "faces")),
        validation=ValidationConfig(held_out=0.6, pairs=40, every=2),
        keep=CheckpointConfig(checkpoint_every=2, tensorboard=False),
    )
    training, held_out = open_sets(config)
    context = RunContext(folder=folder / "run", ranks=Ranks(), device=torch.device("cpu"))
    train(config, training, held_out, context)
    return folder


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_a_run_becomes_a_pack_that_loads(run: Path, tmp_path: Path, precision: str) -> None:
    out = tmp_path / "My Faces"
    options = ExportOptions(precision=precision, calibration_faces=24)  # type: ignore[arg-type]
    report = export_pack(run / "run", out, options)
    assert report.onnx_difference <= TOLERANCE
    assert 0.5 < report.accuracy_float32 <= 1
    assert abs(report.accuracy - report.accuracy_float32) < 0.15
    assert report.identities == PEOPLE - round(0.6 * PEOPLE)
    models = load_pack(str(out), CPU)
    assert models.pack.name == "my-faces"
    assert models.pack.licence == "as the training set faces allows: not stated"
    assert "6 people" in models.pack.licence_notes
    assert models.calibration.pairs == report.pairs
    face = open_dataset(run / "faces").aligned_face(0)
    embeddings = models.embedder.embed(np.stack([face, face]))
    assert embeddings.shape == (2, 16)
    assert np.isfinite(embeddings).all()
    assert json.loads((out / "export.json").read_text())["precision"] == precision
    assert [path.name for path in tmp_path.iterdir()] == ["My Faces"]


def test_smaller_precisions_keep_the_embedding_space(run: Path, tmp_path: Path) -> None:
    whole = export_pack(run / "run", tmp_path / "whole")
    small = export_pack(
        run / "run", tmp_path / "small", ExportOptions(precision="int8", calibration_faces=24)
    )
    half = export_pack(run / "run", tmp_path / "half", ExportOptions(precision="float16"))
    assert half.size_bytes < 0.8 * whole.size_bytes
    assert small.size_bytes < whole.size_bytes
    dataset = open_dataset(run / "faces")
    faces = np.stack([dataset.aligned_face(i) for i in range(0, len(dataset), 7)])
    exact, halved, quantised = (
        load_pack(str(tmp_path / name), CPU).embedder.embed(faces)
        for name in ("whole", "half", "small")
    )
    for embeddings, least in ((halved, 0.9999), (quantised, 0.9)):
        norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(embeddings, axis=1)
        assert ((exact * embeddings).sum(1) / norms).min() > least


def test_mistakes_are_named_and_leave_nothing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        export_pack(run / "run", tmp_path / "there")
    with pytest.raises(CheckpointError):
        export_pack(tmp_path / "there", tmp_path / "new")
    with pytest.raises(ConfigError, match="does not give a valid pack name"):
        export_pack(run / "run", tmp_path / "___")
    with pytest.raises(ConfigError, match="--detector must be"):
        export_pack(run / "run", tmp_path / "new", ExportOptions(detector="nothing"))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_run_without_held_out_identities_needs_others(run: Path, tmp_path: Path) -> None:
    checkpoint = shutil.copytree(checkpoints(run / "run")[-1], tmp_path / "checkpoint")
    manifest = (checkpoint / "manifest.json").read_text()
    assert "held_out = 0.6" in manifest
    (checkpoint / "manifest.json").write_text(manifest.replace("held_out = 0.6", "held_out = 0.0"))
    with pytest.raises(NoHeldOutIdentitiesError, match="pass --held-out SET"):
        export_pack(checkpoint, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_differs_from_the_network_is_refused(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.export.pack.largest_difference", lambda *_: 0.5)
    with pytest.raises(ExportError, match=r"differs from the network by 0\.5"):
        export_pack(run / "run", tmp_path / "new")
    assert not list(tmp_path.iterdir())


def test_the_difference_is_measured(run: Path, tmp_path: Path) -> None:
    from trainer.backbones.build import build_backbone

    torch.manual_seed(0)
    network = build_backbone("iresnet_tiny", 8, width=0.125, input_size=32).eval()
    torch.manual_seed(1)
    other = build_backbone("iresnet_tiny", 8, width=0.125, input_size=32).eval()
    write_onnx(network, 32, tmp_path / "network.onnx")
    faces = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    normalisation = network.spec.normalisation
    assert largest_difference(network, normalisation, tmp_path / "network.onnx", faces) < TOLERANCE
    assert largest_difference(other, normalisation, tmp_path / "network.onnx", faces) > 0.1


def test_the_command(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run / "run"), str(tmp_path / "pack"), "--licence", "CC0-1.0"]) == 0
    assert "ONNX equals torch on" in capsys.readouterr().out
    assert load_pack(str(tmp_path / "pack"), CPU).pack.licence == "CC0-1.0"
    assert main(["export", str(run / "run"), str(tmp_path / "pack")]) == 2
    assert "exists already" in capsys.readouterr().err
