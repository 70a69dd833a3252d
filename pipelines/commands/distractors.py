"""``vidsearch evaluate distractors``: MegaFace and Trillion-Pairs, here or on a Dask cluster."""

from __future__ import annotations

import functools
from pathlib import Path

import click

from pipelines.commands import options
from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import file_option, finish, output
from vidsearch.errors import ConfigError

_PROTOCOLS = {"megaface": (1e-6, 1e-3, 100), "trillion-pairs": (1e-9, 1e-3, 1)}
"""FAR of the verification, FPR of the identification, length of the CMC."""


@command("distractors", "identification among distractors: MegaFace, Trillion-Pairs")
@click.argument(
    "protocol",
    metavar="PROTOCOL",
    type=click.Choice(sorted(_PROTOCOLS)),
    help="megaface or trillion-pairs",
)
@file_option("--probes", ".npy of probe embeddings (N, D)", required=True)
@file_option("--probe-list", "one line 'image subject' per row of --probes", required=True)
@file_option("--gallery", ".npy of gallery embeddings (G, D)", required=True)
@file_option("--gallery-list", "one line 'image' per row of --gallery")
@click.option(
    "--gallery-subjects",
    is_flag=True,
    help="the gallery list has lines 'image subject': mates are in the gallery, not among probes",
)
@click.option(
    "--noise",
    metavar="FILE",
    type=Path,
    multiple=True,
    help="list of images to leave out for the figures 'R' (repeatable)",
)
@click.option(
    "--far", metavar="FAR", type=float, help="FAR of the verification (default: the protocol's)"
)
@click.option(
    "--fpr", metavar="FPR", type=float, help="FPR of the identification (default: the protocol's)"
)
@options.scheduler
@output("reports/distractors")
def distractors(
    protocol: str,
    probes: Path,
    probe_list: Path,
    gallery: Path,
    gallery_list: Path | None,
    gallery_subjects: bool,
    noise: tuple[Path, ...],
    far: float | None,
    fpr: float | None,
    scheduler: str | None,
    out: str,
    as_json: bool,
) -> int:
    """Compare every probe with every gallery row.

    Memory is bounded for any number of pairs; thresholds at tiny false accept rates are exact.
    """
    from vidsearch.evaluation.distractors.evaluate import evaluate_distractors
    from vidsearch.evaluation.distractors.measure import DistractorOptions
    from vidsearch.evaluation.report import check_target

    protocol_far, protocol_fpr, ranks = _PROTOCOLS[protocol]
    far = far if far is not None else protocol_far
    fpr = fpr if fpr is not None else protocol_fpr
    for name, value in (("--far", far), ("--fpr", fpr)):
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} must lie in [0, 1]; got {value}")
    check_target(out)
    protocol_options = DistractorOptions(
        probes=probes,
        probe_list=probe_list,
        gallery=gallery,
        gallery_list=gallery_list,
        gallery_subjects=gallery_subjects,
        noise=noise,
        far=far,
        fpr=fpr,
        ranks=ranks,
        scheduler=scheduler,
    )
    if scheduler is None:
        report = evaluate_distractors(protocol_options)
    else:
        from pipelines.cluster.hosts.shared_storage import InputFile
        from pipelines.cluster.tasks import map_on_cluster

        files = [InputFile(str(p), p.stat().st_size) for p in (probes, gallery) if p.exists()]
        mapper = functools.partial(map_on_cluster, scheduler=scheduler, files=files)
        report = evaluate_distractors(protocol_options, mapper)
    return finish(report, out, as_json)
