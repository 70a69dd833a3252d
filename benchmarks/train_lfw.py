"""The losses of the paper's Table 2 on LFW: a table of accuracies and of Table 3's angles.

    python -m benchmarks.train_lfw WORK [--losses arcface ...] [--steps 300] [--long] [--finetune]

Trained on the identities of LFW with at least three photos of whom no photo is in fold 10's pairs,
from nothing, every loss with the same seed, network and number of steps. Scored on fold 10's 600
pairs with a threshold chosen on other people: those with exactly two photos, whom no network here
was trained on and who are not in fold 10 either. WORK keeps the aligned faces and the runs; what
is there already is not done again. Far too little data and time to rank losses: it shows that each
of them learns.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.media import media_folder
from pipelines.payloads import IndexOptions
from pipelines.prepare import PrepareOptions, prepare
from pipelines.stages.prepare_photos import PhotoOptions
from trainer.backbones import Backbone, build_backbone
from trainer.checkpoint import load_backbone, read_manifest
from trainer.config import BackboneConfig, KeepConfig, SpeedConfig, TrainConfig, ValidationConfig
from trainer.data import open_dataset
from trainer.data.base import BrokenFaceError
from trainer.loop import RunPlace
from trainer.loss_config import NAMED_LOSSES
from trainer.ranks import Ranks
from trainer.recipes import recipe
from trainer.run import train
from vidsearch.datatypes import Image
from vidsearch.geometry.align import TEMPLATES, AlignmentTemplate
from vidsearch.metrics.angles import angle_statistics
from vidsearch.metrics.verification import best_threshold
from vidsearch.trainingset.assemble import SetOptions

FOLD_10 = slice(5400, 6000)
LEAST_PHOTOS = 3
ANGLE_PEOPLE = 100
# A small sphere and margins as in the paper; s = 64 does not converge on so few steps.
SCALE = 32.0


@dataclass(eq=False)
class Faces:
    """Aligned faces in memory: some people of LFW; see ``trainer.data.base.FaceDataset``."""

    name: str
    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    identities: tuple[str, ...]
    template: AlignmentTemplate
    licence: str = "research only"
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        face: Image = self.pictures[index]
        return face


@dataclass(frozen=True, eq=False)
class Split:
    """Who is trained on, who the threshold comes from, and fold 10."""

    training: Faces
    threshold: Faces
    fold: Faces
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]


def aligned(work: Path, template: str) -> Path:
    """Align all of LFW once."""
    out = work / f"lfw-{template}"
    if not out.exists():
        prepare(
            media_folder() / "lfw",
            out,
            PrepareOptions(
                photo=PhotoOptions(template=TEMPLATES[template], which="central", keep_poor=True),
                result=SetOptions(
                    name="LFW", licence="research only", held_out=0, min_faces=1,
                    layout="shards", duplicates=True,
                ),
                work=IndexOptions(),
            ),
            show_progress=True,
        )  # fmt: skip
    return out


def split(folder: Path, side: int) -> Split:
    """Read the aligned faces, reduced to ``side`` pixels, and divide the people."""
    import cv2
    import pyarrow.parquet as pq

    dataset = open_dataset(folder)
    sources: list[str] = []
    for path in sorted((folder / "train").glob("*.parquet")):
        sources += [
            Path(s).stem for s in pq.read_table(path, columns=["source"])["source"].to_pylist()
        ]
    whole = dataset.template
    factor = side / whole.size
    # The centre of the first pixel is (0, 0): sizes scale about the corner (-0.5, -0.5).
    points = tuple(
        (float((x + 0.5) * factor - 0.5), float((y + 0.5) * factor - 0.5)) for x, y in whole.points
    )
    template = whole if side == whole.size else AlignmentTemplate(
        name=f"{whole.name}_at_{side}", size=side, points=points
    )  # fmt: skip

    def face(index: int) -> Image:
        try:
            picture = dataset.aligned_face(index)
        except BrokenFaceError as error:
            raise SystemExit(str(error)) from error
        if side == whole.size:
            return picture
        return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)

    pairs = [
        line.split("\t") for line in (media_folder() / "lfw_pairs.txt").read_text().splitlines()[1:]
    ]
    fold = pairs[FOLD_10]
    tested = {name for fields in fold for name in (fields[0], fields[-2]) if not name.isdigit()}
    counts = np.bincount(dataset.labels, minlength=len(dataset.identities))
    outside = np.array([name not in tested for name in dataset.identities])

    def people(chosen: NDArray[np.bool_], name: str) -> Faces:
        rows = np.flatnonzero(chosen[dataset.labels])
        kept, labels = np.unique(dataset.labels[rows], return_inverse=True)
        return Faces(
            name,
            np.stack([face(int(row)) for row in rows]),
            labels.astype(np.int64),
            tuple(dataset.identities[j] for j in kept.tolist()),
            template,
        )

    place = {source: row for row, source in enumerate(sources)}
    ends = [_ends(fields) for fields in fold]
    used = sorted({place[source] for pair in ends for source in pair})
    there = {row: number for number, row in enumerate(used)}
    names, labels = np.unique(dataset.labels[used], return_inverse=True)
    test = Faces(
        "fold 10",
        np.stack([face(row) for row in used]),
        labels.astype(np.int64),
        tuple(dataset.identities[j] for j in names.tolist()),
        template,
    )
    left, right = (np.array([there[place[pair[side_]]] for pair in ends]) for side_ in (0, 1))
    return Split(
        people(outside & (counts >= LEAST_PHOTOS), "LFW without fold 10"),
        people(outside & (counts == 2), "LFW, people with two photos"),
        test,
        left,
        right,
        np.array([len(fields) == 3 for fields in fold]),
    )


def _ends(fields: list[str]) -> tuple[str, str]:
    if len(fields) == 3:
        return f"{fields[0]}_{int(fields[1]):04d}", f"{fields[0]}_{int(fields[2]):04d}"
    return f"{fields[0]}_{int(fields[1]):04d}", f"{fields[2]}_{int(fields[3]):04d}"


def embed(backbone: Backbone, faces: Faces) -> NDArray[np.float32]:
    """Return unit embeddings, (N, D): the sum of the face's and its mirror image's."""
    parts = []
    backbone.eval()
    with torch.no_grad():
        for start in range(0, len(faces), 64):
            pictures = np.ascontiguousarray(
                faces.pictures[start : start + 64].transpose(0, 3, 1, 2)
            )
            planes = backbone.normalise(torch.from_numpy(pictures))
            parts.append((backbone(planes) + backbone(planes.flip(3))).numpy())
    raw = np.concatenate(parts)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


def fold_10_accuracy(backbone: Backbone, data: Split) -> float:
    """Return the accuracy on fold 10; the threshold comes from people with two photos."""
    other = embed(backbone, data.threshold)
    order = np.argsort(data.threshold.labels, kind="stable").reshape(-1, 2)
    shifted = np.roll(order[:, 1], 1)  # impostors: the first photo with the next person's second
    genuine = (other[order[:, 0]] * other[order[:, 1]]).sum(axis=1)
    impostor = (other[order[:, 0]] * other[shifted]).sum(axis=1)
    issame = np.arange(2 * len(genuine)) < len(genuine)
    threshold = best_threshold(np.concatenate([genuine, impostor]), issame)
    fold = embed(backbone, data.fold)
    similarity = (fold[data.left] * fold[data.right]).sum(axis=1)
    return float(((similarity >= threshold) == data.issame).mean())


def first_people(faces: Faces, count: int) -> Faces:
    """Return the first people of a set: their angles say enough about all of them."""
    rows = faces.labels < count
    return replace(faces, pictures=faces.pictures[rows], labels=faces.labels[rows])


def measured(
    backbone: Backbone, data: Split, weights: NDArray[np.float32] | None
) -> dict[str, object]:
    """Return accuracy and angles; test angles on fold 10's people with two photos or more."""
    counts = np.bincount(data.fold.labels)
    several = counts[data.fold.labels] > 1
    some = first_people(data.training, ANGLE_PEOPLE)
    trained = angle_statistics(embed(backbone, some), some.labels, weights)
    tested = angle_statistics(embed(backbone, data.fold)[several], data.fold.labels[several])
    return {
        "accuracy": fold_10_accuracy(backbone, data),
        "w_ec": trained.w_ec, "w_inter": trained.w_inter,
        "intra_train": trained.intra, "inter_train": trained.inter,
        "intra_test": tested.intra, "inter_test": tested.inter,
    }  # fmt: skip


def run_one(name: str, config: TrainConfig, data: Split, work: Path) -> dict[str, object]:
    """Train once, unless that was done, and measure."""
    place = work / name
    done = place / "measured.json"
    if done.exists():
        return dict(json.loads(done.read_text()))
    begun = time.monotonic()
    report = train(
        config,
        data.training,
        None if config.validation.held_out == 0 else data.threshold,
        RunPlace(folder=place, ranks=Ranks(), device=torch.device("cpu"), resume=True),
    )
    manifest = read_manifest(report.checkpoint)
    backbone, _, _ = load_backbone(report.checkpoint)
    weights = None
    if config.loss.has_classes and config.loss.sub_centres == 1:
        weights = manifest.read("head-0.pt")["weight"][:, 0].numpy()
    found = {
        **measured(backbone, data, weights),
        "steps": report.step, "batch": config.batch, "seconds": time.monotonic() - begun,
        "loss": report.loss, "faces": len(data.training), "people": len(data.training.identities),
    }  # fmt: skip
    done.write_text(json.dumps(found, indent=2))
    return found


def table_config(loss: str, args: argparse.Namespace) -> TrainConfig:
    base = recipe("small_from_scratch")
    return replace(
        base,
        steps=args.steps,
        batch=args.batch,
        loss=replace(NAMED_LOSSES[loss], scale=SCALE),
        backbone=BackboneConfig(
            name=args.network, embedding_size=128, options={"width": 0.25, "input_size": args.side}
        ),
        schedule=replace(base.schedule, warmup_steps=min(100, args.steps // 5)),
        validation=ValidationConfig(),
        speed=SpeedConfig(threads=args.threads),
        keep=KeepConfig(checkpoint_every=200, tensorboard=False),
    )


def long_config(args: argparse.Namespace) -> TrainConfig:
    return replace(
        table_config("arcface", args), loss=recipe("small_from_scratch").loss, steps=args.long
    )


def finetune(work: Path, args: argparse.Namespace) -> None:
    """Compare the ``open`` network with itself after some steps of ArcFace."""
    data = split(aligned(work, "dlib_150"), 150)
    base = recipe("finetune_open")
    config = replace(
        base,
        steps=args.finetune,
        validation=ValidationConfig(),
        speed=SpeedConfig(threads=args.threads),
        keep=KeepConfig(checkpoint_every=50, tensorboard=False),
        schedule=replace(base.schedule, warmup_steps=min(100, args.finetune // 5)),
    )
    from trainer.checkpoint import new_backbone

    before = fold_10_accuracy(new_backbone(config).eval(), data)
    print(f"open, unchanged: {before:.4f}", flush=True)
    found = run_one("finetune", config, data, work)
    print(f"open, {config.steps} steps of ArcFace: {found['accuracy']:.4f}")


def row(name: str, found: dict[str, object]) -> str:
    def number(key: str, digits: int) -> str:
        value = found[key]
        return "-" if value is None else f"{value:.{digits}f}"

    angles = ("w_ec", "w_inter", "intra_train", "inter_train", "intra_test", "inter_test")
    return (
        f"| {name} | {number('accuracy', 3)} | " + " | ".join(number(a, 1) for a in angles) + " |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--losses", nargs="*", default=[*NAMED_LOSSES])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--network", default="iresnet18", help="of a quarter of its width")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--long", type=int, default=0, metavar="STEPS")
    parser.add_argument("--finetune", type=int, default=0, metavar="STEPS")
    args = parser.parse_args()
    if args.finetune:
        finetune(args.work, args)
        return
    data = split(aligned(args.work, "arcface_112"), args.side)
    print(
        f"trained on {len(data.training)} faces of {len(data.training.identities)} people; "
        f"threshold from {len(data.threshold) // 2} others; fold 10: {len(data.issame)} pairs",
        flush=True,
    )
    if args.long:
        found = run_one("long", long_config(args), data, args.work)
        print(
            f"ArcFace, {args.long} steps: fold 10 {found['accuracy']:.4f}, {found['seconds']:.0f} s"
        )
        return
    untrained = build_backbone(args.network, 128, width=0.25, input_size=args.side)
    print(f"untrained network: fold 10 {fold_10_accuracy(untrained, data):.3f}", flush=True)
    for loss in args.losses:
        print(row(loss, run_one(loss, table_config(loss, args), data, args.work)), flush=True)


if __name__ == "__main__":
    main()
