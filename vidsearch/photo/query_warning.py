"""Warnings about query photos: codes with fields. ``vidsearch.results.sentences`` words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class WarningCode(StrEnum):
    """Reason why a search with a photo is less reliable.

    The comment behind a code names its fields.
    """

    PAGES_IGNORED = "pages-ignored"  # pages: pages of the TIFF file
    FRAMES_IGNORED = "frames-ignored"  # frames: frames of the animation
    PAGE_USED = "page-used"  # page: number from 1; pages: pages of the TIFF file
    FRAME_USED = "frame-used"  # frame: number from 1; frames: frames of the animation
    PHOTO_DAMAGED = "photo-damaged"  # share: about how much of the picture could be read, in (0, 1]
    PREVIEW_USED = "preview-used"  # width, height: of the camera's preview in a damaged raw file
    FACE_FILLS_PHOTO = "face-fills-photo"
    SMALL_FACE = "small-face"
    PHOTO_ROTATED = "photo-rotated"  # quarter_turns: counter-clockwise turns that made it upright
    SEVERAL_FACES = "several-faces"  # faces: faces in the photo; the largest was used
    POOR_FACE = "poor-face"  # quality: of the face, which is too small or too blurred
    UNCLEAR_FACE = "unclear-face"  # quality: of the face, which is turned away or badly lit
    PHOTO_LEFT_OUT = "photo-left-out"  # photo: another photo of the query; reason: error message
    DIFFERENT_PEOPLE = "different-people"  # groups: names of the photos, one tuple per person


UNRELIABLE = frozenset({WarningCode.POOR_FACE, WarningCode.UNCLEAR_FACE})
"""Codes that make every hit found with the face unreliable."""


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """One warning about a query photo.

    Attributes:
        code: Reason of the warning.
        fields: Values of the warning; ``WarningCode`` names them.
    """

    code: WarningCode
    fields: Mapping[str, Any] = field(default_factory=dict)
