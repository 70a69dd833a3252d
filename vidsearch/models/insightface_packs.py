"""Packs of the InsightFace project: contents, location and download.

Their weights are for non-commercial research only; loading a pack logs this. The ``insightface``
package keeps packs in ``<root>/models/<name>``. A pack is downloaded only when it is loaded,
and the download is logged. Files get their final names after all of them are complete.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vidsearch.errors import PackFormatError, PackNotFoundError
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.faces.normalisation import Normalisation
from vidsearch.libraries import needed
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import DetectorSpec, EmbedderSpec, ModelPack, PackFile, sha256_of
from vidsearch.text.printable import first_line

log = logging.getLogger(__name__)

LICENCE = "non-commercial research only (InsightFace)"
LICENCE_URL = "https://github.com/deepinsight/insightface#license"
DIM = 512

# Source: files of the project's model-zoo release; sha256 as pinned by several other projects.
_DET_500M = PackFile(
    name="det_500m.onnx",
    sha256="5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
)
_DET_2_5G = PackFile(
    name="det_2.5g.onnx",
    sha256="041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
)
_DET_10G = PackFile(
    name="det_10g.onnx",
    sha256="5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
)
_SCRFD_10G = PackFile(name="scrfd_10g_bnkps.onnx", sha256=_DET_10G.sha256)
_W600K_MBF = PackFile(
    name="w600k_mbf.onnx",
    sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
)
_W600K_R50 = PackFile(
    name="w600k_r50.onnx",
    sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
)
_GLINTR100 = PackFile(
    name="glintr100.onnx",
    sha256="4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
)

# Detector and embedder of each pack; its other files (age, dense landmarks) are not read.
_FILES = {
    "buffalo_s": (_DET_500M, _W600K_MBF),
    "buffalo_m": (_DET_2_5G, _W600K_R50),
    "buffalo_l": (_DET_10G, _W600K_R50),
    "antelopev2": (_SCRFD_10G, _GLINTR100),
}
# Packs with a manifest that names their files and hashes.
_WITH_MANIFEST = ("raccoon_s", "raccoon_l")

NAMES = (*_FILES, *_WITH_MANIFEST)

# Not fitted: no labelled pairs could be scored with these weights. Midpoint: cosine distance 0.55,
# the threshold that the DeepFace project publishes for buffalo_l.
PROVISIONAL = Calibration(
    slope=20.0,
    intercept=-9.0,
    fitted_on="provisional, not fitted: similarity 0.45 taken as even odds",
    pairs=0,
)


@dataclass(frozen=True, slots=True)
class InsightFacePack:
    """Pack whose files are on this machine.

    Attributes:
        pack: Description of the pack.
        paths: Path of each file, by name.
        without_sha256: Files without a published sha256; the hash of the local file is used.
    """

    pack: ModelPack
    paths: dict[str, Path]
    without_sha256: tuple[str, ...] = ()

    def verify(self) -> None:
        """Check every file against its stated sha256.

        Raises:
            PackVerifyError: A file differs from the published one.
        """
        for file in self.pack.files:
            file.verify(self.paths[file.name], pack=self.pack.name)


def folder_of(name: str, root: Path) -> Path:
    """Return the folder in which the ``insightface`` package keeps a pack."""
    return root / "models" / name


def describe(name: str) -> ModelPack | None:
    """Return the description of a pack; None if only the pack's manifest contains it."""
    if name in _WITH_MANIFEST:
        return None
    detector, embedder = _FILES[name]
    scale = Normalisation(mean=(127.5,) * 3, std=(127.5,) * 3)
    return _pack(name, detector, embedder, DIM, scale)


def locate(name: str, root: Path) -> InsightFacePack:
    """Return a pack found on this machine, without a download.

    Raises:
        PackNotFoundError: A file is missing; the message names file and folder.
        PackFormatError: The pack's manifest is malformed.
    """
    folder = _model_folder(folder_of(name, root), name)
    pack = describe(name)
    if pack is None:
        return _locate_by_manifest(name, folder, root)
    missing = [file.name for file in pack.files if not (folder / file.name).is_file()]
    if missing:
        raise PackNotFoundError(_missing_message(name, root, " and ".join(missing)))
    return InsightFacePack(pack, {file.name: folder / file.name for file in pack.files})


def obtain(name: str, root: Path, *, download: bool) -> InsightFacePack:
    """Return a pack, downloaded if files are missing and a download is allowed.

    Raises:
        PackNotFoundError: Files are missing, and the download failed or is not allowed.
        PackFormatError: The pack's manifest is malformed.
        InstallationError: Files are missing, and so is the package that downloads them.
    """
    try:
        return locate(name, root)
    except PackNotFoundError:
        if not download:
            raise
    with needed("insightface"):
        from insightface.utils.storage import ensure_available
    log.warning("downloading pack %s into %s; weights for %s", name, folder_of(name, root), LICENCE)
    try:
        _fetch(name, root, ensure_available)
    except Exception as error:  # any error of network, archive or disk
        raise PackNotFoundError(
            f"{_missing_message(name, root, 'its files')} "
            f"(the download failed: {first_line(error)})"
        ) from error
    return locate(name, root)


@cache
def log_licence(name: str) -> None:
    """Log the permitted use of a pack's weights, once per process."""
    log.warning("pack %s: weights for %s; see %s", name, LICENCE, LICENCE_URL)


def _pack(
    name: str, detector: PackFile, embedder: PackFile, dim: int, scale: Normalisation
) -> ModelPack:
    return ModelPack(
        name=name,
        version="1",
        licence=LICENCE,
        licence_url=LICENCE_URL,
        licence_notes="a licence bought from InsightFace may allow more",
        commercial_use=False,
        detector=DetectorSpec(kind="scrfd", file=detector.name),
        embedder=EmbedderSpec(
            kind="arcface",
            file=embedder.name,
            dim=dim,
            template=ARCFACE_112,
            normalisation=scale,
            mirror=True,
        ),
        calibration=PROVISIONAL,
        files=(detector, embedder),
    )


def _locate_by_manifest(name: str, folder: Path, root: Path) -> InsightFacePack:
    if not (folder / "manifest.json").is_file():
        raise PackNotFoundError(_missing_message(name, root, "manifest.json and its files"))
    with needed("insightface"):
        from insightface.model_zoo.package_manifest import load_model_package

    try:
        package = load_model_package(folder)
        detection, recognition = package.task("detection"), package.task("recognition")
        size = tuple(recognition.metadata["input_size"])
    except (OSError, TypeError, ValueError) as error:
        raise PackFormatError(
            f"pack {name}: {folder / 'manifest.json'} is malformed ({error}); unpack it again"
        ) from error
    if size != (ARCFACE_112.size, ARCFACE_112.size):
        raise PackFormatError(f"pack {name}: aligned faces must be 112 x 112 pixels; got {size}")
    files, paths, without_sha256 = [], {}, []
    for task in (detection, recognition):
        if not task.path.is_file():
            raise PackNotFoundError(_missing_message(name, root, task.file))
        # The embedder's hash names the vector space; without a stated hash it is computed.
        sha256 = task.sha256
        if sha256 is None:
            sha256 = sha256_of(task.path, pack=name)
            without_sha256.append(task.path.name)
        files.append(PackFile(name=task.path.name, sha256=sha256))
        paths[task.path.name] = task.path
    scale = recognition.metadata["preprocessing"]
    mean, std = (0.0, 1.0) if isinstance(scale, str) else (scale["mean"], scale["std"])
    pack = _pack(
        name,
        files[0],
        files[1],
        recognition.metadata["embedding_dimension"],
        Normalisation(mean=(mean,) * 3, std=(std,) * 3),
    )
    return InsightFacePack(pack, paths, tuple(without_sha256))


def _model_folder(folder: Path, name: str) -> Path:
    """Return the folder with the files, which is a sub-folder in some archives."""
    inner = folder / name
    holds_models = any(folder.glob("*.onnx")) or (folder / "manifest.json").is_file()
    return inner if inner.is_dir() and not holds_models else folder


def _missing_message(name: str, root: Path, files: str) -> str:
    return (
        f"pack {name}: {files} must be in {folder_of(name, root)}; unpack {name}.zip from "
        "https://github.com/deepinsight/insightface/releases/tag/model-zoo there"
    )


def _fetch(name: str, root: Path, ensure_available: Callable[..., str]) -> None:
    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=models) as staging:
        with redirect_stdout(sys.stderr):  # insightface prints; stdout is reserved for results
            downloaded = Path(ensure_available("models", name, root=staging))
        source, target = _model_folder(downloaded, name), folder_of(name, root)
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            final = target / path.relative_to(source)
            final.parent.mkdir(parents=True, exist_ok=True)
            path.replace(final)
