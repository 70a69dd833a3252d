"""Kills of a process at a step that changes files: before or after a table's write, or at a call.

The steps are counted by hooks that only the killed child of a harness installs: around the methods
of ``Table`` that write, and at every event of Python that changes a file.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

_METHODS = ("append", "merge", "delete", "update", "compact", "vacuum", "_set_retention")
_EVENTS = frozenset({"os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "shutil.rmtree"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class KillPoints:
    """Counter of steps that kills the process at one of them.

    Args:
        kill_at: Number of the step at which the process ends; None: steps are counted only.
        below: Only events of files below this folder are steps.
        kill: Ends the process; another function may raise an error instead.
    """

    def __init__(
        self, kill_at: int | None, below: str, kill: Callable[[], None] | None = None
    ) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._below = below
        self._kill = kill if kill is not None else _kill_self

    def step(self) -> None:
        """Count a step; end the process if it is the chosen one."""
        if self.count == self._kill_at:
            self.count += 1
            self._kill()
        else:
            self.count += 1

    def install(self) -> None:
        """Count the steps of this process from now on; cannot be undone."""
        from vidsearch.catalog.tables import Table

        for name in _METHODS:
            setattr(Table, name, self._around(getattr(Table, name)))
        sys.addaudithook(self._on_event)

    def _around(self, method: Any) -> Any:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.step()
            result = method(*args, **kwargs)
            self.step()
            return result

        return call

    def _on_event(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if not isinstance(flags, int) or not flags & _WRITING:
                return
        elif event in _EVENTS:
            path = args[0]
        else:
            return
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._below):
            self.step()


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
