"""Account of a run's sources: failures of sources, event log, and the catalog."""

from __future__ import annotations

import logging

from pipelines.indexing.event_log import EventLog
from pipelines.stages.payloads import Failure
from vidsearch.catalog import Catalog
from vidsearch.catalog.sources.accounts import write_scopes
from vidsearch.errors import CatalogWriteError
from vidsearch.text.printable import printable
from vidsearch.video.discover import Discovery, VideoSource

DISCOVER_STAGE = "discover"
"""Stage of the failure of a source, or of a name in a list, that gives no video."""

_LOG = logging.getLogger(__name__)


def source_failures(found: Discovery) -> list[Failure]:
    """Return the failures of sources and of names in lists."""
    return [
        Failure(
            DISCOVER_STAGE,
            VideoSource(failure.source, 0, 0),
            type(failure.error).__name__,
            str(failure.error),
        )
        for failure in found.failures
    ]


def log_account(events: EventLog, found: Discovery) -> None:
    """Write the account of every source, and every path that it names, to the event log."""
    for scope in found.scopes:
        account = scope.account
        events.write(
            "source",
            source=scope.source,
            videos=account.videos,
            folders=account.folders,
            repeated=account.repeated,
            passed_over=dict(account.passed_over),
            excluded=dict(account.excluded),
        )
        for path, reason in account.unreadable.items():
            events.write("unreadable", path=path, message=reason)
        for kind, paths in (("dangling", account.dangling), ("special", account.special)):
            for path in paths:
                events.write(kind, path=path)
    for failure in source_failures(found):
        events.write(
            "failed_source",
            source=failure.source.uri,
            error=failure.error,
            message=printable(failure.message),
        )


def store_account(catalog: Catalog, found: Discovery) -> None:
    """Write the account of every source to the catalog, for ``vidsearch status``.

    A catalog that cannot be written is logged: there was nothing to index, or the run has failed.
    """
    try:
        write_scopes(catalog.root, found.scopes)
    except CatalogWriteError as error:
        _LOG.warning("the account of the sources is not kept: %s", error)
