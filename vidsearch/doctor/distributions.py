"""Installed distributions: several builds of one module, and requirements that are not met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata

from vidsearch.doctor.findings import Requirement, TwoBuilds, two_builds

_MODULES = ("cv2", "faiss", "onnxruntime")
"""Modules that several distributions hold."""

_REPLACED_BY: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime-gpu",),
    "faiss-cpu": ("faiss-gpu-cu12",),
}
"""Requirement -> distributions that fulfil it with another build."""


def builds(installed: Mapping[str, list[str]] | None = None) -> list[TwoBuilds]:
    """Return a finding for each module that several distributions hold.

    Args:
        installed: Top-level module -> distributions; None: those of this interpreter.
    """
    holders = installed if installed is not None else metadata.packages_distributions()
    found = {module: tuple(sorted(set(holders.get(module, [])))) for module in _MODULES}
    return [two_builds(module, names) for module, names in found.items() if len(names) > 1]


def requirements(texts: Iterable[str] | None = None) -> list[Requirement]:
    """Return the requirements of vidsearch that are not met by any installed version.

    Args:
        texts: Requirements; None: those of the installed vidsearch.
    """
    try:
        from packaging.requirements import Requirement as Parsed
    except ImportError:  # the library that reads requirements is one of them
        return []
    if texts is None:
        try:
            texts = metadata.requires("vidsearch") or ()
        except metadata.PackageNotFoundError:
            texts = ()
    findings = []
    for text in texts:
        parsed = Parsed(text)
        if parsed.marker is not None and not parsed.marker.evaluate({"extra": ""}):
            continue
        names = (parsed.name, *_REPLACED_BY.get(parsed.name, ()))
        versions = [version for version in map(_version, names) if version is not None]
        if any(parsed.specifier.contains(version, prereleases=True) for version in versions):
            continue
        plain = f"{parsed.name}{parsed.specifier}"
        findings.append(
            Requirement(
                level="warning",
                command=f"pip install '{plain}'",
                requirement=plain,
                installed=versions[0] if versions else None,
            )
        )
    return findings


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
