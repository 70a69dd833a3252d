"""Erasure of a video: its rows, faces, vectors and log lines."""

from __future__ import annotations

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.tables import sql_text
from vidsearch.erasure.erase import Selection, delete_by_track, erase, require_erasable
from vidsearch.erasure.proof import leaves_trace, spelled_in_files, traces_of_id, traces_of_tracks
from vidsearch.erasure.receipt import VideoReceipt, current_time, write_receipt
from vidsearch.errors import ConfigError
from vidsearch.search.named_videos import SHORTEST_ID, VideoNames
from vidsearch.text.names import native_name, portable_name
from vidsearch.text.printable import printable


def forget_video(catalog: Catalog, video: str) -> VideoReceipt:
    """Erase a video permanently, and prove the erasure.

    Args:
        catalog: The catalog; no run should index into it meanwhile.
        video: Id of the video, as in ``search --json``; its first characters, at least
            ``SHORTEST_ID``; or the path of its file. They must stand for one video.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: The catalog has no such video or several, or is in a bucket with versioning.
        CatalogError: A trace of the video is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    require_erasable(catalog)
    video_id = _id_of(catalog, video)
    erasure = erase(catalog, _select(catalog, video_id))
    receipt = VideoReceipt(
        video_id=video_id,
        erased_at=current_time(),
        rows=erasure.rows,
        log_lines=erasure.log_lines,
        files_searched=erasure.files_searched,
        tracks_searched=erasure.tracks_searched,
    )
    write_receipt(catalog.root, "forget", receipt)
    return receipt


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
        return video  # erased in part by an interrupted call
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


def _select(catalog: Catalog, video_id: str) -> Selection:
    """Return the data of a video, or the remaining data of a video erased in part."""
    if catalog.videos(["video_id"], [video_id]).num_rows:
        texts = {video_id}.union(*map(spelled_in_files, _own_paths(catalog, video_id)))
        track_ids = _track_ids(catalog, video_id)
        traces = traces_of_tracks(catalog, track_ids, texts)
    else:
        traces = traces_of_id(catalog, video_id)
    return Selection(
        traces=traces, delete_rows=lambda: _delete_rows(catalog, video_id), in_event_logs=True
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


def _track_ids(catalog: Catalog, video_id: str) -> list[str]:
    ids: list[str] = catalog.tracks(["track_id"], video_ids=[video_id])["track_id"].to_pylist()
    return ids


def _delete_rows(catalog: Catalog, video_id: str) -> dict[str, int]:
    # Verdicts are deleted first: they refer to tracks only, and tracks are no longer listed without
    # the video's row. After a kill in between, the verdicts could not be found.
    verdicts = delete_by_track(catalog.table("verdicts"), _track_ids(catalog, video_id))
    condition = f"video_id = {sql_text(video_id)}"
    # Without its row in ``videos``, no other row of the video counts.
    names = ("videos", "files", "faces", "tracks")
    rows = {name: catalog.table(name).delete(condition) for name in names}
    return {**rows, "verdicts": verdicts}
