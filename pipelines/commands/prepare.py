"""The command ``vidsearch prepare``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from vidsearch.errors import ConfigError


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser of ``vidsearch``."""
    parser = commands.add_parser(
        "prepare",
        help="make a training set: raw photos, or a catalog's labelled tracks",
        description="Find, align and sort faces into a training set with a part that training "
        "never sees. A run that was stopped goes on when the command is repeated.",
    )
    parser.add_argument(
        "raw", metavar="RAW", nargs="?", help="folder that holds one folder of photos an identity"
    )
    parser.add_argument("out", metavar="OUT", help="folder of the training set; must be new")
    parser.add_argument("--catalog", help="take a catalog's labelled tracks instead of RAW")
    parser.add_argument(
        "--model", metavar="PACK", default="open", help="pack that finds faces (open)"
    )
    parser.add_argument(
        "--template", default="arcface_112", help="arcface_112 (default) or dlib_150"
    )
    parser.add_argument("--name", help="name of the set (default: that of OUT)")
    parser.add_argument("--licence", default="", help="what the photos may be used for")
    parser.add_argument(
        "--held-out", type=float, default=0.1, metavar="SHARE",
        help="share of identities that training never sees (0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--min-faces", type=int, default=2, metavar="N", help="leave out rarer identities (2)"
    )
    parser.add_argument(
        "--face", choices=["largest", "central"], default="largest", help="of several (largest)"
    )
    parser.add_argument("--keep-poor", action="store_true", help="keep small and blurred faces")
    parser.add_argument("--keep-duplicates", action="store_true", help="keep near-duplicates")
    parser.add_argument(
        "--layout", choices=["folders", "shards"], default="folders",
        help="pictures in folders (default), or Parquet shards for large sets",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (one a core)")
    parser.add_argument("--scheduler", metavar="ADDR", help="use a running Dask cluster")
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:i")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the set and print what became of the photos."""
    from pipelines.prepare import prepare, prepare_from_catalog

    if (args.raw is None) == (args.catalog is None):
        raise ConfigError("name either a folder of photos (RAW OUT) or --catalog CATALOG OUT")
    options, out = _options(args), Path(args.out)
    if args.catalog is not None:
        report = prepare_from_catalog(args.catalog, out, options)
    else:
        report = prepare(Path(args.raw), out, options, show_progress=True)
    print(json.dumps(report.to_json()) if args.json else f"{report.to_text()}\nWrote {out}")
    return 0


def _options(args: argparse.Namespace) -> Any:
    from pipelines.cluster.config import ClusterConfig
    from pipelines.prepare import PrepareOptions
    from pipelines.stages.prepare_photos import PhotoOptions
    from vidsearch.faces.geometry.align import TEMPLATES
    from vidsearch.trainingset.assemble import SetOptions

    if args.template not in TEMPLATES:
        raise ConfigError(
            f"--template must be one of {', '.join(TEMPLATES)}; got {args.template!r}"
        )
    return PrepareOptions(
        photo=PhotoOptions(
            template=TEMPLATES[args.template], which=args.face, keep_poor=args.keep_poor
        ),
        result=SetOptions(
            name=args.name if args.name is not None else Path(args.out).resolve().name,
            licence=args.licence,
            held_out=args.held_out,
            min_faces=args.min_faces,
            layout=args.layout,
            seed=args.seed,
            duplicates=args.keep_duplicates,
        ),
        pack=args.model,
        cluster=ClusterConfig(workers=_workers(args), scheduler=args.scheduler, device=args.device),
    )


def _workers(args: argparse.Namespace) -> int:
    if args.workers is not None:
        if args.workers < 1:
            raise ConfigError(f"--workers must be at least 1; got {args.workers}")
        return int(args.workers)
    if args.scheduler is not None or args.catalog is not None:
        return 1
    from pipelines.cluster.client import default_workers

    return default_workers()
