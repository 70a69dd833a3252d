"""LFW divided for training: training people, people for the threshold, and fold 10.

No person is in two of the three parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.media import media_folder
from trainer.data.base import BrokenFaceError
from trainer.data.opening import open_dataset
from vidsearch.datatypes import Image
from vidsearch.faces.geometry.align import TEMPLATES, AlignmentTemplate

FOLD_10 = slice(5400, 6000)
LEAST_PHOTOS = 3


@dataclass(eq=False)
class Faces:
    """Aligned faces of some people of LFW in memory; see ``trainer.data.base.FaceDataset``."""

    name: str
    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    identities: tuple[str, ...]
    template: AlignmentTemplate
    licence: str = "research only"
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def aligned_face(self, index: int) -> Image:
        face: Image = self.pictures[index]
        return face


@dataclass(frozen=True, eq=False)
class Split:
    """Parts of LFW: training people, people for the threshold, and fold 10."""

    training: Faces
    threshold: Faces
    fold: Faces
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    issame: NDArray[np.bool_]


def aligned(work: Path, template: str) -> Path:
    """Align all of LFW once."""
    out = work / f"lfw-{template}"
    if not out.exists():
        # Not needed where the faces are there already: on a machine with a GPU and little else.
        from pipelines.prepare import PrepareOptions, prepare
        from pipelines.stages.prepare_photos import PhotoOptions
        from vidsearch.trainingset.assemble import SetOptions

        prepare(
            media_folder() / "lfw",
            out,
            PrepareOptions(
                photo=PhotoOptions(template=TEMPLATES[template], which="central", keep_poor=True),
                result=SetOptions(
                    name="LFW",
                    licence="research only",
                    held_out=0,
                    min_faces=1,
                    layout="shards",
                    duplicates=True,
                ),
            ),
            show_progress=True,
        )
    return out


def split(folder: Path, side: int) -> Split:
    """Read the aligned faces, reduced to ``side`` pixels, and divide the people."""
    import cv2
    import pyarrow.parquet as pq

    dataset = open_dataset(folder)
    sources: list[str] = []
    for path in sorted((folder / "train").glob("*.parquet")):
        sources += [
            Path(s).stem for s in pq.read_table(path, columns=["source"])["source"].to_pylist()
        ]
    whole = dataset.template
    factor = side / whole.size
    # The centre of the first pixel is (0, 0): sizes scale about the corner (-0.5, -0.5).
    points = tuple(
        (float((x + 0.5) * factor - 0.5), float((y + 0.5) * factor - 0.5)) for x, y in whole.points
    )
    template = (
        whole
        if side == whole.size
        else AlignmentTemplate(name=f"{whole.name}_at_{side}", size=side, points=points)
    )

    def face(index: int) -> Image:
        try:
            picture = dataset.aligned_face(index)
        except BrokenFaceError as error:
            raise SystemExit(str(error)) from error
        if side == whole.size:
            return picture
        return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)

    pairs = [
        line.split("\t") for line in (media_folder() / "lfw_pairs.txt").read_text().splitlines()[1:]
    ]
    fold = pairs[FOLD_10]
    tested = {name for fields in fold for name in (fields[0], fields[-2]) if not name.isdigit()}
    counts = np.bincount(dataset.labels, minlength=len(dataset.identities))
    outside = np.array([name not in tested for name in dataset.identities])

    def people(chosen: NDArray[np.bool_], name: str) -> Faces:
        rows = np.flatnonzero(chosen[dataset.labels])
        kept, labels = np.unique(dataset.labels[rows], return_inverse=True)
        return Faces(
            name,
            np.stack([face(int(row)) for row in rows]),
            labels.astype(np.int64),
            tuple(dataset.identities[j] for j in kept.tolist()),
            template,
        )

    place = {source: row for row, source in enumerate(sources)}
    ends = [_ends(fields) for fields in fold]
    used = sorted({place[source] for pair in ends for source in pair})
    there = {row: number for number, row in enumerate(used)}
    names, labels = np.unique(dataset.labels[used], return_inverse=True)
    test = Faces(
        "fold 10",
        np.stack([face(row) for row in used]),
        labels.astype(np.int64),
        tuple(dataset.identities[j] for j in names.tolist()),
        template,
    )
    left, right = (np.array([there[place[pair[side_]]] for pair in ends]) for side_ in (0, 1))
    return Split(
        people(outside & (counts >= LEAST_PHOTOS), "LFW without fold 10"),
        people(outside & (counts == 2), "LFW, people with two photos"),
        test,
        left,
        right,
        np.array([len(fields) == 3 for fields in fold]),
    )


def _ends(fields: list[str]) -> tuple[str, str]:
    if len(fields) == 3:
        return f"{fields[0]}_{int(fields[1]):04d}", f"{fields[0]}_{int(fields[2]):04d}"
    return f"{fields[0]}_{int(fields[1]):04d}", f"{fields[2]}_{int(fields[3]):04d}"


def first_people(faces: Faces, count: int) -> Faces:
    """Return the first people of a set; their angles represent those of all."""
    rows = faces.labels < count
    return replace(faces, pictures=faces.pictures[rows], labels=faces.labels[rows])
