"""The memory of a video is freed when the video ends, not when Python's collector runs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest

from pipelines import IndexConfig
from pipelines.stages import error_boundary, index_video
from pipelines.stages.malloc_trim import MemoryTrimmer
from pipelines.stages.payloads import Failure
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


class Cycle:
    """Object in a reference cycle, like a decoder and its frames."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def without_automatic_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def clock_of(*seconds: float) -> Callable[[], float]:
    return iter(seconds).__next__


def test_reference_cycles_are_freed_and_the_heap_is_trimmed() -> None:
    pads: list[int] = []

    def trim(pad: int) -> int:
        pads.append(pad)
        return 1

    left = weakref.ref(Cycle())
    assert left() is not None
    assert MemoryTrimmer(clock_of(0.0, 0.0, 0.0), trim)()
    assert left() is None
    assert pads == [0]


def test_short_clips_are_not_trimmed_one_by_one() -> None:
    # Created at 8 s, trimmed at 10 s, then asked at 11.9 s and at 12 s.
    trimmer = MemoryTrimmer(clock_of(8.0, 10.0, 10.0, 11.9, 12.0, 12.0), None)
    assert trimmer()
    left = weakref.ref(Cycle())
    assert not trimmer()
    assert left() is not None
    assert trimmer()
    assert left() is None


def test_another_c_library_only_collects() -> None:
    left = weakref.ref(Cycle())
    assert MemoryTrimmer(clock_of(0.0, 0.0, 0.0), None)()
    assert left() is None


def test_memory_is_trimmed_after_every_video_even_a_failed_one(
    models: LoadedPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[None] = []
    monkeypatch.setattr(error_boundary, "trim_memory", lambda: times.append(None))
    missing = VideoSource("/nowhere/gone.mp4", 1, 0)
    error_boundary.run(missing, models, IndexConfig(), set())
    assert len(times) == 1

    def unexpected(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(index_video, "run", unexpected)
    assert isinstance(error_boundary.run(missing, models, IndexConfig(), set()), Failure)
    assert len(times) == 2
