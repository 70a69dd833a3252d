"""Protection of WMV and ASF: objects of the header."""

from __future__ import annotations

from typing import Final

from vidsearch.media.encryption.base import ReadAt

HEADER: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PROTECTIONS: Final = {
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),  # content encryption
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),  # extended content encryption
    bytes.fromhex("338505438169e6499b74ad12cb86d58c"),  # advanced content encryption
}
_MAX_OBJECTS: Final = 256


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if the header states one, else None."""
    end = int.from_bytes(read_at(16, 8), "little")
    offset = 30
    for _ in range(_MAX_OBJECTS):
        header = read_at(offset, 24)
        size = int.from_bytes(header[16:], "little")
        if len(header) < 24 or size < 24 or offset >= end:
            return None
        if header[:16] in _PROTECTIONS:
            return "Windows Media DRM"
        offset += size
    return None
