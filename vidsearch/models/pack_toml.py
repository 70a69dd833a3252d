"""``pack.toml``: a pack as a folder, written by the trainer or by hand, read strictly.

The format, in full (``#`` marks what may be left out)::

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
    fitted_on = "which labelled pairs"
    pairs = 3000
    genuine_share = 0.5                      #
    checked_on = "which other pairs"         #
    expected_calibration_error = 0.01        #

    [[files]]
    name = "embedder.onnx"
    sha256 = "64 hexadecimal digits"
    size_bytes = 174383860
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError, PackFormatError, PackNotFoundError
from vidsearch.faces.geometry.align import TEMPLATES, AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.calibration import Calibration
from vidsearch.models.pack import DetectorSpec, EmbedderSpec, ModelPack, PackFile, sha256_of
from vidsearch.models.toml_table import Table
from vidsearch.storage.files import write_atomically

FORMAT = 1
PACK_TOML = "pack.toml"
# A description is a few hundred bytes; anything larger is not one.
MAX_TOML_BYTES = 1 << 20


def read_pack(folder: Path) -> ModelPack:
    """Read ``folder/pack.toml``; the other files are looked at by :func:`verify_pack`.

    Raises:
        PackNotFoundError: There is no ``pack.toml`` in that folder.
        PackFormatError: It is malformed; the message names the field and the rule.
    """
    path = folder / PACK_TOML
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_TOML_BYTES + 1)
    except OSError as error:
        raise PackNotFoundError(
            f"pack {folder}: {PACK_TOML} cannot be read ({error.strerror}); give a folder that "
            f"holds one"
        ) from error
    if len(raw) > MAX_TOML_BYTES:
        raise PackFormatError(f"pack {folder}: {PACK_TOML} is larger than {MAX_TOML_BYTES} bytes")
    try:
        return _pack(Table(_parsed(raw)))
    except (PackFormatError, ConfigError) as error:
        raise PackFormatError(f"pack {folder}: {error}; correct {PACK_TOML}") from error


def verify_pack(pack: ModelPack, folder: Path) -> None:
    """Check every file of a pack against its stated size and sha256.

    Raises:
        PackNotFoundError: A file is missing.
        PackVerifyError: A file is not the one the pack states.
    """
    for file in pack.files:
        file.verify(folder / file.name, pack=pack.name)


def describe_file(path: Path) -> PackFile:
    """Return the entry of an existing file: its name, sha256 and size."""
    return PackFile(
        name=path.name, sha256=sha256_of(path, pack=path.name), size_bytes=path.stat().st_size
    )


def write_pack(pack: ModelPack, folder: Path) -> Path:
    """Write ``folder/pack.toml`` beside files that are already there, and return its path.

    Raises:
        PackFormatError: The pack could not be read back: a file without sha256 or size, or a part
            that only built-in packs may have.
        PackNotFoundError: A file is missing.
        PackVerifyError: A file is not the one the pack states.
    """
    text = to_toml(pack)
    try:
        _pack(Table(tomllib.loads(text)))
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
        ("[calibration]", _calibration_fields(pack.calibration)),
    ]
    sections += [
        ("[[files]]", {"name": f.name, "sha256": f.sha256, "size_bytes": f.size_bytes})
        for f in pack.files
    ]
    blocks = [_lines(top)] + [f"{header}\n{_lines(fields)}" for header, fields in sections]
    return "\n\n".join(blocks) + "\n"


def _calibration_fields(calibration: Calibration) -> dict[str, object]:
    return {
        "slope": calibration.slope,
        "intercept": calibration.intercept,
        "fitted_on": calibration.fitted_on,
        "pairs": calibration.pairs,
        "genuine_share": calibration.genuine_share,
        "checked_on": calibration.checked_on,
        "expected_calibration_error": calibration.expected_calibration_error,
    }


def _lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {_value(v)}" for key, v in fields.items() if v is not None)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but TOML also forbids a bare DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value)


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad TOML, endless digits or brackets
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PackFormatError(f"not valid TOML ({reason})") from error


def _pack(top: Table) -> ModelPack:
    found = top.integer("format")
    if found != FORMAT:
        raise PackFormatError(
            f"format {found} is not known here (this vidsearch reads {FORMAT}); upgrade vidsearch"
        )
    pack = ModelPack(
        name=top.text("name"),
        version=top.text("version"),
        licence=top.text("licence"),
        licence_url=top.text("licence_url"),
        licence_notes=top.text("licence_notes", ""),
        commercial_use=top.flag("commercial_use"),
        detector=_detector(top.table("detector")),
        embedder=_embedder(top.table("embedder")),
        calibration=_calibration(top.table("calibration")),
        files=tuple(_file(table) for table in top.tables("files")),
    )
    top.finish()
    return pack


def _detector(table: Table) -> DetectorSpec:
    spec = DetectorSpec(kind=table.text("kind"), file=table.text("file", None))  # type: ignore[arg-type]
    table.finish()
    return spec


def _embedder(table: Table) -> EmbedderSpec:
    kind = table.text("kind")
    if kind == "dlib_resnet":
        raise PackFormatError("embedder.kind dlib_resnet is built in; export the network as onnx")
    spec = EmbedderSpec(
        kind=kind,  # type: ignore[arg-type]  # checked by the spec itself
        file=table.text("file"),
        dim=table.integer("dim"),
        template=_template(table),
        normalisation=_normalisation(table.table("normalisation")),
        mirror=table.flag("mirror"),
    )
    table.finish()
    return spec


def _template(embedder: Table) -> AlignmentTemplate:
    if embedder.holds_table("template"):
        table = embedder.table("template")
        template = AlignmentTemplate(
            name=table.text("name"), size=table.integer("size"), points=table.points("points")
        )
        table.finish()
        return template
    name = embedder.text("template")
    if name not in TEMPLATES:
        raise PackFormatError(
            f"embedder.template must be one of {', '.join(sorted(TEMPLATES))}, or a table with "
            f"name, size and points; got {name!r}"
        )
    return TEMPLATES[name]


def _normalisation(table: Table) -> Normalisation:
    normalisation = Normalisation(
        mean=table.triple("mean"),
        std=table.triple("std"),
        channels=table.text("channels"),  # type: ignore[arg-type]  # checked by the class itself
    )
    table.finish()
    return normalisation


def _calibration(table: Table) -> Calibration:
    calibration = Calibration(
        slope=table.number("slope"),
        intercept=table.number("intercept"),
        fitted_on=table.text("fitted_on"),
        pairs=table.integer("pairs"),
        genuine_share=table.number("genuine_share", 0.5),
        checked_on=table.text("checked_on", ""),
        expected_calibration_error=table.number("expected_calibration_error", None),
    )
    table.finish()
    return calibration


def _file(table: Table) -> PackFile:
    sha256 = table.text("sha256")
    if not sha256:
        raise PackFormatError("files.sha256 must be 64 lower-case hexadecimal digits; got nothing")
    file = PackFile(name=table.text("name"), sha256=sha256, size_bytes=table.integer("size_bytes"))
    table.finish()
    return file
