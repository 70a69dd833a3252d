"""Train a tiny embedder on a folder of aligned faces, and export it as a model pack.

FACES is what ``vidsearch prepare`` writes. The settings are tiny: they show the calls, and the
model is useless. Run it as ``python examples/train_and_export.py FACES RUN PACK``.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from trainer.config.recipes import recipe
from trainer.config.toml import override
from trainer.distributed.ranks import Ranks
from trainer.export.pack import export_pack
from trainer.training.loop import RunContext
from trainer.training.run import open_sets, train

SETTINGS = (
    "steps=4",
    "batch=8",
    "backbone.options.width=0.0625",
    "schedule.warmup_steps=1",
    "validation.every=4",
    "validation.pairs=10",
    "keep.tensorboard=false",
)


def main(faces: str, run: str, pack: str) -> None:
    """Train for a few steps on the CPU and write a pack that ``--model`` takes."""
    config = override(recipe("small_from_scratch"), SETTINGS)
    config = replace(config, data=replace(config.data, path=str(Path(faces).resolve())))
    dataset, validation = open_sets(config)
    context = RunContext(folder=Path(run), ranks=Ranks(), device=torch.device("cpu"))
    report = train(config, dataset, validation, context)
    print(f"{report.step} steps, verification accuracy {report.accuracy:.2f}")
    exported = export_pack(Path(run), Path(pack))
    print(f"ONNX differs from torch by {exported.onnx_difference:.0e} of an embedding's length")


if __name__ == "__main__":
    main(*sys.argv[1:])
