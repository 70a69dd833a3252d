"""Losses of the paper's Table 2 on LFW: accuracies and the angles of Table 3.

    python -m benchmarks.training.train_lfw WORK [--losses arcface ...] [--steps 600] [--report]
    python -m benchmarks.training.train_lfw WORK --long 2500
    python -m benchmarks.training.train_lfw WORK --finetune 300

Training set: the identities of LFW with at least three photos and no photo in the pairs of fold 10.
Every loss has the same seed, random initial network and number of steps. Test set: the 600 pairs of
fold 10. Threshold set: the people with exactly two photos, who are in neither of these. Each of the
two sets is also scored with the threshold of the other; the threshold set has more pairs.

WORK holds the aligned faces, the runs, and the results of each run (measured.json). An interrupted
command continues there, and --report prints the finished results without training.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.lfw_split import Faces, Split, aligned, first_people, split
from trainer.backbones.base import Backbone
from trainer.backbones.build import build_backbone
from trainer.config.loss import NAMED_LOSSES, LossConfig, Margin
from trainer.config.recipes import recipe
from trainer.config.toml import to_toml
from trainer.config.train import (
    BackboneConfig,
    CheckpointConfig,
    ComputeConfig,
    TrainConfig,
    ValidationConfig,
)
from trainer.distributed.ranks import Ranks
from trainer.training.checkpoint import checkpoints, load_backbone, new_backbone
from trainer.training.checkpoint_manifest import read_checkpoint_manifest
from trainer.training.loop import RunContext
from trainer.training.run import train
from vidsearch.evaluation.metrics.angles import angle_statistics
from vidsearch.evaluation.metrics.verification import best_threshold

ANGLE_PEOPLE = 100
# A smaller s with the margins of the paper: s = 64 does not converge in so few steps.
SCALE = 32.0
_BATCH = 64

# The losses of Table 2, and two for small sets: "Starting on little data" in docs/explanation/losses.md.
LOSSES: dict[str, LossConfig] = {
    **NAMED_LOSSES,
    "arcface-0.3": LossConfig(margin=Margin(angle_margin_rad=0.3)),
    "arcface straight-through": LossConfig(
        margin=Margin(angle_margin_rad=0.5, gradient="straight-through")
    ),
}

Results = dict[str, Any]


def embed(backbone: Backbone, faces: Faces) -> NDArray[np.float32]:
    """Return (N, D) float32 unit embeddings: the sum over a face and its mirror image."""
    device = next(backbone.parameters()).device
    parts = []
    backbone.eval()
    with torch.no_grad():
        for start in range(0, len(faces), _BATCH):
            pixels = faces.pictures[start : start + _BATCH].transpose(0, 3, 1, 2)
            planes = backbone.normalise(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))
            parts.append((backbone(planes) + backbone(planes.flip(3))).cpu().numpy())
    raw = np.concatenate(parts)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """Pairs of a set.

    Attributes:
        similarity: (P,) cosine similarities.
        issame: (P,) True for a genuine pair.
    """

    similarity: NDArray[np.float32]
    issame: NDArray[np.bool_]

    def accuracy(self, other: PairScores) -> float:
        """Return the accuracy at the best threshold of another set."""
        threshold = best_threshold(other.similarity, other.issame)
        return float(((self.similarity >= threshold) == self.issame).mean())


def pair_scores(backbone: Backbone, data: Split) -> tuple[PairScores, PairScores]:
    """Return the pairs of fold 10, and of the people with two photos.

    An impostor pair of the latter is a person's first photo and the next person's second photo.
    """
    other = embed(backbone, data.threshold)
    order = np.argsort(data.threshold.labels, kind="stable").reshape(-1, 2)
    genuine = (other[order[:, 0]] * other[order[:, 1]]).sum(axis=1)
    impostor = (other[order[:, 0]] * other[np.roll(order[:, 1], 1)]).sum(axis=1)
    issame = np.arange(2 * len(genuine)) < len(genuine)
    fold = embed(backbone, data.fold)
    return (
        PairScores((fold[data.left] * fold[data.right]).sum(axis=1), data.issame),
        PairScores(np.concatenate([genuine, impostor]), issame),
    )


def accuracies(backbone: Backbone, data: Split) -> Results:
    """Return the accuracies of both sets, each with the best threshold of the other."""
    fold, others = pair_scores(backbone, data)
    return {"accuracy": fold.accuracy(others), "others": others.accuracy(fold)}


def measured(backbone: Backbone, data: Split, weights: NDArray[np.float32] | None) -> Results:
    """Return accuracies and angles; test angles are those of fold 10's people with several photos."""
    counts = np.bincount(data.fold.labels)
    several = counts[data.fold.labels] > 1
    some = first_people(data.training, ANGLE_PEOPLE)
    trained = angle_statistics(embed(backbone, some), some.labels, weights)
    tested = angle_statistics(embed(backbone, data.fold)[several], data.fold.labels[several])
    return {
        **accuracies(backbone, data),
        "w_ec": trained.w_ec,
        "w_inter": trained.w_inter,
        "intra_train": trained.intra,
        "inter_train": trained.inter,
        "intra_test": tested.intra,
        "inter_test": tested.inter,
    }


def stored_results(run: Path) -> Results | None:
    """Return the results of a run; None if it is not finished."""
    path = run / "measured.json"
    return dict(json.loads(path.read_text())) if path.exists() else None


def run_one(
    run: Path, config: TrainConfig, data: Split, device: torch.device, *, angles: bool = True
) -> Results:
    """Train and measure, unless there are results already."""
    found = stored_results(run)
    if found is not None:
        if found["config"] != to_toml(config):
            raise SystemExit(f"{run} was measured with another config; name another WORK")
        return found
    started = time.monotonic()
    report = train(
        config,
        data.training,
        data.threshold if config.validation.held_out else None,
        RunContext(folder=run, ranks=Ranks(), device=device, resume=True),
    )
    if report.ended == "interrupted":
        raise SystemExit(f"{run}: interrupted at step {report.step}; repeat the command to resume")
    checkpoint = (checkpoints(run, "best") or [report.checkpoint])[-1]
    weights = None
    if config.loss.has_classes and config.loss.sub_centres == 1:
        weights = read_checkpoint_manifest(checkpoint).read("head-0.pt")["weight"][:, 0].numpy()
    network = load_backbone(checkpoint)[0].to(device)
    found = {
        **(measured(network, data, weights) if angles else accuracies(network, data)),
        "kept": checkpoint.name,
        "steps": report.step,
        "batch": config.batch,
        "seconds": time.monotonic() - started,
        "loss": report.loss,
        "faces": len(data.training),
        "people": len(data.training.identities),
        "validation": report.accuracy,
        "config": to_toml(config),
    }
    (run / "measured.json").write_text(json.dumps(found, indent=2))
    return found


def table_config(loss: str, args: argparse.Namespace) -> TrainConfig:
    base = recipe("small_from_scratch")
    return replace(
        base,
        steps=args.steps,
        batch=args.batch,
        loss=replace(LOSSES[loss], scale=SCALE),
        backbone=BackboneConfig(
            name=args.network,
            embedding_size=128,
            options={"width": args.width, "input_size": args.side},
        ),
        schedule=replace(base.schedule, warmup_steps=min(100, args.steps // 5)),
        validation=ValidationConfig(),
        speed=ComputeConfig(
            threads=args.threads,
            precision=args.precision,
            channels_last=args.device.type == "cuda",
        ),
        keep=CheckpointConfig(checkpoint_every=max(200, args.steps // 2), tensorboard=False),
    )


def table(args: argparse.Namespace) -> None:
    """Train with each loss and print a row, or print the stored results."""
    folder = args.work / (
        f"table-{args.network}-{args.width:g}-{args.side}px-{args.steps}x{args.batch}"
    )
    data: Split | None = None
    for loss in args.losses:
        found = stored_results(folder / loss)
        if found is None and not args.report:
            data = data if data is not None else small_faces(args)
            found = run_one(folder / loss, table_config(loss, args), data, args.device)
        if found is not None:
            print(row(loss, found), flush=True)


def small_faces(args: argparse.Namespace) -> Split:
    data = split(aligned(args.work, "arcface_112"), args.side)
    untrained = build_backbone(args.network, 128, width=args.width, input_size=args.side)
    print(
        f"trained on {len(data.training)} faces of {len(data.training.identities)} people; "
        f"threshold from {len(data.threshold) // 2} others; fold 10: {len(data.issame)} pairs; "
        f"untrained network: {accuracies(untrained, data)}",
        flush=True,
    )
    return data


def long_run(args: argparse.Namespace) -> None:
    """Train one long run with the loss of the recipe."""
    config = table_config("arcface", args)
    config = replace(config, loss=recipe("small_from_scratch").loss, steps=args.long)
    found = run_one(args.work / "long", config, small_faces(args), args.device)
    print(f"ArcFace, {args.long} steps: fold 10 {found['accuracy']:.4f}, {found['seconds']:.0f} s")


def finetune(args: argparse.Namespace) -> None:
    """Compare the ``open`` network before and after some steps of ArcFace."""
    data = split(aligned(args.work, "dlib_150"), 150)
    base = recipe("finetune_open")
    config = replace(
        base,
        steps=args.finetune,
        validation=replace(base.validation, every=max(args.finetune // 3, 10), pairs=300),
        speed=ComputeConfig(threads=args.threads),
        keep=CheckpointConfig(checkpoint_every=20, tensorboard=False),
        schedule=replace(base.schedule, warmup_steps=min(100, args.finetune // 5)),
    )
    found = run_one(args.work / "finetune", config, data, args.device, angles=False)
    after = {name: found[name] for name in ("accuracy", "others")}
    print(
        f"open, {found['steps']} steps of ArcFace, best by validation {found['kept']}: {after}",
        flush=True,
    )
    before = accuracies(new_backbone(config).eval().to(args.device), data)
    print(f"open, unchanged: {before}")


def row(name: str, found: Results) -> str:
    def number(key: str, digits: int) -> str:
        value = found[key]
        return "-" if value is None else f"{value:.{digits}f}"

    angles = ("w_ec", "w_inter", "intra_train", "inter_train", "intra_test", "inter_test")
    cells = [number("accuracy", 3), number("others", 3), *(number(a, 1) for a in angles)]
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--losses", nargs="*", default=[*LOSSES])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--network", default="iresnet18")
    parser.add_argument("--width", type=float, default=0.25, help="factor of the channel counts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--precision", default="float32", help="bfloat16 on a GPU")
    parser.add_argument("--report", action="store_true", help="print stored results, do not train")
    parser.add_argument("--long", type=int, default=0, metavar="STEPS")
    parser.add_argument("--finetune", type=int, default=0, metavar="STEPS")
    args = parser.parse_args()
    chosen: Callable[[argparse.Namespace], None] = table
    if args.long or args.finetune:
        chosen = long_run if args.long else finetune
    chosen(args)


if __name__ == "__main__":
    main()
