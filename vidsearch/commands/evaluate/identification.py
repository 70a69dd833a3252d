"""``vidsearch evaluate identification``: folders of gallery and probe photos."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output, photos


@command("identification", "which person is it? probe photos searched in a gallery of photos")
@click.argument("gallery", metavar="GALLERY", type=Path, help="folder <person>/<photo>")
@click.argument("probes", metavar="PROBES", type=Path, help="folder <person>/<photo>")
@photos
@options.pack
@options.device
@options.processes
@output("reports/identification")
def identification(
    gallery: Path,
    probes: Path,
    photos: Literal["each", "together"],
    model: str,
    device: str,
    processes: int,
    out: str,
    as_json: bool,
) -> int:
    """Measure identification on your own photos.

    Rank-k is measured over probes whose person is in the gallery; TPIR at FPIR includes the other
    probes. Both folders hold one folder per person; a person has the same name in both.
    """
    from vidsearch.evaluation.identification.evaluate import evaluate_identification
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target

    check_target(out)
    embedding = EmbeddingOptions(
        model=model, device=device, processes=processes, show_progress=True
    )
    report = evaluate_identification(gallery, probes, photos, embedding)
    return finish(report, out, as_json)
