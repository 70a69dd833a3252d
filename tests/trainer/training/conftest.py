"""Fixtures of the tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.helpers.training_sets import tiny_config
from tests.trainer.training.runs import run_in


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_in(folder, tiny_config())
    return folder
