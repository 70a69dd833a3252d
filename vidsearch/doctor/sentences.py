"""Findings as sentences, for people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from vidsearch.doctor.findings import (
    Devices,
    Finding,
    Folder,
    Library,
    Machine,
    Pack,
    Requirement,
    TwoBuilds,
    VideoSupport,
)
from vidsearch.text.printable import printable

_LABELS = {"ok": "ok", "warning": "warning", "fault": "FAULT"}


def report(findings: Sequence[Finding]) -> str:
    """Return all findings, one line each with its command, and the verdict."""
    imported = [f for f in findings if isinstance(f, Library) and f.error is None]
    lines = [_line("ok", "libraries: " + ", ".join(map(_name, imported)))] if imported else []
    absent = [f.module for f in findings if isinstance(f, Library) and f.error and f.level == "ok"]
    if absent:
        lines.append(_line("ok", f"not installed, and not needed: {', '.join(absent)}"))
    packs = [f.name for f in findings if isinstance(f, Pack) and f.level == "ok"]
    present = [f.name for f in findings if isinstance(f, Pack) and f.verified]
    for finding in findings:
        if isinstance(finding, Library | Pack) and finding.level == "ok":
            continue
        lines.append(_line(_LABELS[finding.level], sentence(finding)))
        if finding.command is not None:
            lines.append(_line("", f"run: {finding.command}"))
    if packs:
        lines.append(_line("ok", f"packs on this machine: {', '.join(present) or 'none'}"))
    return "\n".join([*lines, "", _verdict(findings)])


def _line(label: str, text: str) -> str:
    return printable(f"{label:8} {text}")


def _name(library: Library) -> str:
    return f"{library.module} {library.version}" if library.version else library.module


def _verdict(findings: Sequence[Finding]) -> str:
    faults = sum(finding.level == "fault" for finding in findings)
    if not faults:
        return "Videos can be indexed and searched."
    return f"Videos cannot be indexed and searched: {faults} fault(s), each named above."


@singledispatch
def sentence(finding: Finding) -> str:
    """Return one finding as a sentence, without its command."""
    raise TypeError(f"no sentence for {type(finding).__name__}")


@sentence.register
def _builds(finding: TwoBuilds) -> str:
    names = " and ".join(finding.distributions)
    return f"{names} share the folder {finding.module} and overwrite each other's files"


@sentence.register
def _requirement(finding: Requirement) -> str:
    state = "it is not" if finding.installed is None else f"{finding.installed} is"
    return f"vidsearch requires {finding.requirement}; {state} installed"


@sentence.register
def _video(finding: VideoSupport) -> str:
    missing = f"; missing: {', '.join(finding.missing)}" if finding.missing else ""
    return (
        f"video: decoders {', '.join(finding.decoders)}; "
        f"containers {', '.join(finding.containers)}{missing}"
    )


@sentence.register
def _folder(finding: Folder) -> str:
    state = "can be written" if finding.error is None else f"cannot be written ({finding.error})"
    return f"{finding.role} folder {finding.path} {state}"


@sentence.register
def _pack(finding: Pack) -> str:
    return finding.problem or f"pack {finding.name}: verified"


@sentence.register
def _library(finding: Library) -> str:
    if finding.error is None:
        return _name(finding)
    if finding.shared_library is not None:
        cause = f"{finding.shared_library} is not on this machine"
    elif finding.missing is not None:
        cause = f"{finding.missing} is not installed"
    else:
        cause = finding.error
    return f"{finding.module} cannot be loaded: {cause}"


@sentence.register
def _devices(finding: Devices) -> str:
    torch = "no PyTorch" if finding.torch_gpus is None else f"PyTorch uses {finding.torch_gpus}"
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in finding.providers)
    unused = ", which the installed ONNX Runtime cannot use" if finding.level == "warning" else ""
    return (
        f"GPUs: the driver shows {finding.driver_gpus}{unused}; FAISS uses {finding.faiss_gpus}; "
        f"{torch}; ONNX Runtime's providers: {providers or 'unknown'}"
    )


@sentence.register
def _machine(finding: Machine) -> str:
    cpu = f" (the container allows {finding.cpu_limit:g})" if finding.cpu_limit is not None else ""
    memory = _gib(finding.memory_bytes)
    limit = (
        f" (limited to {_gib(finding.memory_limit_bytes)})"
        if finding.memory_limit_bytes is not None
        else ""
    )
    need = "; a worker needs 1 GiB" if finding.level == "warning" else ""
    return f"machine: {finding.cores} core(s){cpu}, memory {memory}{limit}{need}"


def _gib(size: int | None) -> str:
    return "unknown" if size is None else f"{size / (1 << 30):.1f} GiB"
