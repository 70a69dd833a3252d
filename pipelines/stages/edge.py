"""The edge of a stage: whatever one video does, the run goes on and counts it."""

from __future__ import annotations

import logging
from collections.abc import Collection

from pipelines.payloads import Failure, IndexOptions, Outcome
from pipelines.stages import index_video
from pipelines.stages.index_video import Opened
from vidsearch.errors import VideoError
from vidsearch.models.registry import LoadedPack
from vidsearch.video.discover import VideoSource
from vidsearch.video.identity import content_id

_LOG = logging.getLogger(__name__)


def run(
    source: VideoSource,
    models: LoadedPack,
    options: IndexOptions,
    known: Collection[str],
    opened: Opened | None = None,
) -> Outcome:
    """Index one video; an error that nobody foresaw becomes a ``Failure`` that says so."""
    try:
        return index_video.run(source, models, options, known, opened)
    except Exception as error:  # noqa: BLE001 (the one place where everything is caught)
        _LOG.debug("unforeseen error in %r", source.uri, exc_info=True)
        message = f"unforeseen error: {error}; please report it, with the file if you can"
        return Failure("index", source, type(error).__name__, message, _content(source))


def _content(source: VideoSource) -> str | None:
    try:
        return content_id(source.uri)
    except VideoError:
        return None
