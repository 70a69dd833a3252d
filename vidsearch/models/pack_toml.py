"""``pack.toml``: description of a model pack, written by the trainer or by hand, read strictly.

Full format (``#`` marks optional fields)::

    format = 1
    name = "my-faces"
    version = "2025-01"
    licence = "Apache-2.0"
    licence_url = "https://www.apache.org/licenses/LICENSE-2.0"
    licence_notes = ""                       #
    commercial_use = true

    [detector]
    kind = "centerface"                      # or "scrfd" with: file = "detector.onnx"

    [embedder]
    kind = "onnx"                            # or "arcface": normalised by the insightface package
    file = "embedder.onnx"
    dim = 512
    template = "arcface_112"                 # or "dlib_150", or a table: name, size, points
    mirror = true
    normalisation = {mean = [127.5, 127.5, 127.5], std = [127.5, 127.5, 127.5], channels = "rgb"}

    [calibration]
    slope = 25.0
    intercept = -9.0
    fitted_on = "name of the labelled pairs"
    pairs = 3000
    genuine_share = 0.5                      #
    checked_on = "name of other pairs"       #
    expected_calibration_error = 0.01        #

    [[files]]
    name = "embedder.onnx"
    sha256 = "64 hexadecimal digits"
    size_bytes = 174383860
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import msgspec

from vidsearch.errors import ConfigError, PackFormatError, PackNotFoundError
from vidsearch.faces.geometry.align import TEMPLATES, AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import (
    DetectorKind,
    DetectorSpec,
    EmbedderKind,
    EmbedderSpec,
    ModelPack,
    PackFile,
    sha256_of,
)
from vidsearch.models.strict_toml import convert
from vidsearch.storage.files import write_atomically
from vidsearch.text.parse import read_toml
from vidsearch.text.printable import first_line

FORMAT = 1
PACK_TOML = "pack.toml"
# A pack description has a few hundred bytes; a larger file is not a pack description.
MAX_TOML_BYTES = 1 << 20

Triple = tuple[float, float, float]
Point = tuple[float, float]


class _Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Table of ``pack.toml``: no unknown field, no missing field, no converted type."""


class _Detector(_Strict):
    kind: str
    file: str | None = None


class _Template(_Strict):
    name: str
    size: int
    points: tuple[Point, Point, Point, Point, Point]


class _Normalisation(_Strict):
    mean: Triple
    std: Triple
    channels: str


class _Embedder(_Strict):
    kind: str
    file: str
    dim: int
    template: str | _Template
    mirror: bool
    normalisation: _Normalisation


class _Calibration(_Strict):
    slope: float
    intercept: float
    fitted_on: str
    pairs: int
    genuine_share: float = 0.5
    checked_on: str = ""
    expected_calibration_error: float | None = None


class _File(_Strict):
    name: str
    sha256: str
    size_bytes: int


class _Pack(_Strict):
    format: int
    name: str
    version: str
    licence: str
    licence_url: str
    commercial_use: bool
    detector: _Detector
    embedder: _Embedder
    calibration: _Calibration
    files: list[_File]
    licence_notes: str = ""


class _Format(msgspec.Struct):
    format: int


def read_pack(folder: Path) -> ModelPack:
    """Read ``folder/pack.toml``; :func:`verify_pack` checks the other files.

    Raises:
        PackNotFoundError: There is no ``pack.toml`` in that folder.
        PackFormatError: The file is malformed; the message states field, rule and value.
    """
    path = folder / PACK_TOML
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise PackNotFoundError(
            f"pack {folder}: {PACK_TOML} cannot be read ({error.strerror}); name a folder with "
            f"a {PACK_TOML}"
        ) from error
    if len(raw) > MAX_TOML_BYTES:
        raise PackFormatError(f"pack {folder}: {PACK_TOML} is larger than {MAX_TOML_BYTES} bytes")
    try:
        return _pack(_parsed(raw))
    except (PackFormatError, ConfigError) as error:
        raise PackFormatError(f"pack {folder}: {error}; correct {PACK_TOML}") from error


def verify_pack(pack: ModelPack, folder: Path) -> None:
    """Check every file of a pack against its stated size and sha256.

    Raises:
        PackNotFoundError: A file is missing.
        PackVerifyError: A file differs from the pack's statement.
    """
    for file in pack.files:
        file.verify(folder / file.name, pack=pack.name)


def describe_file(path: Path) -> PackFile:
    """Return the entry of an existing file: name, sha256 and size."""
    return PackFile(
        name=path.name, sha256=sha256_of(path, pack=path.name), size_bytes=path.stat().st_size
    )


def write_pack(pack: ModelPack, folder: Path) -> Path:
    """Write ``folder/pack.toml`` beside existing files and return its path.

    Raises:
        PackFormatError: The pack could not be read back: a file has no sha256 or size, or a part is
            reserved for built-in packs.
        PackNotFoundError: A file is missing.
        PackVerifyError: A file differs from the pack's statement.
    """
    text = to_toml(pack)
    try:
        _pack(read_toml(text))
    except (PackFormatError, ConfigError) as error:
        raise PackFormatError(f"pack {pack.name} cannot be written: {error}") from error
    verify_pack(pack, folder)
    path = folder / PACK_TOML
    write_atomically(path, text.encode())
    return path


def to_toml(pack: ModelPack) -> str:
    """Return the text of a pack's ``pack.toml``."""
    embedder = pack.embedder
    template: object = embedder.template.name
    if TEMPLATES.get(embedder.template.name) != embedder.template:
        template = {
            "name": embedder.template.name,
            "size": embedder.template.size,
            "points": embedder.template.points,
        }
    top = {
        "format": FORMAT,
        "name": pack.name,
        "version": pack.version,
        "licence": pack.licence,
        "licence_url": pack.licence_url,
        "licence_notes": pack.licence_notes,
        "commercial_use": pack.commercial_use,
    }
    sections: list[tuple[str, dict[str, object]]] = [
        ("[detector]", {"kind": pack.detector.kind, "file": pack.detector.file}),
        (
            "[embedder]",
            {
                "kind": embedder.kind,
                "file": embedder.file,
                "dim": embedder.dim,
                "template": template,
                "mirror": embedder.mirror,
                "normalisation": {
                    "mean": embedder.normalisation.mean,
                    "std": embedder.normalisation.std,
                    "channels": embedder.normalisation.channels,
                },
            },
        ),
        ("[calibration]", asdict(pack.calibration)),
    ]
    sections += [
        ("[[files]]", {"name": f.name, "sha256": f.sha256, "size_bytes": f.size_bytes})
        for f in pack.files
    ]
    blocks = [_lines(top)] + [f"{header}\n{_lines(fields)}" for header, fields in sections]
    return "\n\n".join(blocks) + "\n"


def _lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {_value(v)}" for key, v in fields.items() if v is not None)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        # TOML has the escapes of JSON, but also forbids an unescaped DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        return read_toml(raw.decode("utf-8"))
    except ValueError as error:
        raise PackFormatError(f"not valid TOML ({first_line(error)})") from error


def _pack(document: dict[str, Any]) -> ModelPack:
    version = convert(document, _Format).format
    if version != FORMAT:
        raise PackFormatError(
            f"format must be {FORMAT} for this vidsearch; got {version}; upgrade vidsearch"
        )
    pack = convert(document, _Pack)
    return ModelPack(
        name=pack.name,
        version=pack.version,
        licence=pack.licence,
        licence_url=pack.licence_url,
        licence_notes=pack.licence_notes,
        commercial_use=pack.commercial_use,
        detector=DetectorSpec(
            kind=cast("DetectorKind", pack.detector.kind),  # checked by the class
            file=pack.detector.file,
        ),
        embedder=_embedder(pack.embedder),
        calibration=Calibration(**msgspec.structs.asdict(pack.calibration)),
        files=tuple(_file(file) for file in pack.files),
    )


def _embedder(embedder: _Embedder) -> EmbedderSpec:
    if embedder.kind == "dlib_resnet":
        raise PackFormatError("embedder.kind dlib_resnet is built in; export the network as onnx")
    return EmbedderSpec(
        kind=cast("EmbedderKind", embedder.kind),  # checked by the class
        file=embedder.file,
        dim=embedder.dim,
        template=_template(embedder.template),
        normalisation=Normalisation(**msgspec.structs.asdict(embedder.normalisation)),
        mirror=embedder.mirror,
    )


def _template(template: str | _Template) -> AlignmentTemplate:
    if isinstance(template, _Template):
        return AlignmentTemplate(**msgspec.structs.asdict(template))
    if template not in TEMPLATES:
        raise PackFormatError(
            f"embedder.template must be one of {', '.join(sorted(TEMPLATES))}, or a table with "
            f"name, size and points; got {template!r}"
        )
    return TEMPLATES[template]


def _file(file: _File) -> PackFile:
    if not file.sha256:
        raise PackFormatError("files.sha256 must be 64 lower-case hexadecimal digits; got nothing")
    return PackFile(name=file.name, sha256=file.sha256, size_bytes=file.size_bytes)
