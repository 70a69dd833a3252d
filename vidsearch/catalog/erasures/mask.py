"""Rows that no reader sees, because their erasure was begun."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from vidsearch.catalog.erasures.pending import pending_erasures
from vidsearch.storage.path import StoragePath

_TRIES = 5

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Mask:
    """Rows that no reader sees, since their erasure was begun.

    Attributes:
        videos: Ids of erased videos.
        tracks: Ids of erased tracks.
        people: Ids of erased people.
        changing: Ids of videos that lose tracks; their number of tracks is not final.
    """

    videos: frozenset[str] = frozenset()
    tracks: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    changing: frozenset[str] = frozenset()

    def visible(self, rows: pa.Table) -> pa.Table:
        """Return the rows that are not masked, by the id columns that they have."""
        for name, ids in (
            ("video_id", self.videos),
            ("track_id", self.tracks),
            ("person_id", self.people),
        ):
            if ids and name in rows.column_names:
                masked = pc.is_in(rows[name].cast(pa.string()), value_set=_text_array(ids))
                rows = rows.filter(pc.invert(masked))
        return rows


def mask_of(root: StoragePath) -> Mask:
    """Return the mask of all pending erasures.

    Args:
        root: Folder of the catalog.

    Raises:
        CatalogError: The file of an erasure cannot be read.
    """
    erasures = pending_erasures(root)
    if not erasures:
        return Mask()
    return Mask(
        frozenset(erasure.identity for erasure in erasures if erasure.kind == "video"),
        frozenset(track for erasure in erasures for track in erasure.tracks),
        frozenset(erasure.identity for erasure in erasures if erasure.kind == "person"),
        frozenset(video for erasure in erasures for video in erasure.videos),
    )


def with_mask(root: StoragePath, read: Callable[[], R]) -> tuple[R, Mask]:
    """Return the result of a read, and the mask that held while it was read.

    Args:
        root: Folder of the catalog.
        read: Opens tables; repeated while erasures begin or end meanwhile.

    Raises:
        CatalogError: The file of an erasure cannot be read.
    """
    mask = mask_of(root)
    for _ in range(_TRIES):
        before, result = mask, read()
        mask = mask_of(root)
        if mask == before:
            break
    return result, mask


def _text_array(ids: Collection[str]) -> pa.Array:
    return pa.array(sorted(ids), pa.string())
