"""Findings of the examination: one type for each check, with a level and the command that mends it.

``fault``: the main job, indexing and searching, cannot run. ``warning``: something asked for or
expected is not usable. ``ok``: nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from vidsearch.libraries import command_for, library_command

Level: TypeAlias = Literal["ok", "warning", "fault"]

_GPU_BUILDS = {
    "onnxruntime": "pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "faiss": "pip install faiss-gpu-cu12",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of one check.

    Attributes:
        level: Severity.
        command: Command that mends it; None if nothing is to do or no command does.
    """

    code: ClassVar[str]
    level: Level = "ok"
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Library(Finding):
    """One module.

    Attributes:
        module: Import name.
        required: True if the main job needs it.
        version: Its version; None if it cannot be imported or states none.
        error: Exception of the import; None if it was imported.
        missing: Module that is not installed; None for other errors.
        shared_library: Library of the system that is missing; None for other errors.
    """

    code: ClassVar[str] = "library"
    module: str
    required: bool
    version: str | None = None
    error: str | None = None
    missing: str | None = None
    shared_library: str | None = None


def library(
    module: str,
    *,
    required: bool,
    version: str | None = None,
    error: str | None = None,
    missing: str | None = None,
    shared_library: str | None = None,
) -> Library:
    """Return the finding of one module; see ``Library``."""
    level: Level = "ok"
    command = None
    # A module that is optional and not installed is no warning: nobody asked for it.
    if error is not None and (required or missing is None):
        level = "fault" if required else "warning"
        command = (
            library_command(module, shared_library)
            if shared_library is not None
            else command_for(missing.split(".")[0] if missing is not None else module)
        )
    return Library(
        level=level,
        command=command,
        module=module,
        required=required,
        version=version,
        error=error,
        missing=missing,
        shared_library=shared_library,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoBuilds(Finding):
    """Several distributions whose files overwrite each other.

    Attributes:
        module: Import name that they share.
        distributions: Their names.
    """

    code: ClassVar[str] = "two-builds"
    module: str
    distributions: tuple[str, ...]


def two_builds(module: str, distributions: tuple[str, ...]) -> TwoBuilds:
    """Return the finding of a module with several distributions.

    The GPU build is kept where there is one: nobody installs it by accident.
    """
    if module == "cv2":
        return TwoBuilds(
            level="warning",
            command=command_for("cv2"),
            module=module,
            distributions=distributions,
        )
    has_gpu = any("gpu" in name for name in distributions)
    install = _GPU_BUILDS.get(module) if has_gpu else None
    command = (
        f"pip uninstall --yes {' '.join(distributions)} && "
        f"{install if install is not None else f'pip install {distributions[0]}'}"
    )
    return TwoBuilds(level="warning", command=command, module=module, distributions=distributions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement(Finding):
    """A requirement of vidsearch's metadata that is not met.

    Attributes:
        requirement: Text of the requirement.
        installed: Installed version; None if it is missing.
    """

    code: ClassVar[str] = "requirement"
    requirement: str
    installed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices(Finding):
    """GPUs that the driver shows, and who can use them.

    Attributes:
        driver_gpus: GPUs that the NVIDIA driver shows.
        providers: Execution providers of ONNX Runtime.
        faiss_gpus: GPUs that FAISS can use.
        torch_gpus: GPUs that PyTorch can use; None without PyTorch.
    """

    code: ClassVar[str] = "devices"
    driver_gpus: int
    providers: tuple[str, ...]
    faiss_gpus: int
    torch_gpus: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSupport(Finding):
    """Abilities of the FFmpeg libraries in PyAV.

    Attributes:
        decoders: Video decoders that are there.
        encoders: Encoders of clips that are there.
        containers: Container formats that are there.
        missing: Expected names that are not there.
    """

    code: ClassVar[str] = "video"
    decoders: tuple[str, ...]
    encoders: tuple[str, ...]
    containers: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Finding):
    """Cores and memory that the process may use.

    Attributes:
        cores: Usable cores.
        cpu_limit: CPU limit of the container, cores; None without one.
        memory_bytes: Memory of the machine; None if unknown.
        memory_limit_bytes: Limit of the container or the process; None without one.
    """

    code: ClassVar[str] = "machine"
    cores: int
    cpu_limit: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(Finding):
    """A folder that vidsearch writes to.

    Attributes:
        role: ``cache`` or ``temporary``.
        path: The folder.
        error: Reason why it cannot be written; None if it can.
    """

    code: ClassVar[str] = "folder"
    role: Literal["cache", "temporary"]
    path: str
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(Finding):
    """A model pack.

    Attributes:
        name: Name of the pack.
        installed: True if its files are on this machine.
        verified: True if every file has the stated hash.
        problem: Reason; empty if verified.
    """

    code: ClassVar[str] = "pack"
    name: str
    installed: bool
    verified: bool
    problem: str
