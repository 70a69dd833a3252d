"""How fast, exact and large an index is, on made-up archives that resemble real ones.

    python -m benchmarks.index_scale [--tracks 1000000] [--dim 512] [--kind flat-pq] [--queries 300]
        [--spectrum FILE.npz] [--scratch FOLDER]

Every identity has 50 tracks, 20 to 50 degrees from its centre; queries lie 30 to 50 degrees from
it. Centres and deviations are normal in directions whose variances fall like those of real
embeddings: with ``--spectrum`` (an array ``vectors`` of real templates) they are the measured
covariance's, of the templates less their mean; else a curve that resembles them. Uniform random
vectors would be the worst case and mean nothing. Exact and approximate searches of the same query
alternate, on one thread: set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vidsearch.datatypes import Matrix, Vector
from vidsearch.index import build
from vidsearch.index.faiss import library
from vidsearch.index.plan import KINDS, choose

PER_IDENTITY = 50
_CHUNK_IDENTITIES = 1000


class Names(Sequence[str]):
    """Ids made when they are asked for."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: object) -> str:
        return f"{row:010d}"


def scales(dim: int, spectrum: Path | None) -> Vector:
    """Return (D,) standard deviations, largest first."""
    if spectrum is None:
        at = np.arange(1, dim + 1)
        return (1 / (1 + at * 8 / dim) ** 0.75).astype(np.float32)
    real = np.load(spectrum)["vectors"]
    real = real[np.any(real != 0, axis=1)]
    variances = np.linalg.eigvalsh(np.cov(real.T))[::-1].clip(0)
    spread = np.interp(
        np.linspace(0, 1, dim), np.linspace(0, 1, len(variances)), np.sqrt(variances)
    )
    return np.asarray(spread, np.float32)


def turned(centres: Matrix, degrees: tuple[float, float], scale: Vector, seed: int) -> Matrix:
    """Return each centre turned by an angle of that range in a random direction."""
    rng = np.random.default_rng(seed)
    away = rng.standard_normal(centres.shape, dtype=np.float32) * scale
    away -= np.einsum("nd,nd->n", away, centres)[:, None] * centres
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    angle = np.radians(rng.uniform(*degrees, len(centres))).astype(np.float32)[:, None]
    vectors = np.cos(angle) * centres + np.sin(angle) * away
    result: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return result


def fill(folder: Path, tracks: int, scale: Vector) -> Matrix:
    """Write the archive's templates; return the identities' centres."""
    rng = np.random.default_rng(0)
    dim = len(scale)
    centres = rng.standard_normal((tracks // PER_IDENTITY, dim), dtype=np.float32) * scale
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = build.allocate(folder, (len(centres) * PER_IDENTITY, dim))
    for start in range(0, len(centres), _CHUNK_IDENTITIES):
        some = np.repeat(centres[start : start + _CHUNK_IDENTITIES], PER_IDENTITY, axis=0)
        vectors[start * PER_IDENTITY :][: len(some)] = turned(some, (20, 50), scale, start + 1)
    return centres


def peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def measure(args: argparse.Namespace, folder: Path) -> None:
    scale = scales(args.dim, args.spectrum)
    centres = fill(folder, args.tracks, scale)
    wanted = np.random.default_rng(1).choice(len(centres), args.queries, replace=False)
    queries = turned(centres[wanted], (30, 50), scale, 2)
    count = len(centres) * PER_IDENTITY
    plan = choose(count, args.dim, args.kind)
    begun = time.perf_counter()
    files = build.build(folder, plan, threads=args.threads)
    build_s = time.perf_counter() - begun
    sizes = {name: round((folder / name).stat().st_size / count, 1) for name in files}
    print(f"{plan}\nbuilt in {build_s:.0f} s; bytes a vector {sizes}; peak {peak_mib()} MiB")
    begun = time.perf_counter()
    index = build.load(folder, plan, Names(count))
    print(f"opened in {time.perf_counter() - begun:.3f} s", flush=True)
    compare(index, np.load(folder / build.VECTORS, mmap_mode="r"), queries, wanted)
    print(f"peak {peak_mib()} MiB, mapped files included")


def compare(index: object, vectors: Matrix, queries: Matrix, wanted: Matrix) -> None:
    faiss = library()
    flat = faiss.IndexFlatIP(vectors.shape[1])
    for start in range(0, len(vectors), 50_000):
        flat.add(np.ascontiguousarray(vectors[start : start + 50_000]))
    faiss.omp_set_num_threads(1)
    for query in queries[:20]:  # warm
        index.search(query[None], 100)  # type: ignore[attr-defined]
    times: dict[str, list[float]] = {"flat": [], "index": []}
    true: dict[str, list[float]] = {"flat": [], "index": []}
    recall: dict[int, list[float]] = {10: [], 100: []}
    for query, identity in zip(queries, wanted, strict=True):
        begun = time.perf_counter()
        _, exact = flat.search(query[None], 100)
        between = time.perf_counter()
        (answer,) = index.search(query[None], 100)  # type: ignore[attr-defined]
        times["index"].append(time.perf_counter() - between)
        times["flat"].append(between - begun)
        found = np.array([int(name) for name in answer.ids])
        for name, rows in (("flat", exact[0]), ("index", found)):
            true[name].append(float(np.mean(rows // PER_IDENTITY == identity)) * 100 / PER_IDENTITY)
        for k, values in recall.items():
            values.append(len(np.intersect1d(exact[0, :k], found[:k])) / k)
    for name, values in times.items():
        p50, p99 = np.percentile(np.array(values) * 1e3, [50, 99])
        print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, true matches {np.mean(true[name]):.4f}")
    ratio = np.median(times["flat"]) / np.median(times["index"])
    recalls = ", ".join(f"recall@{k} {np.mean(values):.4f}" for k, values in recall.items())
    print(f"{ratio:.1f} times as fast as flat; {recalls}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kind", choices=KINDS, default=None, help="default: by size")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--threads", type=int, default=None, help="to build with")
    parser.add_argument("--spectrum", type=Path, default=None, help="npz of real templates")
    parser.add_argument("--scratch", type=Path, default=None, help="where files are written")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
        measure(args, Path(scratch))


if __name__ == "__main__":
    main()
