"""Functions that run in a child process, forked from a process that never used the table store."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONGEST_S = 120.0
"""Seconds after which a child counts as hung."""


class ChildError(Exception):
    """A child raised an error; its traceback is the message."""


def in_child(function: Callable[[], Any], output: Path, kill_after_s: float | None = None) -> Any:
    """Return the result of a function that runs in a forked child.

    Args:
        function: Function of no arguments with a result that can be pickled.
        output: File for the result and what the child prints.
        kill_after_s: Seconds after which the child is killed; None: it ends by itself.

    Returns:
        The result; None if the child was killed.

    Raises:
        ChildError: The function raised an error.
        TimeoutError: The child did not end within ``LONGEST_S``.
    """
    output.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(function, output)
    deadline_s = time.monotonic() + (LONGEST_S if kill_after_s is None else kill_after_s)
    while time.monotonic() < deadline_s:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.005)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if kill_after_s is None:
            raise TimeoutError(f"a child did not end within {LONGEST_S:.0f} s")
        return None
    if os.WIFSIGNALED(status):
        return None
    ok, result = pickle.loads(output.read_bytes())
    if not ok:
        raise ChildError(result)
    return result


def _run(function: Callable[[], Any], output: Path) -> None:
    try:
        log = os.open(f"{output}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        answer: tuple[bool, Any] = (True, function())
    except BaseException:  # noqa: BLE001 (the parent raises it again)
        answer = (False, traceback.format_exc())
    output.write_bytes(pickle.dumps(answer))
    sys.stdout.flush()
    os._exit(0)
