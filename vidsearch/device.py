"""Devices that run models: ``auto``, ``cpu`` or ``cuda[:i]``, for ONNX Runtime and torch."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from vidsearch.errors import ConfigError, DeviceError, PackFormatError, PackNotFoundError
from vidsearch.libraries import needed
from vidsearch.text.names import is_unicode
from vidsearch.text.printable import one_line

if TYPE_CHECKING:
    import onnxruntime

Runtime: TypeAlias = Literal["onnxruntime", "torch"]

_REMEDY = "pass --device cpu or auto"
ONNX_GPU_COMMAND: Final = (
    "pip uninstall --yes onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
)
"""Replaces ONNX Runtime's CPU build by the CUDA build with its CUDA libraries."""
_CUDA_BUILDS: Final[dict[Runtime, str]] = {
    "onnxruntime": f"run: {ONNX_GPU_COMMAND}",
    "torch": "install a CUDA build of PyTorch",
}


@dataclass(frozen=True, slots=True)
class Device:
    """Device that runs models; ``resolve_device`` checks that the device exists.

    Attributes:
        kind: ``cpu`` or ``cuda``.
        index: Number of the GPU; 0 for the CPU.

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
            # The default measures all algorithms again for every new image size.
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
        }
        return [("CUDAExecutionProvider", options), "CPUExecutionProvider"]


CPU = Device("cpu")


def resolve_device(spec: str, runtime: Runtime = "onnxruntime") -> Device:
    """Return the device that a user chose, after a check that a runtime can use it.

    ``auto`` is the first GPU that the runtime can use, or the CPU without such a GPU. Any other
    choice is never replaced by another device.

    Args:
        spec: ``auto``, ``cpu``, ``cuda`` (the first GPU) or ``cuda:i``.
        runtime: Library that runs the model; each library detects GPUs in its own way.

    Raises:
        ConfigError: ``spec`` has another form.
        DeviceError: The device does not exist, or the runtime was built without CUDA.

    Example:
        >>> resolve_device("cpu")
        Device(kind='cpu', index=0)
    """
    match = re.fullmatch(r"(auto|cpu)|cuda(?::(\d{1,4}))?", spec)
    if match is None:
        raise ConfigError(f"--device must be auto, cpu, cuda or cuda:<number>; got {spec!r}")
    if match[1] == "cpu":
        return CPU
    if match[1] == "auto":
        return Device("cuda", 0) if _usable_gpus(runtime) else CPU
    device = Device("cuda", int(match[2]) if match[2] is not None else 0)
    usable_gpus = _usable_gpus(runtime)
    if device.index < usable_gpus:
        return device
    visible_gpus = driver_gpus()
    if visible_gpus > usable_gpus:
        raise DeviceError(
            f"device '{device}' is visible, but the installed {runtime} is a build without CUDA; "
            f"{_CUDA_BUILDS[runtime]}, or {_REMEDY}"
        )
    count = f" (there are {visible_gpus})" if visible_gpus else ""
    raise DeviceError(f"device '{device}' is not visible here{count}; {_REMEDY}")


def open_onnx(path: Path, device: Device, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open an ONNX file for one thread of one process.

    Memory does not grow with the number of input sizes: nothing is stored per shape, and the arena
    grows to the largest input only (300 random sizes up to 640 x 640: 178 MiB for CenterFace).

    Args:
        path: The model.
        device: Device from ``resolve_device``.
        threads: CPU threads of a call. Workers are the unit of parallelism, hence 1.

    Raises:
        PackNotFoundError: The file does not exist.
        PackFormatError: ONNX Runtime cannot load the file.
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
    options.log_severity_level = 4  # errors are raised as exceptions
    options.enable_mem_pattern = False  # a pattern is stored for every input shape
    try:
        source = str(path) if is_unicode(str(path)) else path.read_bytes()
        session = ort.InferenceSession(source, options, providers=device.onnx_providers)
    except Exception as error:  # the exception classes share no public base
        raise PackFormatError(
            f"model file {path} cannot be loaded by ONNX Runtime ({one_line(error)}); "
            "reinstall or rebuild its pack"
        ) from error
    providers: list[str] = session.get_providers()
    if device.kind == "cuda" and "CUDAExecutionProvider" not in providers:
        raise DeviceError(
            f"device '{device}' could not be started by ONNX Runtime (CUDA or cuDNN libraries "
            f"missing or of another version?); {_REMEDY}"
        )
    return session


def _require_cuda_provider(device: Device) -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise DeviceError(
            f"device '{device}' needs an onnxruntime built with CUDA; "
            f"{_CUDA_BUILDS['onnxruntime']}, or {_REMEDY}"
        )
    ort.preload_dlls()  # finds CUDA libraries that are installed as Python packages


def _usable_gpus(runtime: Runtime) -> int:
    if runtime == "torch":
        with needed("torch"):
            import torch

        return torch.cuda.device_count()
    import onnxruntime as ort

    return driver_gpus() if "CUDAExecutionProvider" in ort.get_available_providers() else 0


def driver_gpus() -> int:
    """Return the number of GPUs that the NVIDIA driver shows, limited by CUDA_VISIBLE_DEVICES."""
    try:
        driver: Any = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
