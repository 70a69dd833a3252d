"""The command ``vidsearch index``."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Literal

import click

from pipelines.commands.options import scheduler, worker_count, workers
from vidsearch.commands import options
from vidsearch.commands.app import Option, command
from vidsearch.errors import ConfigError
from vidsearch.text.json_text import json_text
from vidsearch.text.log_lines import LineFormatter
from vidsearch.text.printable import printable, quoted

if TYPE_CHECKING:
    from pipelines.cluster.config import ClusterConfig
    from pipelines.indexing.outcomes import IndexReport
    from pipelines.stages.options import IndexConfig
    from vidsearch.catalog.streams.notes import RequestedStream

SOME_FAILED = 3
INTERRUPTED = 130


def _requested_stream(
    _: click.Context, __: click.Parameter, value: str | None
) -> RequestedStream | None:
    if value is None:
        return None
    if value == "all":
        return "all"
    if not value.isdecimal():
        raise ConfigError(f"--video-stream must be 'all' or the number of a stream; got {value!r}")
    return int(value)


@command("index", "index videos: files, folders, globs, @list.txt")
@click.argument("catalog", metavar="CATALOG", help="folder of the catalog; created if it is new")
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    help="video file, folder (searched recursively), glob, URI, or @list.txt (one per line)",
)
@click.option(
    "--model", metavar="PACK", help="model pack (default: the catalog's; 'open' for a new one)"
)
@click.option(
    "--sample-fps",
    metavar="F",
    default=2.0,
    callback=options.in_range(above=0, most=1000),
    help="frames sampled per second",
)
@workers(
    "number of processes (default: one per core, as memory allows); 1 works in this process, where "
    "a video that crashes or hangs the decoder ends or blocks the whole run"
)
@click.option(
    "--isolate",
    is_flag=True,
    help="start a single worker in a separate process (the default without --workers)",
)
@scheduler
@options.device
@click.option(
    "--decoder", type=click.Choice(["pyav", "decord"]), default="pyav", help="video backend"
)
@click.option(
    "--timeout-per-video-minute",
    metavar="S",
    default=300.0,
    callback=options.in_range(above=0, unit="s"),
    help="longest processing time of one minute of video, seconds",
)
@click.option(
    "--worker-memory",
    metavar="GIB",
    type=float,
    callback=options.in_range(above=0, unit="GiB"),
    help="memory limit of a worker on this machine (default: its share of the memory)",
)
@click.option(
    "--slice-minutes",
    metavar="M",
    default=10.0,
    callback=options.in_range(least=0),
    help="split a video longer than twice this among several workers, if it would keep the other "
    "workers waiting; 0: never",
)
@click.option(
    "--retry-failed",
    is_flag=True,
    help="also retry the videos that killed their workers in an earlier run",
)
@click.option(
    "--watch",
    cls=Option,
    metavar="[S]",
    type=float,
    is_flag=False,
    flag_value=60.0,
    help="look again every S seconds (60) for new and changed files, until Ctrl-C",
)
@click.option("--log", metavar="FILE", help="append messages to a file, one per line")
@click.option(
    "--again",
    is_flag=True,
    help="index already indexed videos again, e.g. with another --sample-fps",
)
@click.option(
    "--exclude",
    metavar="GLOB",
    multiple=True,
    help="leave out files and folders whose name or path below the source matches (repeatable); "
    "hidden names, recycle bins and snapshots of a NAS are left out unless named themselves",
)
@click.option(
    "--within",
    metavar="FOLDER",
    multiple=True,
    help="follow no link, list or name that leads out of this folder (repeatable)",
)
@click.option(
    "--video-stream",
    metavar="N|all",
    callback=_requested_stream,
    help="index stream N of every file, or all films of a file (default: the film); videos of "
    "which these are not indexed yet are indexed again",
)
@options.print_report_as_json
def index(
    catalog: str,
    sources: tuple[str, ...],
    model: str | None,
    sample_fps: float,
    workers: int | None,
    isolate: bool,
    scheduler: str | None,
    device: str,
    decoder: Literal["pyav", "decord"],
    timeout_per_video_minute: float,
    worker_memory: float | None,
    slice_minutes: float,
    retry_failed: bool,
    watch: float | None,
    log: str | None,
    again: bool,
    exclude: tuple[str, ...],
    within: tuple[str, ...],
    video_stream: RequestedStream | None,
    as_json: bool,
) -> int:
    """Index videos into a catalog.

    Already indexed videos are skipped. Repeat the command after an interruption or when there are
    new files.
    """
    from pipelines.cluster.config import ClusterConfig
    from pipelines.stages.options import IndexConfig
    from vidsearch.video.sampling import SamplingConfig

    config = IndexConfig(
        sampling=SamplingConfig(fps=sample_fps),
        decoder=decoder,
        retry_failed=retry_failed,
        again=again,
        slice_minutes=slice_minutes,
        exclude=exclude,
        within=within,
        video_stream=video_stream,
    )
    cluster = ClusterConfig(
        device=device,
        workers=worker_count(workers, elsewhere=scheduler is not None),
        isolate=isolate or workers is None,
        scheduler=scheduler,
        timeout_per_video_minute_s=timeout_per_video_minute,
        worker_memory=None if worker_memory is None else int(worker_memory * (1 << 30)),
    )
    if log is not None:
        _log_to_file(log)
    return _run(catalog, list(sources), config, cluster, model, watch, as_json)


def _run(
    catalog: str,
    sources: list[str],
    config: IndexConfig,
    cluster: ClusterConfig,
    model: str | None,
    watch_s: float | None,
    as_json: bool,
) -> int:
    """Index once, or again every ``watch_s`` seconds."""
    from pipelines.indexing.run import RunStopped
    from pipelines.indexing.run import index as index_videos
    from pipelines.indexing.watch import watch

    try:
        if watch_s is None:
            report = index_videos(
                catalog, sources, config, cluster=cluster, model=model, show_progress=True
            )
            _print(report, as_json)
            return SOME_FAILED if report.failures else 0
        if not watch_s > 0:
            raise ConfigError(f"--watch must be above 0 s; got {watch_s}")
        for report in watch(catalog, sources, config, cluster, every_s=watch_s, model=model):
            _print(report, as_json)
    except RunStopped as stopped:
        print(
            f"vidsearch: stopped: {_videos(stopped.report.indexed)} indexed in this run and saved, "
            f"{stopped.left} left; repeat the command to continue",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


def _print(report: IndexReport, as_json: bool) -> None:
    from vidsearch.results.stream_sentences import assumed_text, turned_parts_text, unread_text

    for failure in report.failures:
        uri = printable(failure.source.uri)
        print(f"vidsearch: failed: {uri}: {printable(failure.message)}", file=sys.stderr)
    for uri, missing in report.partly_read:
        print(f"vidsearch: partly read: {printable(uri)}: {printable(missing)}", file=sys.stderr)
    for note in report.streams_not_indexed:
        text = "; ".join(map(unread_text, note.unread))
        print(f"vidsearch: not looked at: {printable(note.video)}: {text}", file=sys.stderr)
    for note in report.turned:
        text = "; ".join(f"stream {index} by {degrees}" for index, degrees in note.turned)
        uri = printable(note.video)
        print(f"vidsearch: turned upright: {uri}: {text} degrees", file=sys.stderr)
    for note in report.turned_parts:
        text = f"{printable(note.video)}: {turned_parts_text(note)}"
        print(f"vidsearch: has to be turned: {text}", file=sys.stderr)
    for note in report.times_assumed:
        text = f"{printable(note.video)}: {assumed_text(note)}"
        print(f"vidsearch: times assumed: {text}", file=sys.stderr)
    print(json_text(report.to_json()) if as_json else summary(report), flush=True)


def _log_to_file(path: str) -> None:
    """Write the messages of ``pipelines`` to a file too, each with its time."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(
            f"--log {quoted(path)} cannot be written ({error.strerror}); name another file"
        ) from error
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("pipelines")
    logger.addHandler(handler)
    for other in logger.handlers:  # Keep the level of the console.
        if other is not handler:
            other.setLevel(max(other.level, logger.level))
    logger.setLevel(logging.INFO)


def summary(report: IndexReport) -> str:
    """Return the result of a run in a few lines, with every entry that is no video."""
    from vidsearch.results.account_sentences import account_lines
    from vidsearch.results.stream_sentences import stream_lines

    notes = stream_lines(
        report.streams_not_indexed, report.turned, report.turned_parts, report.times_assumed
    )
    erased = f"Left out: {_videos(report.erased)} erased before; only --again indexes them."
    outcome = [_outcome(report), *([erased] if report.erased else [])]
    return "\n".join([*outcome, *notes, *account_lines(report.account)])


def _outcome(report: IndexReport) -> str:
    from pipelines.indexing.accounts import DISCOVER_STAGE

    sources = sum(failure.stage == DISCOVER_STAGE for failure in report.failures)
    failed = [_videos(report.failed - sources)] if report.failed > sources else []
    failed += [f"{sources} source" if sources == 1 else f"{sources} sources"] if sources else []
    if not report.indexed and not report.failed:
        return f"Nothing to do: {_videos(report.skipped)} indexed already."
    if not report.indexed:
        skipped = f"; {_videos(report.skipped)} indexed already" if report.skipped else ""
        return f"Nothing new: {' and '.join(failed)} failed, each named above{skipped}."
    hours = report.duration_s / 3600
    length = f"{hours:.1f} h" if hours >= 1 else f"{report.duration_s:.0f} s"
    speed = report.duration_s / report.elapsed_s if report.elapsed_s > 0 else 0.0
    text = (
        f"Indexed {_videos(report.indexed)} ({length} of video) in {report.elapsed_s:.0f} s, "
        f"{speed:.1f} times as fast as they play: {report.tracks} tracks of {report.faces} faces."
    )
    if report.skipped:
        text += f"\nSkipped {_videos(report.skipped)} indexed already."
    if failed:
        text += f"\nFailed: {' and '.join(failed)}, each named above."
    return "\n".join([text, *(f"Left out: {printable(message)}" for message in report.left_out)])


def _videos(count: int) -> str:
    return f"{count} video" if count == 1 else f"{count} videos"
