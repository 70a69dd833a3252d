"""LFW, the official 6,000 pairs, end to end with a pack: detect, align, embed, compare.

    python -m benchmarks.evaluation.lfw [FOLDER] [--model open] [--processes 2] [--calibrate]

FOLDER (default: the real media of the tests) holds ``lfw/<Name>/<Name>_0001.jpg`` and
``lfw_pairs.txt``. In a photo with several faces the face nearest the centre is taken. A pair with a
missing photo, or a photo without a face, scores -1 and counts as "not the same". ``--calibrate``
fits the logistic curve on folds 1-5 and checks it on folds 6-10, which share no person with them.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.calibration import print_reliability
from benchmarks.evaluation.photo_templates import (
    NO_FACE_SIMILARITY,
    PhotoTemplates,
    photo_templates,
)
from benchmarks.media import media_folder
from vidsearch.evaluation.metrics.reliability import reliability
from vidsearch.evaluation.metrics.verification import equal_error_rate, folded_accuracy, tar_at_far
from vidsearch.models.calibration import fit_calibration

FOLDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of the protocol: rows of ``photos`` to compare, in fold order."""

    photos: tuple[Path, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    issame: NDArray[np.bool_]


def read_pairs(folder: Path) -> Pairs:
    """Read ``lfw_pairs.txt``: ten folds, each 300 genuine and 300 impostor pairs."""
    header, *lines = (folder / "lfw_pairs.txt").read_text().splitlines()
    folds, each = map(int, header.split("\t"))
    if (folds, len(lines)) != (FOLDS, 2 * folds * each):
        raise SystemExit(f"lfw_pairs.txt must hold {2 * folds * each} pairs; got {len(lines)}")
    rows: dict[Path, int] = {}
    first: list[int] = []
    second: list[int] = []
    issame: list[bool] = []
    for line in lines:
        fields = line.split("\t")
        same = len(fields) == 3
        name_a, number_a = fields[0], fields[1]
        name_b, number_b = (fields[0], fields[2]) if same else (fields[2], fields[3])
        for rank, name, number in ((first, name_a, number_a), (second, name_b, number_b)):
            photo = folder / "lfw" / name / f"{name}_{int(number):04d}.jpg"
            rank.append(rows.setdefault(photo, len(rows)))
        issame.append(same)
    return Pairs(tuple(rows), tuple(first), tuple(second), np.array(issame))


def report(pairs: Pairs, templates: PhotoTemplates, similarities: NDArray[np.float64]) -> None:
    """Print the protocol's figures."""
    unfound = ~templates.found & ~templates.missing
    accuracy = folded_accuracy(similarities, pairs.issame, folds=FOLDS)
    print(f"photos {len(pairs.photos)}, pairs {len(pairs.issame)}")
    print(
        f"photos without a detected face {int(unfound.sum())}, missing files "
        f"{int(templates.missing.sum())}: {int((similarities == NO_FACE_SIMILARITY).sum())} pairs "
        "scored as not the same"
    )
    print(f"ten-fold accuracy {accuracy.mean:.4f} +- {accuracy.std:.4f}")
    for far in (1e-2, 1e-3):
        point = tar_at_far(similarities, pairs.issame, far=far)
        print(f"TAR {point.tar:.4f} at FAR {far:g} (threshold {point.threshold:.4f})")
    print(f"equal error rate {equal_error_rate(similarities, pairs.issame):.4f}")


def calibrate(pairs: Pairs, similarities: NDArray[np.float64]) -> None:
    """Print the curve fitted on folds 1-5, and its errors on them and on folds 6-10."""
    scored = similarities != NO_FACE_SIMILARITY
    first_half = np.arange(len(similarities)) < len(similarities) // 2
    fitting, checking = scored & first_half, scored & ~first_half
    curve = fit_calibration(
        similarities[fitting], pairs.issame[fitting], fitted_on="LFW, official pairs, folds 1-5"
    )
    for name, rows in (("folds 1-5 (fitted on)", fitting), ("folds 6-10", checking)):
        print(f"\nreliability on {name}")
        print_reliability(curve, similarities[rows], pairs.issame[rows])
    checked = reliability(curve.confidence(similarities[checking]), pairs.issame[checking])
    print("\n[calibration]")
    print(f"slope = {curve.slope!r}\nintercept = {curve.intercept!r}")
    print(f'fitted_on = "{curve.fitted_on}"\npairs = {curve.pairs}')
    print(f"genuine_share = {curve.genuine_share!r}")
    print(f'checked_on = "LFW, official pairs, folds 6-10"  # {checked.pairs} pairs')
    print(f"expected_calibration_error = {checked.expected_calibration_error:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=None, help="holds lfw/ and lfw_pairs.txt"
    )
    parser.add_argument("--model", default="open", help="pack (default: open)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--calibrate", action="store_true", help="fit and check the calibration")
    args = parser.parse_args()
    pairs = read_pairs(args.folder if args.folder is not None else media_folder())
    started = time.perf_counter()
    templates = photo_templates(
        pairs.photos, model=args.model, device=args.device, processes=args.processes
    )
    elapsed = time.perf_counter() - started
    similarities = templates.similarities(pairs.first, pairs.second)
    report(pairs, templates, similarities)
    print(f"pack {args.model}, {elapsed:.1f} s with {args.processes} process(es)")
    if args.calibrate:
        calibrate(pairs, similarities)


if __name__ == "__main__":
    main()
