"""What must be alike in every process of a run: two versions would mix two kinds of rows."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import to_toml
from vidsearch.version import __version__


@cache
def fingerprint() -> dict[str, str]:
    """Return the versions of what makes a track: ours (and a hash of our code), Python's, ..."""
    return {
        "vidsearch": f"{__version__} (code {_code()})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name) for name in ("distributed", "numpy", "av", "onnxruntime", "torch")},
    }


def pack_identity(pack: ModelPack) -> str:
    """Return a name that packs share only if everything in them is alike.

    The model_id speaks of the embeddings alone; tracks depend on the detector and the calibration.
    """
    digest = hashlib.blake2b(to_toml(pack).encode(), digest_size=4)
    return f"{pack.model_id}.{digest.hexdigest()}"


def differences(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """Return in words what differs; empty where nothing does."""
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')} where the client has {ours[name]}"
        for name in ours
        if theirs.get(name) != ours[name]
    )


def _code() -> str:
    """Return a short hash of our Python files: a checkout changes without its version changing."""
    digest = hashlib.blake2b(digest_size=4)
    for package in ("vidsearch", "pipelines"):
        folder = Path(str(import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
