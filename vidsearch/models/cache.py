"""Cache of converted model files: written once per machine, checked at every use.

The name of a file holds the hashes of its source, its converter and its content::

    <source's name>-<source's sha256>-<converter's sha256>-<own sha256>.onnx

Thus one atomic rename publishes a file together with its checksum. Concurrent processes write
equal files. Another version of the source or converter gives another name, and a damaged file is
recognised and written again.
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

# Writing takes seconds; an older temporary file belongs to a process that was killed.
ABANDONED_AFTER_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Conversion of a published file to an ONNX file.

    Attributes:
        source: Published file, verified by the caller.
        source_sha256: Hash of the published file.
        convert: Function from the source's bytes to the bytes of an ONNX file.
        version: Version of ``convert``; another version may give other bytes.
    """

    source: Path
    source_sha256: str
    convert: Callable[[bytes], bytes]
    version: str

    @property
    def key(self) -> str:
        """Start of the file name in the cache."""
        return f"{self.source.stem}-{self.source_sha256[:16]}-{self.version}"


def converted(conversion: Conversion, cache_dir: Path) -> Path:
    """Return the path of the converted file; convert the source if the cache has no intact file.

    Safe to call from several processes at once. A cache folder that cannot be written is an error:
    otherwise every process would convert again.

    Raises:
        ModelError: The cache cannot be written, or the source cannot be read.
    """
    for path in sorted(cache_dir.glob(f"{conversion.key}-*.onnx")):
        stated = path.stem.rsplit("-", 1)[1]
        with suppress(ModelError):  # a removed or unreadable file is not intact
            if sha256_of(path, pack="cache") == stated:
                return path
        log.warning("cached model %s is damaged; converting it again", path)
    try:
        source = conversion.source.read_bytes()
    except OSError as error:
        raise ModelError(
            f"model file {conversion.source} cannot be read ({error.strerror}); "
            "check its permissions"
        ) from error
    content = conversion.convert(source)
    path = cache_dir / f"{conversion.key}-{hashlib.sha256(content).hexdigest()}.onnx"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise ModelError(
            f"model cache {cache_dir} cannot be written ({error.strerror}); "
            "make room there or set VIDSEARCH_CACHE to a folder that can be written"
        ) from error
    _remove_abandoned_files(cache_dir)
    return path


def _remove_abandoned_files(cache_dir: Path) -> None:
    """Remove temporary files of processes that were killed."""
    for path in cache_dir.glob(TEMPORARY_FILES):
        with suppress(OSError):  # another process removed it first
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink()
