"""What makes two files the same video: their bytes, wherever they lie and whatever their name."""

from __future__ import annotations

import hashlib

from vidsearch.video.source import read_whole

_BLOCK = 1 << 20
_DIGEST_BYTES = 20


def content_id(uri: str) -> str:
    """Return the BLAKE2b-160 hash of a file's content, 40 hexadecimal digits.

    The file is streamed, so its size does not matter.

    Raises:
        VideoOpenError: It is missing, unreadable, or stops being readable half-way.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    read_whole(uri, digest.update, _BLOCK)
    return digest.hexdigest()
