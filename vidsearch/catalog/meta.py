"""``catalog.json``: the model of a catalog and the format of its tables."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from vidsearch.errors import CatalogError, CatalogNotFoundError, CatalogVersionError, ConfigError
from vidsearch.storage.path import StoragePath
from vidsearch.text.names import native_name, portable_name
from vidsearch.text.parse import read_json

FORMAT_VERSION = 2
"""Newest format that can be read. Format 1 has one folder; format 2 adds ``vectors``."""
META_NAME = "catalog.json"
_FORMAT = "vidsearch-catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogMeta:
    """Content of ``catalog.json``.

    Attributes:
        pack: Name or folder of the pack, as passed to ``--model``.
        model_id: Model of every vector in the catalog.
        dim: Length of the vectors.
        created: Time of creation, ISO 8601, UTC.
        vectors: Folder in the catalog with the tables of this model's vectors and their index;
            empty: the catalog's own folder. Re-embedding builds another folder and publishes it by
            writing the folder's name here.
    """

    pack: str
    model_id: str
    dim: int
    created: str
    vectors: str = ""

    def __post_init__(self) -> None:
        if not self.pack or not self.model_id:
            raise ConfigError(
                f"pack and model_id must not be empty; got {self.pack!r} and {self.model_id!r}"
            )
        if self.dim < 1:
            raise ConfigError(f"dim must be at least 1; got {self.dim}")
        if "/" in self.vectors or self.vectors.startswith("."):
            raise ConfigError(f"vectors must name a folder in the catalog; got {self.vectors!r}")

    @property
    def format_version(self) -> int:
        """Lowest format that can represent this metadata, for older versions of vidsearch."""
        return 2 if self.vectors else 1

    def to_bytes(self) -> bytes:
        """Return the content of ``catalog.json``."""
        fields = {**asdict(self), "pack": portable_name(self.pack)}
        content = {"format": _FORMAT, "format_version": self.format_version, **fields}
        content["sha256"] = _digest(content)
        return (json.dumps(content, indent=2) + "\n").encode()


def new_meta(pack: str, model_id: str, dim: int) -> CatalogMeta:
    """Return the metadata of a catalog that is created now.

    Raises:
        ConfigError: An argument is out of range.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return CatalogMeta(pack=pack, model_id=model_id, dim=dim, created=created)


def is_unchanged(raw: bytes) -> bool:
    """Return True if the content of ``catalog.json`` matches its checksum, or has none.

    Raises:
        ValueError: The content is not JSON.
    """
    fields = json.loads(raw)
    return isinstance(fields, dict) and fields.pop("sha256", _digest(fields)) == _digest(fields)


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def read_meta(root: StoragePath) -> CatalogMeta:
    """Return the metadata of the catalog in the folder ``root``.

    Raises:
        CatalogNotFoundError: The folder holds no catalog.
        CatalogVersionError: The format is newer than ``FORMAT_VERSION``.
        CatalogError: ``catalog.json`` is damaged or cannot be read.
    """
    try:
        raw = root.child(META_NAME).read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CatalogNotFoundError(
            f"no catalog at {root.uri!r}; create one with: vidsearch index {root.uri} FOLDER"
        ) from error
    except OSError as error:
        raise CatalogError(
            f"{META_NAME} of the catalog {root.uri!r} cannot be read ({error}); "
            "check the read permission of the folder"
        ) from error
    try:
        return _parse(raw, root)
    except (ValueError, TypeError, KeyError) as error:
        reason = str(error) if isinstance(error, ConfigError) else type(error).__name__
        raise CatalogError(
            f"{META_NAME} of the catalog {root.uri!r} is damaged ({reason}); "
            "restore it from a copy, or index into a new folder"
        ) from error


def _parse(raw: bytes, root: StoragePath) -> CatalogMeta:
    fields = read_json(raw)
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise ConfigError(f"its format is not {_FORMAT!r}")
    version = int(fields["format_version"])
    if version > FORMAT_VERSION:
        raise CatalogVersionError(
            f"catalog {root.uri!r} has format {version}; this version of vidsearch reads formats "
            f"up to {FORMAT_VERSION}; upgrade vidsearch"
        )
    return CatalogMeta(
        pack=native_name(str(fields["pack"])),
        model_id=str(fields["model_id"]),
        dim=int(fields["dim"]),
        created=str(fields["created"]),
        vectors=str(fields.get("vectors", "")),
    )
