"""Folders of checkpoints: which one is resumed from, loaded and deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.training.checkpoint import (
    checkpoints,
    delete_best,
    find_checkpoint,
    load_backbone,
    prune,
)
from vidsearch.errors import CheckpointError


def add(run: Path, *names: str, complete: bool = True) -> None:
    for name in names:
        folder = run / "checkpoints" / name
        folder.mkdir(parents=True)
        if complete:
            (folder / "manifest.json").write_text("{}")


def left(run: Path) -> set[str]:
    return {path.name for path in (run / "checkpoints").iterdir()}


def test_the_newest_are_kept_and_the_best_is_not_counted(tmp_path: Path) -> None:
    add(tmp_path, "step-00000900", "step-00001000", "step-00010000", "best-00000900")
    prune(tmp_path, "step", 2)
    assert left(tmp_path) == {"step-00001000", "step-00010000", "best-00000900"}
    prune(tmp_path, "step", 5)
    assert len(checkpoints(tmp_path)) == 2


def test_a_half_written_checkpoint_is_neither_newest_nor_pruned(tmp_path: Path) -> None:
    add(tmp_path, "step-00000100")
    add(tmp_path, "step-00000200", ".writing-step-00000300", complete=False)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000100"]
    prune(tmp_path, "step", 1)
    assert "step-00000100" in left(tmp_path)


def test_the_best_model_is_found_before_the_latest(tmp_path: Path) -> None:
    assert find_checkpoint(tmp_path) is None
    add(tmp_path, "step-00000100", "step-00000200")
    assert find_checkpoint(tmp_path) == tmp_path / "checkpoints/step-00000200"
    add(tmp_path, "best-00000100")
    assert find_checkpoint(tmp_path) == tmp_path / "checkpoints/best-00000100"
    exact = tmp_path / "checkpoints/step-00000100"
    assert find_checkpoint(exact) == exact, "a checkpoint is itself"
    delete_best(tmp_path)
    assert left(tmp_path) == {"step-00000100", "step-00000200"}


def test_a_path_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is neither a run with checkpoints nor"):
        load_backbone(tmp_path / "gone")
