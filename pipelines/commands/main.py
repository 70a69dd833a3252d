"""The commands ``vidsearch index`` and ``vidsearch demo``, and where the others are added."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from vidsearch.commands.parser import protocols
from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from pipelines.cluster.config import ClusterConfig
    from pipelines.indexing.outcomes import IndexReport
    from pipelines.stages.options import IndexConfig

SOME_FAILED = 3
INTERRUPTED = 130


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the commands to the parser of ``vidsearch``."""
    import pipelines.commands.prepare
    import pipelines.commands.reembed
    import pipelines.commands.reindex

    _register_index(commands)
    _register_demo(commands)
    protocols(commands)
    commands.choices["evaluate"].set_defaults(map_on_cluster=_map_on_cluster)
    pipelines.commands.prepare.register(commands)
    pipelines.commands.reembed.register(commands)
    pipelines.commands.reindex.register(commands)


def _map_on_cluster(
    function: Callable[[Any], Any], items: Sequence[Any], *, scheduler: str
) -> Iterator[Any]:
    """Return ``function`` of every item, computed on a Dask cluster."""
    from pipelines.cluster.tasks import map_on_cluster

    return map_on_cluster(function, items, scheduler)


def _register_index(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "index",
        help="index videos: files, folders, globs, @list.txt",
        description="Index videos into a catalog. What is indexed already is skipped, so repeat "
        "the command after an interruption or when there are new files.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog; made if new")
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help="video file, folder (searched recursively), glob, URI, or @list.txt (one a line)",
    )
    parser.add_argument(
        "--model", metavar="PACK", help="model pack (default: the catalog's; 'open' for a new one)"
    )
    parser.add_argument(
        "--sample-fps", metavar="F", type=float, default=2.0, help="frames looked at a second (2)"
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        help="processes (default: one a core, as memory allows); 1 works in this process, where "
        "one video that crashes or hangs the decoder ends or stops everything",
    )
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="with one worker, give it a process of its own (as is done without --workers)",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDR", help="use a running Dask cluster, e.g. tcp://host:8786"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument(
        "--decoder", choices=["pyav", "decord"], default="pyav", help="video backend (pyav)"
    )
    parser.add_argument(
        "--timeout-per-video-minute",
        metavar="S",
        type=float,
        default=300.0,
        help="seconds of work after which a minute of video counts as hung (300)",
    )
    parser.add_argument(
        "--worker-memory",
        metavar="GIB",
        type=float,
        help="memory a worker of this machine may take (default: its share of what there is)",
    )
    parser.add_argument(
        "--slice-minutes",
        metavar="M",
        type=float,
        default=10.0,
        help="read a video longer than twice this in slices by several workers, where it would "
        "keep the others waiting (10); 0: never",
    )
    parser.add_argument(
        "--retry-failed",
        action="store_true",
        help="also try the videos again that killed their workers in an earlier run",
    )
    parser.add_argument(
        "--watch",
        metavar="S",
        type=float,
        nargs="?",
        const=60.0,
        help="look again every S seconds (60) for new and changed files, until Ctrl-C",
    )
    parser.add_argument("--log", metavar="FILE", help="append what happens to a file, line by line")
    parser.add_argument(
        "--again",
        action="store_true",
        help="index anew what is indexed already, e.g. with another --sample-fps",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=_run_index)


def _register_demo(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser(
        "demo",
        help="the whole job on an archive made from real faces",
        description="Make a small archive from real faces that installed packages ship, index it, "
        "search it with photos, and check every answer.",
    )
    parser.add_argument(
        "folder", nargs="?", default="demo", help="where to put it (default: ./demo, made anew)"
    )
    parser.set_defaults(run=_run_demo)


def _run_index(args: argparse.Namespace) -> int:
    from pipelines.cluster.config import ClusterConfig
    from pipelines.indexing.run import RunStopped, index
    from pipelines.stages.options import IndexConfig
    from vidsearch.video.sampling import SamplingConfig

    if args.workers is not None and args.workers < 1:
        raise ConfigError(f"--workers must be at least 1; got {args.workers}")
    memory = args.worker_memory
    if memory is not None and not memory > 0:
        raise ConfigError(f"--worker-memory must be above 0 GiB; got {memory}")
    config = IndexConfig(
        sampling=SamplingConfig(fps=args.sample_fps),
        decoder=args.decoder,
        retry_failed=args.retry_failed,
        again=args.again,
        slice_minutes=args.slice_minutes,
    )
    cluster = ClusterConfig(
        workers=_workers(args),
        device=args.device,
        isolate=args.isolate or args.workers is None,
        scheduler=args.scheduler,
        timeout_per_video_minute_s=args.timeout_per_video_minute,
        worker_memory=None if memory is None else int(memory * (1 << 30)),
    )
    if args.log is not None:
        _log_to_file(args.log)
    # A service manager's way of saying Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if args.watch is not None:
            return _watch(args, config, cluster)
        report = index(
            args.catalog,
            args.sources,
            config,
            cluster=cluster,
            model=args.model,
            show_progress=True,
        )
    except RunStopped as stopped:
        print(
            f"vidsearch: stopped: {_videos(stopped.report.indexed)} done in this run and kept, "
            f"{stopped.left} left; repeat the command to continue",
            file=sys.stderr,
        )
        return INTERRUPTED
    _complain(report)
    print(json.dumps(report.to_json()) if args.json else summary(report))
    return SOME_FAILED if report.failures else 0


def _watch(args: argparse.Namespace, config: IndexConfig, cluster: ClusterConfig) -> int:
    from pipelines.indexing.watch import watch

    if not args.watch > 0:
        raise ConfigError(f"--watch must be above 0 s; got {args.watch}")
    reports = watch(
        args.catalog, args.sources, config, cluster, every_s=args.watch, model=args.model
    )
    for report in reports:
        _complain(report)
        print(json.dumps(report.to_json()) if args.json else summary(report), flush=True)
    return 0


def _complain(report: IndexReport) -> None:
    for failure in report.failures:
        place = printable(failure.source.uri)
        print(f"vidsearch: failed: {place}: {printable(failure.message)}", file=sys.stderr)
    for uri, missing in report.partly_read:
        print(f"vidsearch: partly read: {printable(uri)}: {printable(missing)}", file=sys.stderr)


def _log_to_file(path: str) -> None:
    """Send our own packages' messages to a file too, each with its time."""
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(
            f"--log {path!r} cannot be written ({error.strerror}); name another file"
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("pipelines")
    logger.addHandler(handler)
    for other in logger.handlers:  # what a handler shows stays as it was
        if other is not handler:
            other.setLevel(max(other.level, logger.level))
    logger.setLevel(logging.INFO)


def _workers(args: argparse.Namespace) -> int:
    if args.workers is not None:
        return int(args.workers)
    if args.scheduler is not None:
        return 1
    from pipelines.cluster.client import default_workers

    return default_workers()


def summary(report: IndexReport) -> str:
    """Say in a few lines what a run did."""
    if not report.indexed and not report.failed:
        return f"Nothing to do: {_videos(report.skipped)} indexed already."
    if not report.indexed:
        skipped = f"; {_videos(report.skipped)} indexed already" if report.skipped else ""
        return f"Nothing new: {_videos(report.failed)} failed, each named above{skipped}."
    hours = report.duration_s / 3600
    length = f"{hours:.1f} h" if hours >= 1 else f"{report.duration_s:.0f} s"
    speed = report.duration_s / report.elapsed_s if report.elapsed_s > 0 else 0.0
    text = (
        f"Indexed {_videos(report.indexed)} ({length} of video) in {report.elapsed_s:.0f} s, "
        f"{speed:.1f} times as fast as they play: {report.tracks} tracks of {report.faces} faces."
    )
    if report.skipped:
        text += f"\nSkipped {_videos(report.skipped)} indexed already."
    if report.failed:
        text += f"\nFailed: {_videos(report.failed)}, each named above."
    return text


def _videos(count: int) -> str:
    return f"{count} video" if count == 1 else f"{count} videos"


def _run_demo(args: argparse.Namespace) -> int:
    from pipelines.demo.run import run

    return run(args.folder)
