"""Opening an ONNX file with the ``insightface`` package.

By default the package chooses execution providers and thread counts itself, and reports a bad file
by an assertion or an unrelated exception. Here providers, threads and errors are explicit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from vidsearch.device import ONNX_GPU_COMMAND, Device
from vidsearch.errors import DeviceError, PackFormatError, PackNotFoundError
from vidsearch.faces.normalisation import Normalisation
from vidsearch.libraries import needed
from vidsearch.text.printable import first_line


def open_insightface(
    path: Path, task: Literal["detection", "recognition"], scale: Normalisation, device: Device
) -> Any:
    """Return the model object of the ``insightface`` package, with one CPU thread.

    Args:
        path: ONNX file.
        task: Task stated by the pack; the package does not guess it from the shapes.
        scale: Conversion of pixels to the network's input; equal for all three channels.
        device: Device from ``resolve_device``.

    Raises:
        PackNotFoundError: The file does not exist.
        PackFormatError: The file is not a model of that task.
        DeviceError: The device's execution provider is missing or could not start.
    """
    if not path.is_file():
        raise PackNotFoundError(f"model file {path} does not exist; copy the file there")
    providers = device.onnx_providers
    _require_providers(providers, device)
    with needed("insightface"):
        from insightface.model_zoo import model_zoo

    try:
        model = model_zoo.get_model(
            str(path),
            model_task=task,
            model_metadata={"preprocessing": _preprocessing(path, scale)},
            providers=providers,
            sess_options=_session_options(),
            static_shape_sessions=False,  # one session serves every image size
        )
    except Exception as error:  # includes bare assertions
        raise PackFormatError(
            f"{path} is not a {task} model that insightface can run ({first_line(error)}); "
            "check which file the pack names"
        ) from error
    if device.kind == "cuda" and "CUDAExecutionProvider" not in model.session.get_providers():
        raise DeviceError(
            f"device '{device}' could not be started by ONNX Runtime (CUDA or cuDNN libraries "
            "missing or of another version?); pass --device cpu or auto"
        )
    return model


def _require_providers(providers: list[str | tuple[str, dict[str, str]]], device: Device) -> None:
    import onnxruntime as ort

    required = {entry if isinstance(entry, str) else entry[0] for entry in providers}
    if not required <= set(ort.get_available_providers()):
        raise DeviceError(
            f"device '{device}' needs an onnxruntime built with CUDA; run: {ONNX_GPU_COMMAND}, or "
            "pass --device cpu or auto"
        )


def _preprocessing(path: Path, scale: Normalisation) -> str | dict[str, float]:
    if scale.channels != "rgb" or len(set(scale.mean)) != 1 or len(set(scale.std)) != 1:
        raise PackFormatError(
            f"{path}: insightface normalises all channels alike, in RGB order; the pack states "
            f'{scale}; use embedder kind "onnx"'
        )
    mean, std = scale.mean[0], scale.std[0]
    # With this value insightface also accepts networks that take unscaled pixels.
    return "embedded" if (mean, std) == (0.0, 1.0) else {"mean": mean, "std": std}


def _session_options() -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_pattern = False
    return options
