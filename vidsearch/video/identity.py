"""Identity of a video: the hash of its bytes, independent of its path and name."""

from __future__ import annotations

import hashlib

from vidsearch.video.source import ByteSource, read_whole

_BLOCK = 1 << 20
_DIGEST_BYTES = 20


def content_id(uri: str, *, source: ByteSource | None = None) -> str:
    """Return the BLAKE2b-160 hash of a file's content, 40 hexadecimal digits.

    The file is streamed in blocks, so memory does not grow with its size.

    Args:
        uri: Path, or a URI known to fsspec.
        source: Bytes of the file; None to open ``uri``.

    Raises:
        VideoOpenError: The file is missing, or cannot be read to its end.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    read_whole(uri, digest.update, _BLOCK, source=source)
    return digest.hexdigest()
