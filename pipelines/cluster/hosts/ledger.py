"""Faults of the hosts of a cluster, and the hosts that get no more work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAVE_OUT_AFTER = 3
"""Faults in a row after which a host is left out, each of a task that another host did."""

_SLOW_AFTER = 3
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class _Record:
    """Faults of one host.

    Attributes:
        in_a_row: Faults since the last task that the host did.
        confirmed: Those among them whose task another host did.
        last: Message of the last confirmed fault.
        fresh_from_s: Time from which the host gets another task that no host has tried.
    """

    in_a_row: int = 0
    confirmed: int = 0
    last: str = ""
    fresh_from_s: float = 0.0


class HostLedger:
    """Counts the faults of each host in a row; a task that the host does resets the count.

    A host with several faults in a row gets new tasks slowly: its faults take milliseconds, so it
    would take all work from the other hosts. A host is left out when other hosts did its tasks.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._left_out: set[str] = set()
        self._everywhere = 0

    @property
    def failed_everywhere(self) -> int:
        """Number of tasks in a row that failed on every host."""
        return self._everywhere

    def is_left_out(self, host: str) -> bool:
        """Return True if a host gets no more work."""
        return host in self._left_out

    def may_take_fresh(self, host: str, now: float) -> bool:
        """Return True if a host may get a task that no host has tried.

        Args:
            host: Key of the host.
            now: Time of the monotonic clock, in seconds.
        """
        return host not in self._records or now >= self._records[host].fresh_from_s

    def add_fault(self, host: str, now: float) -> None:
        """Count a task that a host could not do.

        Args:
            host: Key of the host.
            now: Time of the monotonic clock, in seconds.
        """
        record = self._records.setdefault(host, _Record())
        record.in_a_row += 1
        if record.in_a_row >= _SLOW_AFTER:
            pause_s = _FIRST_PAUSE_S * 2 ** min(record.in_a_row - _SLOW_AFTER, 10)
            record.fresh_from_s = now + min(pause_s, _LONGEST_PAUSE_S)

    def add_success(self, host: str, faults: dict[str, str], live: Iterable[str]) -> dict[str, str]:
        """Count a task that a host did; return the hosts to leave out, with the reason.

        The last live host is never left out.

        Args:
            host: Key of the host.
            faults: Key of each host that could not do the task -> message.
            live: Keys of the hosts with live workers.
        """
        self._records.pop(host, None)
        self._everywhere = 0
        left_out = {}
        for other, message in faults.items():
            record = self._records.setdefault(other, _Record())
            record.confirmed += 1
            record.last = message
            rest = set(live) - self._left_out - {other}
            if record.confirmed >= LEAVE_OUT_AFTER and rest and other not in self._left_out:
                self._left_out.add(other)
                left_out[other] = (
                    f"{record.confirmed} files that other hosts read cannot be read there, the "
                    f"last: {message}"
                )
        return left_out

    def add_failure_everywhere(self) -> None:
        """Count a task that failed on every host."""
        self._everywhere += 1

    def forgive(self) -> None:
        """Reset the count of tasks that failed on every host."""
        self._everywhere = 0
