"""File with the token of the app."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

_MAX_BYTES = 4096


def read_token_file(name: str) -> tuple[str, str]:
    """Return the token of a file, and a warning if others may read the file, or empty text.

    Raises:
        ConfigError: The file cannot be read, is empty, or holds more than one line.
    """
    path = Path(name)
    label = f"--token-file '{printable(name)}'"
    try:
        status = path.stat()
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        text = content.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"{label} cannot be read ({reason}); name a readable file whose only line is the token"
        ) from error
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"{label} has more than {_MAX_BYTES} bytes; the token is one line")
    lines = text.lstrip("\ufeff").splitlines()
    if len(lines) != 1 or not lines[0].strip():
        raise ConfigError(f"{label} must hold one line, the token; got {len(lines)} lines")
    mode = stat.S_IMODE(status.st_mode)
    has_modes = os.name == "posix"
    if not has_modes or not mode & 0o077 or not stat.S_ISREG(status.st_mode):
        return lines[0].strip(), ""
    return lines[0].strip(), (
        f"other users of this machine may read {label} (mode {mode:03o}); run: chmod 600 FILE"
    )
