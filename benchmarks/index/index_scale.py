"""Speed, recall and size of an index on a random catalog that resembles a real one.

    python -m benchmarks.index.index_scale [--tracks 1000000] [--dim 512] [--kind flat-pq]
        [--queries 200] [--spectrum FILE.npz] [--work FOLDER] [--only make,build,search,change]

The catalog is made by ``benchmarks.made_archive``, its index built from the tables as by ``reindex``,
and searched as by a search. Each step is a process of its own whose memory is measured from outside.
Exact and approximate searches of the same query alternate, on one thread: set OMP_NUM_THREADS=1 and
OPENBLAS_NUM_THREADS=1. ``change`` adds 10,000 tracks and deletes 10,000 without a rebuild. ``--work``
keeps the folder, so that steps can be repeated one by one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import watched_memory
from benchmarks.made_archive import (
    MODEL_ID,
    PER_IDENTITY,
    centres_of,
    identity_of,
    make_catalog,
    scales,
    turned,
)
from vidsearch.catalog import Catalog
from vidsearch.datatypes import Matrix, Vector
from vidsearch.index import build
from vidsearch.index.faiss import library
from vidsearch.index.generations import BuildOptions, Generation, read_generation
from vidsearch.index.plan import KINDS
from vidsearch.search.track_index import TrackSearcher, rebuild

K = 100
STEPS = ("make", "build", "search", "change")


@dataclass(frozen=True)
class Made:
    """Settings that the steps share; the same numbers give the same archive."""

    args: argparse.Namespace

    @property
    def scale(self) -> Vector:
        return scales(self.args.dim, self.args.spectrum)

    @property
    def centres(self) -> Matrix:
        return centres_of(self.args.tracks // PER_IDENTITY, self.scale)

    @property
    def folder(self) -> Path:
        return Path(self.args.work) / "catalog"

    def queries(self) -> tuple[Matrix, list[int]]:
        centres = self.centres
        chosen = np.random.default_rng(1).choice(len(centres), self.args.queries, replace=False)
        return turned(centres[chosen], (30, 50), self.scale, 2), chosen.tolist()


@dataclass(frozen=True, eq=False)
class Exact:
    """Flat search: FAISS over the mapped vectors, without a second copy."""

    vectors: Matrix
    ids: pa.ChunkedArray

    @staticmethod
    def of(catalog: Catalog) -> tuple[Exact, Generation]:
        found = read_generation(catalog.root, MODEL_ID, catalog.dim)
        assert found is not None
        folder = Path(catalog.uri) / "index" / found.name
        vectors = np.asarray(np.load(folder / build.VECTORS, mmap_mode="r"))
        return Exact(vectors, found.rows["track_id"]), found

    def search(self, query: Vector) -> tuple[list[str], float]:
        """Return the best ids and the seconds of the search."""
        faiss = library()
        begun = time.perf_counter()
        _, rows = faiss.knn(query[None], self.vectors, K, faiss.METRIC_INNER_PRODUCT)
        took = time.perf_counter() - begun
        return self.ids.take(pa.array(rows[0])).to_pylist(), took


def make(made: Made) -> None:
    begun = time.perf_counter()
    make_catalog(made.folder, made.centres, made.scale)
    print(f"made {made.args.tracks} tracks in {time.perf_counter() - begun:.0f} s")


def build_index(made: Made) -> None:
    catalog = Catalog.open(made.folder)
    begun = time.perf_counter()
    status = rebuild(catalog, BuildOptions(kind=made.args.kind, threads=made.args.threads))
    took = time.perf_counter() - begun
    _, generation = Exact.of(catalog)
    folder = Path(catalog.uri) / "index" / generation.name
    count = len(generation.index)
    sizes = {p.name: round(p.stat().st_size / count, 1) for p in sorted(folder.iterdir())}
    print(f"{status.kind} {generation.meta.parameters}: built from the tables in {took:.0f} s")
    print(f"bytes a track {sizes}")


def search(made: Made) -> None:
    queries, wanted = made.queries()
    catalog = Catalog.open(made.folder)
    begun = time.perf_counter()
    searcher = TrackSearcher(catalog)
    took = time.perf_counter() - begun
    print(f"{searcher.status.kind} of {len(searcher)} tracks opened in {took:.3f} s")
    exact, generation = Exact.of(catalog)
    library().omp_set_num_threads(1)
    for query in queries[:20]:  # warm
        searcher.search(query[None], K)
    exact.search(queries[0])
    compare(searcher, exact, queries, wanted)
    within_videos(searcher, exact, generation, queries[:20])


def compare(searcher: TrackSearcher, exact: Exact, queries: Matrix, wanted: list[int]) -> None:
    times: dict[str, list[float]] = {"flat": [], "index": []}
    true: dict[str, list[float]] = {"flat": [], "index": []}
    recall: dict[int, list[float]] = {10: [], 100: []}
    for query, identity in zip(queries, wanted, strict=True):
        want, flat_s = exact.search(query)
        begun = time.perf_counter()
        (answer,) = searcher.search(query[None], K)
        times["index"].append(time.perf_counter() - begun)
        times["flat"].append(flat_s)
        for name, ids in (("flat", want), ("index", list(answer.ids))):
            true[name].append(sum(identity_of(i) == identity for i in ids) / PER_IDENTITY)
        for k, values in recall.items():
            values.append(len({*want[:k]} & {*answer.ids[:k]}) / k)
    for name, seconds in times.items():
        print(f"{name}: {spread(seconds)}, true matches {np.mean(true[name]):.4f}")
    ratio = np.median(times["flat"]) / np.median(times["index"])
    recalls = ", ".join(f"recall@{k} {np.mean(values):.4f}" for k, values in recall.items())
    print(f"{ratio:.1f} times as fast as flat at p50; {recalls}", flush=True)


def within_videos(
    searcher: TrackSearcher, exact: Exact, generation: Generation, queries: Matrix
) -> None:
    """Search inside a share of the videos, against the exact answer there."""
    videos = generation.videos["video_id"].to_pylist()
    rng = np.random.default_rng(3)
    for share in (0.001, 0.1, 0.5):
        chosen = rng.random(len(videos)) < share
        inside = generation.rows_of(chosen)
        names = {name for name, taken in zip(videos, chosen.tolist(), strict=True) if taken}
        seconds, recall = [], []
        for query in queries:
            scores = np.where(inside, exact.vectors @ query, np.float32(-2))
            rows = np.argpartition(-scores, K)[:K]
            begun = time.perf_counter()
            (answer,) = searcher.search(query[None], K, names)
            seconds.append(time.perf_counter() - begun)
            want = exact.ids.take(pa.array(rows)).to_pylist()
            recall.append(len({*want} & {*answer.ids}) / K)
        print(f"within {share:.1%} of videos: {spread(seconds)}, recall@100 {np.mean(recall):.4f}")


def change(made: Made) -> None:
    """Add 10,000 tracks and delete 10,000, and search for all of them, without a rebuild."""
    from benchmarks.index.index_changes import measure

    queries, _ = made.queries()
    measure(Catalog.open(made.folder), made.scale, queries)


def spread(seconds: list[float]) -> str:
    p50, p99 = np.percentile(np.array(seconds) * 1e3, [50, 99])
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms"


RUN: dict[str, Callable[[Made], None]] = {
    "make": make,
    "build": build_index,
    "search": search,
    "change": change,
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kind", choices=KINDS, default=None, help="default: by size")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--threads", type=int, default=None, help="threads of a build")
    parser.add_argument("--spectrum", type=Path, default=None, help="npz of real templates")
    parser.add_argument("--work", type=Path, default=None, help="folder to keep the catalog in")
    parser.add_argument("--only", default=",".join(STEPS), help="steps to run: " + ", ".join(STEPS))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = parse()
    steps = args.only.split(",")
    if args.here:
        for step in steps:
            RUN[step](Made(args))
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = args.work if args.work is not None else Path(scratch)
        for step in steps:
            command = [sys.executable, "-m", "benchmarks.index.index_scale", *sys.argv[1:]]
            peak = watched_memory.run([*command, "--work", str(work), "--only", step, "--here"])
            print(f"{step}: {peak}", flush=True)


if __name__ == "__main__":
    main()
