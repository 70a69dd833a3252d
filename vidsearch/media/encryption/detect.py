"""Dispatch to the containers that can state a protection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vidsearch.media.encryption import asf, flv, iso_media, matroska, mpeg, mxf
from vidsearch.media.encryption.base import ReadAt

_HEAD_BYTES: Final = 16384

# Files that are encrypted as a whole: first bytes, name of the program or format.
_ENCRYPTED_FILES: Final = (
    (b"TiVo", "TiVo"),
    (b"Salted__", "OpenSSL"),
    (b"AES\1", "AES Crypt"),
    (b"AES\2", "AES Crypt"),
    (b"age-encryption.org/", "age"),
    (b"-----BEGIN PGP MESSAGE-----", "PGP"),
    (b"LUKS\xba\xbe", "LUKS"),
)
_CONTAINERS: Final[tuple[tuple[bytes, Callable[[ReadAt], str | None]], ...]] = (
    (asf.HEADER, asf.encryption),
    (matroska.HEADER, matroska.encryption),
    (flv.HEADER, flv.encryption),
    (mxf.HEADER, mxf.encryption),
    (mpeg.PACK_HEADER, mpeg.program_stream_encryption),
)


def encryption(read_at: ReadAt) -> str | None:
    """Return the name of the protection if the video of a file is encrypted.

    Only stated protections are found: few bytes are read, and nothing is decrypted.

    Args:
        read_at: Function from offset and size to bytes of the file.

    Returns:
        Name, e.g. ``MPEG Common Encryption (cenc)``; None if the file states none.
    """
    head = read_at(0, _HEAD_BYTES)
    name = next((name for signature, name in _ENCRYPTED_FILES if head.startswith(signature)), None)
    return name if name is not None else _container_encryption(head)(read_at)


def _container_encryption(head: bytes) -> Callable[[ReadAt], str | None]:
    """Return the test for the container of a file with these first bytes."""
    if head[4:8] in iso_media.TOP_LEVEL_BOXES:
        return iso_media.encryption
    if mpeg.is_transport_stream(head):
        return mpeg.transport_stream_encryption
    by_signature = (test for signature, test in _CONTAINERS if head.startswith(signature))
    return next(by_signature, mpeg.blu_ray_encryption)


def looks_encrypted(sample: bytes) -> bool:
    """Return True if bytes have no structure, as in an encrypted file or a stream segment.

    Call it for files in no known format only: compressed data has the same statistics.

    Args:
        sample: First bytes of the file; at least 4096.
    """
    if len(sample) < 4096:
        return False
    expected = len(sample) / 256
    counts = [0] * 256
    for byte in sample:
        counts[byte] += 1
    chi_squared = sum((count - expected) ** 2 for count in counts) / expected
    # 255 degrees of freedom: mean 255, standard deviation 22.6.
    return 120 < chi_squared < 390
