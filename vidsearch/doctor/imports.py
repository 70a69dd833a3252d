"""Imports of libraries in another process, which may crash, and the findings about them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vidsearch.doctor.findings import (
    Devices,
    Library,
    VideoSupport,
    library,
)
from vidsearch.doctor.probe import CONTAINERS, ENCODERS, VIDEO_DECODERS

REQUIRED = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "deltalake",
    "PIL",
    "pillow_heif",
    "rawpy",
    "cv2",
    "av",
    "onnx",
    "onnxruntime",
    "faiss",
    "sklearn",
    "skimage",
    "distributed",
    "streamlit",
    "matplotlib",
)
"""Modules of every installation."""

OPTIONAL = ("torch", "tensorboard", "insightface", "decord", "s3fs")
"""Modules of an extra, or of some platforms only."""

_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Imports:
    """Findings of all modules, and the details that modules told about themselves."""

    libraries: tuple[Library, ...]
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def import_all(required: Sequence[str] = REQUIRED, optional: Sequence[str] = OPTIONAL) -> Imports:
    """Import every module in another process; a crash is a finding about the module."""
    libraries, details = [], {}
    for result in _results([*required, *optional]):
        name = result["end"]
        details[name] = result.get("details") or {}
        libraries.append(
            library(
                name,
                required=name in required,
                version=result.get("version"),
                error=result.get("error"),
                missing=result.get("missing"),
                shared_library=result.get("shared_library"),
            )
        )
    return Imports(tuple(libraries), details)


def _results(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the result of each module; after a crash the next process goes on behind it."""
    left = list(names)
    while left:
        lines, failure = _probe(left)
        finished = [line for line in lines if "end" in line]
        yield from finished
        left = left[len(finished) :]
        if left:
            yield {"end": left.pop(0), "error": failure}


def _probe(names: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the lines of one process, and how it ended."""
    command = [sys.executable, "-m", "vidsearch.doctor.probe", *names]
    try:
        run = subprocess.run(  # noqa: S603 (the same program)
            command, capture_output=True, text=True, check=False, timeout=_WITHIN_S
        )
        output, failure = run.stdout, f"the import ended its process (status {run.returncode})"
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode() if isinstance(error.stdout, bytes) else ""
        failure = f"the import did not end within {_WITHIN_S:.0f} s"
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")], failure


def devices(imports: Imports, driver_gpus: int, gpu_command: str) -> Devices:
    """Return the finding about GPUs.

    Args:
        imports: Modules and their details.
        driver_gpus: GPUs that the driver shows.
        gpu_command: Command that installs ONNX Runtime's CUDA build.
    """
    providers = tuple(imports.details.get("onnxruntime", {}).get("providers", ()))
    faiss = imports.details.get("faiss", {})
    torch = imports.details.get("torch", {})
    unused = bool(driver_gpus and providers and "CUDAExecutionProvider" not in providers)
    return Devices(
        level="warning" if unused else "ok",
        command=gpu_command if unused else None,
        driver_gpus=driver_gpus,
        providers=providers,
        faiss_gpus=faiss.get("gpus", 0),
        torch_gpus=torch.get("gpus"),
    )


def video_support(imports: Imports) -> VideoSupport | None:
    """Return the finding about decoders and containers; None if PyAV cannot be imported."""
    details = imports.details.get("av", {})
    if not details:
        return None
    decoders, encoders = tuple(details["decoders"]), tuple(details["encoders"])
    containers = tuple(details["containers"])
    missing = (
        *(name for name in VIDEO_DECODERS if name not in decoders),
        *(name for name in ENCODERS if name not in encoders),
        *(name for name in CONTAINERS if name not in containers),
    )
    return VideoSupport(
        level="warning" if missing else "ok",
        command="pip install --force-reinstall --no-deps av" if missing else None,
        decoders=decoders,
        encoders=encoders,
        containers=containers,
        missing=missing,
    )
