"""MAP@100 of the whole system on clips made from LFW photos.

    python -m benchmarks.evaluation.retrieval_lfw_clips [FOLDER] [--model open] [--fps 1 2 5]
        [--keep WORK]

FOLDER (default: the real media of the tests) holds ``lfw/<Name>/*.jpg``. The clips are made, indexed
once per sampling rate, and searched with photos that are in no clip. People in no clip are searched
for too. Then, at one rate, templates of only the best faces of each track are compared with those of
all faces. ``--keep`` keeps clips, catalogs and reports.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.evaluation.lfw_clips import ClipPlan, film_clips
from benchmarks.media import media_folder
from pipelines import ClusterConfig, IndexConfig, index
from vidsearch.catalog import Catalog
from vidsearch.catalog.schema import matrix
from vidsearch.datatypes import Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import NoFaceError
from vidsearch.evaluation.metrics.retrieval import LIMIT, Rankings, found_at
from vidsearch.evaluation.report.ranked_retrieval import RetrievalFigures
from vidsearch.evaluation.retrieval.labels import Labels, read_labels
from vidsearch.evaluation.retrieval.measure import RetrievalOptions, RetrievalResult, measure
from vidsearch.faces.template import pool
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.search.query import query_face
from vidsearch.video.sampling import SamplingConfig

FACES = (1, 3, 5)


def one_rate(
    work: Path, labels_file: Path, models: LoadedPack, fps: float, workers: int
) -> RetrievalResult:
    """Index at a rate, measure, and print one row."""
    catalog_dir = work / f"catalog-{fps:g}"
    started = time.perf_counter()
    config = IndexConfig(sampling=SamplingConfig(fps=fps))
    cluster = ClusterConfig(workers=workers, isolate=workers > 1)
    index(catalog_dir, [work / "clips"], config, cluster=cluster, model=models.pack.name)
    spent = time.perf_counter() - started
    catalog = Catalog.open(catalog_dir)
    found = measure(catalog, read_labels(labels_file, catalog), RetrievalOptions(), models=models)
    line = found.videos.intervals
    rank_1 = found_at(found.videos.rankings, 1).mean()
    moments = found.moments.intervals["iqiyi"] if found.moments is not None else "-"
    print(
        f"| {fps:g} | {catalog.status().tracks} | {line['iqiyi']} | {line['mediaeval'].mean:.4f} "
        f"| {moments} | {rank_1:.4f} | {found.open_set[0].tpir:.4f} | {found.open_set[1].tpir:.4f} "
        f"| {spent:.0f} |",
        flush=True,
    )
    return found


def pooled_from(catalog: Catalog, faces: int) -> tuple[list[str], Matrix]:
    """Return the video of each track, and its template from its ``faces`` best faces."""
    rows = catalog.faces(["track_id", "video_id", "position", "embedding"])
    vectors = matrix(rows["embedding"], catalog.dim)
    by_track: dict[str, list[int]] = {}
    for number, row in enumerate(rows.select(["track_id", "position"]).to_pylist()):
        if row["position"] < faces:
            by_track.setdefault(row["track_id"], []).append(number)
    videos = rows["video_id"].to_pylist()
    templates = [pool(vectors[numbers], catalog.model_id).vector for numbers in by_track.values()]
    return [videos[numbers[0]] for numbers in by_track.values()], np.stack(templates)


def rank_videos(query: Matrix, videos: Sequence[str], templates: Matrix) -> list[str]:
    order = np.argsort(-(templates @ query), kind="stable")
    return list(dict.fromkeys(videos[row] for row in order.tolist()))[:LIMIT]


def faces_per_track(catalog: Catalog, labels: Labels, models: LoadedPack) -> None:
    """Print MAP with templates of only the few best faces of each track."""
    queries = [q for q in labels.queries(together=False) if labels.people[q.identity].spans]
    vectors: list[Matrix | None] = []
    for query in queries:
        try:
            face = query_face(query.photos[0], models)
            vectors.append(pool(face.embedding[None], models.model_id).vector)
        except NoFaceError:
            vectors.append(None)
    known = [labels.people[query.identity] for query in queries]
    for faces in FACES:
        videos, templates = pooled_from(catalog, faces)
        flags = [
            [v in k.spans for v in rank_videos(vector, videos, templates)]
            if vector is not None
            else []
            for vector, k in zip(vectors, known, strict=True)
        ]
        rankings = Rankings.of(flags, [len(k.spans) for k in known])
        names = [query.identity for query in queries]
        figures = RetrievalFigures.of(rankings, [query.name for query in queries], names)
        print(f"| {faces} best | {figures.intervals['iqiyi']} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=None, help="holds lfw/")
    parser.add_argument("--model", default="open", help="pack (default: open)")
    parser.add_argument("--fps", type=float, nargs="+", default=[1.0, 2.0, 5.0])
    parser.add_argument("--people", type=int, default=40, help="people to be found (40)")
    parser.add_argument("--workers", type=int, default=2, help="processes that index (2)")
    parser.add_argument(
        "--absent", type=int, help="people in no clip to search for (default: half of --people)"
    )
    parser.add_argument(
        "--seed", type=int, default=ClipPlan().seed, help="seed of every choice (7)"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder for clips, catalogs and reports; clips are reused"
    )
    args = parser.parse_args()
    folder = args.folder if args.folder is not None else media_folder()
    with tempfile.TemporaryDirectory() as temporary:
        work = args.keep if args.keep is not None else Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        half = args.people // 2
        absent = args.absent if args.absent is not None else half
        plan = ClipPlan(present=args.people, absent=absent, distractors=half, seed=args.seed)
        labels_file = work / "labels.csv"  # written last: the clips are whole
        if not labels_file.is_file():
            film_clips(folder / "lfw", work, plan)
        clips = len(list((work / "clips").glob("*.mp4")))
        print(f"{clips} clips after {time.perf_counter() - started:.0f} s: {plan}\n")
        models = load_pack(args.model, resolve_device("cpu"))
        print(
            "| samples a second | tracks | MAP@100, iQIYI official | MediaEval | over moments "
            "| rank-1 | TPIR at FPIR 0.01 | at 0.1 | indexing, s |\n" + "|--:" * 9 + "|"
        )
        for fps in args.fps:
            found = one_rate(work, labels_file, models, fps, args.workers)
        print(
            f"\n{len(found.present)} queries for people who are there, {len(found.absent)} for "
            f"people who are not; photos without a face: "
            f"{sum(len(a.no_face) for a in (*found.present, *found.absent))}\n"
        )
        rate = 2.0 if 2.0 in args.fps else args.fps[0]
        print(
            f"faces in a template, at {rate:g} samples a second\n\n| faces | MAP@100 |\n|---|--:|"
        )
        catalog = Catalog.open(work / f"catalog-{rate:g}")
        faces_per_track(catalog, read_labels(labels_file, catalog), models)
        print(f"\n{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
