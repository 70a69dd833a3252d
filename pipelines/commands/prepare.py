"""The command ``vidsearch prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from pipelines.commands.options import scheduler, worker_count, workers
from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.errors import ConfigError
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable


@command("prepare", "make a training set: raw photos, or a catalog's labelled tracks")
@click.argument(
    "raw",
    metavar="[RAW]",
    nargs=-1,  # Optional, although OUT follows it; at most one value is accepted.
    help="folder that holds one folder of photos per identity",
)
@click.argument("out", metavar="OUT", help="folder of the training set; must be new")
@click.option("--catalog", metavar="CATALOG", help="use a catalog's labelled tracks instead of RAW")
@click.option("--model", metavar="PACK", default="open", help="pack whose detector finds the faces")
@click.option(
    "--template", metavar="TEMPLATE", default="arcface_112", help="arcface_112 or dlib_150"
)
@click.option("--name", metavar="NAME", help="name of the set (default: that of OUT)")
@click.option(
    "--licence",
    metavar="LICENCE",
    default="",
    show_default=False,
    help="permitted use of the photos",
)
@click.option(
    "--held-out",
    metavar="SHARE",
    default=0.1,
    callback=options.in_range(least=0, below=1),
    help="share of identities held out from training",
)
@click.option(
    "--min-faces",
    metavar="N",
    default=2,
    callback=options.in_range(least=1),
    help="leave out identities with fewer faces",
)
@click.option(
    "--face",
    type=click.Choice(["largest", "central"]),
    default="largest",
    help="face to take from a photo with several faces",
)
@click.option("--keep-poor", is_flag=True, help="keep small and blurred faces")
@click.option("--keep-duplicates", is_flag=True, help="keep near-duplicates")
@click.option(
    "--layout",
    type=click.Choice(["folders", "shards"]),
    default="folders",
    help="images in folders, or Parquet shards for large sets",
)
@click.option(
    "--seed",
    metavar="SEED",
    default=0,
    callback=options.in_range(least=0),
    help="seed of the split",
)
@workers()
@scheduler
@options.device
@options.print_report_as_json
def prepare(
    raw: tuple[str, ...],
    out: str,
    catalog: str | None,
    model: str,
    template: str,
    name: str | None,
    licence: str,
    held_out: float,
    min_faces: int,
    face: Literal["largest", "central"],
    keep_poor: bool,
    keep_duplicates: bool,
    layout: Literal["folders", "shards"],
    seed: int,
    workers: int | None,
    scheduler: str | None,
    device: str,
    as_json: bool,
) -> int:
    """Find, align and sort faces into a training set.

    A part of the identities is held out from training. Repeat the command to continue a run that
    was stopped.
    """
    from pipelines.cluster.config import ClusterConfig
    from pipelines.prepare import PrepareOptions, prepare_from_catalog
    from pipelines.prepare import prepare as prepare_photos
    from pipelines.stages.prepare_photos import PhotoOptions
    from vidsearch.faces.geometry.align import TEMPLATES
    from vidsearch.trainingset.assemble import SetOptions

    if len(raw) > 1:
        extra = " ".join([*raw[1:], out])
        click.get_current_context().fail(f"got unexpected extra arguments ({extra})")
    if bool(raw) == (catalog is not None):
        raise ConfigError("name either a folder of photos (RAW OUT) or --catalog CATALOG OUT")
    if template not in TEMPLATES:
        raise ConfigError(f"--template must be one of {', '.join(TEMPLATES)}; got {template!r}")
    elsewhere = scheduler is not None or catalog is not None
    settings = PrepareOptions(
        photo=PhotoOptions(template=TEMPLATES[template], which=face, keep_poor=keep_poor),
        result=SetOptions(
            name=printable(name if name is not None else Path(out).resolve().name),
            licence=licence,
            held_out=held_out,
            min_faces=min_faces,
            layout=layout,
            seed=seed,
            duplicates=keep_duplicates,
        ),
        pack=model,
        cluster=ClusterConfig(
            workers=worker_count(workers, elsewhere=elsewhere), scheduler=scheduler, device=device
        ),
    )
    if catalog is not None:
        report = prepare_from_catalog(catalog, Path(out), settings)
    else:
        report = prepare_photos(Path(raw[0]), Path(out), settings, show_progress=True)
    text = f"{report.to_text()}\nWrote {printable(out)}"
    print(json_text(report.to_json()) if as_json else text)
    return 0 if report.complete else options.SOME_INPUTS_FAILED
