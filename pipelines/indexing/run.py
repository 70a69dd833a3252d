"""Indexing an archive: find the files, work through the new ones, commit, build the index."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.watchdog import FEW_BYTES_A_SECOND
from pipelines.indexing.duplicates import split_copies
from pipelines.indexing.event_log import EventLog
from pipelines.indexing.index_options import IndexOptions
from pipelines.indexing.outcomes import QUARANTINE_STAGE, IndexReport, OutcomeCounter
from pipelines.indexing.prefetch import Prefetcher
from pipelines.indexing.progress import Progress
from pipelines.stages import error_boundary as edge
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Failure, Notice, Outcome, SlicedVideo
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig
from vidsearch.catalog.maintenance import maintain, repair, retire_replaced
from vidsearch.catalog.writer import new_run_id
from vidsearch.device import resolve_device
from vidsearch.errors import CatalogNotFoundError, VidsearchError
from vidsearch.models.registry import LoadedPack, lasting_name, load_pack
from vidsearch.version import __version__
from vidsearch.video.discover import VideoSource, discover

__all__ = ["IndexReport", "RunStopped", "index"]


_AHEAD = 32
"""Outcomes that may wait while a batch is committed; some MiB at most."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What follows one run: its name, its counts, the progress line, the event log."""

    run_id: str
    tally: OutcomeCounter
    progress: Progress
    events: EventLog


class RunStopped(KeyboardInterrupt):
    """Ctrl-C in mid-run; what was finished by then is committed.

    Attributes:
        report: What the run did until then.
        left: Files that still wait.
    """

    def __init__(self, report: IndexReport, left: int) -> None:
        super().__init__(f"stopped with {left} videos left")
        self.report = report
        self.left = left


def index(
    catalog: Catalog | str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str]],
    options: IndexConfig | IndexOptions | None = None,
    *,
    cluster: ClusterConfig | None = None,
    model: str | None = None,
    show_progress: bool = False,
) -> IndexReport:
    """Index videos into a catalog; what is in it already is skipped.

    Safe to repeat, to interrupt and to run twice at once: every batch is committed whole or not at
    all, and a video is known by its content.

    Args:
        catalog: A catalog, or the folder of one; a new folder becomes a catalog.
        sources: Files, folders (searched recursively), globs, or ``@list.txt``.
        options: Configuration of the run; None: the defaults. ``IndexOptions`` is deprecated.
        cluster: Workers, device and limits; None: the defaults.
        model: Name or folder of the pack; None: the catalog's own, ``open`` for a new one.
        show_progress: Draw a progress line if stderr is a terminal.

    Raises:
        RunStopped: Ctrl-C; a ``KeyboardInterrupt``.
        VidsearchError: Nothing to index, no such pack, a catalog of another model, ... One bad
            video never raises: it is counted in the report.
    """
    started = time.monotonic()
    config, cluster = _configs(options, cluster)
    files = discover([os.fspath(source) for source in sources])
    archive, models, pack = _open(catalog, model, cluster)
    poisonous = {} if config.retry_failed else _poisonous(archive)
    todo, quarantined = _sort_out(archive, files, config, poisonous)
    todo.sort(key=lambda file: (-file.size, file.uri))
    skipped = len(files) - len(todo) - len(quarantined)
    tally = OutcomeCounter(archive.model_id, skipped, quarantined, poisonous)
    if not todo:
        return tally.report(time.monotonic() - started)
    run_id = new_run_id()
    total = sum(file.size for file in todo)
    with EventLog(archive.root, run_id) as events:
        told = _what_starts(cluster, len(todo), total, skipped)
        events.write("start", model_id=archive.model_id, vidsearch=__version__, **told)
        how, message = "error", None
        try:
            with Progress(len(todo), total, show=show_progress) as progress:
                run = _Run(run_id, tally, progress, events)
                _work(archive, models, pack, config, cluster, todo, run)
            how = "done"
        except KeyboardInterrupt as error:
            how = "stopped"
            left = len(todo) - progress.done - progress.failed
            raise RunStopped(tally.report(time.monotonic() - started), left) from error
        except VidsearchError as error:
            message = str(error)
            raise
        finally:
            report = tally.report(time.monotonic() - started)
            events.write("end", how=how, message=message, **_what_ends(report))
    return report


def _configs(
    options: IndexConfig | IndexOptions | None, cluster: ClusterConfig | None
) -> tuple[IndexConfig, ClusterConfig]:
    if isinstance(options, IndexOptions):
        return options.config, cluster if cluster is not None else options.cluster
    return (
        options if options is not None else IndexConfig(),
        cluster if cluster is not None else ClusterConfig(),
    )


def _what_starts(cluster: ClusterConfig, videos: int, size: int, skipped: int) -> dict[str, Any]:
    return {
        "videos": videos,
        "bytes": size,
        "skipped": skipped,
        "scheduler": cluster.scheduler,
        "workers": cluster.workers if cluster.scheduler is None else None,
    }


def _what_ends(report: IndexReport) -> dict[str, Any]:
    plain = report.to_json()
    del plain["failures"]
    return {**plain.pop("videos"), **plain}


def _sort_out(
    archive: Catalog,
    files: Sequence[VideoSource],
    config: IndexConfig,
    poisonous: Mapping[str, tuple[str, str]],
) -> tuple[list[VideoSource], list[Failure]]:
    """Return the files that need work, and those left out because they killed their workers."""
    known = archive.known_files()
    todo: list[VideoSource] = []
    quarantined: list[Failure] = []
    for file in files:
        before = known.get(file.uri)
        if before is None or (before.size, before.mtime_ns) != (file.size, file.mtime_ns):
            todo.append(file)
        elif before.video_id in poisonous:
            error, message = poisonous[before.video_id]
            failure = Failure(QUARANTINE_STAGE, file, error, message, before.video_id)
            quarantined.append(failure)
        elif config.again or before.status == "failed":
            # Causes of failures pass, and a second look at a broken file costs little.
            todo.append(file)
    return todo, quarantined


def _poisonous(archive: Catalog) -> dict[str, tuple[str, str]]:
    columns = ["video_id", "failure_stage", "failure_error", "failure"]
    return {
        row["video_id"]: (row["failure_error"], row["failure"])
        for row in archive.videos(columns=columns).to_pylist()
        if row["failure_stage"] == QUARANTINE_STAGE
    }


def _open(
    catalog: Catalog | str | os.PathLike[str], model: str | None, cluster: ClusterConfig
) -> tuple[Catalog, LoadedPack, str]:
    """Open the catalog with its pack; where there is none, make it once the pack has loaded."""
    archive = catalog if isinstance(catalog, Catalog) else _existing(catalog)
    pack = (
        lasting_name(model)
        if model is not None
        else archive.pack
        if archive is not None
        else "open"
    )
    # Where others do the work, this process needs the pack's name only, and maybe has no GPU.
    models = load_pack(pack, resolve_device(cluster.client_device))
    if archive is not None:
        archive.require_model(models.model_id)
        return archive, models, pack
    place = cast("str | os.PathLike[str]", catalog)
    made = Catalog.create(place, pack=pack, model_id=models.model_id, dim=models.embedder.dim)
    return made, models, pack


def _existing(place: str | os.PathLike[str]) -> Catalog | None:
    try:
        return Catalog.open(place)
    except CatalogNotFoundError:
        return None


def _work(
    archive: Catalog,
    models: LoadedPack,
    pack: str,
    config: IndexConfig,
    cluster: ClusterConfig,
    todo: list[VideoSource],
    run: _Run,
) -> None:
    from pipelines.reindex import build_options
    from vidsearch.search.track_index import rebuild_if_stale

    repair(archive)
    known = _known_by_size(archive, config)
    originals, copies = split_copies(todo)

    def outcomes() -> Iterator[Outcome | Notice | None]:
        return _outcomes(originals, models, pack, config, cluster, known)

    with (
        nullcontext(outcomes()) if cluster.in_process else Prefetcher(outcomes, _AHEAD) as stream,
        CatalogWriter(archive, run.run_id, WriterConfig(replace=config.again)) as writer,
    ):
        try:
            for outcome in stream:
                run.tally.add(outcome, writer, run.progress, run.events)
        except KeyboardInterrupt:
            for outcome in (
                stream.drain() if isinstance(stream, Prefetcher) else ()
            ):  # finished as well
                run.tally.add(outcome, writer, run.progress, run.events)
            raise
        for copy in copies:
            run.tally.add_copy(copy, writer, run.progress, run.events)
    retire_replaced(archive)
    maintain(archive)
    rebuild_if_stale(archive, options=build_options(archive, cluster.scheduler, or_here=True))


def _known_by_size(archive: Catalog, config: IndexConfig) -> dict[int, frozenset[str]]:
    """Return size -> contents of that size that need no second look.

    A copy or a moved file has the size of what it is a copy of, so a task is told of no others.
    What is to be indexed again is known only if it killed its workers.
    """
    found: dict[int, set[str]] = defaultdict(set)
    rows = archive.videos(columns=["video_id", "size", "status", "failure_stage"]).to_pylist()
    for row in rows:
        poisonous = row["failure_stage"] == QUARANTINE_STAGE and not config.retry_failed
        if poisonous or (row["status"] != "failed" and not config.again):
            found[row["size"]].add(row["video_id"])
    return {size: frozenset(ids) for size, ids in found.items()}


def _outcomes(
    todo: list[VideoSource],
    models: LoadedPack,
    pack: str,
    config: IndexConfig,
    cluster: ClusterConfig,
    known: dict[int, frozenset[str]],
) -> Iterator[Outcome | Notice | None]:
    if cluster.in_process:
        for source in todo:
            done = edge.run(source, models, config, known.get(source.size, frozenset()))
            assert not isinstance(done, SlicedVideo)
            yield done
        return
    from pipelines.cluster import dispatcher as graph

    fewer = replace(cluster, workers=min(cluster.workers, _most_tasks(todo, config)))
    yield from graph.run(todo, pack, models, config, fewer, known)


def _most_tasks(todo: list[VideoSource], config: IndexConfig) -> int:
    """Return how many tasks the files may become at most: long ones are cut."""
    if not config.slice_minutes:
        return len(todo)
    slice_bytes = config.slice_minutes * 60 * FEW_BYTES_A_SECOND
    return sum(max(1, int(source.size / slice_bytes)) for source in todo)
