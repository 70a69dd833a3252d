"""Error boundary of the indexing stages: unexpected exceptions become ``Failure``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import TypeVar

from pipelines.stages import index_slice, index_video
from pipelines.stages.decode_stream import Opened
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.malloc_trim import trim_memory
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import CHANGED_STAGE, Failure, Outcome, SlicedVideo, SliceOutcome
from vidsearch.errors import InstallationError, VideoChangedError, VideoError, reason
from vidsearch.libraries import installation_error
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource
from vidsearch.video.discovery.changes import FileWatch
from vidsearch.video.identity import content_id

_LOG = logging.getLogger(__name__)

T = TypeVar("T")


def run(
    source: VideoSource,
    models: LoadedPack,
    config: IndexConfig,
    indexed: Collection[str],
    opened: Opened | None = None,
    *,
    may_slice: bool = False,
) -> Outcome | SlicedVideo:
    """Run ``index_video.run``; unexpected exceptions become ``Failure``.

    The outcome of a file that changed since its search, or while it was read, is ``Failure`` too:
    it is another video when it is finished.
    """
    try:
        return _read_unchanged(
            source,
            lambda: index_video.run(source, models, config, indexed, opened, may_slice=may_slice),
        )
    except Exception as error:  # noqa: BLE001 (the error boundary)
        try:
            video_id = content_id(source.uri)
        except VideoError:
            video_id = None
        return _unexpected(source, error, video_id)
    finally:
        trim_memory()


def run_slice(
    video: SlicedVideo,
    number: int,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None = None,
) -> SliceOutcome | Failure:
    """Run ``index_slice.run``; unexpected exceptions become ``Failure``."""
    try:
        return _read_unchanged(
            video.source, lambda: index_slice.run(video, number, models, config, opened)
        )
    except Exception as error:  # noqa: BLE001 (the error boundary)
        return _unexpected(video.source, error, video.video_id)
    finally:
        trim_memory()


def join(joiner: SliceJoiner, outcome: SliceOutcome) -> None:
    """Add a slice to its video; unexpected exceptions become the joiner's ``error``."""
    try:
        joiner.add(outcome)
    except Exception as error:  # noqa: BLE001 (the error boundary)
        _LOG.debug("slices of %r do not join", joiner.video.source.uri, exc_info=True)
        joiner.error = f"slice {outcome.number} does not join ({type(error).__name__}: {error})"


def _read_unchanged(source: VideoSource, read: Callable[[], T]) -> T | Failure:
    """Return the result of ``read``; ``Failure`` if the file changed before or meanwhile."""
    try:
        watched = FileWatch(source)
        result = read()
        watched.require_unchanged()
    except VideoChangedError as error:
        # Another machine may see the file that the search found.
        return Failure(CHANGED_STAGE, source, type(error).__name__, str(error), host_specific=True)
    return result


def _unexpected(source: VideoSource, error: Exception, video_id: str | None) -> Failure:
    _LOG.debug("unexpected error in %r", source.uri, exc_info=True)
    if isinstance(error, ImportError):
        error = installation_error(error.name or "a library", error)
    message = (
        reason(error)
        if isinstance(error, InstallationError)
        else f"unexpected error: {reason(error)}; please report it, with the file if you can"
    )
    return Failure("index", source, type(error).__name__, message, video_id, host_specific=True)
