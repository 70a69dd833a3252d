"""Damaged and foreign files: an error of vidsearch, on one line."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers.training_sets import synthetic_people, tiny_config
from trainer.backbones.build import build_backbone
from trainer.config.toml import override, parse_config, to_table, to_toml
from trainer.config.train import DataConfig, TrainConfig
from trainer.data.recordio import read_index
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.checkpoint import checkpoints, load_backbone, restore
from trainer.training.checkpoint_manifest import read_checkpoint_manifest
from trainer.training.loop import RunContext
from trainer.training.run import train
from trainer.training.step import TrainStep
from vidsearch.errors import CheckpointError, ConfigError, TrainingSetError, VidsearchError

PEOPLE = synthetic_people(people=3, each=4)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    run = tmp_path_factory.mktemp("run")
    context = RunContext(folder=run, ranks=Ranks(), device=torch.device("cpu"))
    train(tiny_config(steps=1), PEOPLE, None, context)
    return checkpoints(run)[-1]


def copied(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path_factory.mktemp("copy") / checkpoint.name))


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file of a checkpoint, and its hash in the manifest."""
    (folder / name).write_bytes(data)
    table = json.loads((folder / "manifest.json").read_text())
    table["sha256"][name] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(table))


def resume_from(folder: Path) -> None:
    """Read all files of a checkpoint, as --resume does."""
    manifest = read_checkpoint_manifest(folder)
    config = tiny_config()
    head = ClassHead(3, 16, config.loss)
    network = build_backbone("iresnet_tiny", 16, **config.backbone.options)
    restore(manifest, TrainStep(network, head, config, Ranks(), torch.device("cpu")))
    load_backbone(folder)


def call_or_one_line(function: Any, *arguments: Any) -> Any:
    """Return the result of a call, or None after an error of vidsearch, which must be one line."""
    complaint = ""
    result = None
    try:
        result = function(*arguments)
    except VidsearchError as error:
        complaint = str(error)
    assert "\n" not in complaint
    return result


@FEW
@given(st.data())
def test_files_of_a_checkpoint_with_wrong_bytes(
    checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = copied(checkpoint, tmp_path_factory)
    name = data.draw(st.sampled_from(["model.pt", "optimizer.pt", "head-0.pt", "identities.json"]))
    raw = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        # Half of them at the ends of the file, which hold names and sizes.
        span = data.draw(st.sampled_from([min(len(raw), 600), len(raw)]))
        at = data.draw(st.integers(0, span - 1))
        raw[data.draw(st.sampled_from([at, len(raw) - 1 - at]))] = data.draw(st.integers(0, 255))
    replace_file(folder, name, bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) // 2]))]))
    call_or_one_line(resume_from, folder)


@pytest.mark.parametrize("name", ["model.pt", "optimizer.pt", "head-0.pt"])
@pytest.mark.parametrize(
    "content",
    [None, 3, [1, 2], {}, {"weight": 3}, {"weight": torch.zeros(2)}, {"state": 1}, torch.zeros(3)],
    ids=str,
)
def test_files_of_a_checkpoint_with_other_contents(
    name: str, content: Any, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = copied(checkpoint, tmp_path_factory)
    torch.save(content, folder / name)
    replace_file(folder, name, (folder / name).read_bytes())
    with pytest.raises(CheckpointError, match=r"^checkpoint [^\n]*$"):
        resume_from(folder)


class CodeOnUnpickle:
    """Object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (Path("/nonexistent/code-ran"),)


@pytest.mark.parametrize("name", ["model.pt", "optimizer.pt", "head-0.pt"])
def test_a_checkpoint_cannot_run_code(
    name: str, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for write in (torch.save, lambda code, path: path.write_bytes(pickle.dumps(code))):
        folder = copied(checkpoint, tmp_path_factory)
        write(CodeOnUnpickle(), folder / name)
        replace_file(folder, name, (folder / name).read_bytes())
        with pytest.raises(CheckpointError, match=rf"{name} cannot be read"):
            resume_from(folder)


@FEW
@given(st.data())
def test_manifests_with_wrong_values(
    checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = copied(checkpoint, tmp_path_factory)
    table = json.loads((folder / "manifest.json").read_text())
    table[data.draw(st.sampled_from([*table]))] = data.draw(VALUES)
    (folder / "manifest.json").write_text(json.dumps(table))
    call_or_one_line(resume_from, folder)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[1]", "{}", "[" * 100_000, '{"format": 2}', '{"format": [1]}', "\ud800"],
    ids=lambda text: text[:15],
)
def test_files_that_are_not_a_manifest(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(CheckpointError, match=r"is not a checkpoint|has format"):
        read_checkpoint_manifest(tmp_path)


def test_a_part_of_the_head_elsewhere_is_refused(
    checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = copied(checkpoint, tmp_path_factory)
    table = json.loads((folder / "manifest.json").read_text())
    table["head"] = [["../head-0.pt", 0, 3]]
    (folder / "manifest.json").write_text(json.dumps(table))
    with pytest.raises(CheckpointError, match="lies outside the folder"):
        read_checkpoint_manifest(folder)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_configs_with_wrong_values(data: st.DataObject) -> None:
    table = to_table(TrainConfig())
    sections = ["", *(name for name, value in table.items() if isinstance(value, dict))]
    section = data.draw(st.sampled_from(sections))
    name = data.draw(st.sampled_from([*(table[section] if section else table)]))
    odd = st.sampled_from(["1979-05-27", "inf", "nan", "[[1]]", "{a = 1}"])
    text = data.draw(st.text(max_size=12) | odd | VALUES.map(json.dumps))
    prefix = f"{section}." if section else ""
    config = call_or_one_line(override, TrainConfig(), [f"{prefix}{name}={text}"])
    written = call_or_one_line(to_toml, config) if config is not None else None
    if written is not None:
        assert parse_config(written) == config


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="[]{}=.\"'\n\\ab1-", max_size=60))
def test_config_files_of_random_text(text: str) -> None:
    call_or_one_line(parse_config, text)


@pytest.mark.parametrize("text", ["steps = " + "[" * 100_000, "steps = 1\x00", "a.b.c = 1"])
def test_config_files_that_are_odd(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^[^\n]*$"):
        parse_config(text)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["iresnet_tiny", "mobilefacenet", "vit_small"]),
    st.sampled_from(["width", "dropout", "input_size", "dim", "depth", "heads", "patch"]),
    st.sampled_from([-1, 0, 0.0, 0.5, 1.5, 3, 7, float("nan"), float("inf"), -float("inf")]),
)
def test_invalid_options_of_networks(name: str, option: str, value: float) -> None:
    with torch.device("meta"):
        call_or_one_line(lambda: build_backbone(name, 16, **{option: value}))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="0123456789-\t\n e_", max_size=60).map(str.encode))
def test_index_files(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "train.idx"
    path.write_bytes(raw)
    found = call_or_one_line(read_index, path)
    if found is not None:
        assert all(0 <= value < 2**63 for pair in found.items() for value in pair)
        np.array([*found.items()], np.int64)


@pytest.mark.parametrize("line", ["-1\t0", "0\t-8", f"{10**30}\t0", f"0\t{10**30}", "1_0\t0"])
def test_index_files_with_odd_numbers(line: str, tmp_path: Path) -> None:
    (tmp_path / "train.idx").write_text(f"0\t0\n{line}\n")
    with pytest.raises(TrainingSetError, match="line 2 must be two whole numbers"):
        read_index(tmp_path / "train.idx")


@pytest.mark.parametrize("path", ["/archive/\U0001f600", "/a\x7fb\x01\\", 'say "so"', "/é/人"])
def test_paths_with_rare_characters_come_back_from_a_config(path: str) -> None:
    config = override(TrainConfig(), ["data.path='x'"])
    config = replace(config, data=replace(config.data, path=path))
    assert parse_config(to_toml(config)) == config


def test_a_path_that_is_not_unicode_is_one_line() -> None:
    config = TrainConfig(data=DataConfig(path="/archive/\udcff"))
    with pytest.raises(ConfigError, match="is not valid Unicode"):
        to_toml(config)
