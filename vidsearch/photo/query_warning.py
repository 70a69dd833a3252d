"""Warnings about query photos: codes with fields. ``vidsearch.results.sentences`` words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class WarningCode(StrEnum):
    """Reason why a search with a photo is less reliable.

    The comment behind or above a code names its fields.
    """

    PAGES_IGNORED = "pages-ignored"  # pages: pages of the TIFF file
    FRAMES_IGNORED = "frames-ignored"  # frames: frames of the animation
    PAGE_USED = "page-used"  # page: number from 1; pages: pages of the TIFF file
    FRAME_USED = "frame-used"  # frame: number from 1; frames: frames of the animation
    # share: about how much of the picture could be read, in (0, 1]; trusted: False if parts
    # of it may be wrong; less_detail: True if a progressive image lacks details
    PHOTO_DAMAGED = "photo-damaged"
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


def damage(fields: Mapping[str, Any]) -> str:
    """Return the damage of a photo in words, without a verb.

    Args:
        fields: Fields of a ``PHOTO_DAMAGED`` warning.

    Example:
        >>> damage({"share": 0.997})
        'damaged or cut short: about 99% of the picture was read'
        >>> damage({"share": 1.0, "trusted": True})
        'damaged or without its end, but all of the picture was read'
    """
    trusted = fields.get("trusted", True)
    if fields["share"] < 1:
        part = f"about {min(fields['share'], 0.99):.0%} of the picture was read"
        if fields.get("less_detail"):
            part += ", some of it in less detail"
        if trusted:
            return f"damaged or cut short: {part}"
        return f"damaged: {part}, and parts of it may be wrong"
    if trusted:
        return "damaged or without its end, but all of the picture was read"
    return "damaged: a checksum is wrong, so that parts of the picture may be wrong"
