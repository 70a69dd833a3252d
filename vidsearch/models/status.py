"""Which packs there are, and whether their files on this machine are the ones stated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidsearch.errors import ModelError, PackNotFoundError, PackVerifyError
from vidsearch.models import insightface_packs
from vidsearch.models.home import ModelHome
from vidsearch.models.open_pack import OPEN, verified_file
from vidsearch.models.own_pack import read_own_pack
from vidsearch.models.pack import ModelPack
from vidsearch.models.pack_toml import verify_pack


@dataclass(frozen=True, slots=True, kw_only=True)
class PackStatus:
    """What is known about a pack on this machine.

    Attributes:
        name: As ``--model`` takes it (a folder, for packs of one's own).
        licence: What the weights may be used for; empty where unknown.
        commercial_use: None where unknown.
        dim: Length of an embedding; None where unknown.
        model_id: Name of the vector space; None where only the missing files would tell.
        location: Folder or folders that hold the files, or would.
        installed: Whether every file is on this machine.
        verified: Whether every file is here and is the one stated.
        why: What is wrong, one line; empty where verified.
    """

    name: str
    licence: str
    commercial_use: bool | None
    dim: int | None
    model_id: str | None
    location: str
    installed: bool
    verified: bool
    why: str


def list_packs(home: ModelHome | None = None, folders: Sequence[Path] = ()) -> list[PackStatus]:
    """Return the built-in packs, then those of the folders given, each with its files checked.

    Nothing is fetched, converted or loaded.

    Args:
        home: Where model files live; default: the user's own folders.
        folders: Packs of one's own.
    """
    place = home if home is not None else ModelHome.from_environment()
    statuses = [_open_status()]
    statuses += [_insightface_status(name, place) for name in insightface_packs.NAMES]
    return statuses + [_folder_status(folder) for folder in folders]


def _open_status() -> PackStatus:
    folders: list[str] = []
    trouble: ModelError | None = None
    for file in OPEN.files:
        try:
            folders.append(str(verified_file(file).parent))
        except ModelError as error:
            trouble = trouble if trouble is not None else error
    return _status(OPEN, OPEN.name, ", ".join(folders), trouble)


def _insightface_status(name: str, home: ModelHome) -> PackStatus:
    folder = str(insightface_packs.folder_of(name, home.insightface_root))
    pack = insightface_packs.describe(name)
    try:
        found = insightface_packs.locate(name, home.insightface_root)
        pack = found.pack
        found.verify()
        if found.unstated:
            raise PackVerifyError(
                f"pack {name}: its manifest states no sha256 for {', '.join(found.unstated)}; "
                "there is nothing to check them against"
            )
    except ModelError as error:
        return _status(pack, name, folder, error)
    return _status(pack, name, folder, None)


def _folder_status(folder: Path) -> PackStatus:
    pack = None
    try:
        pack = read_own_pack(folder)
        verify_pack(pack, folder)
    except ModelError as error:
        return _status(pack, str(folder), str(folder), error)
    return _status(pack, str(folder), str(folder), None)


def _status(
    pack: ModelPack | None, name: str, location: str, trouble: ModelError | None
) -> PackStatus:
    by_insightface = name in insightface_packs.NAMES
    return PackStatus(
        name=name,
        licence=pack.licence if pack else insightface_packs.LICENCE if by_insightface else "",
        commercial_use=pack.commercial_use if pack else False if by_insightface else None,
        dim=pack.embedder.dim if pack else None,
        model_id=pack.model_id if pack else None,
        location=location,
        installed=not isinstance(trouble, PackNotFoundError),
        verified=trouble is None,
        why=str(trouble) if trouble is not None else "",
    )
