"""How fast training is, where the time goes, and what the class weights take.

``python -m benchmarks.train_speed`` on a processor takes about a minute; with a GPU it measures
what a GPU is for. Faces are made up and already in memory: decoding is not part of it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import torch

from trainer.backbones import build_backbone
from trainer.config import BackboneConfig, SpeedConfig, TrainConfig
from trainer.data.base import Batch
from trainer.head import ClassHead
from trainer.head_config import HeadConfig
from trainer.loss_config import named_loss
from trainer.ranks import Ranks
from trainer.step import TrainStep

GIB = 1 << 30


@dataclass(frozen=True)
class Case:
    backbone: str
    batch: int
    classes: int
    sample_rate: float
    loss: str = "arcface"


def cases(device: str) -> list[Case]:
    if device == "cpu":
        return [
            Case("mobilefacenet", 16, 10_000, 1.0),
            Case("mobilefacenet", 16, 10_000, 1.0, "norm-softmax"),
            Case("mobilefacenet", 16, 10_000, 0.1),
            Case("iresnet18", 8, 10_000, 1.0),
            Case("iresnet50", 8, 10_000, 1.0),
        ]
    return [
        Case(name, batch, classes, 1.0 if classes < 500_000 else 0.1)
        for name in ("mobilefacenet", "iresnet50", "iresnet100")
        for batch in (128, 512)
        for classes in (85_000, 1_000_000, 10_000_000)
    ] + [
        Case("iresnet50", 128, 85_000, 1.0, "norm-softmax"),
    ]


def measure(case: Case, device: torch.device, repeats: int) -> str:
    config = TrainConfig(
        batch=case.batch,
        backbone=BackboneConfig(name=case.backbone),
        loss=named_loss(case.loss),
        head=HeadConfig(sample_rate=case.sample_rate),
        speed=SpeedConfig(
            precision="bfloat16" if device.type == "cuda" else "float32",
            channels_last=device.type == "cuda",
        ),
    )
    network = build_backbone(case.backbone, config.backbone.embedding_size)
    head = ClassHead(case.classes, config.backbone.embedding_size, config.loss, config.head, seed=1)
    model = TrainStep(network, head, config, Ranks(), device)
    draws = torch.Generator().manual_seed(0)
    faces = torch.randint(0, 256, (case.batch, 3, 112, 112), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, case.classes, (case.batch,), generator=draws)
    batch = Batch(faces, labels, labels)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    whole = timed(lambda step: model.run(batch, step), device, repeats)
    embeddings = torch.randn(case.batch, config.backbone.embedding_size, device=device)
    on_device = labels.to(device)

    def head_alone(step: int) -> None:
        model.head.begin_step(on_device, step)
        inputs = embeddings.detach().requires_grad_()
        with model.autocast():
            result = model.head(inputs, on_device, [case.batch])
        result.loss.backward()
        model.head_optimizer.step(1e-9)
        model.head_optimizer.clear()

    of_head = timed(head_alone, device, repeats)
    memory = torch.cuda.max_memory_allocated() / GIB if device.type == "cuda" else float("nan")
    return (
        f"| {case.backbone} | {case.loss} | {case.batch} | {case.classes:,} | {case.sample_rate:g} "
        f"| {case.batch / whole:.1f} | {100 * of_head / whole:.0f} % | {memory:.1f} |"
    )


def timed(work: object, device: torch.device, repeats: int) -> float:
    """Return the median seconds of one call, after two that do not count."""
    assert callable(work)
    times = []
    for step in range(repeats + 2):
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work(step)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[2:])[repeats // 2]


def head_bytes(classes: int, ranks: int, sample_rate: float, batch: int) -> tuple[float, float]:
    """Return what a rank's classes take: resting (weights and momentum), and more in a step.

    In a step, for every row looked at: five vectors (copy, gradient, normalised row and the
    gradients on the way; found by ``--head-memory``), and for every face three float32 numbers
    (logit, probability, gradient).
    """
    rows = -(-classes // ranks)
    active = round(rows * sample_rate)
    vector = 512 * 4
    resting = 2 * rows * vector
    return resting / GIB, (5 * active * vector + 3 * batch * active * 4) / GIB


def measured_head_memory(classes: int, sample_rate: float, batch: int) -> float:
    """Return the growth of this process's largest memory by a head and three of its steps."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = ClassHead(classes, 512, named_loss("arcface"), HeadConfig(sample_rate=sample_rate))
    config = replace(TrainConfig(), head=head.config)
    from trainer.optim import HeadOptimizer

    optimizer = HeadOptimizer(head, config.optim)
    labels = torch.arange(batch) * 7 % classes
    for step in range(3):
        head.begin_step(labels, step)
        head(torch.randn(batch, 512, requires_grad=True), labels, [batch]).loss.backward()
        optimizer.step(0.1)
        optimizer.clear()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / GIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--head-memory", metavar="CLASSES:RATE", help="measure this head alone")
    args = parser.parse_args()
    if args.head_memory:
        count, _, rate = args.head_memory.partition(":")
        grown = measured_head_memory(int(count), float(rate), 128)
        resting, more = head_bytes(int(count), 1, float(rate), 128)
        print(f"{int(count):,} classes at {rate}: grew by {grown:.2f} GiB; "
              f"computed {resting:.2f} resting + {more:.2f} in a step")  # fmt: skip
        return
    device = torch.device(args.device)
    print("| backbone | loss | batch | classes | sampled | faces/s | head's share | peak GiB |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for case in cases(device.type):
        print(measure(case, device, args.repeats), flush=True)
    print("\nclass weights, GiB a rank, batch 512: resting + in a step")
    for classes in (85_000, 1_000_000, 10_000_000):
        for ranks in (1, 8):
            for rate in (1.0, 0.1):
                resting, more = head_bytes(classes, ranks, rate, 512)
                print(f"{classes:>10,} over {ranks}, rate {rate:g}: {resting:.2f} + {more:.2f}")


if __name__ == "__main__":
    main()
