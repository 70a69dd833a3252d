"""Where models run: ``auto``, ``cpu`` or ``cuda[:i]``, and what that means to each runtime."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vidsearch.errors import ConfigError, DeviceError, PackFormatError, PackNotFoundError

if TYPE_CHECKING:
    import onnxruntime

Runtime: TypeAlias = Literal["onnxruntime", "torch"]

_REMEDY = "pass --device cpu or auto"


@dataclass(frozen=True, slots=True)
class Device:
    """One place to run a model; build it with ``resolve_device``, which checks that it exists.

    Example:
        >>> str(Device("cuda", 1)), str(Device("cpu"))
        ('cuda:1', 'cpu')
    """

    kind: Literal["cpu", "cuda"]
    index: int = 0

    def __str__(self) -> str:
        """Return the name that ``torch.device`` and the command line accept."""
        return self.kind if self.kind == "cpu" else f"{self.kind}:{self.index}"

    @property
    def onnx_providers(self) -> list[str | tuple[str, dict[str, str]]]:
        """ONNX Runtime execution providers, best first."""
        if self.kind == "cpu":
            return ["CPUExecutionProvider"]
        options = {
            "device_id": str(self.index),
            # The default measures every algorithm again for every picture size it meets.
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
        }
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


CPU = Device("cpu")


def resolve_device(spec: str, runtime: Runtime = "onnxruntime") -> Device:
    """Return the device that a user's word names, checked to be usable by a runtime.

    ``auto`` is the first GPU that the runtime can use, else the CPU: the only word that chooses.

    Args:
        spec: ``auto``, ``cpu``, ``cuda`` (the first) or ``cuda:i``.
        runtime: Which library will run the model; each sees GPUs by its own means.

    Raises:
        ConfigError: ``spec`` is none of these words.
        DeviceError: The device named is not there, or the runtime was built without it.

    Example:
        >>> resolve_device("cpu")
        Device(kind='cpu', index=0)
    """
    match = re.fullmatch(r"(auto|cpu)|cuda(?::(\d{1,4}))?", spec)
    if match is None:
        raise ConfigError(f"device must be auto, cpu, cuda or cuda:<number>; got {spec!r}")
    if match[1] == "cpu":
        return CPU
    if match[1] == "auto":
        return Device("cuda", 0) if _usable_gpus(runtime) else CPU
    device = Device("cuda", int(match[2]) if match[2] is not None else 0)
    usable = _usable_gpus(runtime)
    if device.index < usable:
        return device
    visible = _driver_gpus()
    if visible > usable:
        raise DeviceError(
            f"device '{device}' is visible, but the installed {runtime} is a build without CUDA; "
            f"install the gpu extra, or {_REMEDY}"
        )
    there = f" (there are {visible})" if visible else ""
    raise DeviceError(f"device '{device}' is not visible here{there}; {_REMEDY}")


def open_onnx(path: Path, device: Device, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file for one thread of one process.

    Memory stays flat over inputs of any number of sizes: nothing is kept per shape, and the arena
    grows to the largest input only (300 random sizes up to 640 x 640: 178 MiB for CenterFace).

    Args:
        path: The model.
        device: From ``resolve_device``.
        threads: CPU threads in one call. Workers are the unit of parallelism, so 1.

    Raises:
        PackNotFoundError: No such file.
        PackFormatError: The file is not a model that ONNX Runtime can load.
        DeviceError: The device's provider is missing or could not start.
    """
    import onnxruntime as ort

    if not path.is_file():
        raise PackNotFoundError(f"model file {path} does not exist; reinstall or rebuild its pack")
    if device.kind == "cuda":
        _require_cuda_provider(device)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong arrives as an exception
    options.enable_mem_pattern = False  # one pattern would be kept for every input shape
    try:
        session = ort.InferenceSession(str(path), options, providers=device.onnx_providers)
    except Exception as error:  # its exception classes share no public base
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise PackFormatError(
            f"model file {path} cannot be loaded by ONNX Runtime ({first_line}); "
            "reinstall or rebuild its pack"
        ) from error
    started: list[str] = session.get_providers()
    if device.kind == "cuda" and "CUDAExecutionProvider" not in started:
        raise DeviceError(
            f"device '{device}' could not be started by ONNX Runtime (CUDA or cuDNN libraries "
            f"missing or of another version?); {_REMEDY}"
        )
    return session


def _require_cuda_provider(device: Device) -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise DeviceError(
            f"device '{device}' needs an onnxruntime built with CUDA; install the gpu extra, "
            f"or {_REMEDY}"
        )
    ort.preload_dlls()  # finds the CUDA libraries that were installed as Python packages


def _usable_gpus(runtime: Runtime) -> int:
    if runtime == "torch":
        import torch

        return torch.cuda.device_count()
    import onnxruntime as ort

    return _driver_gpus() if "CUDAExecutionProvider" in ort.get_available_providers() else 0


def _driver_gpus() -> int:
    """Ask the NVIDIA driver itself: light, and it obeys CUDA_VISIBLE_DEVICES as the runtimes do."""
    try:
        driver: Any = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
