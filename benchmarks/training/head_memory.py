"""Memory of the class weights: computed for any number of classes, measured for small numbers.

``python -m benchmarks.training.head_memory`` prints the computed table of docs/results/training-speed.md;
``python -m benchmarks.training.head_memory 1000000:0.1`` measures a head of a million classes at a sample
rate of 0.1 on the CPU. ``10000000:0.1:32`` measures ten million classes of 32 numbers each, which
tests the sampling among ten million rows, not the memory of 512 numbers a row.
"""

from __future__ import annotations

import argparse
import resource

import torch

from trainer.config.head import HeadConfig
from trainer.config.loss import named_loss
from trainer.config.train import OptimConfig
from trainer.head.class_head import ClassHead
from trainer.training.optim import HeadOptimizer

GIB = 1 << 30
MEASURED_BATCH = 128


def head_bytes(
    classes: int, ranks: int, sample_rate: float, batch: int, size: int = 512
) -> tuple[float, float]:
    """Return the memory of a rank's classes, GiB: between steps, and in addition during a step.

    Between steps a rank holds weights and momentum. In a step it needs five vectors for each active
    row (copy, gradient, normalised row and intermediate gradients; a measured number), and three
    float32 numbers for each active row and face (logit, probability, gradient). A sampled step also
    draws and sorts one number for each row, 16 bytes.
    """
    rows = -(-classes // ranks)
    active = round(rows * sample_rate)
    vector = size * 4
    sampling = 16 * rows if sample_rate < 1 else 0
    return 2 * rows * vector / GIB, (5 * active * vector + 12 * batch * active + sampling) / GIB


def measured(classes: int, sample_rate: float, size: int) -> float:
    """Return the growth of this process's peak memory by a head and three steps, GiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = ClassHead(classes, size, named_loss("arcface"), HeadConfig(sample_rate=sample_rate))
    optimizer = HeadOptimizer(head, OptimConfig())
    labels = torch.arange(MEASURED_BATCH) * 7 % classes
    for step in range(3):
        head.begin_step(labels, step)
        faces = torch.randn(MEASURED_BATCH, size, requires_grad=True)
        head(faces, labels, [MEASURED_BATCH]).loss.backward()
        optimizer.step(0.1)
        optimizer.clear()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / GIB


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("head", nargs="?", metavar="CLASSES:RATE[:NUMBERS]")
    args = parser.parse_args()
    if args.head:
        count, rate, *more = args.head.split(":")
        classes, size = int(count), int(more[0]) if more else 512
        grown = measured(classes, float(rate), size)
        resting, step = head_bytes(classes, 1, float(rate), MEASURED_BATCH, size)
        print(
            f"{classes:,} classes of {size} numbers at {rate}, batch {MEASURED_BATCH}: grew by "
            f"{grown:.2f} GiB; computed {resting:.2f} between steps + {step:.2f} in a step"
        )
        return
    print(
        "class weights, GiB a process, 512 numbers a class, batch 512: between steps + in a step\n"
    )
    print("| classes | 1 process | 8 processes | 1 process, rate 0.1 | 8 processes, rate 0.1 |")
    print("|--:|--:|--:|--:|--:|")
    for classes in (85_000, 1_000_000, 10_000_000):
        cells = [
            "{:.2f} + {:.2f}".format(*head_bytes(classes, ranks, rate, 512))
            for rate in (1.0, 0.1)
            for ranks in (1, 8)
        ]
        print(f"| {classes:,} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
