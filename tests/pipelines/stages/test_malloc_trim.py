"""What a video leaves behind is freed when it ends, not when Python's collector comes round."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from pipelines import IndexConfig
from pipelines.stages import error_boundary as edge
from pipelines.stages import index_video
from pipelines.stages import malloc_trim as returned_memory
from pipelines.stages.malloc_trim import give_back
from pipelines.stages.payloads import Failure
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource


class Pictures:
    """Something that refers to itself, as a decoder and its frames do."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def never_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(returned_memory, "_last_s", -returned_memory._APART_S)
    gc.disable()
    yield
    gc.enable()


def test_circles_are_freed() -> None:
    left = weakref.ref(Pictures())
    assert left() is not None
    assert give_back(lambda: 0.0)
    assert left() is None


def test_not_after_every_short_clip() -> None:
    assert give_back(lambda: 10.0)
    left = weakref.ref(Pictures())
    assert not give_back(lambda: 11.9)
    assert left() is not None
    assert give_back(lambda: 12.0)
    assert left() is None


def test_another_c_library_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        return None

    monkeypatch.setattr(returned_memory, "_malloc_trim", none)
    left = weakref.ref(Pictures())
    assert give_back(lambda: 0.0)
    assert left() is None


def test_every_video_ends_so_even_one_that_fails(
    models: LoadedPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[None] = []
    monkeypatch.setattr(edge, "give_back", lambda: times.append(None))
    missing = VideoSource("/nowhere/gone.mp4", 1, 0)
    edge.run(missing, models, IndexConfig(), set())
    assert len(times) == 1

    def unforeseen(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(index_video, "run", unforeseen)
    assert isinstance(edge.run(missing, models, IndexConfig(), set()), Failure)
    assert len(times) == 2
