"""Process group of a run: a single process, or the processes that torchrun started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed as dist

from trainer.distributed.ranks import Ranks
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, DeviceError

# Longest wait in a collective: another rank may be validating or writing gigabytes of weights.
_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Launch:
    """Rank and number of processes, as torchrun sets them.

    Attributes:
        rank: Among the processes of all machines.
        local_rank: Among the processes of this machine; also the number of the rank's GPU.
        world_size: Number of processes.
    """

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Launch:
        """Read the environment variables of torchrun; without them the run has one process.

        Raises:
            ConfigError: A variable is not a whole number.
        """
        try:
            values = [int(environment.get(name, default)) for name, default in _VARIABLES]
        except ValueError as error:
            raise ConfigError(f"RANK, LOCAL_RANK, WORLD_SIZE: {error}; use torchrun") from error
        return cls(*values)


_VARIABLES = (("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "1"))


@contextmanager
def launched(launch: Launch, device_spec: str) -> Iterator[tuple[Ranks, torch.device]]:
    """Join the process group for the duration of a run; yield the ranks and this rank's device.

    Args:
        launch: Rank and number of processes.
        device_spec: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: ``device_spec`` names one GPU for several processes.
        DeviceError: The GPU does not exist, or torch lacks NCCL.
    """
    device = _device(launch, device_spec)
    if launch.world_size == 1:
        yield Ranks(), device
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if backend == "nccl" and not dist.is_nccl_available():
        raise DeviceError(
            "torch was built without NCCL, which training on several GPUs needs; install a CUDA "
            "build of torch for Linux, run one process, or pass --device cpu"
        )
    dist.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield Ranks(launch.rank, launch.world_size), device
    finally:
        dist.destroy_process_group()


def _device(launch: Launch, spec: str) -> torch.device:
    if launch.world_size > 1 and spec.startswith("cuda:"):
        raise ConfigError(
            f"device {spec!r} is one GPU for {launch.world_size} processes; pass --device cuda, "
            "which gives each process its own GPU"
        )
    if launch.world_size > 1 and spec in ("auto", "cuda"):
        if spec == "auto" and torch.cuda.device_count() == 0:
            return torch.device("cpu")
        spec = f"cuda:{launch.local_rank}"
    device = torch.device(str(resolve_device(spec, "torch")))
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    return device
