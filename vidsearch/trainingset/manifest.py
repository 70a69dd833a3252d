"""Manifest of a prepared training set: the file ``trainingset.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import TEMPLATES, AlignmentTemplate
from vidsearch.text.parse import read_json
from vidsearch.text.printable import quoted

FORMAT = 1
MANIFEST = "trainingset.json"
MAX_BYTES = 1 << 20

Part = Literal["train", "held_out"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSetManifest:
    """Content of ``trainingset.json``.

    Attributes:
        name: Short name, stated in packs trained on the set.
        licence: Licence of the faces, as the owner states it; may be empty.
        template: Alignment template of the faces.
        faces: Number of faces in each part.
        identities: Number of identities in each part; parts share no identity.
        made_by: Detector and settings.
    """

    name: str
    licence: str
    template: AlignmentTemplate
    faces: dict[str, int]
    identities: dict[str, int]
    made_by: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            "format": FORMAT,
            "name": self.name,
            "licence": self.licence,
            "template": {
                "name": self.template.name,
                "size": self.template.size,
                "points": [list(point) for point in self.template.points],
            },
            "faces": self.faces,
            "identities": self.identities,
            "made_by": self.made_by,
        }


def find_set_manifest(folder: Path) -> TrainingSetManifest | None:
    """Return the manifest of a training set or of one of its parts; None if there is none.

    Raises:
        TrainingSetError: The manifest is malformed.
    """
    for candidate in (folder, folder.parent):
        if (candidate / MANIFEST).is_file():
            return read_set_manifest(candidate)
    return None


def read_set_manifest(folder: Path) -> TrainingSetManifest:
    """Read ``folder/trainingset.json``.

    Raises:
        TrainingSetError: The file is missing or malformed.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            return _parse_manifest(read_json(stream.read(MAX_BYTES)))
    except OSError as error:
        raise TrainingSetError(
            f"{path} cannot be read ({error.strerror}); name a folder made by vidsearch prepare"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        reason = f"field {error} is missing" if isinstance(error, KeyError) else error
        raise TrainingSetError(
            f"{path} is damaged ({reason}); make the set again with: vidsearch prepare"
        ) from error


def template_of_size(size: int, name: str) -> AlignmentTemplate:
    """Return the common template for faces of a size, for sets without a manifest.

    Args:
        size: Side of the faces, pixels.
        name: Name of the set, for errors.

    Raises:
        TrainingSetError: No common template has that size.
    """
    for template in TEMPLATES.values():
        if template.size == size:
            return template
    sizes = " or ".join(f"{t.size} x {t.size} ({t.name})" for t in TEMPLATES.values())
    raise TrainingSetError(
        f"training set {quoted(name)}: faces must be {sizes} pixels; got {size} x {size}; align "
        "raw photos with: vidsearch prepare"
    )


def _parse_manifest(values: Any) -> TrainingSetManifest:
    if not isinstance(values, dict):
        raise TypeError("not a JSON object")
    if values["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}; got {values['format']!r}; update vidsearch")
    template = values["template"]
    return TrainingSetManifest(
        name=str(values["name"]),
        licence=str(values["licence"]),
        template=AlignmentTemplate(
            name=str(template["name"]),
            size=int(template["size"]),
            points=tuple((float(x), float(y)) for x, y in template["points"]),
        ),
        faces={str(k): int(v) for k, v in values["faces"].items()},
        identities={str(k): int(v) for k, v in values["identities"].items()},
        made_by=dict(values["made_by"]),
    )
