"""Background prefetch of a generator in a thread, so that workers never wait for a commit."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

from vidsearch.processes import block_interrupts

T = TypeVar("T")


class _End:
    """End of the items, with the exception that ended them, if any."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetcher(Generic[T]):
    """Iterates over the items of a generator that runs up to ``limit`` items ahead in a thread.

    Leaving the context stops the generator, closes it in its own thread, and waits for that.

    The thread blocks SIGINT, and the processes that it starts inherit the mask. A terminal sends
    Ctrl-C to all processes of a command, and only the main thread must act on it.

    Args:
        start: Returns the generator. It must yield regularly, or it cannot be stopped.
        limit: Number of items that may wait.
    """

    def __init__(self, start: Callable[[], Iterator[T]], limit: int) -> None:
        self._start = start
        self._items: queue.Queue[T | _End] = queue.Queue(limit)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vidsearch-prefetch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        while self._thread.is_alive():
            self.drain()
            self._thread.join(0.05)

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._items.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def drain(self) -> list[T]:
        """Return the items that are ready now, without waiting."""
        ready: list[T] = []
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return ready
            if not isinstance(item, _End):
                ready.append(item)

    def _run(self) -> None:
        # Start the resource tracker before the mask is set: it unblocks SIGINT in its parent.
        if sys.platform != "win32":
            resource_tracker.ensure_running()
        block_interrupts()
        error: BaseException | None = None
        items = self._start()
        try:
            for item in items:
                self._put(item)
                if self._stop.is_set():
                    break
            cast("Generator[T, None, None]", items).close()
        except BaseException as caught:  # noqa: BLE001 (raised again in the consumer)
            error = caught
        self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=0.1)
            except queue.Full:
                continue
            return
