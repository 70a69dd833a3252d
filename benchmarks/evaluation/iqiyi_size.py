"""MAP@100 with exact ranking at the size of iQIYI-VID, from random vectors, and the scorer alone.

python -m benchmarks.evaluation.iqiyi_size [--clips 172835] [--queries 4934] [--dim 512]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.evaluation.exact_ranking import top_rows
from vidsearch.datatypes import Matrix
from vidsearch.evaluation.iqiyi.lists import read_lists, score
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings, mean_average_precision

NOISE = 1.6
"""Spread of a clip around its identity, in units of the identity's own spread."""


def made_up(clips: int, queries: int, dim: int) -> tuple[Matrix, Matrix, np.ndarray]:
    """Return query and clip vectors, unit length, and the identity of each clip (-1: distractor)."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(queries, dim)).astype(np.float32)
    owner = rng.integers(-queries // 3, queries, clips)
    owner[owner < 0] = -1
    vectors = rng.normal(scale=NOISE, size=(clips, dim)).astype(np.float32)
    vectors += np.where(owner[:, None] >= 0, centres[owner], 0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = centres + rng.normal(scale=NOISE, size=centres.shape).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    return asked, vectors, owner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=172_835)
    parser.add_argument("--queries", type=int, default=4_934)
    parser.add_argument("--dim", type=int, default=512)
    args = parser.parse_args()
    asked, vectors, owner = made_up(args.clips, args.queries, args.dim)
    started = time.perf_counter()
    top = top_rows(asked, vectors, LIMIT)
    ranked_s = time.perf_counter() - started
    hits = owner[top.rows] == np.arange(args.queries)[:, None]
    relevant = np.bincount(owner[owner >= 0], minlength=args.queries).astype(np.int64)
    value = mean_average_precision(Rankings(hits, relevant)).mean()
    total_s = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{args.queries} queries x {args.clips} clips x {args.dim}: MAP@100 {value:.4f} in "
        f"{total_s:.1f} s (ranking {ranked_s:.1f} s), peak memory {peak:.2f} GiB"
    )
    with tempfile.TemporaryDirectory() as folder:
        truth, results = Path(folder) / "truth.txt", Path(folder) / "results.txt"
        with truth.open("w") as stream:
            for query in range(args.queries):
                names = (f"clip_{row:06d}.mp4" for row in np.flatnonzero(owner == query).tolist())
                stream.write(" ".join([str(query), *names]) + "\n")
        with results.open("w") as stream:
            for query, rows in enumerate(top.rows.tolist()):
                names = (f"clip_{row:06d}.mp4" for row in rows)
                stream.write(" ".join([str(query), *names]) + "\n")
        started = time.perf_counter()
        scored = score(read_lists(truth), read_lists(results))
        again = mean_average_precision(scored.rankings).mean()
        print(f"scorer alone: MAP@100 {again:.4f} in {time.perf_counter() - started:.2f} s")
    if abs(again - value) > 1e-12:
        raise SystemExit("the scorer and the ranking disagree")


if __name__ == "__main__":
    main()
