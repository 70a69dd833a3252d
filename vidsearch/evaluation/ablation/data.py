"""A labelled set for the ladder: what is trained on, what is ranked, in every embedder's space."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidsearch.datatypes import Image, Matrix
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.faces.template import normalise
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.models.registry import load_pack
from vidsearch.photo.faces import embed_photo
from vidsearch.photo.open import read_photo

_COLUMNS = ("clip", "identity", "split", "embedding")
Describe = Callable[[Image], Matrix]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSet:
    """N clips with their templates.

    Attributes:
        clips: N names.
        identities: N identities; empty text: a distractor, which is only ranked.
        training: (N,) bool: trained on; the others are ranked.
        spaces: One (N, D) float32 a pack, unit length.
        context: (N, C) float32 whole-frame descriptors, or None.
        left_out: Clips without a face.
    """

    clips: tuple[str, ...]
    identities: tuple[str, ...]
    training: np.ndarray[Any, np.dtype[np.bool_]]
    spaces: tuple[Matrix, ...]
    context: Matrix | None
    left_out: int = 0

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
                "the ladder needs two identities with clips in both parts, training and test; got "
                f"{len(trained & ranked)}"
            )
        for number, space in enumerate((*self.spaces, *_some(self.context))):
            if len(space) != len(self.clips) or not np.isfinite(space).all():
                raise ConfigError(
                    f"vectors {number + 1} of the set must be one finite row a clip; "
                    f"got {space.shape}"
                )

    @property
    def classes(self) -> tuple[str, ...]:
        """Identities of the training part, sorted: the classes, and the queries."""
        return tuple(sorted({n for n, t in zip(self.identities, self.training, strict=True) if t}))


def _some(context: Matrix | None) -> tuple[Matrix, ...]:
    return (context,) if context is not None else ()


def from_folder(
    folder: str | os.PathLike[str],
    packs: Sequence[str],
    describe: Describe | None,
    *,
    test_share: float = 0.5,
    least_photos: int = 4,
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> LabelledSet:
    """Embed ``FOLDER/IDENTITY/*.jpg``: each photo is a clip of one frame.

    Of each identity with ``least_photos`` or more, the first ones by name are trained on and the
    last ``test_share`` ranked; all others' photos are distractors.

    Raises:
        ConfigError: No such folder, or too little in it.
    """
    place = Path(folder)
    people = {
        p.name: sorted(f for f in p.iterdir() if f.suffix.lower() in PHOTO_ENDINGS)
        for p in (sorted(place.iterdir()) if place.is_dir() else ())
        if p.is_dir()
    }
    if not people:
        raise ConfigError(
            f"{str(folder)!r} holds no folders of photos; expected IDENTITY/photo.jpg"
        )
    loaded = [load_pack(pack, resolve_device("auto")) for pack in packs]
    rows: list[tuple[str, str, bool, list[Matrix], Matrix | None]] = []
    left_out = 0
    for name, file, train in progress(_parts(people, test_share, least_photos)):
        image = read_photo(file)
        faces = [embed_photo(image, pack) for pack in loaded]
        vectors = [face.embedding for face in faces if face is not None]
        if len(vectors) < len(loaded):
            left_out += 1
            continue
        context = describe(image) if describe is not None else None
        rows.append((str(file), name, train, vectors, context))
    if not rows:
        raise ConfigError(f"no face was found in any photo below {str(folder)!r}")
    spaces = [normalise(np.stack([row[3][at] for row in rows])) for at in range(len(loaded))]
    return LabelledSet(
        tuple(row[0] for row in rows),
        tuple(row[1] for row in rows),
        np.array([row[2] for row in rows], bool),
        tuple(spaces),
        np.stack([row[4] for row in rows if row[4] is not None]) if describe is not None else None,
        left_out,
    )


def _parts(
    people: dict[str, list[Path]], test_share: float, least: int
) -> list[tuple[str, Path, bool]]:
    parts = []
    for name, files in people.items():
        if len(files) < least:
            parts += [("", file, False) for file in files]
            continue
        tested = min(max(round(len(files) * test_share), 1), len(files) - 1)
        cut = len(files) - tested
        parts += [(name, file, at < cut) for at, file in enumerate(files)]
    return parts


def from_parquet(paths: Sequence[str | os.PathLike[str]]) -> LabelledSet:
    """Read one Parquet file a pack, all over the same clips.

    Columns: ``clip``, ``identity`` (empty: a distractor), ``split`` (``train`` or ``test``),
    ``embedding`` (the clip's feature centre), and in the first file, if wanted, ``context``.

    Raises:
        ConfigError: A file cannot be read, lacks a column, or differs in its clips; duplicate
            clips, another split, vectors of unequal length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for path in paths:
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"{str(path)!r} cannot be read as Parquet ({reason})") from error
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing:
            raise ConfigError(f"{str(path)!r} lacks the columns {', '.join(missing)}")
        tables.append(table.sort_by("clip"))
    first = tables[0]
    clips = first["clip"].to_pylist()
    if len(set(clips)) != len(clips):
        raise ConfigError(f"{str(paths[0])!r} names a clip twice; one row a clip")
    for path, table in zip(paths[1:], tables[1:], strict=True):
        if table["clip"].to_pylist() != clips:
            raise ConfigError(f"{str(path)!r} has other clips than {str(paths[0])!r}")
    splits = first["split"].to_pylist()
    strange = sorted({str(s) for s in splits} - {"train", "test"})
    if strange:
        raise ConfigError(f"{str(paths[0])!r}: split must be train or test; got {strange[0]!r}")
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
        raise ConfigError(f"{str(path)!r}: vectors must have one length; got {sorted(lengths)}")
    return np.asarray(rows, np.float32)
