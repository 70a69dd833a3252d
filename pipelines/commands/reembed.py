"""The command ``vidsearch reembed``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.commands.options import scheduler, worker_count, workers
from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.errors import ConfigError
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from pipelines.reembed_report import ReembedReport
    from pipelines.stages.stored_fit import StoredFaceFit

SOME_LOST, WORSE = 3, 5


@command(
    "reembed",
    "embed the stored faces of a catalog with another model",
    epilog="Exit status 5: MAP fell; the catalog still uses the old model.",
)
@options.catalog
@click.option("--model", metavar="PACK", required=True, help="the new pack")
@click.option(
    "--labels",
    metavar="FILE",
    type=Path,
    help="CSV of the people visible in each video, as for 'evaluate retrieval'; the new model is "
    "used only if MAP does not fall",
)
@click.option("--force", is_flag=True, help="use the new model even if MAP falls")
@workers()
@scheduler
@options.device
@options.print_report_as_json
def reembed(
    catalog: str,
    model: str,
    labels: Path | None,
    force: bool,
    workers: int | None,
    scheduler: str | None,
    device: str,
    as_json: bool,
) -> int:
    """Embed the stored faces of a catalog with another pack, without decoding a video.

    The catalog switches to the new model if MAP does not fall; until then it stays unchanged.
    Repeat the command to continue a run that was stopped.
    """
    from pipelines.cluster.config import ClusterConfig
    from pipelines.reembed import ReembedOptions
    from pipelines.reembed import reembed as reembed_catalog

    if force and labels is None:
        raise ConfigError(
            "--force overrides the measurement of --labels; remove --force, or add --labels FILE"
        )
    settings = ReembedOptions(
        labels=labels,
        force=force,
        cluster=ClusterConfig(
            workers=worker_count(workers, elsewhere=scheduler is not None),
            scheduler=scheduler,
            device=device,
        ),
    )
    report = reembed_catalog(catalog, model, settings, show_progress=True)
    for video in report.lost_videos:
        print(
            f"vidsearch: video {printable(video)} has tracks whose stored faces are damaged; "
            "searches no longer find these tracks: index the video again with --again",
            file=sys.stderr,
        )
    print(json_text(report.to_json()) if as_json else describe(report))
    if not report.live:
        return WORSE
    return SOME_LOST if report.lost_tracks else 0


def describe(report: ReembedReport) -> str:
    """Return the result of a re-embedding in a few lines."""
    if report.old_model == report.new_model:
        return f"Nothing to do: the catalog's model is {report.new_model} already."
    lines = [
        (
            f"Re-embedded {report.faces} stored faces of {report.tracks} tracks in "
            f"{report.elapsed_s:.0f} s."
        )
    ]
    if report.unreadable:
        lines.append(f"{report.unreadable} stored faces are damaged and were left out.")
    if report.stored is not None:
        lines += _stored_face_lines(report.stored)
    if report.map is not None:
        comparison = report.map
        queries = "query" if comparison.queries == 1 else "queries"
        lines.append(
            f"MAP@100 of {comparison.queries} labelled {queries}: {comparison.old:.4f} before, "
            f"{comparison.new:.4f} now ({comparison.change:+.4f})."
        )
    else:
        lines.append("Not measured: pass --labels to switch models only if MAP does not fall.")
    if report.live:
        lines.append(
            f"In use now: {report.new_model}. The vectors of {report.old_model} were deleted."
        )
    else:
        lines.append(
            f"Not in use: MAP fell. The catalog still uses {report.old_model} and is unchanged; "
            "pass --force to switch anyway."
        )
    return "\n".join(lines)


def _stored_face_lines(stored: StoredFaceFit) -> list[str]:
    if stored.outside < 0.005 and abs(stored.scale - 1) <= 0.005:
        return []
    lines = [
        (
            f"Faces are stored {stored.size} pixels wide with a margin, and scaled to "
            f"{stored.model_size} for the new model, {stored.scale:.2f} times as large."
        )
    ]
    if stored.scale > 1.005:
        lines.append(
            "The stored faces lack the detail of this size; index the videos again to add it."
        )
    if stored.outside >= 0.005:
        lines.append(
            f"{100 * stored.outside:.0f} % of the new model's input was not stored; the border is "
            "repeated there."
        )
    return lines
