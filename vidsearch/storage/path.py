"""Small files beside the tables: on a local disk, or in an object store through fsspec."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vidsearch.errors import CatalogError, ConfigError, VidsearchError
from vidsearch.text.printable import printable

# What the table store cannot carry in a path (found by trying every ASCII character): it turns some
# into other paths and aborts the process on others, so such a name is refused before it is used.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\[\\\]^|]|%[0-9A-Fa-f]{2}|[\ud800-\udfff]")
_LONGEST_LINE = 240


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A folder or file by its absolute path or URI."""

    uri: str

    @staticmethod
    def of(uri: str | os.PathLike[str]) -> StoragePath:
        """Return the place that a user named.

        Raises:
            ConfigError: The name is empty or has a character that the table store cannot carry.
        """
        text = os.fspath(uri)
        if text.startswith("file://"):
            text = unquote(urlsplit(text).path)
        if "://" not in text:
            text = os.path.abspath(text) if text else ""  # noqa: PTH100 (resolve() follows links)
        unfit = _UNFIT.search(text)
        if not text or unfit:
            found = f"contains {unfit.group()!r}" if unfit else "is empty"
            raise ConfigError(
                f"catalog {text!r} {found}, which its tables cannot be kept under; "
                "name the folder otherwise"
            )
        return StoragePath(text.rstrip("/") or "/")

    @property
    def path(self) -> Path | None:
        """The local path; None in an object store."""
        return None if "://" in self.uri else Path(self.uri)

    def child(self, name: str) -> StoragePath:
        return StoragePath(f"{self.uri.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        return self.uri.rsplit("/", 1)[-1]

    @contextlib.contextmanager
    def _storage(self) -> Iterator[tuple[Any, str]]:
        """Yield the fsspec file system and the path in it; its own errors become ``OSError``."""
        filesystem, path = self._remote()
        try:
            yield filesystem, path
        except (OSError, VidsearchError):
            raise
        except Exception as error:
            raise OSError(_one_line(error)) from error

    def _remote(self) -> tuple[Any, str]:
        """The fsspec file system and the path in it.

        Raises:
            ConfigError: No storage has this scheme.
            CatalogError: A package is missing that it needs, or it cannot be reached.
        """
        import fsspec

        scheme = re.split("::|://", self.uri, maxsplit=1)[0]
        try:
            filesystem, path = fsspec.core.url_to_fs(self.uri)
        except ImportError as error:
            raise CatalogError(
                f"{self.uri!r} needs a package that is not installed ({_one_line(error)}); "
                "install it, or keep the catalog in a local folder"
            ) from error
        except Exception as error:
            if scheme not in {*fsspec.available_protocols(), *fsspec.registry}:
                raise ConfigError(
                    f"{self.uri!r} has the scheme {scheme!r}, which is not known; name a local "
                    "folder, or a URI such as s3://bucket/folder"
                ) from error
            raise CatalogError(
                f"{self.uri!r} cannot be reached ({_one_line(error)}); check the URI and "
                "its credentials"
            ) from error
        return filesystem, path

    def exists(self) -> bool:
        if self.path is not None:
            return self.path.exists()
        with self._storage() as (filesystem, path):
            filesystem.invalidate_cache()
            return bool(filesystem.exists(path))

    def names(self) -> list[str]:
        """Return the names in this folder, sorted; none where it is absent.

        Raises:
            OSError: It is not a folder, or cannot be read.
        """
        if self.path is not None:
            return sorted(os.listdir(self.path)) if self.path.exists() else []  # noqa: PTH208
        with self._storage() as (filesystem, path):
            filesystem.invalidate_cache()
            try:
                listed = filesystem.ls(path, detail=False)
            except FileNotFoundError:
                return []
        return sorted(str(name).rstrip("/").rsplit("/", 1)[-1] for name in listed)

    def files(self) -> list[StoragePath]:
        """Return every file in this folder and the folders in it, sorted.

        Raises:
            OSError: It cannot be read.
        """
        if self.path is not None:
            return [StoragePath(str(p)) for p in sorted(self.path.rglob("*")) if p.is_file()]
        with self._storage() as (filesystem, path):
            filesystem.invalidate_cache()
            return [
                StoragePath(filesystem.unstrip_protocol(p)) for p in sorted(filesystem.find(path))
            ]

    def keeps_versions(self) -> bool:
        """Tell whether what is removed here is kept as an old version, as S3 buckets may do.

        Raises:
            OSError: It cannot be found out.
        """
        if self.path is not None:
            return False
        with self._storage() as (filesystem, path):
            ask = getattr(filesystem, "is_bucket_versioned", None)
            return ask is not None and bool(ask(path.split("/", 1)[0]))

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            FileNotFoundError: It is absent.
        """
        if self.path is not None:
            return self.path.read_bytes()
        with self._storage() as (filesystem, path):
            content: bytes = filesystem.cat_file(path)
            return content

    def write(self, content: bytes) -> None:
        """Write the file so that a reader sees the old bytes or the new ones, never a part.

        Raises:
            OSError: It cannot be written.
        """
        if self.path is None:
            with self._storage() as (filesystem, path):
                filesystem.pipe_file(path, content)
            return
        staged = _stage(self.path, content)
        try:
            staged.replace(self.path)
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)

    def upload(self, path: Path) -> None:
        """Copy a local file to this place, in an object store, without holding it in memory.

        Raises:
            OSError: It cannot be written.
        """
        with self._storage() as (filesystem, target):
            filesystem.put_file(str(path), target)

    def download(self, path: Path) -> None:
        """Copy this file to a local path, without holding it in memory.

        Raises:
            FileNotFoundError: It is absent.
        """
        with self._storage() as (filesystem, source):
            filesystem.get_file(source, str(path))

    def write_once(self, content: bytes) -> bool:
        """Write the file unless there is one; return whether this call wrote it.

        Raises:
            OSError: It cannot be written.
        """
        if self.path is None:
            with self._storage() as (filesystem, path):
                try:
                    filesystem.pipe_file(path, content, mode="create")
                except FileExistsError:
                    return False
            return True
        staged = _stage(self.path, content)
        try:
            os.link(staged, self.path)
        except FileExistsError:
            return False
        finally:
            staged.unlink(missing_ok=True)
        _sync_folder(self.path.parent)
        return True

    def remove_tree(self) -> None:
        """Remove the file or folder; what is absent already is no error."""
        if self.path is None:
            with self._storage() as (filesystem, path), contextlib.suppress(FileNotFoundError):
                filesystem.invalidate_cache()
                filesystem.rm(path, recursive=True)
        elif self.path.is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.path.unlink()


def _one_line(error: Exception) -> str:
    return printable(" ".join(f"{type(error).__name__}: {error}".split()))[:_LONGEST_LINE]


def _stage(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp makes it private; a catalog is shared like its tables
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
