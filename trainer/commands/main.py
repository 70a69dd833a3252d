"""The command ``vidsearch train``; ``python -m trainer`` is the same, for torchrun."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsearch.commands.parser import protocols
from vidsearch.errors import ConfigError

if TYPE_CHECKING:
    from trainer.config.train import TrainConfig
    from trainer.export.pack import ExportOptions, ExportReport
    from trainer.training.loop import RunReport

# 128 + SIGTERM, as shells report it: the run is whole, but not at its end.
STOPPED = 143


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "train",
        help="train an embedder on folders of photos",
        description="Train an embedder. RECIPE is a name (vidsearch train --recipes lists them) or "
        "a TOML file. On several GPUs: torchrun --nproc-per-node N -m trainer RECIPE ...",
    )
    add_arguments(parser)
    parser.set_defaults(run=run)
    import trainer.commands.angles
    import trainer.commands.export
    import trainer.commands.figures

    trainer.commands.export.register(commands)
    below = protocols(commands)
    trainer.commands.angles.register(below)
    trainer.commands.figures.register(below)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", metavar="RECIPE", nargs="?", help="recipe, or config.toml")
    parser.add_argument("data", metavar="DATA", nargs="?", help="training set (else data.path)")
    parser.add_argument("--out", metavar="RUN", type=Path, help="folder of the run")
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="override a field, e.g. optim.lr=0.05; may be repeated",
    )
    parser.add_argument("--loss", metavar="NAME", help="a loss of the paper by name: arcface, ...")
    parser.add_argument(
        "--validate", metavar="SET",
        help="know the best model by this: other identities, a .bin verification set, or photos "
        "with --pairs (validation.path)",
    )  # fmt: skip
    parser.add_argument(
        "--pairs", metavar="FILE", help="LFW-style pairs.txt over --validate's photos"
    )
    parser.add_argument(
        "--export", metavar="PACK", type=Path, help="at the end, make a pack as 'export' does"
    )
    parser.add_argument(
        "--precision", choices=["float32", "float16", "int8"], default="float32",
        help="of that pack (float32)",
    )  # fmt: skip
    parser.add_argument("--licence", default="", help="of that pack (default: the set's)")
    parser.add_argument("--resume", action="store_true", help="go on from the latest checkpoint")
    parser.add_argument("--device", metavar="D", help="auto, cpu or cuda (else the config's)")
    parser.add_argument("--recipes", action="store_true", help="list recipes and losses")
    parser.add_argument(
        "--print-config", action="store_true", help="print the complete config as TOML and stop"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what the command line says."""
    if args.recipes:
        _list_recipes()
        return 0
    config = config_from(args)
    if args.print_config:
        from trainer.config.toml import to_toml

        print(to_toml(config), end="")
        return 0
    if args.out is None:
        raise ConfigError("--out RUN is missing: the folder that checkpoints and metrics go to")
    from trainer.distributed.launch import Launch, launched

    launch = Launch.from_environment(os.environ)
    options = _export_options(args)
    with launched(launch, config.device) as place:
        report = _train(config, args, place)
    if launch.rank == 0:
        pack = None
        if options is not None and report.ended != "interrupted":
            from trainer.export.pack import export_pack

            pack = export_pack(args.out, args.export, options)
        _print(report, pack, args)
    return STOPPED if report.ended == "interrupted" else 0


def config_from(args: argparse.Namespace) -> TrainConfig:
    """Return the config that a command line describes.

    Raises:
        ConfigError: An unknown recipe, loss or field, or values that do not fit.
    """
    from trainer.config.loss import named_loss
    from trainer.config.recipes import RECIPES, recipe
    from trainer.config.toml import override, read_config

    if args.recipe is None:
        raise ConfigError(f"name a recipe ({', '.join(RECIPES)}) or a config.toml")
    is_file = args.recipe not in RECIPES and Path(args.recipe).is_file()
    config = read_config(Path(args.recipe)) if is_file else recipe(args.recipe)
    if args.loss is not None:
        config = replace(config, loss=named_loss(args.loss))
    config = override(config, args.settings)
    if args.data is not None:
        config = replace(config, data=replace(config.data, path=str(Path(args.data).resolve())))
    validation = config.validation
    if args.validate is not None:
        validation = replace(validation, path=str(Path(args.validate).resolve()))
    if args.pairs is not None:
        validation = replace(validation, pair_list=str(Path(args.pairs).resolve()))
    config = replace(config, validation=validation)
    return config if args.device is None else replace(config, device=args.device)


def _export_options(args: argparse.Namespace) -> ExportOptions | None:
    """Return how to export, refusing at once what would fail at the end."""
    if args.export is None:
        return None
    from trainer.export.pack import ExportOptions, pack_name

    options = ExportOptions(precision=args.precision, licence=args.licence)
    pack_name(args.export, options)
    return options


def _train(config: TrainConfig, args: argparse.Namespace, place: Any) -> RunReport:
    from trainer.export.pack import NOBODY_HELD_OUT
    from trainer.training.loop import RunContext
    from trainer.training.run import open_sets, train

    ranks, device = place
    dataset, validation = open_sets(config)
    if args.export is not None and validation is None:
        raise ConfigError(NOBODY_HELD_OUT.replace("pass --held-out SET", "pass --validate SET"))
    return train(
        config,
        dataset,
        validation,
        RunContext(folder=args.out, ranks=ranks, device=device, resume=args.resume),
    )


def _print(report: RunReport, pack: ExportReport | None, args: argparse.Namespace) -> None:
    if args.json:
        table = {name: getattr(report, name) for name in report.__dataclass_fields__}
        table["checkpoint"] = str(report.checkpoint)
        table["loss"] = None if math.isnan(report.loss) else report.loss  # no step was left
        if pack is not None:
            table["pack"] = asdict(pack)
        print(json.dumps(table))
        return
    how = {
        "finished": "finished",
        "early": "stopped early, it got no better",
        "interrupted": "interrupted; the same command with --resume goes on",
    }[report.ended]
    best = "" if report.accuracy is None else f", best verification accuracy {report.accuracy:.4f}"
    loss = "" if math.isnan(report.loss) else f", loss {report.loss:.4f}"
    print(f"{how}: step {report.step}{loss}{best}")
    print(f"checkpoint: {report.checkpoint}")
    if report.broken:
        print(f"faces that could not be decoded: {report.broken}", file=sys.stderr)
    if pack is not None:
        from trainer.commands.export import describe

        print(describe(pack, args.export))


def _list_recipes() -> None:
    from trainer.config.loss import NAMED_LOSSES
    from trainer.config.recipes import RECIPES

    for name, make in RECIPES.items():
        print(f"{name:22} {(make.__doc__ or '').splitlines()[0]}")
    print(f"\nlosses (--loss): {', '.join(NAMED_LOSSES)}")
