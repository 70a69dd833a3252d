"""Accuracy lost by ``vidsearch reembed`` for a model with another alignment.

    python -m benchmarks.pipeline.reembed_loss MEDIA PACK [--pairs N]

LFW pairs. Each photo is aligned for the pack directly, and by the way of a re-embedded face: aligned
for ``open`` with a margin, stored as JPEG, aligned again. The same without the margin, as in older
catalogs. Then the same for ``open`` from faces aligned for the pack.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.stages import reembed_faces
from pipelines.stages.stored_fit import stored_face_fit
from vidsearch.datatypes import Image
from vidsearch.device import CPU
from vidsearch.evaluation.metrics.verification import folded_accuracy
from vidsearch.evaluation.protocols.pairs import PairSet, read_lfw_pairs
from vidsearch.faces.geometry.align import AlignmentTemplate, align_faces, with_margin
from vidsearch.faces.template import normalise
from vidsearch.faces.track.config import TrackingConfig
from vidsearch.faces.track.kept import encode_aligned
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.photo.open import read_photo


def detour(
    image: Image, landmarks: NDArray[np.float32], stored: AlignmentTemplate, models: LoadedPack
) -> NDArray[np.float32]:
    face = align_faces(image, landmarks, stored)
    jpegs = encode_aligned(face, TrackingConfig().jpeg_quality)
    kept = reembed_faces.StoredFaces(jpegs, landmarks, stored.array[None])
    embedding: NDArray[np.float32] = reembed_faces.run(kept, models.embedder)[0]
    return embedding


def _chosen(pairs: PairSet, most: int, without: Path | None) -> NDArray[np.intp]:
    """Return pairs, genuine and impostor in turn, of people outside the training set."""
    assert pairs.people is not None
    known = {path.name for path in without.iterdir()} if without is not None else set()
    strange = np.array([not known & set(both) for both in pairs.people])
    genuine, impostor = (np.flatnonzero(strange & (pairs.issame == same)) for same in (True, False))
    each = min(len(genuine), len(impostor), most // 2)
    return np.stack([genuine[:each], impostor[:each]], axis=1).reshape(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path, help="folder with lfw/ and lfw_pairs.txt")
    parser.add_argument("pack", help="pack with another alignment than open")
    parser.add_argument(
        "--pairs", type=int, default=600, help="largest number of pairs, half of them genuine"
    )
    parser.add_argument("--without", type=Path, help="leave out people with a folder in here")
    args = parser.parse_args()
    pairs = read_lfw_pairs(args.media / "lfw_pairs.txt", args.media / "lfw")
    chosen = _chosen(pairs, args.pairs, args.without)
    first, second, issame = pairs.first[chosen], pairs.second[chosen], pairs.issame[chosen]
    mine, ours = load_pack(args.pack, CPU), load_pack("open", CPU)
    templates = {"pack": mine.embedder.template, "open": ours.embedder.template}
    found: dict[str, dict[int, NDArray[np.float32]]] = {}
    for item in np.unique(np.concatenate([first, second])).tolist():
        photo = pairs.items[item][0]
        if not Path(str(photo)).is_file():
            continue
        image = read_photo(str(photo))
        landmarks = ours.detector.detect(image).landmarks[:1]
        if not len(landmarks):
            continue
        for name, models, stored in (("pack", mine, "open"), ("open", ours, "pack")):
            plain = align_faces(image, landmarks, templates[name])
            vectors = found.setdefault(f"{name}, direct", {})
            vectors[item] = models.embedder.embed(plain)[0]
            for how, kept in (
                ("", with_margin(templates[stored])),
                (" without rim", templates[stored]),
            ):
                vectors = found.setdefault(f"{name}, stored for {stored}{how}", {})
                vectors[item] = detour(image, landmarks, kept, models)
    print(f"| model, faces | accuracy, {len(issame)} pairs | cosine to direct, mean (least) |")
    print("|---|--:|--:|")
    for name, vectors in found.items():
        both = np.array([a in vectors and b in vectors for a, b in zip(first, second, strict=True)])
        left, right = (
            normalise(np.stack([vectors[i] for i in side[both].tolist()]))
            for side in (first, second)
        )
        similarities = (left.astype(np.float64) * right).sum(1)
        accuracy = folded_accuracy(similarities, issame[both], folds=10)
        direct = found[f"{name.split(',')[0]}, direct"]
        one, other = (normalise(np.stack([v[i] for i in sorted(v)])) for v in (vectors, direct))
        near = (one.astype(np.float64) * other).sum(1)
        print(f"| {name} | {accuracy.mean:.4f} | {near.mean():.4f} ({near.min():.4f}) |")
    for name, stored in (("pack", "open"), ("open", "pack")):
        print(name, stored_face_fit(with_margin(templates[stored]), templates[name]))


if __name__ == "__main__":
    main()
