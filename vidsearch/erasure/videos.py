"""Erasure of a video: its rows, faces, vectors and log lines."""

from __future__ import annotations

from typing import cast

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.erasures.pending import PendingErasure
from vidsearch.erasure.begin import erasure_of_video
from vidsearch.erasure.erase import forget
from vidsearch.erasure.proof import leaves_trace, spelled_in_files
from vidsearch.erasure.receipt import VideoReceipt, raise_if_erased
from vidsearch.errors import ConfigError
from vidsearch.search.named_videos import SHORTEST_ID, VideoNames, typed_spellings
from vidsearch.text.names import composed, native_name, portable_name
from vidsearch.text.printable import printable


def forget_video(catalog: Catalog, video: str) -> VideoReceipt:
    """Erase a video permanently, and prove the erasure.

    Args:
        catalog: The catalog.
        video: Id of the video, as in ``search --json``; its first characters, at least
            ``SHORTEST_ID``; or the path of its file. They must stand for one video.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: The catalog has no such video or several, or is in a bucket with versioning.
        CatalogError: A trace of the video is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    receipt = forget(
        catalog,
        lambda erasure: _is_named(erasure, video),
        lambda: _begin(catalog, video),
    )
    return cast("VideoReceipt", receipt)


def _is_named(erasure: PendingErasure, video: str) -> bool:
    """Return True if an erasure that was begun is the one of a video."""
    if erasure.kind != "video":
        return False
    if len(video) >= SHORTEST_ID and erasure.identity.startswith(video):
        return True
    paths = {composed(text.decode("utf-8", "surrogateescape")) for text in erasure.texts}
    return video == erasure.identity or not typed_spellings(video).isdisjoint(paths)


def _begin(catalog: Catalog, video: str) -> PendingErasure:
    video_id = _id_of(catalog, video)
    paths = _own_paths(catalog, video_id)
    return erasure_of_video(catalog, video_id, frozenset().union(*map(spelled_in_files, paths)))


def _id_of(catalog: Catalog, video: str) -> str:
    """Return the id of the one video that a name stands for.

    Raises:
        ConfigError: The name stands for no video, or for several.
    """
    rows = catalog.table("files").read().to_pylist()
    rows += catalog.videos(["video_id", "uri"]).to_pylist()
    paths = {row["video_id"]: row["uri"] for row in rows}
    names = VideoNames.of((native_name(row["uri"]), row["video_id"]) for row in rows)
    found = sorted(names.find(video))
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "; ".join(f"{video_id} ({printable(paths[video_id])})" for video_id in found)
        raise ConfigError(
            f"--video '{printable(video)}' stands for {len(found)} videos; nothing was erased: "
            f"pass the whole id of one of them: {candidates}"
        )
    if leaves_trace(catalog, "video_id", video):
        return video  # erased in part by an earlier version of vidsearch
    raise_if_erased(catalog.root, "video", video)
    short = sum(video_id.startswith(video) for video_id in names.ids) if video else 0
    remedy = (
        f"it begins {short} ids, but a shortened id needs {SHORTEST_ID} characters"
        if short
        else "take video_id or the path from 'vidsearch search --json'"
    )
    raise ConfigError(
        f"--video '{printable(video)}' is not in the catalog {catalog.uri!r}; nothing was erased: "
        f"{remedy}"
    )


def _own_paths(catalog: Catalog, video_id: str) -> set[str]:
    """Return the paths of a video, without those that are part of another video's path.

    If the file at a path was replaced, the path belongs to the new content too, and stays.
    """
    paths = {
        *catalog.videos(["uri"], [video_id])["uri"].to_pylist(),
        *catalog.locations([video_id])[video_id],
    }
    rows = (
        catalog.videos(["video_id", "uri"]).to_pylist() + catalog.table("files").read().to_pylist()
    )
    others = [row["uri"] for row in rows if row["video_id"] != video_id]
    remaining = "\0".join([*others, *map(native_name, others)])
    return {path for path in (*paths, *map(portable_name, paths)) if path not in remaining}
