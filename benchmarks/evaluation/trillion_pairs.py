"""Trillion-Pairs in small: streamed in bounded memory, checked, and extrapolated to its size.

    python -m benchmarks.evaluation.trillion_pairs [--probes 20000] [--gallery 200000] [--dim 512]
        [--threads 2] [--cluster-workers 0]

Random probes are compared with a random gallery from memory-mapped files, by the code of
``vidsearch evaluate distractors``, in a process of its own whose peak memory is printed. A subset is
checked against all its pairs at once. The time for 274 K x 1.58 M follows from the pairs a second.
``--cluster-workers N`` repeats it on a local Dask cluster of N workers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_memory_gib

FULL_PROBES, FULL_GALLERY = 274_000, 1_580_000
"""Trillion-Pairs: photos of 5.7 K people, distractors."""
PER_PERSON = 48
FAR, FPR = 1e-9, 1e-3
SUBSET_PROBES, SUBSET_GALLERY = 2_000, 5_000
NOISE = 2.0
"""Spread of a photo around its person, in units of the people's own spread."""
_ROUNDED_PAIRS = 3
"""Genuine pairs that may lie so near a threshold that float32 and float64 disagree."""


def write_set(folder: Path, probes: int, gallery: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    people = -(-probes // PER_PERSON)
    owner = np.repeat(np.arange(people), PER_PERSON)[:probes]
    centres = rng.standard_normal((people, dim), np.float32)
    noise = rng.standard_normal((probes, dim), np.float32)
    np.save(folder / "probes.npy", centres[owner] + np.float32(NOISE) * noise)
    lines = (f"p{row}.jpg s{who}\n" for row, who in enumerate(owner.tolist()))
    (folder / "probes.txt").write_text("".join(lines))
    shape = (gallery, dim)
    table = np.lib.format.open_memmap(
        folder / "gallery.npy", mode="w+", dtype=np.float32, shape=shape
    )
    for start in range(0, gallery, 16_384):
        block = table[start : start + 16_384]
        block[:] = rng.standard_normal(block.shape, np.float32)
    table.flush()


def stream_all(folder: Path, scheduler: str | None) -> dict[str, Any]:
    """Run the evaluation on all rows and return its figures."""
    from vidsearch.evaluation.distractors.evaluate import evaluate_distractors
    from vidsearch.evaluation.distractors.measure import DistractorOptions

    options = DistractorOptions(
        probes=folder / "probes.npy",
        probe_list=folder / "probes.txt",
        gallery=folder / "gallery.npy",
        far=FAR,
        fpr=FPR,
        scheduler=scheduler,
    )
    started, used = time.perf_counter(), time.process_time()
    found = evaluate_distractors(options).metrics["all"]
    elapsed_s, processor_s = time.perf_counter() - started, time.process_time() - used
    return {
        **{name: value for name, value in found.items() if name != "roc"},
        "elapsed_s": elapsed_s,
        "processor_s": processor_s,
        "peak_gib": peak_memory_gib(),
    }


def check_subset(folder: Path) -> str:
    """Compare streaming with all pairs of a subset at once, in float64: the same figures."""
    from vidsearch.evaluation.metrics.angles import unit_rows
    from vidsearch.evaluation.metrics.distractors import (
        StreamPlan,
        allowed_false_accepts,
        blocks_of,
        distractor_result,
        stream,
        with_mates_among_probes,
    )
    from vidsearch.evaluation.metrics.verification import tar_at_far

    raw = np.load(folder / "probes.npy", mmap_mode="r")[:SUBSET_PROBES]
    probes = unit_rows("probes", np.asarray(raw, np.float32))
    rows = np.asarray(np.load(folder / "gallery.npy", mmap_mode="r")[:SUBSET_GALLERY], np.float32)
    labels = np.arange(len(probes)) // PER_PERSON
    far = 1e-5
    plan = StreamPlan(
        tail=allowed_false_accepts(far, len(probes) * len(rows)) + 1, gallery_block=700
    )
    seen = stream(probes, labels, blocks_of(rows, None, 700), plan)
    seen = with_mates_among_probes(seen, probes, labels)
    found = distractor_result(seen, far=far, fpr=FPR)
    impostors = probes.astype(np.float64) @ unit_rows("rows", rows).astype(np.float64).T
    same = (labels[:, None] == labels[None, :]) & ~np.eye(len(labels), dtype=bool)
    genuine = (probes.astype(np.float64) @ probes.astype(np.float64).T)[same]
    scores = np.concatenate([genuine, impostors.ravel()])
    point = tar_at_far(scores, np.arange(len(scores)) < len(genuine), far=far)
    best = np.sort(impostors.max(axis=1))[::-1]
    searches = np.broadcast_to(np.arange(len(labels))[:, None], same.shape)[same]
    first = genuine > impostors.max(axis=1)[searches]
    id_tpr = (first & (genuine > best[allowed_false_accepts(FPR, len(labels))])).mean()
    streamed = np.array([found.ver_tar, found.rank_k[0], found.id_tpr])
    plain = np.array([point.tar, first.mean(), id_tpr])
    off = np.rint(np.abs(streamed - plain) * len(genuine)).astype(int)
    if off.max() > _ROUNDED_PAIRS:
        raise SystemExit(f"streaming and brute force disagree: {streamed}, {plain}")
    return (
        f"subset of {len(probes):,} x {len(rows):,}: Ver at {far:g} {plain[0]:.6f}, rank-1 "
        f"{plain[1]:.6f}, Id at {FPR:g} {plain[2]:.6f}; streamed figures differ by {off.max()} of "
        f"{len(genuine):,} genuine pairs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--probes", type=int, default=20_000)
    parser.add_argument("--gallery", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2, help="threads of the matrix products")
    parser.add_argument("--cluster-workers", type=int, default=0)
    parser.add_argument("--inner", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inner is not None:
        print(json.dumps(stream_all(args.inner, None)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_set(folder, args.probes, args.gallery, args.dim)
        print(check_subset(folder), flush=True)
        for threads in sorted({1, args.threads}):
            environment = os.environ | dict.fromkeys(
                ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), str(threads)
            )
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.evaluation.trillion_pairs",
                    "--inner",
                    str(folder),
                ],
                check=True,
                capture_output=True,
                text=True,
                env=environment,
            )
            found = json.loads(done.stdout)
            _print(found, f"{threads} thread(s), peak memory {found['peak_gib']:.2f} GiB")
        if args.cluster_workers:
            from distributed import LocalCluster

            with LocalCluster(
                n_workers=args.cluster_workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
            ) as cluster:
                found = stream_all(folder, cluster.scheduler_address)
            _print(found, f"Dask, {args.cluster_workers} worker(s) of one thread")


def _print(found: dict[str, float], how: str) -> None:
    pairs, full = found["impostors"], FULL_PROBES * FULL_GALLERY
    wall_ns, own_ns = (found[name] / pairs * 1e9 for name in ("elapsed_s", "processor_s"))
    print(
        f"{how}: {pairs:,} pairs in {found['elapsed_s']:.1f} s, {wall_ns:.2f} ns a pair "
        f"({own_ns:.2f} ns of processor time here); {FULL_PROBES:,} x {FULL_GALLERY:,} would take "
        f"{full * wall_ns * 1e-9 / 3600:.2f} h ({full * own_ns * 1e-9 / 3600:.2f} h of processor "
        f"time). Ver at {FAR:g} {found['ver_tar']:.4f}, Id at {FPR:g} {found['id_tpr']:.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
