"""All checks of an installation."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from vidsearch.doctor.distributions import builds, requirements
from vidsearch.doctor.findings import Finding, Folder, Level, Pack
from vidsearch.doctor.imports import devices, import_all, video_support
from vidsearch.doctor.machine import folder, machine


def examine() -> list[Finding]:
    """Run every check; a check whose own libraries are missing is left out.

    Nothing is downloaded, and nothing is written but a temporary file in each folder.
    """
    imports = import_all()
    usable = {entry.module for entry in imports.libraries if entry.error is None}
    # The headless files lie on top, as the command for two builds of OpenCV leaves them.
    mixed = [found for found in builds() if found.module != "cv2" or "cv2" not in usable]
    findings: list[Finding] = [*imports.libraries, *mixed]
    if "numpy" not in usable:
        return [*findings, *requirements(), machine(), _temporary_folder()]
    from vidsearch.device import ONNX_GPU_COMMAND, driver_gpus
    from vidsearch.models.registry import ModelHome

    video = video_support(imports)
    return [
        *findings,
        *requirements(),
        devices(imports, driver_gpus(), ONNX_GPU_COMMAND),
        *([video] if video is not None else []),
        machine(),
        folder("cache", ModelHome.from_environment().cache_dir),
        _temporary_folder(),
        *packs(),
    ]


def _temporary_folder() -> Folder:
    try:
        return folder("temporary", Path(tempfile.gettempdir()))
    except FileNotFoundError:  # Python tried several folders
        return folder("temporary", Path("/tmp"))  # noqa: S108 (only named)


def packs() -> list[Pack]:
    """Return the findings about the built-in packs; only ``open`` is needed."""
    from vidsearch.models.open_pack import OPEN
    from vidsearch.models.registry import list_packs

    return [
        Pack(
            level=_pack_level(status.name == OPEN.name, status.installed, status.verified),
            command=(
                "pip install --force-reinstall --no-deps face_recognition_models==0.3.0"
                if status.name == OPEN.name and not status.verified
                else None
            ),
            name=status.name,
            installed=status.installed,
            verified=status.verified,
            problem=status.problem,
        )
        for status in list_packs()
    ]


def _pack_level(needed: bool, installed: bool, verified: bool) -> Level:
    if verified:
        return "ok"
    if needed:
        return "fault"
    return "warning" if installed else "ok"


def main_job_runs(findings: Sequence[Finding]) -> bool:
    """Return True if videos can be indexed and searched."""
    return all(finding.level != "fault" for finding in findings)
