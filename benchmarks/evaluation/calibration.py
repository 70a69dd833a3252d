"""Calibration of a pack on photos of other collections than those it was fitted on.

    python -m benchmarks.evaluation.calibration [FOLDER] [--model open]

FOLDER (default: the real media of the tests) holds ``manifest.csv`` (columns ``file``,
``identities``, ``notes``) and the photos it lists. Every photo of exactly one named person is
compared with every other photo of its collection; ``photos/deepface`` has its own list of pairs.
Photos that are crops or copies of others, by the manifest's notes, are left out. Photos without a
face are left out as well.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.photo_templates import NO_FACE_SIMILARITY, photo_templates
from benchmarks.media import media_folder
from vidsearch.device import resolve_device
from vidsearch.evaluation.metrics.reliability import reliability
from vidsearch.models.calibration import Calibration
from vidsearch.models.registry import load_pack

COLLECTIONS = ("face_recognition", "dlib_johns", "orl")


@dataclass(frozen=True, slots=True)
class LabelledPair:
    first: Path
    second: Path
    same: bool


def manifest_pairs(folder: Path, collection: str) -> list[LabelledPair]:
    """Return every pair of single-person photos of a collection."""
    people: dict[Path, str] = {}
    with (folder / "manifest.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            copied = "crop of the same photo" in row["notes"] or "identical" in row["notes"]
            lone = bool(row["identities"]) and ";" not in row["identities"]
            if row["file"].startswith(f"photos/{collection}/") and lone and not copied:
                people[folder / row["file"]] = row["identities"]
    return [LabelledPair(a, b, people[a] == people[b]) for a, b in combinations(people, 2)]


def deepface_pairs(folder: Path) -> list[LabelledPair]:
    """Return the pairs of ``deepface_master.csv``."""
    photos = folder / "photos" / "deepface"
    with (photos / "deepface_master.csv").open(newline="") as stream:
        return [
            LabelledPair(photos / row["file_x"], photos / row["file_y"], row["Decision"] == "Yes")
            for row in csv.DictReader(stream)
        ]


def print_reliability(
    curve: Calibration, similarities: NDArray[np.float64], issame: NDArray[np.bool_]
) -> None:
    """Print a reliability table, its summary, and the number of confident impostor pairs."""
    check = reliability(curve.confidence(similarities), issame)
    print("  confidence     pairs   mean  genuine")
    for low, high, count, mean, share in check.bins:
        print(f"  {low:.3f}-{high:.3f}  {count:6d}  {mean:.3f}    {share:.3f}")
    print(
        f"  ECE {check.expected_calibration_error:.4f}, Brier {check.brier:.4f}, "
        f"log loss {check.log_loss:.4f} nats"
    )
    for level in (0.5, 0.9, 0.99):
        accepted = similarities >= curve.similarity_at(level)
        print(
            f"  confidence >= {level} (cosine {curve.similarity_at(level):.4f}): "
            f"{int((accepted & ~issame).sum())} of {int((~issame).sum())} impostors, "
            f"{int((accepted & issame).sum())} of {int(issame.sum())} genuine"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=None, help="holds manifest.csv and photos/"
    )
    parser.add_argument("--model", default="open", help="pack (default: open)")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    folder = args.folder if args.folder is not None else media_folder()
    curve = load_pack(args.model, resolve_device(args.device)).calibration
    print(f"pack {args.model}, calibration fitted on {curve.fitted_on}")
    for name in ("deepface", *COLLECTIONS):
        pairs = deepface_pairs(folder) if name == "deepface" else manifest_pairs(folder, name)
        photos = sorted({photo for pair in pairs for photo in (pair.first, pair.second)})
        row = {photo: number for number, photo in enumerate(photos)}
        templates = photo_templates(photos, model=args.model, device=args.device)
        similarities = templates.similarities(
            [row[pair.first] for pair in pairs], [row[pair.second] for pair in pairs]
        )
        issame = np.array([pair.same for pair in pairs])
        scored = similarities != NO_FACE_SIMILARITY
        print(
            f"\n{name}: {len(photos)} photos ({int((~templates.found).sum())} without a face), "
            f"{int(scored.sum())} pairs of {len(pairs)}, {int((scored & issame).sum())} genuine"
        )
        genuine, impostor = similarities[scored & issame], similarities[scored & ~issame]
        print(f"  lowest genuine {genuine.min():.4f}, highest impostor {impostor.max():.4f}")
        print_reliability(curve, similarities[scored], issame[scored])


if __name__ == "__main__":
    main()
