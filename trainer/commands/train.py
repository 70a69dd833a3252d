"""The command ``vidsearch train``; ``python -m trainer`` is the same, for torchrun."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from vidsearch.commands.app import command
from vidsearch.errors import ConfigError
from vidsearch.text.json_text import json_text
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable

if TYPE_CHECKING:
    from trainer.config.train import TrainConfig
    from trainer.export.pack import ExportReport
    from trainer.training.loop import RunContext, RunReport

STOPPED = 143
"""128 + SIGTERM, as shells report it: the run was stopped early, its checkpoint is saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values of the command line that replace those of a recipe or config file.

    Attributes:
        data: Path of the training set.
        loss: Name of a loss of the paper.
        settings: Texts ``field=value``.
        validate: Path of the validation set.
        pairs: LFW-style list of pairs of the validation photos.
        device: Device of every rank.
    """

    data: str | None = None
    loss: str | None = None
    settings: tuple[str, ...] = ()
    validate: str | None = None
    pairs: str | None = None
    device: str | None = None


@command("train", "train an embedder on folders of photos")
@click.argument("recipe", metavar="[RECIPE]", required=False, help="recipe, or config.toml")
@click.argument("data", metavar="[DATA]", required=False, help="training set (default: data.path)")
@click.option("--out", metavar="RUN", type=Path, help="folder of the run")
@click.option(
    "--set",
    "settings",
    metavar="FIELD=VALUE",
    multiple=True,
    help="override a field, e.g. optim.lr=0.05 (repeatable)",
)
@click.option("--loss", metavar="NAME", help="loss of the paper by name: arcface, ...")
@click.option(
    "--validate",
    metavar="SET",
    help="choose the best model by this set: other identities, a .bin verification set, or photos "
    "with --pairs (default: validation.path)",
)
@click.option("--pairs", metavar="FILE", help="LFW-style pairs.txt of the photos of --validate")
@click.option(
    "--export",
    "pack",
    metavar="PACK",
    type=Path,
    help="at the end, make a pack as 'vidsearch export' does",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    help="precision of the pack of --export",
)
@click.option(
    "--licence",
    metavar="LICENCE",
    default="",
    show_default="the training set's",
    help="licence of the pack of --export",
)
@click.option("--resume", is_flag=True, help="continue from the latest checkpoint")
@click.option("--device", metavar="D", help="auto, cpu or cuda (default: the config's)")
@click.option("--recipes", is_flag=True, help="list recipes and losses")
@click.option("--print-config", is_flag=True, help="print the complete config as TOML and stop")
@click.option("--json", "as_json", is_flag=True, help="print the result as one JSON object")
def train(
    recipe: str | None,
    data: str | None,
    out: Path | None,
    settings: tuple[str, ...],
    loss: str | None,
    validate: str | None,
    pairs: str | None,
    pack: Path | None,
    precision: Literal["float32", "float16", "int8"],
    licence: str,
    resume: bool,
    device: str | None,
    recipes: bool,
    print_config: bool,
    as_json: bool,
) -> int:
    """Train an embedder.

    RECIPE is a name ('vidsearch train --recipes' lists them) or a TOML file. On several GPUs:
    torchrun --nproc-per-node N -m trainer RECIPE ...
    """
    if recipes:
        _list_recipes()
        return 0
    overrides = Overrides(
        data=data, loss=loss, settings=settings, validate=validate, pairs=pairs, device=device
    )
    config = config_from(recipe, overrides)
    if print_config:
        from trainer.config.toml import to_toml

        print(to_toml(config), end="")
        return 0
    if out is None:
        raise ConfigError("--out RUN is missing; name the folder for checkpoints and metrics")
    options = None
    if pack is not None:
        from trainer.export.pack import ExportOptions, pack_name

        options = ExportOptions(precision=precision, licence=licence)
        pack_name(pack, options)  # Fails now instead of after the training.
    from trainer.distributed.launch import Launch, launched
    from trainer.training.loop import RunContext

    launch = Launch.from_environment(os.environ)
    with launched(launch, config.device) as (ranks, torch_device):
        context = RunContext(folder=out, ranks=ranks, device=torch_device, resume=resume)
        report = _run(config, context, needs_validation=pack is not None)
    if launch.rank == 0:
        exported = None
        if pack is not None and options is not None and report.ended != "interrupted":
            from trainer.export.pack import export_pack

            exported = export_pack(out, pack, options)
        _print(report, as_json, pack, exported)
    return STOPPED if report.ended == "interrupted" else 0


def config_from(recipe: str | None, overrides: Overrides) -> TrainConfig:
    """Return the config of a recipe, or of a TOML file, with the overrides applied.

    Raises:
        ConfigError: An unknown recipe, loss or field, or values that do not fit.
    """
    from trainer.config.loss import named_loss
    from trainer.config.recipes import RECIPES
    from trainer.config.recipes import recipe as recipe_named
    from trainer.config.toml import override, read_config

    if recipe is None:
        raise ConfigError(f"name a recipe ({', '.join(RECIPES)}) or a config.toml")
    is_file = recipe not in RECIPES and Path(recipe).is_file()
    config = read_config(Path(recipe)) if is_file else recipe_named(recipe)
    if overrides.loss is not None:
        config = replace(config, loss=named_loss(overrides.loss))
    config = override(config, overrides.settings)
    if overrides.data is not None:
        config = replace(config, data=replace(config.data, path=_setting(overrides.data)))
    validation = config.validation
    if overrides.validate is not None:
        validation = replace(validation, path=_setting(overrides.validate))
    if overrides.pairs is not None:
        validation = replace(validation, pair_list=_setting(overrides.pairs))
    config = replace(config, validation=validation)
    return config if overrides.device is None else replace(config, device=overrides.device)


def _setting(path: str) -> str:
    """Return the absolute path of an argument, as a config can hold it."""
    return portable_name(str(Path(path).resolve()))


def _run(config: TrainConfig, context: RunContext, *, needs_validation: bool) -> RunReport:
    from trainer.export.pack import NoHeldOutIdentitiesError
    from trainer.training.run import open_sets
    from trainer.training.run import train as train_embedder

    dataset, validation = open_sets(config)
    if needs_validation and validation is None:
        raise NoHeldOutIdentitiesError("--validate SET")
    return train_embedder(config, dataset, validation, context)


def _print(
    report: RunReport, as_json: bool, pack: Path | None, exported: ExportReport | None
) -> None:
    if as_json:
        table = {name: getattr(report, name) for name in report.__dataclass_fields__}
        table["checkpoint"] = portable_name(str(report.checkpoint))
        if exported is not None:
            table["pack"] = asdict(exported)
        print(json_text(table))
        return
    ending = {
        "finished": "finished",
        "early": "stopped early: the verification accuracy stopped rising",
        "interrupted": "interrupted; repeat the command with --resume to continue",
    }[report.ended]
    best = "" if report.accuracy is None else f", best verification accuracy {report.accuracy:.4f}"
    loss = "" if math.isnan(report.loss) else f", loss {report.loss:.4f}"
    print(f"{ending}: step {report.step}{loss}{best}")
    print(f"checkpoint: {printable(str(report.checkpoint))}")
    if report.broken:
        print(f"faces that could not be decoded: {report.broken}", file=sys.stderr)
    if pack is not None and exported is not None:
        from trainer.commands.export import describe

        print(describe(exported, pack))


def _list_recipes() -> None:
    from trainer.config.loss import NAMED_LOSSES
    from trainer.config.recipes import RECIPES

    for name, build_config in RECIPES.items():
        print(f"{name:22} {(build_config.__doc__ or '').splitlines()[0]}")
    print(f"\nlosses (--loss): {', '.join(NAMED_LOSSES)}")
