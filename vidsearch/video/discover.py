"""Expansion of files, folders, globs, lists and URIs to an ordered list of videos."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from vidsearch.errors import ConfigError, VideoOpenError
from vidsearch.media.endings import has_video_ending, is_source_code, remote_source_code
from vidsearch.text.printable import one_line, printable
from vidsearch.video.source import is_remote, local_path

_WILDCARDS = frozenset("*?[")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VideoSource:
    """Video file to index.

    Attributes:
        uri: Absolute path, or the URI.
        size: Size in bytes.
        mtime_ns: Modification time in nanoseconds since the epoch; 0 if the storage states none.
    """

    uri: str
    size: int
    mtime_ns: int


def discover(sources: Iterable[str]) -> tuple[VideoSource, ...]:
    """Return the video files that the sources name, each once, in the order of the sources.

    Args:
        sources: Files, folders, ``scheme://`` prefixes, globs and lists.

            - A file is returned with any ending.
            - Folders and prefixes are searched with all sub-folders, sorted, for
              ``media.endings.VIDEO_ENDINGS``. Hidden names are skipped, and so is source code that
              shares such an ending.
            - In a glob, ``**`` crosses folders.
            - ``@list`` is a text file with one path per line, relative to its own folder; ``#``
              begins a comment. A list that contains NUL is split at NUL instead, as written by
              ``find -print0``.

    Raises:
        VideoOpenError: A source does not exist or cannot be read.
        ConfigError: A folder, glob or list holds no video.
    """
    found: dict[str, VideoSource] = {}
    for source in sources:
        empty = True
        for video in _expand(source):
            empty = False
            key = video.uri if is_remote(video.uri) else os.path.realpath(video.uri)
            found.setdefault(key, video)
        if empty:
            raise ConfigError(
                f"'{printable(source)}' holds no video files; name a video file directly if its "
                "ending is unusual"
            )
    return tuple(found.values())


def _expand(source: str, *, listed: bool = False) -> Iterator[VideoSource]:
    if is_remote(source):
        yield from _expand_remote(source)
        return
    path = local_path(source)
    if _exists(path, source):
        yield from _expand_path(path)
    elif source.startswith("@") and not listed:
        yield from _expand_list(Path(source[1:]), source)
    elif _WILDCARDS & set(source):
        yield from _expand_glob(source)
    else:
        origin = " (named in a list)" if listed else ""
        raise VideoOpenError(f"'{printable(source)}'{origin} does not exist; check the path")


def _exists(path: Path, source: str) -> bool:
    try:
        path.stat()
    except PermissionError as error:
        raise VideoOpenError(
            f"'{printable(source)}' is not readable for this user; change its mode"
        ) from error
    except (OSError, ValueError):
        return False
    return True


def _expand_path(path: Path) -> Iterator[VideoSource]:
    if path.is_dir():
        yield from _walk(_absolute(path), set(), strict=True)
    else:
        yield _local_video(_absolute(path))


def _absolute(path: Path) -> Path:
    """Return the path without ``.`` and ``..``, with its links, so that a file has one name."""
    plain = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() follows links)
    if ".." not in path.parts:
        return plain
    try:
        # Behind a link, ".." is the parent of the link's target, not of the link.
        return plain if plain.samefile(path) else path.resolve()
    except OSError:
        return path.resolve()


def _local_video(path: Path) -> VideoSource:
    status = path.stat()
    return VideoSource(str(path), status.st_size, status.st_mtime_ns)


def _walk(folder: Path, visited: set[tuple[int, int]], *, strict: bool) -> Iterator[VideoSource]:
    """Yield every video below ``folder``; a folder reached again through a link is skipped.

    Args:
        folder: Folder to search.
        visited: Device and inode of every folder searched so far.
        strict: Raise if the folder cannot be listed; otherwise log and skip the folder.

    Raises:
        VideoOpenError: The folder cannot be listed.
    """
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in visited:
            return
        visited.add((status.st_dev, status.st_ino))
        entries = sorted(folder.iterdir(), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        if strict:
            raise VideoOpenError(
                f"'{printable(str(folder))}' cannot be listed ({error.strerror}); change its mode"
            ) from error
        _log.warning("skipped folder '%s': %s", printable(str(folder)), error.strerror)
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, visited, strict=False)
        elif has_video_ending(entry.name) and entry.is_file():
            yield from _scan_file(entry)


def _scan_file(path: Path) -> Iterator[VideoSource]:
    """Yield a video of a searched folder, unless the file is source code."""
    if is_source_code(path):
        return
    try:
        yield _local_video(path)
    except FileNotFoundError:
        _log.info("'%s' was removed while its folder was searched", printable(str(path)))


def _expand_glob(pattern: str) -> Iterator[VideoSource]:
    ending = Path(pattern).suffix
    literal = len(ending) > 1 and not _WILDCARDS & set(ending)
    for name in sorted(glob.glob(pattern, recursive=True), key=os.fsencode):  # noqa: PTH207
        path = Path(name)
        if path.is_dir():
            yield from _walk(_absolute(path), set(), strict=False)
        elif literal or has_video_ending(path.name):
            yield from _scan_file(_absolute(path))


def _expand_list(path: Path, source: str) -> Iterator[VideoSource]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VideoOpenError(
            f"the list '{printable(source)}' cannot be read ({error.strerror}); check the path"
        ) from error
    content = content.removeprefix(b"\xef\xbb\xbf")
    nul = b"\0" in content
    for line in content.split(b"\0") if nul else content.splitlines():
        if not line.strip() or (line.startswith(b"#") and not nul):
            continue
        entry = os.fsdecode(line)
        yield from _expand(entry if is_remote(entry) else str(path.parent / entry), listed=True)


def _expand_remote(uri: str) -> Iterator[VideoSource]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(uri)
        files.invalidate_cache()  # fsspec caches listings until the process ends
        if _WILDCARDS & set(path) and not files.exists(path):
            yield from _remote_videos(files, files.glob(path, detail=True))
            return
        info = files.info(path)
        if info["type"] == "directory":
            yield from _remote_videos(files, files.find(path, detail=True))
        else:
            yield _remote_video(uri, info)
    except FileNotFoundError as error:
        raise VideoOpenError(f"'{printable(uri)}' does not exist; check the URI") from error
    except VideoOpenError:
        raise
    except Exception as error:
        raise VideoOpenError(
            f"'{printable(uri)}' cannot be listed ({one_line(error, with_type=True)}); check the "
            "URI and its credentials"
        ) from error


def _remote_videos(files: Any, infos: dict[str, dict[str, Any]]) -> Iterator[VideoSource]:
    paths = [path for path in sorted(infos) if _is_remote_video(path, infos[path])]
    skipped = remote_source_code(files, paths)
    for path in paths:
        if path not in skipped:
            yield _remote_video(files.unstrip_protocol(path), infos[path])


def _is_remote_video(path: str, info: dict[str, Any]) -> bool:
    hidden = any(part.startswith(".") for part in PurePosixPath(path).parts)
    return info["type"] == "file" and has_video_ending(path) and not hidden


def _remote_video(uri: str, info: dict[str, Any]) -> VideoSource:
    return VideoSource(uri, int(info.get("size") or 0), _modified_ns(info))


def _modified_ns(info: dict[str, Any]) -> int:
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
