"""``catalog.json``: what a catalog is bound to, and the format its tables are in."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from vidsearch.errors import CatalogError, CatalogNotFoundError, CatalogVersionError, ConfigError
from vidsearch.storage.path import StoragePath

FORMAT_VERSION = 2
"""The newest that this version reads; 1 is all in one folder, 2 has ``vectors``."""
META_NAME = "catalog.json"
_FORMAT = "vidsearch-catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogMeta:
    """What binds a catalog to a pack.

    Attributes:
        pack: Name or folder of the pack, as it is passed to ``--model``.
        model_id: The space of every vector in the catalog.
        dim: Length of those vectors.
        created: ISO 8601, UTC.
        vectors: Folder in the catalog that holds the tables of this model's vectors and their
            index; empty: the catalog's own. Another model's are made beside it, and writing this
            name is what puts them in use.
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
        """The oldest format that can say this: what an earlier vidsearch can read, it may."""
        return 2 if self.vectors else 1

    def to_bytes(self) -> bytes:
        content = {"format": _FORMAT, "format_version": self.format_version, **asdict(self)}
        return (json.dumps(content, indent=2) + "\n").encode()


def new_meta(pack: str, model_id: str, dim: int) -> CatalogMeta:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return CatalogMeta(pack=pack, model_id=model_id, dim=dim, created=created)


def read_meta(root: StoragePath) -> CatalogMeta:
    """Return what the catalog at ``root`` says of itself.

    Raises:
        CatalogNotFoundError: There is no catalog there.
        CatalogVersionError: A newer format wrote it.
        CatalogError: The file is damaged.
    """
    try:
        raw = root.child(META_NAME).read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CatalogNotFoundError(
            f"no catalog at {root.uri!r}; make one with: vidsearch index {root.uri} FOLDER"
        ) from error
    except OSError as error:
        raise CatalogError(
            f"{META_NAME} of the catalog {root.uri!r} cannot be read ({error}); "
            "check that you may read that folder"
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
    fields = json.loads(raw)
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise ConfigError(f"its format is not {_FORMAT!r}")
    version = int(fields["format_version"])
    if version > FORMAT_VERSION:
        raise CatalogVersionError(
            f"catalog {root.uri!r} has format {version}, this vidsearch reads up to "
            f"{FORMAT_VERSION}; upgrade vidsearch"
        )
    return CatalogMeta(
        pack=str(fields["pack"]),
        model_id=str(fields["model_id"]),
        dim=int(fields["dim"]),
        created=str(fields["created"]),
        vectors=str(fields.get("vectors", "")),
    )
