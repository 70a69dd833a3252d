"""Watching folders: new and changed files are indexed, removed files are reported."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pipelines.cluster.config import ClusterConfig
from pipelines.indexing.accounts import store_account
from pipelines.indexing.outcomes import IndexReport
from pipelines.indexing.run import index_found
from pipelines.stages.options import IndexConfig
from vidsearch.catalog import Catalog
from vidsearch.errors import CatalogNotFoundError, ConfigError, VidsearchError, reason
from vidsearch.text.printable import printable
from vidsearch.video.discover import Discovery, VideoSource, discover
from vidsearch.video.discovery.account import Scope
from vidsearch.video.source import is_remote

_LOG = logging.getLogger(__name__)


def watch(
    catalog: str | os.PathLike[str],
    sources: Sequence[str],
    config: IndexConfig,
    cluster: ClusterConfig,
    *,
    every_s: float,
    model: str | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[IndexReport]:
    """Scan the sources repeatedly; yield the report of every run that had work. Never ends.

    A file is indexed after two scans found it unchanged, and if it is still unchanged when its turn
    comes, so a file that is being copied or recorded waits. A failed file is tried again after it
    changed. Removed files are reported once and stay searchable; ``vidsearch forget`` erases them.

    Args:
        catalog: Folder of the catalog.
        sources: As for ``index``; they may be empty for now.
        config: Configuration of the indexing runs.
        cluster: Workers, device and limits.
        every_s: Seconds between two scans.
        model: As for ``index``.
        wait: Waits a number of seconds.

    An error that ends a run (a full disk, a lost cluster) is logged, and the next scan tries
    again. Before the first successful run the error is raised.

    Raises:
        VidsearchError: As for ``index``.
    """
    tried: set[VideoSource] = set()
    before: set[VideoSource] = set()
    reported: set[str] = set()
    bad_sources: set[str] = set()
    accounts: tuple[Scope, ...] = ()
    succeeded = False
    while True:
        found = discover(sources, config.exclude, config.within)
        bad_sources = _report_bad_sources(found, bad_sources)
        now = set(found.videos)
        ready = sorted((now & before) - tried, key=lambda file: file.uri)
        try:
            if ready:
                report = index_found(
                    catalog,
                    replace(found, videos=tuple(ready), failures=()),
                    config,
                    cluster,
                    model=model,
                    show_progress=True,
                )
                tried.update(ready)
                if report.indexed or report.failed:
                    yield report
                succeeded = True
                accounts = found.scopes
            elif succeeded and found.scopes != accounts:
                store_account(Catalog.open(catalog), found)
                accounts = found.scopes
            _report_removed(catalog, sources, now, reported)
        except (VidsearchError, OSError) as error:
            if not succeeded:  # probably a wrong argument
                raise
            _LOG.warning("%s; tried again in %.0f s", printable(reason(error)), every_s)
        before = now
        wait(every_s)


def _report_bad_sources(found: Discovery, before: set[str]) -> set[str]:
    """Log the sources that give no video, each once until it changes; return all messages.

    A folder without videos is expected; a missing one may be a share that is not mounted.
    """
    errors = {str(failure.error): failure.error for failure in found.failures}
    for message in sorted(errors.keys() - before):
        level = logging.INFO if isinstance(errors[message], ConfigError) else logging.WARNING
        _LOG.log(level, "%s; looked at again", printable(message))
    return set(errors)


def _report_removed(
    catalog: str | os.PathLike[str],
    sources: Sequence[str],
    present: set[VideoSource],
    reported: set[str],
) -> None:
    """Log the removed files below watched folders, unless their content exists elsewhere."""
    try:
        catalog_files = Catalog.open(catalog).known_files()
    except CatalogNotFoundError:
        return
    here = {file.uri for file in present}
    reported &= catalog_files.keys() - here  # a file that came back may be removed again
    folders = [os.path.join(os.path.abspath(s), "") for s in sources if os.path.isdir(s)]  # noqa: PTH100, PTH112, PTH118
    held = {file.video_id for uri, file in catalog_files.items() if uri in here}
    for uri, file in sorted(catalog_files.items()):
        below = not is_remote(uri) and any(uri.startswith(folder) for folder in folders)
        if below and uri not in here and uri not in reported and not os.path.lexists(uri):
            reported.add(uri)
            if file.video_id not in held:
                _LOG.warning(
                    "removed, still searchable: %s (to erase it: vidsearch forget %s --video %s)",
                    printable(uri),
                    printable(os.fspath(catalog)),
                    file.video_id,
                )
