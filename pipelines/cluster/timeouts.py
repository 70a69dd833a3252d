"""Calls with a timeout, run in a daemon thread.

A run may last for days without an operator. A stopped scheduler, a worker with a failed disk or a
cluster that does not close must not block it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

T = TypeVar("T")


def start_call(call: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
    """Start a call in a daemon thread and return its future.

    An abandoned call keeps its thread until the call returns or the process ends.

    Args:
        call: Function to call.
        args: Positional arguments of ``call``.
        kwargs: Keyword arguments of ``call``.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 (raised again by ``future.result``)
            future.set_exception(error)

    threading.Thread(target=run, name="vidsearch-call", daemon=True).start()
    return future


def is_done(future: Future[Any], within_s: float) -> bool:
    """Wait for a future, at most ``within_s`` seconds; return True if the future is done."""
    return bool(wait([future], timeout=within_s).done)


def call_with_timeout(
    timeout_s: float, subject: str, call: Callable[..., T], *args: Any, **kwargs: Any
) -> T:
    """Return the result of a call.

    Args:
        timeout_s: Time limit in seconds.
        subject: Subject of the error message, for example "the scheduler".
        call: Function to call.
        args: Positional arguments of ``call``.
        kwargs: Keyword arguments of ``call``.

    Raises:
        TimeoutError: The call took longer, or it raised a ``TimeoutError`` without a message.
            Other exceptions of the call are passed on.

    Example:
        >>> call_with_timeout(60, "the answer", sum, [40, 2])
        42
    """
    future = start_call(call, *args, **kwargs)
    if not is_done(future, timeout_s):
        raise TimeoutError(f"{subject} did not answer within {timeout_s:.0f} s")
    try:
        return future.result()
    except TimeoutError as error:
        if str(error):
            raise
        raise TimeoutError(f"{subject} gave up waiting for another process") from error
