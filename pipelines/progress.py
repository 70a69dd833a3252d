"""Progress of a run: a bar with an ETA in a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tqdm import tqdm

if TYPE_CHECKING:
    Bar = tqdm[Any]


class Progress:
    """Counts bytes of video, because files differ in length far more than in bytes a second.

    Args:
        total_bytes: Size of all files of the run.
        show: False keeps quiet whatever the terminal.
    """

    def __init__(self, total_bytes: int, *, show: bool = True) -> None:
        self._bar: Bar = tqdm(
            total=max(total_bytes, 1),
            unit="B",
            unit_scale=True,
            desc="indexing",
            dynamic_ncols=True,
            smoothing=0.05,
            disable=not (show and sys.stderr.isatty()),
        )
        self._counts = {"videos": 0, "failed": 0, "tracks": 0}

    def step(self, size: int, *, tracks: int = 0, failed: bool = False) -> None:
        """Count one finished file."""
        self._counts["videos"] += 1
        self._counts["failed"] += failed
        self._counts["tracks"] += tracks
        self._bar.set_postfix(self._counts, refresh=False)
        self._bar.update(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
