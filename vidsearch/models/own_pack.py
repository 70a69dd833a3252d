"""Packs of one's own: any folder with ``pack.toml`` whose name is not a built-in pack's."""

from __future__ import annotations

from pathlib import Path

from vidsearch.errors import PackFormatError
from vidsearch.models import insightface_packs
from vidsearch.models.open_pack import OPEN
from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import PACK_TOML, read_pack

BUILT_IN = (OPEN.name, *insightface_packs.NAMES)


def read_own_pack(folder: Path) -> ModelPack:
    """Read a pack folder's description.

    Raises:
        PackNotFoundError: No ``pack.toml`` there.
        PackFormatError: It is malformed, or takes a built-in pack's name.
    """
    pack = read_pack(folder)
    if pack.name in BUILT_IN:
        raise PackFormatError(
            f"pack {folder}: name {pack.name!r} belongs to a built-in pack; choose another in "
            f"{PACK_TOML}"
        )
    return pack
