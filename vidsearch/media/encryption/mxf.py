"""Protection of MXF: encrypted essence of digital cinema packages."""

from __future__ import annotations

from typing import Final

from vidsearch.media.encryption.base import ReadAt

HEADER: Final = bytes.fromhex("060e2b34020501010d010201")
_ENCRYPTED_ESSENCE: Final = bytes.fromhex("060e2b34020401070d010301027e0100")
_SEARCHED_BYTES: Final = 1 << 20


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if encrypted essence follows the header, else None.

    Source:
        SMPTE ST 429-6, encrypted triplet.
    """
    found = _ENCRYPTED_ESSENCE in read_at(0, _SEARCHED_BYTES)
    return "digital cinema (SMPTE ST 429-6)" if found else None
