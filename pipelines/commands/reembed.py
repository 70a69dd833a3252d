"""The command ``vidsearch reembed``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.errors import ConfigError
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from pipelines.reembed import ReembedReport, Stored

SOME_LOST, WORSE = 3, 5


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "reembed",
        help="give a catalog another model, from its stored faces",
        description="Embed the faces that a catalog keeps with another pack, without decoding a "
        "video, and put the result in use if it is no worse. Until then the catalog stays as it "
        "is; a run that was stopped goes on when the command is repeated.",
        epilog="Exit status 5: MAP fell, the old model stays in use.",
    )
    parser.add_argument("catalog", metavar="CATALOG", help="folder of the catalog")
    parser.add_argument("--model", metavar="PACK", required=True, help="the other pack")
    parser.add_argument(
        "--labels", metavar="FILE", type=Path,
        help="CSV: who is seen where, as for 'evaluate retrieval'; the new model goes live only if "
        "MAP does not fall",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="go live even if MAP falls")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (one a core)")
    parser.add_argument("--scheduler", metavar="ADDR", help="use a running Dask cluster")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Re-embed and say what came of it."""
    from pipelines.cluster.config import ClusterConfig
    from pipelines.reembed import ReembedOptions, reembed

    if args.force and args.labels is None:
        raise ConfigError("--force overrides what --labels measure; leave it out, or name labels")
    options = ReembedOptions(
        labels=args.labels,
        force=args.force,
        cluster=ClusterConfig(workers=_workers(args), scheduler=args.scheduler, device=args.device),
    )
    # A service manager's way of saying Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = reembed(args.catalog, args.model, options, show_progress=True)
    for video in report.lost_videos:
        print(
            f"vidsearch: video {printable(video)} has tracks whose stored faces are damaged; they "
            "cannot be found any more: index it again with --again",
            file=sys.stderr,
        )
    print(json.dumps(report.to_json()) if args.json else describe(report))
    if not report.live:
        return WORSE
    return SOME_LOST if report.lost_tracks else 0


def _workers(args: argparse.Namespace) -> int:
    if args.workers is not None:
        if args.workers < 1:
            raise ConfigError(f"--workers must be at least 1; got {args.workers}")
        return int(args.workers)
    if args.scheduler is not None:
        return 1
    from pipelines.cluster.client import default_workers

    return default_workers()


def describe(report: ReembedReport) -> str:
    """Return what a reader should know, a few lines."""
    if report.old_model == report.new_model:
        return f"Nothing to do: the catalog's model is {report.new_model} already."
    lines = [_count(report)]
    if report.unreadable:
        lines.append(f"{report.unreadable} stored faces are damaged and were left out.")
    if report.stored is not None:
        lines += _quality(report.stored)
    if report.map is not None:
        found = report.map
        queries = "query" if found.queries == 1 else "queries"
        lines.append(
            f"MAP@100 of {found.queries} labelled {queries}: {found.old:.4f} before, "
            f"{found.new:.4f} now ({found.change:+.4f})."
        )
    else:
        lines.append("Not measured: pass --labels to go live only if MAP does not fall.")
    if report.live:
        lines.append(f"In use now: {report.new_model}. The vectors of {report.old_model} are gone.")
    else:
        lines.append(
            f"Not in use: MAP fell. {report.old_model} stays, nothing was changed; --force would "
            "go live all the same."
        )
    return "\n".join(lines)


def _count(report: ReembedReport) -> str:
    return (
        f"Re-embedded {report.faces} stored faces of {report.tracks} tracks in "
        f"{report.elapsed_s:.0f} s."
    )


def _quality(stored: Stored) -> list[str]:
    if stored.outside < 0.005 and abs(stored.enlarged - 1) <= 0.005:
        return []
    first = (
        f"Faces are stored {stored.size} pixels wide with what is round them, and shown to the new "
        f"model at {stored.wanted}, {stored.enlarged:.2f} times as large."
    )
    lines = [first]
    if stored.enlarged > 1.005:
        lines.append("Detail that this would need was never stored: indexing anew would be better.")
    if stored.outside >= 0.005:
        lines.append(
            f"{100 * stored.outside:.0f} % of what it looks at was not stored; there the border is "
            "repeated."
        )
    return lines
