"""Labelled set for the ablation: training and test clips with the embeddings of every pack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.datatypes import Image, Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, PhotoError
from vidsearch.evaluation.people_folder import read_people_folder
from vidsearch.evaluation.report import LeftOut, LeftOutInputs
from vidsearch.faces.template import normalise
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.photo.faces import embed_face, embed_photo
from vidsearch.photo.first_face import photo_with_faces
from vidsearch.photo.people_folders import OtherFiles
from vidsearch.storage.files import arrow_file
from vidsearch.text.names import portable_name
from vidsearch.text.printable import quoted

_COLUMNS = ("clip", "identity", "split", "embedding")
Describe = Callable[[Image], Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """N clips with their templates.

    Attributes:
        clips: Name of each clip.
        identities: Identity of each clip; empty text for a distractor. Distractors are only ranked.
        training: (N,) True for training clips; the others are ranked.
        spaces: (N, D) float32 templates of unit length, one matrix per pack.
        context: (N, C) float32 whole-frame descriptors, or None.
        left_out: Number of photos without a face, which are not among the N clips.
        unusable: Photos that cannot be read, or lie in no folder of an identity.
        passed_over: Ending of files that are no photos -> number of files.

    Raises:
        ConfigError: A distractor in the training part, fewer than two identities in both parts, or
            vectors that are not finite or not N.
    """

    clips: tuple[str, ...]
    identities: tuple[str, ...]
    training: np.ndarray[Any, np.dtype[np.bool_]]
    spaces: tuple[Matrix, ...]
    context: Matrix | None
    left_out: int = 0
    unusable: tuple[LeftOut, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pairs = list(zip(self.identities, self.training, strict=True))
        trained = {name for name, train in pairs if train}
        ranked = {name for name, train in pairs if name and not train}
        if "" in trained:
            raise ConfigError(
                "a training clip has no identity; distractors belong to the test part"
            )
        if len(trained & ranked) < 2:
            raise ConfigError(
                "the ablation needs two identities with clips in both parts, training and test; "
                f"got {len(trained & ranked)}"
            )
        context = () if self.context is None else (self.context,)
        for number, space in enumerate((*self.spaces, *context)):
            if len(space) != len(self.clips) or not np.isfinite(space).all():
                raise ConfigError(
                    f"vectors {number + 1} of the set must be one finite row per clip; "
                    f"got {space.shape}"
                )

    @property
    def classes(self) -> tuple[str, ...]:
        """Identities of the training part, sorted: the classes, and the queries."""
        return tuple(sorted({n for n, t in zip(self.identities, self.training, strict=True) if t}))


def from_folder(
    folder: str | os.PathLike[str],
    packs: Sequence[str],
    describe: Describe | None,
    *,
    test_share: float = 0.5,
    least_photos: int = 4,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> LabelledSet:
    """Embed the photos ``FOLDER/IDENTITY/photo``; each photo is a clip of one frame.

    Of an identity with ``least_photos`` or more, the last photos by name are the test part and the
    others the training part. Photos of other identities are distractors.

    Args:
        folder: Folder with one sub-folder per identity.
        packs: Packs that embed the photos.
        describe: Function from a frame to its (C,) context descriptor; None: no context.
        test_share: Share of an identity's photos in the test part.
        least_photos: Fewest photos of an identity that is not a distractor.
        progress: Wraps the list of photos, e.g. ``tqdm``.

    Raises:
        ConfigError: No sub-folder, no face in any photo, or a breach of a ``LabelledSet`` rule.
    """
    unusable = LeftOutInputs()
    people, others = _people(Path(folder), unusable)
    loaded = [load_pack(pack, resolve_device("auto")) for pack in packs]
    rows: list[tuple[str, str, bool, list[Matrix], Matrix | None]] = []
    left_out = 0
    for name, file, train in progress(_parts(people, test_share, least_photos)):
        try:
            image, vectors = _embeddings(file, loaded)
        except PhotoError:
            unusable.add("photo", "photo unreadable", file)
            continue
        if len(vectors) < len(loaded):
            left_out += 1
            continue
        context = describe(image) if describe is not None else None
        rows.append((portable_name(file), name, train, vectors, context))
    if not rows:
        raise ConfigError(f"no face was found in any photo below {quoted(folder)}")
    spaces = [normalise(np.stack([row[3][pack] for row in rows])) for pack in range(len(loaded))]
    return LabelledSet(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        np.array([row[2] for row in rows], bool),
        tuple(spaces),
        np.stack([row[4] for row in rows if row[4] is not None]) if describe is not None else None,
        left_out,
        unusable.groups(),
        others.passed_over,
    )


def _people(folder: Path, unusable: LeftOutInputs) -> tuple[dict[str, list[str]], OtherFiles]:
    found = read_people_folder(folder, unusable, "an identity")
    if not found.photos:
        raise ConfigError(f"{quoted(folder)} has no folder of photos; expected IDENTITY/photo.jpg")
    people: dict[str, list[str]] = {person: [] for person in found.people}
    for photo in found.photos:
        people[photo.person].append(photo.path)
    return people, found.others


def _embeddings(file: str, packs: Sequence[LoadedPack]) -> tuple[Image, list[Matrix]]:
    """Return a photo, and its face as each pack embeds it; fewer if a pack finds no face."""
    photo, found = photo_with_faces(file, packs[0].detector)
    if not len(found.detections):
        return photo.image, []
    first = embed_face(photo.image, found.detections, 0, packs[0], file)
    faces = [first, *(embed_photo(photo.image, pack) for pack in packs[1:])]
    return photo.image, [face.embedding for face in faces if face is not None]


def _parts(
    people: dict[str, list[str]], test_share: float, least_photos: int
) -> list[tuple[str, str, bool]]:
    parts = []
    for name, files in people.items():
        if len(files) < least_photos:
            parts += [("", file, False) for file in files]
            continue
        test_photos = min(max(round(len(files) * test_share), 1), len(files) - 1)
        cut = len(files) - test_photos
        parts += [(name, file, number < cut) for number, file in enumerate(files)]
    return parts


def from_parquet(paths: Sequence[str | os.PathLike[str]]) -> LabelledSet:
    """Read one Parquet file per pack, all with the same clips.

    Columns: ``clip``, ``identity`` (empty for a distractor), ``split`` (``train`` or ``test``),
    ``embedding`` (feature centre of the clip) and optionally, in the first file, ``context``.

    Raises:
        ConfigError: A file cannot be read, lacks a column or has other clips; a clip occurs twice;
            a split is neither ``train`` nor ``test``; vectors have unequal lengths.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        try:
            with arrow_file(Path(path)) as file:
                table = pq.read_table(file)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{quoted(path)} cannot be read as Parquet ({reason})") from error
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise ConfigError(f"{quoted(path)} lacks the columns {', '.join(missing)}")
        tables.append(table.sort_by("clip"))
    first = tables[0]
    clips = first["clip"].to_pylist()
    if len(set(clips)) != len(clips):
        raise ConfigError(f"{quoted(paths[0])} names a clip twice; write one row per clip")
    for path, table in zip(paths[1:], tables[1:], strict=True):
        if table["clip"].to_pylist() != clips:
            raise ConfigError(f"{quoted(path)} has other clips than {quoted(paths[0])}")
    splits = first["split"].to_pylist()
    unknown = sorted({str(s) for s in splits} - {"train", "test"})
    if unknown:
        raise ConfigError(f"{quoted(paths[0])}: split must be train or test; got {unknown[0]!r}")
    return LabelledSet(
        tuple(clips),
        tuple(name if name is not None else "" for name in first["identity"].to_pylist()),
        np.array([split == "train" for split in splits], bool),
        tuple(
            normalise(_matrix(path, table["embedding"].to_pylist()))
            for path, table in zip(paths, tables, strict=True)
        ),
        _matrix(paths[0], first["context"].to_pylist())
        if "context" in first.column_names
        else None,
    )


def _matrix(path: str | os.PathLike[str], rows: Sequence[Sequence[float]]) -> Matrix:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise ConfigError(f"{quoted(path)}: vectors must have one length; got {sorted(lengths)}")
    return np.asarray(rows, np.float32)
