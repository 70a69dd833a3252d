"""Model packs by name or folder: listing, describing, checking and loading them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsearch.errors import (
    ConfigError,
    InstallationError,
    ModelError,
    PackFormatError,
    PackNotFoundError,
    PackVerifyError,
    VidsearchError,
)
from vidsearch.libraries import needed
from vidsearch.models import insightface_packs
from vidsearch.models.calibration import Calibration
from vidsearch.models.open_pack import OPEN, centerface_onnx, dlib_resnet_onnx, verified_file
from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import PACK_TOML, read_pack, verify_pack
from vidsearch.storage.user_folders import cache_folder, home_folder
from vidsearch.text.printable import quoted
from vidsearch.video.source import local_path

if TYPE_CHECKING:
    from vidsearch.device import Device, Runtime
    from vidsearch.faces.detect.base import Detector
    from vidsearch.faces.embed.base import Embedder

BUILT_IN: Final = (OPEN.name, *insightface_packs.NAMES)
"""Names of the packs that come with vidsearch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHome:
    """Folders of model files on this machine.

    Attributes:
        cache_dir: Converted files; created when needed.
        insightface_root: Folder in which the ``insightface`` package keeps ``models/<name>``.
        download: True if missing InsightFace packs may be downloaded.
    """

    cache_dir: Path
    insightface_root: Path
    download: bool = True

    @staticmethod
    def from_environment() -> ModelHome:
        """Return the user's folders.

        ``VIDSEARCH_CACHE`` replaces the cache folder. No other function reads this variable.
        """
        chosen = os.environ.get("VIDSEARCH_CACHE", "")
        cache = Path(chosen) if chosen else cache_folder()
        home = home_folder()
        return ModelHome(
            cache_dir=cache / "models",
            insightface_root=(home if home is not None else cache) / ".insightface",
        )


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """Pack in memory, for one thread of one process.

    Attributes:
        pack: Description of the pack.
        detector: Detector of faces.
        embedder: Embedder of aligned faces.
    """

    pack: ModelPack
    detector: Detector
    embedder: Embedder

    @property
    def model_id(self) -> str:
        """Name of the vector space."""
        return self.pack.model_id

    @property
    def calibration(self) -> Calibration:
        """Conversion of similarities to probabilities."""
        return self.pack.calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStatus:
    """Installation status of a pack on this machine.

    Attributes:
        name: Name for ``--model``; for a pack of the user, its folder.
        licence: Permitted use of the weights; empty if unknown.
        commercial_use: True if the licence allows commercial use; None if unknown.
        dim: Length of an embedding; None if unknown.
        model_id: Name of the vector space; None if it depends on missing files.
        location: Folder or folders of the files, present or missing.
        installed: True if every file is on this machine.
        verified: True if every file is present and has the stated size and hash.
        problem: Reason why the pack is not verified, one line; empty if it is verified.
    """

    name: str
    licence: str
    commercial_use: bool | None
    dim: int | None
    model_id: str | None
    location: str
    installed: bool
    verified: bool
    problem: str


def pack_reference(pack: str) -> str:
    """Return a pack's entry in a catalog: a built-in name, or the absolute path of a folder."""
    if pack in BUILT_IN:
        return pack
    return os.path.abspath(local_path(pack))  # noqa: PTH100 (keeps links)


def load_pack(
    name_or_path: str,
    device: Device,
    *,
    home: ModelHome | None = None,
    embedder_runtime: Runtime = "onnxruntime",
    announce: bool = True,
) -> LoadedPack:
    """Verify the files of a pack and load its detector and embedder.

    There is no fallback to another pack, device or provider.

    Args:
        name_or_path: Name of a built-in pack, else a folder with ``pack.toml``, as a path or
            ``file:`` URL (``./open`` for a folder with the name of a built-in pack).
        device: Device from ``vidsearch.device.resolve_device``. The detector always runs in ONNX
            Runtime.
        home: Folders of model files; None for the user's folders.
        embedder_runtime: ``torch`` runs the embedder of pack ``open`` as a torch module.
        announce: Log the terms of a restricted licence; False in the workers of a job.

    Raises:
        PackNotFoundError: Unknown name, or missing files.
        PackFormatError: A malformed ``pack.toml``, or a file that contradicts the pack.
        PackVerifyError: A file differs from the pack's statement.
        ModelError: The cache cannot be written.
        DeviceError: The device is not usable.
        ConfigError: ``embedder_runtime`` is not available for this pack.
    """
    home = home if home is not None else ModelHome.from_environment()
    if name_or_path in insightface_packs.NAMES:
        found = insightface_packs.obtain(
            name_or_path, home.insightface_root, download=home.download
        )
        if announce:
            insightface_packs.log_licence(name_or_path)
        found.verify()
        pack, paths = found.pack, found.paths
    elif name_or_path == OPEN.name:
        pack, paths = OPEN, {}
    else:
        folder = local_path(name_or_path)
        pack = _describe_user_pack(name_or_path)
        verify_pack(pack, folder)
        paths = {file.name: folder / file.name for file in pack.files}
    if embedder_runtime == "torch" and pack.embedder.kind != "dlib_resnet":
        raise ConfigError(
            f"embedder_runtime torch is only available for pack open; got pack {pack.name}; "
            "use onnxruntime"
        )
    return LoadedPack(
        pack,
        _detector(pack, paths, device, home),
        _embedder(pack, paths, device, home, embedder_runtime),
    )


def describe_pack(name_or_path: str, home: ModelHome | None = None) -> ModelPack:
    """Return the description of a pack; the weights are not loaded or checked.

    Args:
        name_or_path: See :func:`load_pack`.
        home: Folders of model files; None for the user's folders.

    Raises:
        PackNotFoundError: Unknown name, or no description on this machine.
        PackFormatError: A malformed ``pack.toml``.
    """
    if name_or_path == OPEN.name:
        return OPEN
    if name_or_path in insightface_packs.NAMES:
        described = insightface_packs.describe(name_or_path)
        if described is not None:
            return described
        home = home if home is not None else ModelHome.from_environment()
        return insightface_packs.locate(name_or_path, home.insightface_root).pack
    return _describe_user_pack(name_or_path)


def read_user_pack(folder: Path) -> ModelPack:
    """Read the description of a pack folder.

    Raises:
        PackNotFoundError: The folder has no ``pack.toml``.
        PackFormatError: ``pack.toml`` is malformed, or uses the name of a built-in pack.
    """
    pack = read_pack(folder)
    if pack.name in BUILT_IN:
        raise PackFormatError(
            f"pack {folder}: name {pack.name!r} belongs to a built-in pack; choose another in "
            f"{PACK_TOML}"
        )
    return pack


def list_packs(home: ModelHome | None = None, folders: Sequence[Path] = ()) -> list[PackStatus]:
    """Return the status of the built-in packs, then of the given folders; check all files.

    Nothing is downloaded, converted or loaded.

    Args:
        home: Folders of model files; None for the user's folders.
        folders: Pack folders of the user.
    """
    home = home if home is not None else ModelHome.from_environment()
    statuses = [_open_status()]
    statuses += [_insightface_status(name, home) for name in insightface_packs.NAMES]
    return statuses + [_folder_status(folder) for folder in folders]


def _describe_user_pack(name_or_path: str) -> ModelPack:
    folder = local_path(name_or_path)
    if not (folder / PACK_TOML).is_file():
        raise PackNotFoundError(
            f"model pack {quoted(name_or_path)} is neither built in ({', '.join(BUILT_IN)}) nor a "
            f"folder with {PACK_TOML}; pass one of these"
        )
    return read_user_pack(folder)


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
        with needed("torch"):
            from vidsearch.faces.embed.dlib_resnet import DlibFaceResNet
            from vidsearch.faces.embed.torch import TorchEmbedder

        module = DlibFaceResNet.from_dat(verified_file(pack.file(spec.file)).read_bytes())
        return TorchEmbedder(module, config, device)
    from vidsearch.faces.embed.onnx import OnnxEmbedder

    path = dlib_resnet_onnx(home.cache_dir) if spec.kind == "dlib_resnet" else paths[spec.file]
    return OnnxEmbedder(path, config, device)


def _open_status() -> PackStatus:
    folders: list[str] = []
    first_error: ModelError | None = None
    for file in OPEN.files:
        try:
            folders.append(str(verified_file(file).parent))
        except ModelError as error:
            first_error = first_error if first_error is not None else error
    return _status(OPEN, OPEN.name, ", ".join(folders), first_error)


def _insightface_status(name: str, home: ModelHome) -> PackStatus:
    folder = str(insightface_packs.folder_of(name, home.insightface_root))
    pack = insightface_packs.describe(name)
    try:
        found = insightface_packs.locate(name, home.insightface_root)
        pack = found.pack
        found.verify()
        if found.without_sha256:
            files = ", ".join(found.without_sha256)
            raise PackVerifyError(
                f"pack {name}: its manifest states no sha256 for {files}; these files cannot be "
                "checked"
            )
    except (ModelError, InstallationError) as error:
        return _status(pack, name, folder, error)
    return _status(pack, name, folder, None)


def _folder_status(folder: Path) -> PackStatus:
    pack = None
    try:
        pack = read_user_pack(folder)
        verify_pack(pack, folder)
    except ModelError as error:
        return _status(pack, str(folder), str(folder), error)
    return _status(pack, str(folder), str(folder), None)


def _status(
    pack: ModelPack | None, name: str, location: str, error: VidsearchError | None
) -> PackStatus:
    by_insightface = name in insightface_packs.NAMES
    return PackStatus(
        name=name,
        licence=pack.licence if pack else insightface_packs.LICENCE if by_insightface else "",
        commercial_use=pack.commercial_use if pack else False if by_insightface else None,
        dim=pack.embedder.dim if pack else None,
        model_id=pack.model_id if pack else None,
        location=location,
        installed=not isinstance(error, PackNotFoundError),
        verified=error is None,
        problem=str(error) if error is not None else "",
    )
