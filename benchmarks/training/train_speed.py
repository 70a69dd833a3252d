"""Speed of training, share of the head, and speed of decoding.

    python -m benchmarks.training.train_speed                    # the GPU if there is one, else the CPU
    python -m benchmarks.training.train_speed --faces SET --workers 12    # with decoding of a training set
    python -m benchmarks.training.train_speed --decoding         # decoding alone, synthetic faces
    python -m benchmarks.training.train_speed --margin           # ArcFace against plain softmax alone
    python -m benchmarks.training.train_speed --compile iresnet50    # one network through torch.compile

The faces of the table are synthetic and in memory, so it measures the network and the head. A line
with ``--faces`` decodes real faces during training. A GPU runs in bfloat16: MobileFaceNet, R50 and
R100, batch 128 and 512, 85 thousand, one million and ten million classes (a tenth of them sampled
above 500 thousand).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from trainer.backbones.build import build_backbone
from trainer.config.head import HeadConfig
from trainer.config.loss import named_loss
from trainer.config.train import BackboneConfig, ComputeConfig, TrainConfig
from trainer.data.base import Batch, FaceDataset
from trainer.data.loader import FaceLoader, LoaderConfig
from trainer.data.opening import open_dataset
from trainer.distributed.ranks import Ranks
from trainer.head.class_head import ClassHead
from trainer.training.out_of_memory import explain_out_of_memory
from trainer.training.step import TrainStep
from vidsearch.errors import DeviceMemoryError

GIB = 1 << 30
SYNTHETIC_FACES = 2000
EMBEDDING_SIZE = 512


@dataclass(frozen=True)
class Case:
    backbone: str
    batch: int
    classes: int
    sample_rate: float
    loss: str = "arcface"

    @property
    def cells(self) -> str:
        return (
            f"| {self.backbone} | {self.loss} | {self.batch} | {self.classes:,} "
            f"| {self.sample_rate:g} "
        )


def cases(device: torch.device) -> list[Case]:
    if device.type == "cpu":
        return [
            Case("mobilefacenet", 16, 10_000, 1.0),
            Case("mobilefacenet", 16, 10_000, 0.1),
            Case("iresnet18", 8, 10_000, 1.0),
            Case("iresnet50", 8, 10_000, 1.0),
        ]
    return [
        Case(name, batch, classes, 1.0 if classes < 500_000 else 0.1)
        for classes in (85_000, 1_000_000, 10_000_000)
        for name in ("mobilefacenet", "iresnet50", "iresnet100")
        for batch in (128, 512)
    ]


def new_head(case: Case) -> ClassHead:
    return ClassHead(
        case.classes,
        EMBEDDING_SIZE,
        named_loss(case.loss),
        HeadConfig(sample_rate=case.sample_rate),
        seed=1,
    )


def build(
    case: Case, device: torch.device, head: ClassHead | None = None, *, compiled: bool = False
) -> TrainStep:
    """Return a network with a head; a given head is reused."""
    config = TrainConfig(
        batch=case.batch,
        backbone=BackboneConfig(name=case.backbone),
        loss=named_loss(case.loss),
        head=HeadConfig(sample_rate=case.sample_rate),
        speed=ComputeConfig(
            precision="bfloat16" if device.type == "cuda" else "float32",
            channels_last=device.type == "cuda",
            compile=compiled,
        ),
    )
    network = build_backbone(case.backbone, EMBEDDING_SIZE)
    return TrainStep(network, head or new_head(case), config, Ranks(), device)


def synthetic_batch(case: Case) -> Batch:
    draws = torch.Generator().manual_seed(0)
    faces = torch.randint(0, 256, (case.batch, 3, 112, 112), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, case.classes, (case.batch,), generator=draws)
    if torch.cuda.is_available():
        faces, labels = faces.pin_memory(), labels.pin_memory()
    return Batch(faces, labels, labels)


def measure(
    case: Case,
    device: torch.device,
    repeats: int,
    head: ClassHead | None = None,
    *,
    compiled: bool = False,
) -> str:
    """Return a table row: faces a second, the head's share of a step, and peak memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        with explain_out_of_memory(str(case), ""):
            model = build(case, device, head, compiled=compiled)
            batch = synthetic_batch(case)
            whole = timed(lambda step: model.run(batch, step), device, repeats)
            of_head = timed(lambda step: head_alone(model, batch, step), device, repeats)
    except DeviceMemoryError:
        return f"{case.cells}| does not fit | | |"
    memory = f"{torch.cuda.max_memory_allocated() / GIB:.1f}" if device.type == "cuda" else "-"
    return f"{case.cells}| {case.batch / whole:.1f} | {100 * of_head / whole:.0f} % | {memory} |"


def against_compiled(case: Case, device: torch.device, repeats: int) -> str:
    """Return the rows without and with torch.compile, and the duration of its first step."""
    plain = measure(case, device, repeats)
    started = time.perf_counter()
    build(case, device, compiled=True).run(synthetic_batch(case), 0)
    seconds = time.perf_counter() - started
    compiled = measure(case, device, repeats, compiled=True)
    return f"{plain}\n{compiled} compiled; its first step took {seconds:.0f} s"


def head_alone(model: TrainStep, batch: Batch, step: int) -> None:
    """Make the head's part of an update, from random embeddings."""
    device = model.head.weight.device
    labels, size = batch.labels.to(device), model.head.weight.shape[-1]
    model.head.begin_step(labels, step)
    inputs = torch.randn(len(labels), size, device=device, requires_grad=True)
    with model.autocast():
        result = model.head(inputs, labels, [len(labels)])
    result.loss.backward()
    model.head_optimizer.step(1e-9)
    model.head_optimizer.clear()


def timed(work: Callable[[int], object], device: torch.device, repeats: int) -> float:
    """Return the median duration of a call after two warm-up calls, seconds."""
    times = [duration_s(work, step, device) for step in range(repeats + 2)]
    return sorted(times[2:])[repeats // 2]


def duration_s(work: Callable[[int], object], step: int, device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work(step)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def margin_overhead(device: torch.device, repeats: int) -> str:
    """Return the overhead of a step with ArcFace over other losses, from interleaved steps."""
    case = (
        Case("iresnet50", 128, 85_000, 1.0)
        if device.type == "cuda"
        else Case("mobilefacenet", 16, 10_000, 1.0)
    )
    losses = ("arcface", "norm-softmax", "softmax")
    models = {loss: build(replace(case, loss=loss), device) for loss in losses}
    batch = synthetic_batch(case)
    times: dict[str, list[float]] = {loss: [] for loss in losses}
    for step in range(repeats + 2):
        for loss in losses:
            times[loss].append(duration_s(lambda s, m=models[loss]: m.run(batch, s), step, device))  # type: ignore[misc]
    arcface = np.array(times["arcface"][2:])
    overheads = [
        f"{100 * (np.median(arcface / np.array(times[other][2:])) - 1):+.1f} % of {other}"
        for other in losses[1:]
    ]
    return (
        f"a step with ArcFace against the others, median of {repeats} interleaved ratios "
        f"({case.backbone}, batch {case.batch}, {case.classes:,} classes): " + ", ".join(overheads)
    )


def decoding(dataset: FaceDataset, workers: int, faces: int) -> str:
    """Return the faces read, decoded, mirrored and batched a second."""
    loader = FaceLoader(dataset, LoaderConfig(global_batch=64, workers=workers))
    with closing(loader.batches()) as batches:
        next(batches)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in islice(batches, faces // 64):
            pass
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    count = faces // 64 * 64
    per_core = f", {count / cpu:.0f} a CPU-second" if not workers else ""
    return f"{count} faces of {dataset.name!r}, {workers} workers: {count / wall:.0f}/s{per_core}"


def synthetic_set(folder: Path) -> FaceDataset:
    """Write JPEG faces of realistic size (4 to 5 kB) as shards."""
    import cv2

    from vidsearch.trainingset.shards import ShardWriter

    rng = np.random.default_rng(0)
    with ShardWriter(folder) as writer:
        for number in range(SYNTHETIC_FACES):
            noise = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
            face = cv2.GaussianBlur(noise, (0, 0), 2)
            encoded = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
            writer.add(f"person {number % 100}", encoded.tobytes(), str(number))
    return open_dataset(folder)


def with_decoding(
    dataset: FaceDataset, case: Case, device: torch.device, workers: int, steps: int
) -> str:
    """Return the faces a second of training with decoding of its faces."""
    case = replace(case, classes=len(dataset.identities), sample_rate=1.0)
    model = build(case, device)
    loader = FaceLoader(
        dataset,
        LoaderConfig(global_batch=case.batch, workers=workers, pin_memory=device.type == "cuda"),
    )
    with closing(loader.batches()) as batches:
        for step, batch in enumerate(islice(batches, 3)):
            model.run(batch, step)
        seconds = duration_s(
            lambda _: [model.run(batch, step) for step, batch in enumerate(islice(batches, steps))],
            0,
            device,
        )
    batch = synthetic_batch(case)
    alone = timed(lambda step: model.run(batch, step), device, 5)
    return (
        f"{case.backbone}, batch {case.batch}, {case.classes:,} classes, decoding with {workers} "
        f"workers: {steps * case.batch / seconds:.1f} faces/s; {case.batch / alone:.1f} without decoding"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--faces", metavar="SET", help="a training set of 112-pixel faces")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--decoding", action="store_true")
    parser.add_argument("--margin", action="store_true")
    parser.add_argument("--compile", metavar="NETWORK", help="with and without torch.compile")
    args = parser.parse_args()
    device = torch.device(args.device)
    alone = args.decoding or args.margin or args.compile
    if device.type == "cpu":
        torch.set_num_threads(1)
    if args.margin or not alone:
        print(margin_overhead(device, 4 * args.repeats), flush=True)
    if args.decoding or not alone:
        with tempfile.TemporaryDirectory() as folder:
            dataset = open_dataset(args.faces) if args.faces else synthetic_set(Path(folder))
            print(decoding(dataset, args.workers, SYNTHETIC_FACES), flush=True)
    if args.compile:
        in_table = [case for case in cases(device) if case.backbone == args.compile]
        case = replace(in_table[-1], classes=in_table[0].classes, sample_rate=1.0)
        print(against_compiled(case, device, args.repeats), flush=True)
    if alone:
        return
    table = cases(device)
    print("\n| backbone | loss | batch | classes | sampled | faces/s | head's share | peak GiB |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    head: ClassHead | None = None
    for case in table:
        if head is None or (head.classes, head.config.sample_rate) != (
            case.classes,
            case.sample_rate,
        ):
            head = None  # frees the previous head first: only one of ten million classes fits
            head = new_head(case)
        print(measure(case, device, args.repeats, head), flush=True)
    if args.faces:
        dataset = open_dataset(args.faces)
        for case in {case.backbone: case for case in table}.values():
            print(with_decoding(dataset, case, device, args.workers, 20), flush=True)


if __name__ == "__main__":
    main()
