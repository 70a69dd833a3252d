"""Waiting with an end: what another process must answer is not waited for without a limit.

A run goes on for days where nobody looks: a scheduler that was stopped, a worker whose machine has
lost its disk or a cluster that does not close must not hold it for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A call that runs in a thread of its own, so that it can be given up.

    One that was given up goes on until it ends or the process does.

    Args:
        call: What to call.
        args: With these.
        named: And these.
    """

    def __init__(self, call: Callable[..., T], *args: Any, **named: Any) -> None:
        self._call: Callable[[], T] = partial(call, *args, **named)
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="vidsearch-later", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result.append(self._call())
        except BaseException as error:  # noqa: BLE001 (raised again by ``result``)
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return whether it is over."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """Return what it returned, or raise what it raised; it must be over."""
        if self._error is not None:
            raise self._error
        return self._result[0]


def within(seconds: float, what: str, call: Callable[..., T], *args: Any, **named: Any) -> T:
    """Return what a call returns.

    Args:
        seconds: How long it may take.
        what: Subject of the complaint: "the scheduler".
        call: What to call.
        args: With these.
        named: And these.

    Raises:
        TimeoutError: It took longer. Whatever it raises itself is passed on, a ``TimeoutError``
            without words with ours.

    Example:
        >>> within(60, "the answer", sum, [40, 2])
        42
    """
    later = Later(call, *args, **named)
    if not later.wait(seconds):
        raise TimeoutError(f"{what} did not answer within {seconds:.0f} s")
    try:
        return later.result()
    except TimeoutError as error:
        if str(error):
            raise
        raise TimeoutError(f"{what} gave up waiting for others") from error
