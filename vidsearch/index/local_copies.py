"""FAISS maps files, so of a catalog in an object store this machine keeps its index as a copy."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from vidsearch.storage.path import StoragePath


def _copies(catalog: StoragePath) -> Path:
    """Return the folder for local copies of a catalog's generations."""
    import platformdirs

    key = hashlib.sha256(catalog.uri.encode()).hexdigest()[:32]
    return Path(platformdirs.user_cache_dir("vidsearch")) / "index" / key


def remove_local_copies(catalog: StoragePath) -> None:
    """Remove this machine's copies of a catalog's generations in an object store."""
    if catalog.path is None:
        shutil.rmtree(_copies(catalog), ignore_errors=True)


def local_copy(catalog: StoragePath, name: str, description: str) -> Path:
    """Copy a generation from an object store, once; return the local folder.

    Args:
        catalog: In an object store.
        name: Of the generation.
        description: Its file whose ``sha256`` names the others.

    Raises:
        OSError: It cannot be read, or not written here.
        ValueError: The description is no JSON.
        KeyError: It names no files.
    """
    copies = _copies(catalog)
    copy = copies / name
    if copy.is_dir():
        return copy
    copies.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".part-", dir=copies))
    try:
        source = catalog.child("index").child(name)
        raw = source.child(description).read()
        (staged / description).write_bytes(raw)
        for file in json.loads(raw)["sha256"]:
            source.child(Path(file).name).download(staged / Path(file).name)
        staged.rename(copy)
    except (OSError, ValueError, KeyError, TypeError):
        shutil.rmtree(staged, ignore_errors=True)
        if not copy.is_dir():  # another process may have been quicker
            raise
    for old in copies.glob("gen-*"):
        if old.name < name:  # names begin with the time; whoever has it open keeps it open
            shutil.rmtree(old, ignore_errors=True)
    return copy
