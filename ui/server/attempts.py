"""Limit of wrong tokens over all connections, and a log line for every attempt to sign in."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from vidsearch.text.printable import printable

MAX_WRONG = 10
"""Wrong tokens that are checked in a window; then none is, from any address."""

WINDOW_S = 60.0

LOG = logging.getLogger("vidsearch.sign_in")


class Attempts:
    """Attempts to sign in at one server.

    The limit counts all connections and addresses together, because a guesser has many of both.
    Visitors who have signed in are not affected.

    Args:
        clock: Seconds that never run back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[float] = deque()

    def wait_s(self) -> float:
        """Return the seconds until a token is checked again; 0 if one is checked now."""
        now = self._clock()
        while self._wrong and self._wrong[0] <= now - WINDOW_S:
            self._wrong.popleft()
        return self._wrong[0] + WINDOW_S - now if len(self._wrong) >= MAX_WRONG else 0.0

    def accepted(self, address: str) -> None:
        """Log a right token."""
        LOG.warning("sign-in from %s", printable(address))

    def rejected(self, address: str) -> None:
        """Count and log a wrong token."""
        self._wrong.append(self._clock())
        LOG.warning(
            "wrong token from %s; %d of %d within %.0f s",
            printable(address),
            len(self._wrong),
            MAX_WRONG,
            WINDOW_S,
        )

    def refused(self, address: str) -> None:
        """Log an attempt that came while no token is checked."""
        LOG.warning(
            "token from %s not checked: too many wrong tokens; next in %.0f s",
            printable(address),
            self.wait_s(),
        )


def log_to_stderr() -> None:
    """Write the log of sign-ins to standard error, with the time; a repeated call does nothing."""
    if LOG.handlers:
        return
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)sZ vidsearch: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    LOG.addHandler(handler)
    LOG.propagate = False
