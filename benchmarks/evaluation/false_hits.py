"""Estimated against observed false hits, on the clips of ``retrieval_lfw_clips``.

    python -m benchmarks.evaluation.false_hits WORK [--fps 2]

WORK is a folder that ``python -m benchmarks.evaluation.retrieval_lfw_clips --keep WORK`` filled:
clips made from LFW photos, indexed. Every photo of a person in no clip is searched for; each hit is
a false one. Photos of people in the clips are searched for as well: they show if a person's own
tracks disturb the estimate.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.catalog import Catalog
from vidsearch.errors import NoFaceError
from vidsearch.evaluation.retrieval.labels import read_labels
from vidsearch.results.threshold_advice import LEVELS
from vidsearch.search.query import query_face
from vidsearch.search.search import PhotoSearcher, SearchOptions

Table = NDArray[np.float64]


def measure(work: Path, fps: float) -> tuple[dict[str, Table], list[bool]]:
    """Return estimated and observed hits per query and level, and the mask of absent people."""
    catalog = Catalog.open(work / f"catalog-{fps:g}")
    labels = read_labels(work / "labels.csv", catalog)
    searcher = PhotoSearcher(catalog)
    tracks = catalog.status().tracks
    rows: list[list[tuple[float, float, float, float]]] = []
    absent: list[bool] = []
    for query in labels.queries(together=False):
        try:
            face = query_face(query.photos[0], searcher.models)
        except NoFaceError:
            continue
        result = searcher.search_faces([face], SearchOptions(top=tracks))
        if result.false_hit_estimate is None or not result.false_hit_estimate.levels:
            raise SystemExit(f"{work} holds too few tracks: no number of false hits is estimated")
        rows.append(
            [
                (
                    line.expected,
                    line.at_least,
                    line.at_most,
                    float(sum(hit.confidence >= line.confidence for hit in result.hits)),
                )
                for line in result.false_hit_estimate.levels
            ]
        )
        absent.append(not labels.people[query.identity].spans)
    table = np.array(rows)
    names = ("expected", "at_least", "at_most", "observed")
    return {name: table[:, :, column] for column, name in enumerate(names)}, absent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "work", type=Path, nargs="+", help="folder that retrieval_lfw_clips --keep filled"
    )
    parser.add_argument("--fps", type=float, default=2.0, help="samples a second indexed (2)")
    args = parser.parse_args()
    print(
        "| clips | photos | from | estimated | interval, mean of ends | observed | estimated / observed "
        "| estimated for people in the clips |\n|---" + "|--:" * 7 + "|"
    )
    for work in args.work:
        found, absent_flags = measure(work, args.fps)
        absent = np.array(absent_flags)
        for column, level in enumerate(LEVELS):
            mean = {name: float(table[absent, column].mean()) for name, table in found.items()}
            present = float(found["expected"][~absent, column].mean())
            ratio = f"{mean['expected'] / mean['observed']:.2f}" if mean["observed"] else "-"
            print(
                f"| {work.name} | {int(absent.sum())} | {level:g} | {mean['expected']:.4f} "
                f"| {mean['at_least']:.4f} to {mean['at_most']:.4f} | {mean['observed']:.4f} | {ratio} "
                f"| {present:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
