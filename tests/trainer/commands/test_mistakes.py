"""Every mistake that a user of ``vidsearch train`` is told about: one line, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.helpers.recordio_bytes import image_record, insightface_set, png, write
from tests.helpers.training_sets import tiny_config
from trainer.config.toml import override, to_toml
from trainer.distributed import launch
from trainer.distributed.launch import Launch, launched
from vidsearch.commands.main import main
from vidsearch.errors import ConfigError, DeviceError


def folders(root: Path, counts: dict[str, int]) -> Path:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            (root / name / f"{i}.png").write_bytes(png(i))
    return root


def damaged(root: Path, *, records: slice) -> Path:
    """An InsightFace set whose records of these numbers have lost their magic number."""
    path = insightface_set(root, (30, 30))
    raw = bytearray(path.read_bytes())
    for line in path.with_suffix(".idx").read_text().splitlines()[records]:
        raw[int(line.split()[1])] ^= 0xFF
    path.write_bytes(raw)
    return path


def stray_label(root: Path) -> Path:
    return write(root, {1: image_record(0, 1, png(1)), 2: image_record(2.0**25, 2, png(2))})


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda p: folders(p, {"a": 2, "b": 0}), "identity 'b' has no images; remove its folder"),
        (lambda p: folders(p, {"a": 2}), "holds one identity ('a'); a classifier needs at least"),
        (
            lambda p: folders(p, {"a": 1, "b": 1}),
            "has one face per identity; training needs",
        ),
        (stray_label, "record 2 has label 3.35544e+07; labels must be whole numbers from 0"),
        (
            lambda p: damaged(p, records=slice(0, 1)),
            "the record at byte 0 is corrupt (magic number 0xced723f5, not 0xced7230a); copy or",
        ),
        (lambda p: damaged(p, records=slice(1, 61)), "corrupt"),
    ],
    ids=["empty class", "one class", "one face a class", "label", "damaged rec", "no whole record"],
)
def test_sets_that_cannot_be_trained_on(
    make: Callable[[Path], Path],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(to_toml(override(tiny_config(), ["backbone.options.input_size=112"])))
    data = make(tmp_path / "set")
    assert main(["train", str(config), str(data), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.startswith("vidsearch: ")
    assert said.count("\n") == 1


def test_a_checkpoint_of_another_architecture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(folders(tmp_path / "set", {"a": 3, "b": 3}))
    config = tmp_path / "config.toml"
    tiny = override(tiny_config(steps=1, batch=4), ["backbone.options.input_size=112"])
    config.write_text(to_toml(tiny))
    run = tmp_path / "run"
    assert main(["train", str(config), data, "--out", str(run)]) == 0
    capsys.readouterr()
    other = replace(tiny.backbone, embedding_size=8)
    config.write_text(to_toml(replace(tiny, backbone=other)))
    started_from = ["--set", f"backbone.weights={run}", "--out", str(tmp_path / "other")]
    for more in (["--out", str(run), "--resume"], started_from):
        assert main(["train", str(config), data, *more]) == 2
        said = capsys.readouterr().err
        assert "iresnet_tiny (16 numbers" in said
        assert "iresnet_tiny (8 numbers" in said
        assert said.count("\n") == 1


def test_a_pack_needs_people_held_out_from_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(to_toml(override(tiny_config(), ["backbone.options.input_size=112"])))
    data = str(folders(tmp_path / "set", {"a": 3, "b": 3}))
    run, pack = tmp_path / "run", tmp_path / "pack"
    arguments = ["train", str(config), data, "--out", str(run), "--export", str(pack)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith("; pass --validate SET\n")
    assert not run.exists()
    assert not pack.exists()


def test_gpus_without_nccl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_device", lambda *_: torch.device("cuda:0"))
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: False)
    with (
        pytest.raises(DeviceError, match=r"without NCCL, .* install a CUDA build of .* one proc"),
        launched(Launch(0, 0, 2), "cuda"),
    ):
        pass


def test_one_gpu_for_several_processes() -> None:
    with (
        pytest.raises(ConfigError, match="one GPU for 2 processes; pass --device cuda"),
        launched(Launch(1, 1, 2), "cuda:0"),
    ):
        pass
