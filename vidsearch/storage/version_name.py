"""Names of versioned folders, which sort by time of creation."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VersionName:
    """Name of a versioned folder: ``<prefix>-<milliseconds, hexadecimal>-<token>``.

    Attributes:
        prefix: Kind of the folder, such as ``gen``.
        created_ms: Time of creation in milliseconds since the epoch.
        token: Word that makes the name unique.

    Example:
        >>> str(VersionName("gen", 255, "1a2b3c4d"))
        'gen-0000000000ff-1a2b3c4d'
        >>> VersionName.parse("gen-0000000000ff-1a2b3c4d", "gen").created_ms
        255
    """

    prefix: str
    created_ms: int
    token: str

    def __str__(self) -> str:
        return f"{self.prefix}-{self.created_ms:012x}-{self.token}"

    @staticmethod
    def new(prefix: str, token: str | None = None, *, after_ms: int = 0) -> VersionName:
        """Return a new name.

        Args:
            prefix: Kind of the folder.
            token: Word that makes the name unique; None: a random one.
            after_ms: Lower limit of the time, exclusive, in case the clock was set back.
        """
        created_ms = max(time.time_ns() // 1_000_000, after_ms + 1)
        return VersionName(prefix, created_ms, token if token else secrets.token_hex(4))

    @staticmethod
    def parse(name: str, prefix: str) -> VersionName | None:
        """Return the parts of a name with this prefix; None for any other name."""
        match = re.fullmatch(rf"{re.escape(prefix)}-([0-9a-f]+)-(.+)", name, re.ASCII)
        return VersionName(prefix, int(match[1], 16), match[2]) if match else None
