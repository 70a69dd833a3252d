"""Paths on a local disk or in an object store, for the small files beside the tables."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vidsearch.errors import CatalogError, ConfigError, VidsearchError
from vidsearch.storage.files import create_atomically, write_atomically
from vidsearch.text.printable import one_line, quoted

# Characters that the table store cannot handle in a path, found by trying every ASCII character.
# The store maps some of them to other paths and aborts the process on others.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\[\\\]^|]|%[0-9A-Fa-f]{2}|[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class StoragePath:
    """Absolute path or URI of a folder or file.

    ``universal_pathlib.UPath`` is no replacement: its import takes 250 ms instead of 15 ms, because
    it loads fsspec for local paths too. ``UPath`` has no atomic write, no atomic creation on a
    disk, no check of bucket versions and no check of characters.
    """

    uri: str

    @staticmethod
    def of(uri: str | os.PathLike[str]) -> StoragePath:
        """Return the path of a catalog named by a user.

        Raises:
            ConfigError: The name is empty or has a character that the table store cannot handle.
        """
        text = os.fspath(uri)
        if text.startswith("file://"):
            text = unquote(urlsplit(text).path)
        if "://" not in text:
            text = os.path.abspath(text) if text else ""  # noqa: PTH100 (resolve() follows links)
        unfit = _UNFIT.search(text)
        if not text or unfit:
            fault = f"contains {unfit.group()!r}" if unfit else "is empty"
            raise ConfigError(
                f"catalog {quoted(text)} {fault}, which the table store cannot handle in a path; "
                "choose another path"
            )
        return StoragePath(text.rstrip("/") or "/")

    @property
    def path(self) -> Path | None:
        """The local path; None in an object store."""
        return None if "://" in self.uri else Path(self.uri)

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.uri.rsplit("/", 1)[-1]

    def child(self, name: str) -> StoragePath:
        """Return the path of a file or folder in this folder."""
        return StoragePath(f"{self.uri.rstrip('/')}/{name}")

    @contextlib.contextmanager
    def _filesystem(self) -> Iterator[tuple[Any, str]]:
        """Yield the fsspec file system and the path in it; raise its errors as ``OSError``."""
        filesystem, path = self._open_filesystem()
        try:
            yield filesystem, path
        except (OSError, VidsearchError):
            raise
        except Exception as error:
            raise OSError(one_line(error, with_type=True)) from error

    def _open_filesystem(self) -> tuple[Any, str]:
        """Return the fsspec file system and the path in it.

        Raises:
            ConfigError: No file system has the scheme of this URI.
            CatalogError: The file system needs a missing package, or cannot be reached.
        """
        import fsspec

        scheme = re.split("::|://", self.uri, maxsplit=1)[0]
        try:
            filesystem, path = fsspec.core.url_to_fs(self.uri)
        except ImportError as error:
            raise CatalogError(
                f"{self.uri!r} needs a package that is not installed "
                f"({one_line(error, with_type=True)}); install it, or keep the catalog in a local "
                "folder"
            ) from error
        except Exception as error:
            if scheme not in {*fsspec.available_protocols(), *fsspec.registry}:
                raise ConfigError(
                    f"{self.uri!r} has the unknown scheme {scheme!r}; name a local folder, or a "
                    "URI such as s3://bucket/folder"
                ) from error
            raise CatalogError(
                f"{self.uri!r} cannot be reached ({one_line(error, with_type=True)}); check the "
                "URI and its credentials"
            ) from error
        return filesystem, path

    def exists(self) -> bool:
        """Return True if there is a file or folder at this path.

        Raises:
            OSError: The storage cannot be read.
        """
        if self.path is not None:
            return self.path.exists()
        with self._filesystem() as (filesystem, path):
            filesystem.invalidate_cache()
            return bool(filesystem.exists(path))

    def names(self) -> list[str]:
        """Return the names in this folder, sorted; an absent folder has none.

        Raises:
            OSError: The path is not a folder, or cannot be read.
        """
        if self.path is not None:
            return sorted(os.listdir(self.path)) if self.path.exists() else []  # noqa: PTH208
        with self._filesystem() as (filesystem, path):
            filesystem.invalidate_cache()
            try:
                entries = filesystem.ls(path, detail=False)
            except FileNotFoundError:
                return []
        return sorted(str(name).rstrip("/").rsplit("/", 1)[-1] for name in entries)

    def files(self) -> list[StoragePath]:
        """Return every file in this folder and its sub-folders, sorted.

        Raises:
            OSError: The folder cannot be read.
        """
        if self.path is not None:
            return [StoragePath(str(p)) for p in sorted(self.path.rglob("*")) if p.is_file()]
        with self._filesystem() as (filesystem, path):
            filesystem.invalidate_cache()
            return [
                StoragePath(filesystem.unstrip_protocol(p)) for p in sorted(filesystem.find(path))
            ]

    def keeps_versions(self) -> bool:
        """Return True if the storage keeps old versions of removed files, as S3 buckets can.

        Raises:
            OSError: The versioning of the bucket cannot be read.
        """
        if self.path is not None:
            return False
        with self._filesystem() as (filesystem, path):
            is_versioned = getattr(filesystem, "is_bucket_versioned", None)
            return is_versioned is not None and bool(is_versioned(path.split("/", 1)[0]))

    def read(self) -> bytes:
        """Return the file's content.

        Raises:
            FileNotFoundError: The file is absent.
            OSError: The file cannot be read.
        """
        if self.path is not None:
            return self.path.read_bytes()
        with self._filesystem() as (filesystem, path):
            content: bytes = filesystem.cat_file(path)
            return content

    def write(self, content: bytes) -> None:
        """Write the file atomically: a reader sees the old content or the new, never a part.

        Missing folders are created.

        Raises:
            OSError: The file cannot be written.
        """
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, content)
            return
        with self._filesystem() as (filesystem, path):
            filesystem.pipe_file(path, content)

    def write_once(self, content: bytes) -> bool:
        """Write the file unless it exists; return True if this call wrote it.

        Missing folders are created.

        Raises:
            OSError: The file cannot be written.
        """
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return create_atomically(self.path, content)
        with self._filesystem() as (filesystem, path):
            try:
                filesystem.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
        return True

    def upload(self, source: Path) -> None:
        """Copy a local file to this path in an object store, without holding it in memory.

        Raises:
            OSError: The file cannot be written.
        """
        with self._filesystem() as (filesystem, path):
            filesystem.put_file(str(source), path)

    def download(self, target: Path) -> None:
        """Copy this file to a local path, without holding it in memory.

        Raises:
            FileNotFoundError: The file is absent.
            OSError: The file cannot be read.
        """
        with self._filesystem() as (filesystem, path):
            filesystem.get_file(path, str(target))

    def remove_tree(self) -> None:
        """Remove the file or folder if it exists; errors of a local folder are ignored."""
        if self.path is None:
            with self._filesystem() as (filesystem, path), contextlib.suppress(FileNotFoundError):
                filesystem.invalidate_cache()
                filesystem.rm(path, recursive=True)
        elif self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.path.unlink()
