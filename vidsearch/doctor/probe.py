"""Imports of modules, one after another, reported as JSON lines on standard output.

Run in a process of its own, ``python -m vidsearch.doctor.probe MODULE...``: a library of another
processor or two builds in one folder can end the process. The last module that was begun is then
the cause.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from vidsearch.libraries import missing_module, missing_shared_library
from vidsearch.text.printable import one_line

Details = Mapping[str, Any]

VIDEO_DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mjpeg")
CONTAINERS = ("mov", "matroska", "mpegts", "avi", "mpeg", "asf")
ENCODERS = ("libx264", "aac")


def _onnxruntime(module: Any) -> Details:
    return {"providers": module.get_available_providers()}


def _faiss(module: Any) -> Details:
    counter = getattr(module, "get_num_gpus", None)
    return {
        "gpu_build": hasattr(module, "StandardGpuResources"),
        "gpus": counter() if counter else 0,
    }


def _torch(module: Any) -> Details:
    usable = bool(module.cuda.is_available())
    return {"cuda": module.version.cuda, "gpus": module.cuda.device_count() if usable else 0}


def _av(module: Any) -> Details:
    codec = import_module("av.codec").Codec
    formats = {name for names in module.formats_available for name in names.split(",")}
    return {
        "decoders": [name for name in VIDEO_DECODERS if _has(codec, name, "r")],
        "encoders": [name for name in ENCODERS if _has(codec, name, "w")],
        "containers": [name for name in CONTAINERS if name in formats],
    }


def _has(codec: Callable[[str, str], object], name: str, mode: str) -> bool:
    try:
        codec(name, mode)
    except ValueError:
        return False
    return True


DETAILS: Mapping[str, Callable[[Any], Details]] = {
    "onnxruntime": _onnxruntime,
    "faiss": _faiss,
    "torch": _torch,
    "av": _av,
}


def examine(name: str) -> dict[str, Any]:
    """Import a module; return its version and details, or the error."""
    try:
        module = import_module(name)
        details = DETAILS[name](module) if name in DETAILS else {}
    except Exception as error:  # noqa: BLE001 (broken libraries raise any exception)
        return {
            "error": one_line(error, with_type=True),
            "missing": missing_module(error),
            "shared_library": missing_shared_library(error),
        }
    return {"version": getattr(module, "__version__", None), "details": details}


def main(names: list[str]) -> None:
    """Examine modules and print one line before and one after each import."""
    # Libraries print notes while they are loaded; only our lines go to the original output.
    output, sys.stdout = sys.stdout, sys.stderr
    for name in names:
        for line in ({"begin": name}, {"end": name, **examine(name)}):
            output.write(json.dumps(line) + "\n")
            output.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
