"""``vidsearch evaluate verification``: LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, YTF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidsearch.commands import options
from vidsearch.commands.app import Option, command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.errors import ConfigError
from vidsearch.text.printable import quoted

if TYPE_CHECKING:
    from vidsearch.evaluation.protocols.pairs import PairSet

_LISTS = "Pairs of a folder (at most one of these)"


@command(
    "verification",
    "one person or two? LFW, CFP-FP, AgeDB-30, CALFW, CPLFW, YTF",
    exclusive=("pairs", "splits"),
)
@click.argument("data", metavar="DATA", help=".bin file, or folder of photos or frames")
@click.option("--pairs", cls=Option, section=_LISTS, metavar="FILE", help="LFW's pairs.txt")
@click.option("--splits", cls=Option, section=_LISTS, metavar="FILE", help="YTF's splits.txt")
@options.pack
@options.device
@options.processes
@click.option(
    "--folds",
    metavar="N",
    default=10,
    callback=options.in_range(least=2),
    help="folds of a .bin file or of YTF",
)
@click.option(
    "--faces",
    type=click.Choice(["auto", "aligned", "detect"]),
    default="auto",
    help="images are aligned to 112 x 112 already, or faces must be detected (auto: aligned for "
    ".bin files, if the pack uses that alignment)",
)
@output("reports/verification")
def verification(
    data: str,
    pairs: str | None,
    splits: str | None,
    model: str,
    device: str,
    processes: int,
    folds: int,
    faces: str,
    out: str,
    as_json: bool,
) -> int:
    """Measure verification: accuracy over folds, TAR at FAR, equal error rate, ROC.

    DATA is a .bin file, or a folder of photos with --pairs (LFW) or of videos with --splits (YTF).
    """
    from vidsearch.device import resolve_device
    from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
    from vidsearch.evaluation.report import check_target
    from vidsearch.evaluation.verification.evaluate import evaluate_pairs
    from vidsearch.faces.geometry.align import ARCFACE_112
    from vidsearch.models.registry import load_pack

    check_target(out)
    pair_set = _read(data, pairs, splits, folds)
    aligned = faces == "aligned"
    if faces == "auto" and pair_set.aligned:
        pack = load_pack(model, resolve_device(device), announce=False)
        aligned = pack.embedder.template == ARCFACE_112
    embedding = EmbeddingOptions(
        model=model, device=device, processes=processes, aligned=aligned, show_progress=True
    )
    return finish(evaluate_pairs(pair_set, embedding), out, as_json)


def _read(data: str, pairs: str | None, splits: str | None, folds: int) -> PairSet:
    from vidsearch.evaluation.protocols.pairs import read_bin, read_lfw_pairs, read_ytf

    if pairs is not None:
        return read_lfw_pairs(Path(pairs), Path(data))
    if splits is not None:
        return read_ytf(Path(splits), Path(data), folds)
    if Path(data).is_dir():
        raise ConfigError(
            f"{quoted(data)} is a folder: name its pairs with --pairs (LFW) or --splits (YTF)"
        )
    return read_bin(Path(data), folds)
