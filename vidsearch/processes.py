"""Calls of the operating system about the own process that differ between systems."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BROKEN_PIPE_STATUS = 141
"""128 + SIGPIPE, as shells report it: the reader of standard output has ended."""


def usable_cores() -> int:
    """Return the number of cores that the process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:  # noqa: RET505 (mypy leaves out the branches of other systems)
        return os.cpu_count() or 1


def address_space_limit() -> int | None:
    """Return the limit of the own address space (``ulimit -v``) in bytes; None without one."""
    if sys.platform == "win32":
        return None
    else:  # noqa: RET505 (mypy leaves out the branches of other systems)
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        return None if soft == resource.RLIM_INFINITY else soft


def end_now() -> None:
    """End the process at once, without exit handlers."""
    if sys.platform == "win32":
        os._exit(1)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def end_after(seconds: float) -> None:
    """Let the kernel end the process after a time, even if a library hangs; 0: never.

    Windows has no such timer; there the caller's own thread has to end the process.
    """
    if sys.platform != "win32":
        # No handler is set for SIGALRM, so the kernel ends the process.
        signal.setitimer(signal.ITIMER_REAL, seconds)


def block_interrupts() -> None:
    """Let Ctrl-C interrupt other threads than the calling one.

    On Windows it interrupts the main thread only.
    """
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, with which service managers stop a program, interrupt the block as Ctrl-C does.

    A handler that the caller has set stays. Only the main thread can set one.
    """
    replaced = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    )
    if not replaced:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
