from __future__ import annotations

import pytest
import torch

from trainer.training.out_of_memory import explain_out_of_memory
from vidsearch.errors import DeviceMemoryError


def test_a_cpu_out_of_memory_gives_one_line() -> None:
    with (
        pytest.raises(DeviceMemoryError, match=r"^out of memory: a step; lower batch$"),
        explain_out_of_memory("a step", "lower batch"),
    ):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_a_gpu_out_of_memory_gives_one_line() -> None:
    with (
        pytest.raises(DeviceMemoryError, match="out of memory: a step"),
        explain_out_of_memory("a step", "lower batch"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_other_errors_are_not_converted() -> None:
    with (
        pytest.raises(RuntimeError, match="size mismatch"),
        explain_out_of_memory("a step", "lower batch"),
    ):
        raise RuntimeError("size mismatch")
