"""The processes of a run: one alone, or those that torchrun started."""

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

# A rank may wait for another that validates or writes gigabytes of class weights.
_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Launch:
    """What torchrun tells a process.

    Attributes:
        rank: Over all machines.
        local_rank: On this machine: which GPU.
        world_size: Processes.
    """

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Launch:
        """Read torchrun's variables; one process where there are none.

        Raises:
            ConfigError: They are not numbers.
        """
        try:
            values = [int(environment.get(n, d)) for n, d in _VARIABLES]
        except ValueError as error:
            raise ConfigError(f"RANK, LOCAL_RANK, WORLD_SIZE: {error}; use torchrun") from error
        return cls(*values)


_VARIABLES = (("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "1"))


@contextmanager
def launched(launch: Launch, device_spec: str) -> Iterator[tuple[Ranks, torch.device]]:
    """Join the other processes for the time of a run; yield who we are and where we compute.

    Args:
        launch: From torchrun.
        device_spec: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: One GPU for several processes.
        DeviceError: No such GPU, or a torch that cannot join GPUs.
    """
    device = _device(launch, device_spec)
    if launch.world_size == 1:
        yield Ranks(), device
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if backend == "nccl" and not dist.is_nccl_available():
        raise DeviceError(
            "this torch was built without NCCL, which several GPUs need; install a CUDA build of "
            "torch for Linux, run one process, or pass --device cpu"
        )
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Ranks(launch.rank, launch.world_size), device
    finally:
        dist.destroy_process_group()


def _device(launch: Launch, spec: str) -> torch.device:
    if launch.world_size > 1 and spec.startswith("cuda:"):
        raise ConfigError(
            f"device {spec!r} is one GPU for {launch.world_size} processes; pass --device cuda, "
            "which gives each process its own"
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
