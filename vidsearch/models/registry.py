"""Packs by name or folder: which there are, and one loaded, ready to find and embed faces."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidsearch.errors import ConfigError, PackNotFoundError
from vidsearch.models import insightface_packs
from vidsearch.models.calibration import Calibration
from vidsearch.models.home import ModelHome
from vidsearch.models.open_pack import OPEN, centerface_onnx, dlib_resnet_onnx, verified_file
from vidsearch.models.own_pack import BUILT_IN, read_own_pack
from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import PACK_TOML, verify_pack
from vidsearch.models.status import PackStatus, list_packs

if TYPE_CHECKING:
    from vidsearch.device import Device, Runtime
    from vidsearch.faces.detect.base import Detector
    from vidsearch.faces.embed.base import Embedder

__all__ = [
    "LoadedPack",
    "ModelHome",
    "PackStatus",
    "describe_pack",
    "lasting_name",
    "list_packs",
    "load_pack",
]


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A pack in memory, for one thread of one process.

    Attributes:
        pack: What it is.
        detector: Finds faces.
        embedder: Embeds aligned faces.
    """

    pack: ModelPack
    detector: Detector
    embedder: Embedder

    @property
    def model_id(self) -> str:
        return self.pack.model_id

    @property
    def calibration(self) -> Calibration:
        return self.pack.calibration


def lasting_name(pack: str) -> str:
    """Return a built-in pack's name unchanged, and a pack's folder as an absolute path."""
    return pack if pack in BUILT_IN else os.path.abspath(pack)  # noqa: PTH100 (keeps links)


def load_pack(
    name_or_path: str,
    device: Device,
    *,
    home: ModelHome | None = None,
    embedder_runtime: Runtime = "onnxruntime",
    announce: bool = True,
) -> LoadedPack:
    """Load a pack: verify its files, then open its detector and embedder.

    Everything is as asked for or an error: no other pack, device or provider steps in.

    Args:
        name_or_path: A built-in pack's name, else a folder with ``pack.toml`` (write ``./open``
            for a folder that is called like a built-in pack).
        device: From ``vidsearch.device.resolve_device``. The detector always runs in ONNX Runtime.
        home: Where model files live; default: the user's own folders.
        embedder_runtime: ``torch`` runs the ``open`` pack's embedder as a torch module.
        announce: Say aloud what a restricted licence allows; workers of one job need not repeat it.

    Raises:
        PackNotFoundError: Unknown name, or files that are missing.
        PackFormatError: A malformed ``pack.toml``, or a file that is not what the pack says.
        PackVerifyError: A file is not the one the pack states.
        ModelError: The cache cannot be written.
        DeviceError: The device is not usable.
        ConfigError: ``embedder_runtime`` is not available for this pack.
    """
    place = home if home is not None else ModelHome.from_environment()
    if name_or_path in insightface_packs.NAMES:
        found = insightface_packs.obtain(
            name_or_path, place.insightface_root, download=place.download
        )
        if announce:
            insightface_packs.say_licence(name_or_path)
        found.verify()
        pack, paths = found.pack, found.paths
    elif name_or_path == OPEN.name:
        pack, paths = OPEN, {}
    else:
        pack, paths = _own_pack(name_or_path)
    if embedder_runtime == "torch" and pack.embedder.kind != "dlib_resnet":
        raise ConfigError(
            f"embedder_runtime torch is only available for pack open; got pack {pack.name}; "
            "use onnxruntime"
        )
    return LoadedPack(
        pack,
        _detector(pack, paths, device, place),
        _embedder(pack, paths, device, place, embedder_runtime),
    )


def describe_pack(name_or_path: str, home: ModelHome | None = None) -> ModelPack:
    """Return what a pack says of itself, without loading or checking its weights.

    Raises:
        PackNotFoundError: Unknown name, or a description that is not on this machine.
        PackFormatError: A malformed ``pack.toml``.
    """
    if name_or_path == OPEN.name:
        return OPEN
    if name_or_path in insightface_packs.NAMES:
        described = insightface_packs.describe(name_or_path)
        if described is not None:
            return described
        place = home if home is not None else ModelHome.from_environment()
        return insightface_packs.locate(name_or_path, place.insightface_root).pack
    return _described_own_pack(name_or_path)


def _own_pack(name_or_path: str) -> tuple[ModelPack, dict[str, Path]]:
    folder = Path(name_or_path)
    pack = _described_own_pack(name_or_path)
    verify_pack(pack, folder)
    return pack, {file.name: folder / file.name for file in pack.files}


def _described_own_pack(name_or_path: str) -> ModelPack:
    folder = Path(name_or_path)
    if not (folder / PACK_TOML).is_file():
        raise PackNotFoundError(
            f"model pack {name_or_path!r} is neither built in ({', '.join(BUILT_IN)}) nor a "
            f"folder with {PACK_TOML}; pass one of these"
        )
    return read_own_pack(folder)


def _detector(pack: ModelPack, paths: dict[str, Path], device: Device, home: ModelHome) -> Detector:
    if pack.detector.file is None:
        from vidsearch.faces.detect.centerface import CenterFaceDetector

        return CenterFaceDetector(centerface_onnx(home.cache_dir), device=device)
    from vidsearch.faces.detect.insightface import ScrfdDetector

    return ScrfdDetector(paths[pack.detector.file], device=device)


def _embedder(
    pack: ModelPack, paths: dict[str, Path], device: Device, home: ModelHome, runtime: Runtime
) -> Embedder:
    spec, config = pack.embedder, pack.embedder_config()
    if spec.kind == "arcface":
        from vidsearch.faces.embed.insightface import ArcFaceEmbedder

        return ArcFaceEmbedder(paths[spec.file], config, device)
    if runtime == "torch":
        from vidsearch.faces.embed.dlib_resnet import DlibFaceResNet
        from vidsearch.faces.embed.torch import TorchEmbedder

        module = DlibFaceResNet.from_dat(verified_file(pack.file(spec.file)).read_bytes())
        return TorchEmbedder(module, config, device)
    from vidsearch.faces.embed.onnx import OnnxEmbedder

    path = dlib_resnet_onnx(home.cache_dir) if spec.kind == "dlib_resnet" else paths[spec.file]
    return OnnxEmbedder(path, config, device)
