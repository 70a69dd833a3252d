"""Another kind of index over the vectors of ``benchmarks.index.index_scale --work``, side by side.

    python -m benchmarks.index.index_kinds WORK --tracks N --dim D --kind ivf-sq8 [--cells 4096]
        [--minutes 7] [--only build,search] [--spectrum FILE.npz] [--queries 60]

A build continues after ``--minutes`` stopped it. The search compares every number of probed cells
with the exact answers and with the catalog's own kind, one query after the other, on one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.index.index_scale import Exact, K, Made, spread
from benchmarks.made_archive import PER_IDENTITY, identity_of
from vidsearch.catalog import Catalog
from vidsearch.datatypes import Matrix
from vidsearch.index import build
from vidsearch.index.base import VectorIndex
from vidsearch.index.build import ShardTask
from vidsearch.index.faiss import library
from vidsearch.index.ivf import IvfIndex, Probes
from vidsearch.index.plan import KINDS, Plan, choose

PROBES = ((16, 26), (32, 52), (64, 104), (128, 208), (256, 416))
_PART_ROWS = 250_000


def planned(args: argparse.Namespace, count: int, dim: int) -> Plan:
    plan = choose(count, dim, args.kind)
    if args.cells and plan.cells:
        return replace(plan, cells=args.cells, sample=min(count, 40 * args.cells))
    return plan


def build_kind(folder: Path, vectors: Path, plan: Plan, args: argparse.Namespace) -> bool:
    """Build for the given time; return True if the index is complete."""
    begun = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / build.VECTORS).exists():
        os.link(vectors, folder / build.VECTORS)
    trained = folder / "trained.part"
    if not trained.exists():
        build.train(folder / build.VECTORS, plan, trained, args.threads)
        print(f"trained in {time.perf_counter() - begun:.0f} s", flush=True)
    count = len(np.load(vectors, mmap_mode="r"))
    shards = []
    for start in range(0, count, _PART_ROWS):
        out = folder / f"shard-{start // _PART_ROWS:05d}.part"
        stop = min(count, start + _PART_ROWS)
        if not out.exists():
            if time.perf_counter() - begun > 60 * args.minutes:
                print(f"stopped before row {start}; repeat the command to continue")
                return False
            part_begun = time.perf_counter()
            build.build_shard(
                ShardTask(trained, folder / build.VECTORS, start, stop, out, args.threads)
            )
            print(f"rows {start} to {stop}: {time.perf_counter() - part_begun:.1f} s", flush=True)
        shards.append(out)
    part_begun = time.perf_counter()
    if plan.cells:
        build.merge(trained, shards, folder)
    else:
        build.join(shards, folder)
    print(f"merged in {time.perf_counter() - part_begun:.1f} s")
    return True


def search_kind(made: Made, folder: Path, plan: Plan) -> None:
    catalog = Catalog.open(made.folder)
    exact, generation = Exact.of(catalog)
    ids = generation.rows["track_id"].to_pylist()
    begun = time.perf_counter()
    index = build.load(folder, plan, ids)
    print(f"{plan} opened in {time.perf_counter() - begun:.3f} s")
    compared: dict[str, VectorIndex] = {generation.meta.kind: generation.index}
    if isinstance(index, IvfIndex):
        for near, expanded in PROBES:
            probes = Probes(near=near, expanded=expanded, deeper=plan.probes.deeper)
            name = f"{plan.kind}, {near} + {expanded} of {plan.cells} cells"
            compared[name] = IvfIndex(ids, exact.vectors, index._index, probes)  # noqa: SLF001
    else:
        compared[plan.kind] = index
    queries, wanted = made.queries()
    library().omp_set_num_threads(1)
    for other in compared.values():
        for query in queries[:20]:  # warm
            other.search(query[None], K)
    report(exact, compared, queries, wanted)


def report(
    exact: Exact, compared: dict[str, VectorIndex], queries: Matrix, wanted: list[int]
) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ("flat", *compared)}
    found: dict[str, list[list[str]]] = {name: [] for name in ("flat", *compared)}
    for query in queries:
        want, took = exact.search(query)
        seconds["flat"].append(took)
        found["flat"].append(want)
        for name, index in compared.items():
            begun = time.perf_counter()
            (answer,) = index.search(query[None], K)
            seconds[name].append(time.perf_counter() - begun)
            found[name].append(list(answer.ids))
    for name, times in seconds.items():
        true = [
            sum(identity_of(i) == identity for i in ids) / PER_IDENTITY
            for ids, identity in zip(found[name], wanted, strict=True)
        ]
        pairs = list(zip(found["flat"], found[name], strict=True))
        recalls = [np.mean([len({*a[:k]} & {*b[:k]}) / k for a, b in pairs]) for k in (10, K)]
        print(
            f"{name}: {spread(times)}, {np.median(seconds['flat']) / np.median(times):.1f}x, true "
            f"matches {np.mean(true):.4f}, recall@10 {recalls[0]:.4f}, @100 {recalls[1]:.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("work", type=Path, help="folder of benchmarks.index.index_scale")
    parser.add_argument("--tracks", type=int, required=True)
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--cells", type=int, default=None, help="default: the kind's own")
    parser.add_argument(
        "--minutes", type=float, default=7.0, help="longest building time of one call"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of a build")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--spectrum", type=Path, default=None)
    parser.add_argument("--only", default="build,search")
    args = parser.parse_args()
    made = Made(args)
    catalog = Catalog.open(made.folder)
    exact, generation = Exact.of(catalog)
    plan = planned(args, *exact.vectors.shape)
    folder = args.work / "kinds" / f"{plan.kind}-{plan.cells}"
    vectors = Path(catalog.uri) / "index" / generation.name / build.VECTORS
    steps: dict[str, Callable[[], object]] = {
        "build": lambda: build_kind(folder, vectors, plan, args),
        "search": lambda: search_kind(made, folder, plan),
    }
    for step in args.only.split(","):
        if steps[step]() is False:
            return


if __name__ == "__main__":
    main()
