"""Check that the workers of a cluster see the catalog under the same path as this machine."""

from __future__ import annotations

import secrets
import time

from distributed import Client

from vidsearch.errors import ConfigError
from vidsearch.storage.path import StoragePath


def require_shared_storage(client: Client, root: StoragePath) -> None:
    """Raise unless every worker reads a file written here, and this machine reads the answers.

    Args:
        client: Connected client.
        root: Folder of the catalog.

    Raises:
        ConfigError: A worker does not see the folder; names the first one and the reason.
    """
    probe = root.child("index").child(f"gen-{time.time_ns() // 1_000_000:012x}-probe")
    token = secrets.token_hex(8)
    request = probe.child("asked")
    try:
        if request.path is not None:
            request.path.parent.mkdir(parents=True, exist_ok=True)
        request.write(token.encode())
        answers = client.run(_answer, probe, token, on_error="return")
        written = set(probe.names())
    finally:
        probe.remove_tree()
    bad = {
        worker: str(answer)
        for worker, answer in sorted(answers.items())
        if isinstance(answer, BaseException) or answer not in written
    }
    if bad:
        worker, reason = next(iter(bad.items()))
        others = f" (and {len(bad) - 1} more workers)" if len(bad) > 1 else ""
        raise ConfigError(
            f"worker {worker}{others} does not see the catalog {root.uri!r} as this machine does "
            f"({reason}); make it reachable and writable there under the same path, or build "
            "without --scheduler"
        )


def _answer(probe: StoragePath, token: str) -> str:
    """Write an answer file on a worker; return its name, or the error text."""
    try:
        if probe.child("asked").read() != token.encode():
            return "another folder has that path"
        name = f"answer-{secrets.token_hex(8)}"
        if probe.path is not None:
            (probe.path / name).write_text(token)
        else:
            probe.child(name).write(token.encode())
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}"
    return name
