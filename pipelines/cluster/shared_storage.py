"""Whether the workers of a cluster see a catalog where this machine sees it."""

from __future__ import annotations

import secrets
import time
from typing import Any

from vidsearch.errors import ConfigError
from vidsearch.storage.path import StoragePath


def require_shared_place(client: Any, place: StoragePath) -> None:
    """Raise unless every worker reads what is written here, and the other way round.

    Raises:
        ConfigError: Naming the first worker that does not, and why.
    """
    probe = place.child("index").child(f"gen-{time.time_ns() // 1_000_000:012x}-probe")
    word = secrets.token_hex(8)
    asked = probe.child("asked")
    try:
        if asked.path is not None:
            asked.path.parent.mkdir(parents=True, exist_ok=True)
        asked.write(word.encode())
        answers = client.run(_answer, probe, word, on_error="return")
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
            f"worker {worker}{others} does not see the catalog {place.uri!r} as this machine does "
            f"({reason}); make it reachable and writable there under the same path, or build "
            "without --scheduler"
        )


def _answer(probe: StoragePath, word: str) -> str:
    """On a worker: return the name of a file that it wrote in answer, or why it could not."""
    try:
        if probe.child("asked").read() != word.encode():
            return "another folder has that path"
        name = f"answer-{secrets.token_hex(8)}"
        if probe.path is not None:
            (probe.path / name).write_text(word)
        else:
            probe.child(name).write(word.encode())
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}"
    return name
