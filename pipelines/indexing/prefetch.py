"""Running a generator ahead of its consumer, in a thread: workers never wait for a commit."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from multiprocessing import resource_tracker
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

T = TypeVar("T")


class _End:
    """Marks the end of the items; carries what stopped them, if anything did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetcher(Generic[T]):
    """Iterates over what a generator yields, which runs up to ``limit`` items ahead.

    Leaving the context stops the generator, closes it in its own thread, and waits for that.

    The thread blocks SIGINT, and the processes that it starts inherit this: a terminal sends Ctrl-C
    to all of a command's processes, and only the main thread shall act on it.

    Args:
        make: Makes the generator. It should yield now and then, or it cannot be stopped.
        limit: Items that may wait.
    """

    def __init__(self, make: Callable[[], Iterator[T]], limit: int) -> None:
        self._make = make
        self._items: queue.Queue[T | _End] = queue.Queue(limit)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vidsearch-ahead", daemon=True)

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
        """Return what is ready now, without waiting."""
        ready: list[T] = []
        while True:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                return ready
            if not isinstance(item, _End):
                ready.append(item)

    def _run(self) -> None:
        # Started now, for it lets its starter's SIGINT through again.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        error: BaseException | None = None
        items = self._make()
        try:
            for item in items:
                self._put(item)
                if self._stop.is_set():
                    break
            cast("Generator[T, None, None]", items).close()
        except BaseException as caught:  # noqa: BLE001 (raised again where the items are taken)
            error = caught
        self._put(_End(error))

    def _put(self, item: T | _End) -> None:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=0.1)
            except queue.Full:
                continue
            return
