"""Converted model files, made once a machine and checked at every use.

A file's name holds what it was made from, what made it, and its own sha256::

    <source's name>-<source's sha256>-<converter's sha256>-<own sha256>.onnx

So one atomic rename publishes a file and its checksum together, any number of processes may make it
at the same time (they make the same), another version of the source or of the converter never
meets it, and a damaged file gives itself away and is made anew.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vidsearch.errors import ModelError
from vidsearch.models.pack import sha256_of
from vidsearch.storage.files import TEMPORARY_FILES, write_atomically

log = logging.getLogger(__name__)

# A writer takes seconds; what is this old was left behind by one that was killed.
ABANDONED_AFTER_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How a file that somebody else published becomes one that runs here.

    Attributes:
        source: The published file, verified by the caller.
        source_sha256: Its hash.
        convert: From its bytes to an ONNX file's.
        version: Changes whenever ``convert`` gives something else.
    """

    source: Path
    source_sha256: str
    convert: Callable[[bytes], bytes]
    version: str

    @property
    def key(self) -> str:
        return f"{self.source.stem}-{self.source_sha256[:16]}-{self.version}"


def converted(conversion: Conversion, cache_dir: Path) -> Path:
    """Return the path of the converted file, making it where there is no intact one.

    Safe in any number of processes at once. A cache folder that cannot be written is an error, not
    a reason to convert again in every process.

    Raises:
        ModelError: The cache cannot be written, or the source cannot be read.
    """
    for path in sorted(cache_dir.glob(f"{conversion.key}-*.onnx")):
        own = path.stem.rsplit("-", 1)[1]
        with suppress(ModelError):  # vanished or unreadable: not intact
            if sha256_of(path, pack="cache") == own:
                return path
        log.warning("cached model %s is damaged; making it anew", path)
    try:
        source = conversion.source.read_bytes()
    except OSError as error:
        raise ModelError(
            f"model file {conversion.source} cannot be read ({error.strerror}); "
            "check its permissions"
        ) from error
    made = conversion.convert(source)
    path = cache_dir / f"{conversion.key}-{hashlib.sha256(made).hexdigest()}.onnx"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(path, made)
    except OSError as error:
        raise ModelError(
            f"model cache {cache_dir} cannot be written ({error.strerror}); "
            "make room there or set VIDSEARCH_CACHE to a folder that can be written"
        ) from error
    _sweep(cache_dir)
    return path


def _sweep(cache_dir: Path) -> None:
    """Remove what killed writers left behind."""
    for path in cache_dir.glob(TEMPORARY_FILES):
        with suppress(OSError):  # another process swept it first
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink()
