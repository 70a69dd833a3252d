"""The edge of a stage: whatever one video does, the run goes on and counts it."""

from __future__ import annotations

import logging
from collections.abc import Collection

from pipelines.stages import index_slice, index_video
from pipelines.stages.index_video import Opened
from pipelines.stages.join_slices import SliceJoiner
from pipelines.stages.malloc_trim import give_back
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, Outcome, SlicedVideo, SliceOutcome
from vidsearch.errors import VideoError, reason
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id

_LOG = logging.getLogger(__name__)


def run(
    source: VideoSource,
    models: LoadedPack,
    config: IndexConfig,
    known: Collection[str],
    opened: Opened | None = None,
    *,
    may_slice: bool = False,
) -> Outcome | SlicedVideo:
    """Run ``index_video.run``; an error that nobody foresaw becomes a ``Failure`` that says so."""
    try:
        return index_video.run(source, models, config, known, opened, may_slice=may_slice)
    except Exception as error:  # noqa: BLE001 (the one place where everything is caught)
        return _unforeseen(source, error, _content(source))
    finally:
        give_back()


def run_slice(
    video: SlicedVideo,
    number: int,
    models: LoadedPack,
    config: IndexConfig,
    opened: Opened | None = None,
) -> SliceOutcome | Failure:
    """Index one slice of a video, in the same way."""
    try:
        return index_slice.run(video, number, models, config, opened)
    except Exception as error:  # noqa: BLE001 (as above)
        return _unforeseen(video.source, error, video.video_id)
    finally:
        give_back()


def join(joiner: SliceJoiner, outcome: SliceOutcome) -> None:
    """Add a slice to its video; whatever is wrong with it becomes the joiner's ``trouble``."""
    try:
        joiner.add(outcome)
    except Exception as error:  # noqa: BLE001 (as above)
        _LOG.debug("slices of %r do not join", joiner.video.source.uri, exc_info=True)
        joiner.trouble = f"slice {outcome.number} does not join ({type(error).__name__}: {error})"


def _unforeseen(source: VideoSource, error: Exception, video_id: str | None) -> Failure:
    _LOG.debug("unforeseen error in %r", source.uri, exc_info=True)
    message = f"unforeseen error: {reason(error)}; please report it, with the file if you can"
    return Failure("index", source, type(error).__name__, message, video_id)


def _content(source: VideoSource) -> str | None:
    try:
        return content_id(source.uri)
    except VideoError:
        return None
