"""One indexing run, step by step.

1. ``discover``: sources -> files, and an account of every other entry (``accounts``).
2. ``_open``: the catalog and its models; a catalog that cannot be written ends the run here.
3. ``selection``: files that need work; quarantined and indexed files are left out.
4. ``duplicates``: files with equal content are indexed once.
5. ``_outcomes``: each video through ``stages/index_video``, in this process or by the
   ``dispatcher`` on a cluster, with ``prefetch`` so that workers do not wait for a commit.
6. ``outcomes``: each outcome is counted, logged (``event_log``), shown (``progress``) and handed
   to the catalog writer, which commits batches.
7. ``_finish``: replaced rows are removed, tables compacted, the search index rebuilt.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from pipelines.cluster.config import ClusterConfig
from pipelines.cluster.hosts.identity import this_host
from pipelines.indexing.accounts import log_account, store_account
from pipelines.indexing.duplicates import split_duplicates
from pipelines.indexing.event_log import EventLog
from pipelines.indexing.index_options import IndexOptions
from pipelines.indexing.outcomes import IndexReport, OutcomeCounter, RunOutputs
from pipelines.indexing.prefetch import Prefetcher
from pipelines.indexing.progress import Progress
from pipelines.indexing.selection import known_contents_by_size, select_files
from pipelines.indexing.time_limit import LOWEST_BYTES_PER_S, TimeLimit
from pipelines.stages import error_boundary
from pipelines.stages.options import IndexConfig
from pipelines.stages.payloads import Notice, SlicedVideo, WorkerOutcome
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig
from vidsearch.catalog.maintenance import adopt_spellings, maintain, remove_replaced, repair
from vidsearch.catalog.writer import new_run_id
from vidsearch.device import resolve_device
from vidsearch.erasure.erase import finish_pending
from vidsearch.errors import CatalogNotFoundError, VidsearchError
from vidsearch.libraries import INDEXING, require
from vidsearch.models.registry import LoadedPack, load_pack, pack_reference
from vidsearch.version import __version__
from vidsearch.video.discover import Discovery, VideoSource, discover

_Item: TypeAlias = WorkerOutcome | Notice | None
_PREFETCHED_OUTCOMES = 32
"""Outcomes that wait while a batch is committed: a few MiB."""


class RunStopped(KeyboardInterrupt):
    """Ctrl-C during a run; finished videos are committed.

    Attributes:
        report: Report of the finished videos.
        left: Number of files that still wait.
    """

    def __init__(self, report: IndexReport, left: int) -> None:
        super().__init__(f"stopped with {left} videos left")
        self.report = report
        self.left = left


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    run_id: str
    catalog: Catalog
    models: LoadedPack
    pack: str
    config: IndexConfig
    cluster: ClusterConfig
    files: list[VideoSource]


def index(
    catalog: Catalog | str | os.PathLike[str],
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    options: IndexConfig | IndexOptions | None = None,
    *,
    cluster: ClusterConfig | None = None,
    model: str | None = None,
    show_progress: bool = False,
) -> IndexReport:
    """Index videos into a catalog; videos that are in the catalog already are skipped.

    Safe to repeat, to interrupt and to run twice at once: every batch is committed whole or not at
    all, and a video is identified by its content.

    Args:
        catalog: A catalog, or the folder of one; a new folder becomes a catalog.
        sources: Files, folders (searched recursively), globs, or ``@list.txt``; one or several.
        options: Configuration of the run; None: the defaults. ``IndexOptions`` is deprecated.
        cluster: Workers, device and limits; None: the defaults.
        model: Name or folder of the pack; None: the catalog's own, ``open`` for a new one.
        show_progress: Draw a progress line if stderr is a terminal.

    Raises:
        RunStopped: Ctrl-C; a ``KeyboardInterrupt``.
        InstallationError: A library is missing or cannot be loaded.
        VidsearchError: No source holds a video, an unknown pack, a catalog of another model, ... A
            bad video or source never raises: it is a failure of the report.
    """
    started = time.monotonic()
    config, cluster = _split_options(options, cluster)
    require(INDEXING if config.decoder == "pyav" else (*INDEXING, config.decoder))
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    found = discover([os.fspath(source) for source in sources], config.exclude, config.within)
    found.require_videos()
    return index_found(
        catalog,
        found,
        config,
        cluster,
        model=model,
        show_progress=show_progress,
        started=started,
    )


def index_found(
    catalog: Catalog | str | os.PathLike[str],
    found: Discovery,
    config: IndexConfig,
    cluster: ClusterConfig,
    *,
    model: str | None = None,
    show_progress: bool = False,
    started: float | None = None,
) -> IndexReport:
    """Index the videos of searched sources; see ``index``.

    Args:
        catalog: As for ``index``.
        found: Videos, and the account of their sources.
        config: Configuration of the run.
        cluster: Workers, device and limits.
        model: As for ``index``.
        show_progress: As for ``index``.
        started: Monotonic time at which the search of the sources began; None: now.

    Raises:
        VidsearchError: As for ``index``.
    """
    started = started if started is not None else time.monotonic()
    catalog, models, pack = _open(catalog, model, cluster)
    finish_pending(catalog)
    adopt_spellings(catalog, [file.uri for file in found.videos])
    selection = select_files(catalog, found.videos, config)
    counter = OutcomeCounter(catalog.model_id, selection, found)
    if selection.to_index:
        catalog.require_writable()
    store_account(catalog, found)
    run = _Run(
        run_id=new_run_id(),
        catalog=catalog,
        models=models,
        pack=pack,
        config=config,
        cluster=cluster,
        files=selection.to_index,
    )
    with EventLog(catalog.root, run.run_id) as events:
        events.write("start", **_start_fields(run, selection.skipped))
        log_account(events, found)
        how, message = "error", None
        total_bytes = sum(file.size for file in run.files)
        try:
            with Progress(len(run.files), total_bytes, show=show_progress) as progress:
                if run.files:
                    _index_files(run, counter, progress, events)
            how = "done"
        except KeyboardInterrupt as error:
            how = "stopped"
            left = len(run.files) - progress.done - progress.failed
            raise RunStopped(counter.report(time.monotonic() - started), left) from error
        except VidsearchError as error:
            message = str(error)
            raise
        finally:
            report = counter.report(time.monotonic() - started)
            events.write("end", how=how, message=message, **_end_fields(report))
    return report


def _split_options(
    options: IndexConfig | IndexOptions | None, cluster: ClusterConfig | None
) -> tuple[IndexConfig, ClusterConfig]:
    if isinstance(options, IndexOptions):
        return options.config, cluster if cluster is not None else options.cluster
    return (
        options if options is not None else IndexConfig(),
        cluster if cluster is not None else ClusterConfig(),
    )


def _open(
    catalog: Catalog | str | os.PathLike[str], model: str | None, cluster: ClusterConfig
) -> tuple[Catalog, LoadedPack, str]:
    """Open the catalog and load its pack; create a new catalog after the pack has loaded.

    With a scheduler, this process needs the pack only to know its identity, and may have no GPU.
    """
    existing = catalog if isinstance(catalog, Catalog) else None
    if existing is None:
        try:
            existing = Catalog.open(cast("str | os.PathLike[str]", catalog))
        except CatalogNotFoundError:
            existing = None
    pack = existing.pack if existing is not None else "open"
    if model is not None:
        pack = pack_reference(model)
    models = load_pack(pack, resolve_device(cluster.client_device))
    if existing is not None:
        existing.require_model(models.model_id)
        return existing, models, pack
    root = cast("str | os.PathLike[str]", catalog)
    new = Catalog.create(root, pack=pack, model_id=models.model_id, dim=models.embedder.dim)
    return new, models, pack


def _start_fields(run: _Run, skipped: int) -> dict[str, Any]:
    return {
        "model_id": run.catalog.model_id,
        "vidsearch": __version__,
        "videos": len(run.files),
        "bytes": sum(file.size for file in run.files),
        "skipped": skipped,
        "scheduler": run.cluster.scheduler,
        "workers": run.cluster.workers if run.cluster.scheduler is None else None,
    }


def _end_fields(report: IndexReport) -> dict[str, Any]:
    fields = report.to_json()
    names = ("tracks", "faces", "duration_s", "elapsed_s")
    return {**fields["videos"], **{name: fields[name] for name in names}}


def _index_files(run: _Run, counter: OutcomeCounter, progress: Progress, events: EventLog) -> None:
    """Index the files of a run, commit their rows, and rebuild the search index."""
    repair(run.catalog)
    indexed = known_contents_by_size(run.catalog, run.config)
    originals, duplicates = split_duplicates(run.files)

    def outcomes() -> Iterator[_Item]:
        return _outcomes(run, originals, indexed)

    with (
        _stream(outcomes, prefetch=not run.cluster.in_process) as stream,
        CatalogWriter(run.catalog, run.run_id, _writer_config(run.config)) as writer,
    ):
        outputs = RunOutputs(writer, progress, events)
        try:
            for outcome in stream:
                counter.add(outcome, outputs)
        except KeyboardInterrupt:
            if isinstance(stream, Prefetcher):
                for outcome in stream.drain():  # these videos are finished, too
                    counter.add(outcome, outputs)
            raise
        for duplicate in duplicates:
            counter.add_duplicate(duplicate, outputs)
    _finish(run)


def _writer_config(config: IndexConfig) -> WriterConfig:
    if config.again or config.video_stream is None:
        return WriterConfig(replace=config.again)
    return WriterConfig(replace="readable")


def _stream(
    outcomes: Callable[[], Iterator[_Item]], *, prefetch: bool
) -> Prefetcher[_Item] | nullcontext[Iterator[_Item]]:
    return Prefetcher(outcomes, _PREFETCHED_OUTCOMES) if prefetch else nullcontext(outcomes())


def _outcomes(
    run: _Run, files: list[VideoSource], indexed: Mapping[int, frozenset[str]]
) -> Iterator[_Item]:
    """Yield the outcome of every file, from this process or from a cluster."""
    if run.cluster.in_process:
        for file in files:
            known_contents = indexed.get(file.size, frozenset())
            outcome = error_boundary.run(file, run.models, run.config, known_contents)
            assert not isinstance(outcome, SlicedVideo)
            yield WorkerOutcome(outcome, f"process {os.getpid()}", this_host().name)
        return
    from pipelines.indexing.dispatcher import DispatchedRun, run_on_cluster

    workers = min(run.cluster.workers, max_tasks(files, run.config))
    limit = TimeLimit(run.cluster.timeout_per_video_minute_s)
    shared = DispatchedRun(run.pack, run.models, run.config, limit, indexed, run.catalog.root)
    yield from run_on_cluster(files, shared, replace(run.cluster, workers=workers))


def max_tasks(files: Sequence[VideoSource], config: IndexConfig) -> int:
    """Return the largest number of tasks that the files can become when long ones are cut."""
    if not config.slice_minutes:
        return len(files)
    slice_bytes = config.slice_minutes * 60 * LOWEST_BYTES_PER_S
    return sum(max(1, int(file.size / slice_bytes)) for file in files)


def _finish(run: _Run) -> None:
    from pipelines.cluster.index_shards import build_options
    from vidsearch.search.track_index import rebuild_if_stale

    remove_replaced(run.catalog)
    maintain(run.catalog)
    options = build_options(run.catalog.root, run.cluster.scheduler, fall_back=True)
    rebuild_if_stale(run.catalog, options=options)
