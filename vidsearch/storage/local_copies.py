"""Local copies of an object store's index generations: FAISS maps local files only."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from vidsearch.storage.path import StoragePath
from vidsearch.storage.user_folders import cache_folder
from vidsearch.text.parse import read_json


def _cache_folder(root: StoragePath) -> Path:
    key = hashlib.sha256(root.uri.encode()).hexdigest()[:32]
    return cache_folder() / "index" / key


def remove_local_copies(root: StoragePath) -> None:
    """Remove this machine's copies of the generations of an index in an object store.

    Args:
        root: Folder that holds the folder ``index``; a local folder has no copies.
    """
    if root.path is None:
        shutil.rmtree(_cache_folder(root), ignore_errors=True)


def local_copy(root: StoragePath, name: str, description: str) -> Path:
    """Return the local copy of a generation in an object store, downloading it on first use.

    Args:
        root: Folder in an object store that holds the folder ``index``.
        name: Name of the generation.
        description: JSON file of the generation whose key ``sha256`` lists the other files.

    Raises:
        OSError: The generation cannot be read, or the copy cannot be written.
        ValueError: The description is not JSON.
        KeyError: The description lists no files.
    """
    cache = _cache_folder(root)
    copy = cache / name
    if copy.is_dir():
        return copy
    cache.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".part-", dir=cache))
    try:
        source = root.child("index").child(name)
        raw = source.child(description).read()
        (staged / description).write_bytes(raw)
        for file in read_json(raw)["sha256"]:
            source.child(Path(file).name).download(staged / Path(file).name)
        staged.rename(copy)
    except (OSError, ValueError, KeyError, TypeError):
        shutil.rmtree(staged, ignore_errors=True)
        if not copy.is_dir():  # another process may have finished the same copy first
            raise
    for old in cache.glob("gen-*"):
        # Names sort by time. On POSIX, an open file stays readable after its removal.
        if old.name < name:
            shutil.rmtree(old, ignore_errors=True)
    return copy
