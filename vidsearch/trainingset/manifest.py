"""``trainingset.json``: what a prepared training set is called, may be used for, and holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vidsearch.errors import TrainingSetError
from vidsearch.faces.geometry.align import TEMPLATES, AlignmentTemplate

FORMAT = 1
MANIFEST = "trainingset.json"
MAX_BYTES = 1 << 20

Part = Literal["train", "held_out"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a prepared training set says about itself.

    Attributes:
        name: Short name, written into the packs that are trained on it.
        licence: What its faces may be used for, in its owner's words; may be empty.
        template: How its faces are aligned.
        faces: Faces in each part.
        identities: Identities in each part; no identity is in two.
        made_by: Detector and settings, for the record.
    """

    name: str
    licence: str
    template: AlignmentTemplate
    faces: dict[str, int]
    identities: dict[str, int]
    made_by: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds."""
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


def find_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a training set, or of the set that a part belongs to, if any.

    Raises:
        TrainingSetError: There is one, and it is malformed.
    """
    for place in (folder, folder.parent):
        if (place / MANIFEST).is_file():
            return read_manifest(place)
    return None


def read_manifest(folder: Path) -> Manifest:
    """Read ``folder/trainingset.json``.

    Raises:
        TrainingSetError: Missing, or malformed.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            return _parsed(json.loads(stream.read(MAX_BYTES)))
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
    """Return the usual template of faces with this side, for sets that do not state theirs.

    Raises:
        TrainingSetError: No usual template has that size.
    """
    for template in TEMPLATES.values():
        if template.size == size:
            return template
    sizes = " or ".join(f"{t.size} x {t.size} ({t.name})" for t in TEMPLATES.values())
    raise TrainingSetError(
        f"training set {name!r}: faces of {size} x {size} pixels are not aligned in a known way, "
        f"which would be {sizes}; align raw photos with: vidsearch prepare"
    )


def _parsed(values: Any) -> Manifest:
    if not isinstance(values, dict):
        raise TypeError("not a JSON object")
    if values["format"] != FORMAT:
        raise ValueError(f"format must be {FORMAT}; got {values['format']!r}; update vidsearch")
    template = values["template"]
    return Manifest(
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
