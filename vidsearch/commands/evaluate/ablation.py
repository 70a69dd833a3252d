"""``vidsearch evaluate ladder``: the steps of the paper's Table 9 on a labelled set."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidsearch.commands.app import command
from vidsearch.commands.evaluate.options import finish, output
from vidsearch.commands.options import in_range
from vidsearch.errors import ConfigError

if TYPE_CHECKING:
    from vidsearch.evaluation.ablation.data import LabelledSet


@command("ladder", "Table 9: feature centre, + MLP, + ensemble, + context")
@click.argument(
    "sets", metavar="SET...", nargs=-1, required=True, help="a folder, or Parquet files"
)
@click.option(
    "--model",
    "packs",
    metavar="PACK",
    multiple=True,
    help="pack for the photos of a folder (default: open); repeat it for an ensemble",
)
@click.option(
    "--classifier", metavar="ONNX", help="classifier whose output describes the whole frame"
)
@click.option("--test-share", metavar="S", default=0.5, help="share of the photos for the test")
@click.option("--epochs", metavar="N", default=60, help="epochs of training")
@click.option(
    "--seed", metavar="N", default=0, callback=in_range(least=0), help="seed of the networks"
)
@click.option("--no-mlp", is_flag=True, help="leave out the step: mlp")
@click.option("--no-ensemble", is_flag=True, help="leave out the step: ensemble")
@click.option("--no-context", is_flag=True, help="leave out the step: context")
@output("reports/ladder")
def ladder(
    sets: tuple[str, ...],
    packs: tuple[str, ...],
    classifier: str | None,
    test_share: float,
    epochs: int,
    seed: int,
    no_mlp: bool,
    no_ensemble: bool,
    no_context: bool,
    out: str,
    as_json: bool,
) -> int:
    """Measure the steps of the paper's Table 9.

    SET is a folder IDENTITY/photo.jpg, or Parquet files (one per pack) with the columns clip,
    identity, split, embedding and, in the first file, context.
    """
    from vidsearch.evaluation.ablation.evaluate import evaluate_ablation
    from vidsearch.evaluation.ablation.measure import AblationOptions
    from vidsearch.evaluation.ablation.network import NetConfig
    from vidsearch.evaluation.report import check_target

    check_target(out)
    if not 0 < test_share < 1:
        raise ConfigError(f"--test-share must lie between 0 and 1; got {test_share}")
    if epochs < 1:
        raise ConfigError(f"--epochs must be at least 1; got {epochs}")
    options = AblationOptions(
        mlp=not no_mlp,
        ensemble=not no_ensemble,
        context=not no_context,
        net=NetConfig(seed=seed, epochs=epochs),
    )
    configuration: dict[str, object] = {
        "sets": list(sets),
        "model": list(packs) if packs else None,
        "classifier": classifier,
        "test_share": test_share,
        "epochs": epochs,
        "seed": seed,
        "no_mlp": no_mlp,
        "no_ensemble": no_ensemble,
        "no_context": no_context,
    }
    labelled = _read(sets, packs, classifier, test_share, context=not no_context)
    return finish(evaluate_ablation(labelled, options, configuration), out, as_json)


def _read(
    sets: tuple[str, ...],
    packs: tuple[str, ...],
    classifier: str | None,
    test_share: float,
    *,
    context: bool,
) -> LabelledSet:
    from tqdm import tqdm

    from vidsearch.evaluation.ablation.data import from_folder, from_parquet
    from vidsearch.evaluation.ablation.frame_context import colour_and_edges, onnx_classifier

    folders = [name for name in sets if Path(name).is_dir()]
    if not folders:
        if packs or classifier:
            raise ConfigError("--model and --classifier are for a folder of photos; drop them")
        return from_parquet(list(sets))
    if len(sets) > 1:
        raise ConfigError("name one folder, or Parquet files, not both")
    describe = None
    if context:
        describe = onnx_classifier(classifier) if classifier else colour_and_edges
    progress = functools.partial(
        tqdm, unit="photo", desc="embedding", disable=not sys.stderr.isatty(), leave=False
    )
    names = list(packs) if packs else ["open"]
    return from_folder(folders[0], names, describe, test_share=test_share, progress=progress)
