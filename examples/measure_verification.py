"""Measure how well a model pack tells people apart, on pairs of your photos.

PHOTOS holds ``<name>/<name>_0001.jpg``. PAIRS has the format of LFW's ``pairs.txt``. Its first line
has the number of folds (at least 2) and of pairs of each kind a fold. Then ``name i j`` is a pair
of one person and ``name i name j`` of two people.

Run it as ``python examples/measure_verification.py PHOTOS PAIRS [PACK]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.protocols.pairs import read_lfw_pairs
from vidsearch.evaluation.report.write import write_report
from vidsearch.evaluation.verification.evaluate import evaluate_pairs


def main(photos: str, pairs: str, pack: str = "open") -> None:
    """Print the headline figures and write a report folder."""
    pair_set = read_lfw_pairs(Path(pairs), Path(photos))
    report = evaluate_pairs(pair_set, EmbeddingOptions(model=pack, processes=1))
    print(report.title)
    for line in report.headlines:
        print(f"{line.label}: {line.value} {line.note}".rstrip())
    print(f"report: {write_report(report, 'verification-report') / 'report.html'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
