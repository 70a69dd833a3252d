"""Search of prefixes and globs in object stores and other remote file systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias

from vidsearch.errors import VideoOpenError
from vidsearch.media.animation import ANIMATION_ENDINGS
from vidsearch.media.endings import ending_of
from vidsearch.media.video_content import head_bytes, holds_video
from vidsearch.text.printable import one_line, printable
from vidsearch.video.discovery.entries import Entry, EntryKind, VideoSource
from vidsearch.video.discovery.exclusion import Exclusion
from vidsearch.video.discovery.local import WILDCARDS

Infos: TypeAlias = Mapping[str, Mapping[str, Any]]

_HEADS_AT_ONCE: Final = 256
# A request for each of a bucket's photos costs more than the rare animation among them is worth.
_NEVER_REQUESTED: Final = ANIMATION_ENDINGS - {
    ".apng",
    ".avifs",
    ".gif",
    ".heics",
    ".heifs",
    ".webp",
}


def search_remote(uri: str, exclusion: Exclusion) -> Iterator[Entry]:
    """Yield every file of a prefix or a glob, sorted, or the one file that ``uri`` names.

    Args:
        uri: URI known to fsspec.
        exclusion: Rules that leave files out; they apply below the prefix.

    Raises:
        VideoOpenError: The URI does not exist, or cannot be listed.
    """
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(uri)
        files.invalidate_cache()  # fsspec caches listings until the process ends
        if WILDCARDS & set(path) and not files.exists(path):
            found = files.glob(path, detail=True)
            yield from _entries(files, found, _literal_prefix(path), exclusion)
            return
        info = files.info(path)
        if info["type"] == "directory":
            yield from _entries(files, files.find(path, detail=True), path, exclusion)
        else:
            yield _video(uri, info)
    except FileNotFoundError as error:
        raise VideoOpenError(f"'{printable(uri)}' does not exist; check the URI") from error
    except VideoOpenError:
        raise
    except Exception as error:
        raise VideoOpenError(
            f"'{printable(uri)}' cannot be listed ({one_line(error, with_type=True)}); check the "
            "URI and its credentials"
        ) from error


def _literal_prefix(path: str) -> str:
    parts = path.split("/")
    literal = next((n for n, part in enumerate(parts) if WILDCARDS & set(part)), len(parts))
    return "/".join(parts[:literal])


def _entries(files: Any, infos: Infos, prefix: str, exclusion: Exclusion) -> Iterator[Entry]:
    paths = [path for path in sorted(infos) if infos[path]["type"] == "file"]
    for start in range(0, len(paths), _HEADS_AT_ONCE):
        part = paths[start : start + _HEADS_AT_ONCE]
        yield from _batch(files, part, infos, (prefix, exclusion))


def _batch(
    files: Any, paths: Sequence[str], infos: Infos, rules: tuple[str, Exclusion]
) -> Iterator[Entry]:
    """Yield the entries of some files; the first bytes of all are requested concurrently.

    One request after another would take hours in a large bucket.
    """
    prefix, exclusion = rules
    excluded = {path: exclusion.rule_below(_below(prefix, path), path) for path in paths}
    needed = {
        path: head_bytes(PurePosixPath(path).name, _size(infos[path]))
        for path in paths
        if excluded[path] is None
        and _size(infos[path])  # an empty file has no first byte to request
        and ending_of(path) not in _NEVER_REQUESTED
    }
    heads = _heads(files, {path: count for path, count in needed.items() if count})
    for path in paths:
        uri = files.unstrip_protocol(path)
        rule = excluded[path]
        if rule is not None:
            yield Entry(EntryKind.EXCLUDED, uri, rule)
        elif isinstance(heads.get(path), Exception):
            yield _unread(uri, path, infos[path], heads[path])
        elif holds_video(PurePosixPath(path).name, heads.get(path, b"")):
            yield _video(uri, infos[path])
        else:
            yield Entry(EntryKind.PASSED_OVER, uri, ending_of(path))


def _heads(files: Any, needed: Mapping[str, int]) -> dict[str, Any]:
    """Return the first bytes of files, or the exception that reading them raised."""
    if not needed:
        return {}
    heads = files.cat_ranges(list(needed), 0, list(needed.values()), on_error="return")
    return dict(zip(needed, heads, strict=True))


def _unread(uri: str, path: str, info: Mapping[str, Any], error: Exception) -> Entry:
    """Return the entry of a file whose first bytes cannot be read."""
    if holds_video(PurePosixPath(path).name, b""):
        return _video(uri, info)
    return Entry(EntryKind.UNREADABLE, uri, one_line(error, with_type=True))


def _below(prefix: str, path: str) -> str:
    return path.removeprefix(prefix.rstrip("/")).lstrip("/")


def _video(uri: str, info: Mapping[str, Any]) -> Entry:
    video = VideoSource(uri, _size(info), _modified_ns(info))
    return Entry(EntryKind.VIDEO, uri, video=video, real=uri)


def _size(info: Mapping[str, Any]) -> int:
    return int(info.get("size") or 0)


def _modified_ns(info: Mapping[str, Any]) -> int:
    """Return the modification time in nanoseconds, 0 if unknown; the key differs by file system."""
    for key in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        value = info.get(key)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            value = value.timestamp()
        if isinstance(value, int | float):
            return int(value * 1_000_000_000)
    return 0
