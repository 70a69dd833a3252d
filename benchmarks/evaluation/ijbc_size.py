"""Time and memory of ``vidsearch evaluate templates`` at the size of IJB-C, random embeddings.

    python -m benchmarks.evaluation.ijbc_size [--images 469375] [--pairs 15658489] [--dim 512]
        [--processes 2]

Lists and embeddings are first written to a temporary folder (1.3 GB), which is not timed. The whole
command runs in a process of its own and is timed, with its peak memory: reading, pooling, 1:1, 1:N
with two galleries, and the report.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import peak_memory_gib

SUBJECTS, FIRST_GALLERY, PROBES = 3_531, 1_772, 19_593
GENUINE = 19_557
"""IJB-C: subjects, those of gallery G1, probe templates, genuine pairs."""
NOISE = 9.0
"""Spread of an embedding around its subject, in units of the subjects' own spread."""
_BLOCK = 16_384


def write_lists(
    folder: Path, images: int, pairs: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Write all lists and return the subject of each image."""
    import pyarrow as pa
    from pyarrow import csv

    plain = csv.WriteOptions(include_header=False, delimiter=" ", quoting_style="none")
    subjects = np.concatenate([np.arange(SUBJECTS), rng.integers(0, SUBJECTS, PROBES)])
    templates = np.arange(1, len(subjects) + 1)
    owner = np.sort(
        np.concatenate(
            [np.arange(len(subjects)), rng.integers(0, len(subjects), images - len(subjects))]
        )
    )
    media = rng.integers(0, 4, images) + 10 * owner  # a few videos and stills each
    table = {
        "image": [f"{n}.jpg" for n in range(1, images + 1)],
        "template": templates[owner],
        "medium": media,
    }
    csv.write_csv(pa.table(table), folder / "tid_mid.txt", plain)
    by_subject = [np.flatnonzero(subjects[SUBJECTS:] == who) + SUBJECTS for who in range(SUBJECTS)]
    mates = np.concatenate(
        [np.stack([np.full(len(mine), who), mine], 1) for who, mine in enumerate(by_subject)]
    )[:GENUINE]
    impostors = np.stack(
        [rng.integers(0, SUBJECTS, pairs), rng.integers(SUBJECTS, len(subjects), pairs)], axis=1
    )
    impostors = impostors[subjects[impostors[:, 0]] != subjects[impostors[:, 1]]]
    impostors = impostors[: pairs - len(mates)]
    both = np.concatenate([mates, impostors])
    same = (np.arange(len(both)) < len(mates)).astype(np.int8)
    order = np.argsort(both[:, 0], kind="stable")  # by gallery template, as the official list is
    columns = {"a": templates[both[order, 0]], "b": templates[both[order, 1]], "same": same[order]}
    csv.write_csv(pa.table(columns), folder / "pairs.txt", plain)
    for name, rows in (
        ("G1", range(FIRST_GALLERY)),
        ("G2", range(FIRST_GALLERY, SUBJECTS)),
        ("probe_mixed", range(SUBJECTS, len(subjects))),
    ):
        lines = "".join(f"{templates[row]},{subjects[row]},x.png\n" for row in rows)
        (folder / f"{name}.csv").write_text(f"TEMPLATE_ID,SUBJECT_ID,FILENAME\n{lines}")
    return np.asarray(subjects[owner])


def write_embeddings(
    path: Path, subjects: NDArray[np.intp], dim: int, rng: np.random.Generator
) -> None:
    """Write one embedding an image, block by block."""
    centres = rng.standard_normal((SUBJECTS, dim), np.float32)
    shape = (len(subjects), dim)
    table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(subjects), _BLOCK):
        who = subjects[start : start + _BLOCK]
        noise = rng.standard_normal((len(who), dim), np.float32)
        table[start : start + len(who)] = centres[who] + np.float32(NOISE) * noise
    table.flush()


def run_inner(arguments: list[str]) -> None:
    """Run the command in this process; print its CPU time and peak memory on standard error."""
    from vidsearch.commands.main import main as command

    status = command(arguments)
    print(time.process_time(), peak_memory_gib(), file=sys.stderr)
    raise SystemExit(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=469_375)
    parser.add_argument("--pairs", type=int, default=15_658_489)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--inner", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inner is not None:
        run_inner(args.inner)
        return
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subjects = write_lists(folder, args.images, args.pairs, rng)
        write_embeddings(folder / "raw.npy", subjects, args.dim, rng)
        command = [
            sys.executable,
            "-m",
            "benchmarks.evaluation.ijbc_size",
            "--inner",
            "evaluate",
            "templates",
            str(folder / "tid_mid.txt"),
            "--embeddings",
            str(folder / "raw.npy"),
            "--pairs",
            str(folder / "pairs.txt"),
            "--gallery",
            str(folder / "G1.csv"),
            "--gallery",
            str(folder / "G2.csv"),
            "--probes",
            str(folder / "probe_mixed.csv"),
            "--processes",
            str(args.processes),
            "--out",
            str(folder / "report"),
            "--json",
        ]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        elapsed_s = time.perf_counter() - started
        found = json.loads(done.stdout)["metrics"]
        processor_s, peak_gib = map(float, done.stderr.split()[-2:])
    print(
        f"{found['images']:,} images x {args.dim}, {found['templates']:,} templates, "
        f"{found['genuine'] + found['impostor']:,} pairs, two galleries: {elapsed_s:.1f} s "
        f"({processor_s:.1f} s of processor), peak memory {peak_gib:.2f} GiB"
    )
    points = found["tar_at_far"].items()
    print("TAR at FAR: " + ", ".join(f"{far} {point['tar']:.4f}" for far, point in points))
    print("mean over galleries: " + json.dumps(found["identification_mean"]))


if __name__ == "__main__":
    main()
