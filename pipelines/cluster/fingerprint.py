"""Versions that must be equal in every process of a run: mixed versions would mix their rows."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from pathlib import Path

import vidsearch
from vidsearch.libraries import load
from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import to_toml
from vidsearch.version import __version__

_LIBRARIES = ("distributed", "numpy", "av", "onnxruntime")
"""Modules whose version determines a track, or how processes talk."""


@cache
def fingerprint() -> dict[str, str]:
    """Return the versions that determine a track: vidsearch, its code, Python and libraries."""
    return {
        "vidsearch": f"{__version__} (code {_code_hash()})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        # Distributions have several names (onnxruntime-gpu); modules have one.
        **{name: str(load(name).__version__) for name in _LIBRARIES},
    }


def pack_identity(pack: ModelPack) -> str:
    """Return a name that only packs with equal content share.

    The ``model_id`` covers the embedder alone; tracks also depend on the detector and the
    calibration.
    """
    digest = hashlib.blake2b(to_toml(pack).encode(), digest_size=4)
    return f"{pack.model_id}.{digest.hexdigest()}"


def differences(client: dict[str, str], worker: dict[str, str]) -> str:
    """Return the versions that differ, as a phrase; empty if all are equal."""
    return ", ".join(
        f"{name} {worker.get(name, 'missing')} where the client has {client[name]}"
        for name in client
        if worker.get(name) != client[name]
    )


def _code_hash() -> str:
    """Return a short hash of the source files: a checkout changes without a new version."""
    digest = hashlib.blake2b(digest_size=4)
    for folder in (Path(str(vidsearch.__file__)).parent, Path(__file__).parents[1]):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
