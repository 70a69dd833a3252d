"""What an evaluation of templates needs: lists, and an embedding of every image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsearch.datatypes import Matrix
from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.templates import Templates, media_weights, pool_templates
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions, embed_photos
from vidsearch.evaluation.protocols.lines import file_sha256
from vidsearch.evaluation.protocols.templates import (
    FaceList,
    MediaList,
    Subjects,
    TemplatePairs,
    read_faces,
    read_media,
    read_subjects,
    read_template_pairs,
)
from vidsearch.evaluation.protocols.vectors import open_vector_file
from vidsearch.text.printable import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOptions:
    """Which lists, which embeddings, and how they are pooled.

    Attributes:
        media: ``*_face_tid_mid.txt``.
        pairs: ``*_template_pair_label.txt``; None: no verification.
        faces: ``*_name_5pts_score.txt``; needed for images and for detection scores.
        images: Folder of the images; None: ``embeddings`` are there.
        embeddings: ``.npy`` or Parquet, one row an image.
        halves: A row holds the embedding and, after it, that of the mirrored face.
        detection_scores: Weigh every embedding by its detection score.
        galleries: ``*_1N_gallery_*.csv``; empty: no identification.
        probes: ``*_1N_probe_mixed.csv``.
        save_embeddings: Where embeddings of images are kept as ``.npy``.
        threads: How many compare pairs at once.
    """

    media: Path
    pairs: Path | None = None
    faces: Path | None = None
    images: Path | None = None
    embeddings: Path | None = None
    halves: bool = False
    detection_scores: bool = False
    galleries: tuple[Path, ...] = ()
    probes: Path | None = None
    save_embeddings: Path | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if (self.images is None) == (self.embeddings is None):
            raise ConfigError("name the images with --images, or their --embeddings; one of both")
        if self.faces is None and (self.images is not None or self.detection_scores):
            raise ConfigError("--images and --detection-scores need --faces (landmarks and scores)")
        if bool(self.galleries) != (self.probes is not None):
            raise ConfigError("identification needs both --gallery and --probes")
        if self.pairs is None and not self.galleries:
            raise ConfigError("nothing to measure: name --pairs, or --gallery and --probes")
        if self.halves and self.embeddings is None:
            raise ConfigError("--halves describes --embeddings, which are not named")
        if self.save_embeddings is not None and self.images is None:
            raise ConfigError("--save-embeddings keeps embeddings of --images, which are not named")

    @property
    def files(self) -> tuple[Path, ...]:
        """Return every file that is read, but for the images."""
        named = (self.media, self.pairs, self.faces, self.embeddings, *self.galleries, self.probes)
        return tuple(path for path in named if path is not None)


@dataclass(frozen=True, slots=True, eq=False)
class TemplateSet:
    """Everything that was read and pooled.

    Attributes:
        templates: One vector a template.
        images: How many there are.
        without_embedding: How many of them have none.
        pairs: None: no verification.
        galleries: Empty: no identification.
        probes: None likewise.
        data: sha256 by file name.
    """

    templates: Templates
    images: int
    without_embedding: int
    pairs: TemplatePairs | None = field(repr=False)
    galleries: tuple[Subjects, ...]
    probes: Subjects | None
    data: dict[str, str]


def read_template_set(options: TemplateOptions, embedding: EmbeddingOptions) -> TemplateSet:
    """Read the lists, embed or read the images, and pool them.

    Raises:
        ConfigError: Files that are malformed or do not fit together; see the readers.
        ShapeError: An embedding that is not finite.
    """
    media = read_media(options.media)
    faces = None if options.faces is None else read_faces(options.faces, media.images)
    known = np.unique(media.templates)
    pairs = None if options.pairs is None else read_template_pairs(options.pairs, known)
    galleries = tuple(read_subjects(path, known) for path in options.galleries)
    probes = None if options.probes is None else read_subjects(options.probes, known)
    templates, without = _pooled(options, embedding, media, faces)
    return TemplateSet(
        templates,
        len(media.templates),
        without,
        pairs,
        galleries,
        probes,
        {path.name: file_sha256(path) for path in options.files},
    )


def _pooled(
    options: TemplateOptions, embedding: EmbeddingOptions, media: MediaList, faces: FaceList | None
) -> tuple[Templates, int]:
    if options.embeddings is not None:
        source = _Stored(options.embeddings, options.halves)
        if source.rows != len(media.templates):
            raise ConfigError(
                f"{printable(options.embeddings.name)} must have a row for each of the "
                f"{len(media.templates)} images of {printable(options.media.name)}; got "
                f"{source.rows}"
            )
        used = np.concatenate([block.any(axis=1) for _, block in source.blocks()])
        blocks = source.blocks()
    else:
        assert options.images is not None
        assert faces is not None
        raw, used = _embedded(options, embedding, media.images, faces)
        blocks = iter([(0, raw)])
    scores = faces.scores if faces is not None and options.detection_scores else None
    weights = media_weights(media.templates, media.media, used, scores)
    return pool_templates(blocks, media.templates, weights), int((~used).sum())


class _Stored:
    """Embeddings from a file; halves are summed on the way."""

    def __init__(self, path: Path, halves: bool) -> None:
        self._file = open_vector_file(path)
        self._halves = halves
        self.rows = self._file.rows
        if halves and self._file.dim % 2:
            raise ConfigError(
                f"--halves: {printable(path.name)} has {self._file.dim} numbers a row: odd"
            )

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        half = self._file.dim // 2
        for start, block in self._file.blocks():
            yield start, block[:, :half] + block[:, half:] if self._halves else block


def _embedded(
    options: TemplateOptions,
    embedding: EmbeddingOptions,
    names: NDArray[np.object_],
    faces: FaceList,
) -> tuple[Matrix, NDArray[np.bool_]]:
    assert options.images is not None
    paths = [options.images / name for name in names]
    found = embed_photos(paths, embedding, faces.landmarks)
    gone = int(found.missing.sum() + found.unreadable.sum())
    if gone > len(paths) // 2:
        raise ConfigError(
            f"{int(found.missing.sum())} of {len(paths)} images are missing and "
            f"{int(found.unreadable.sum())} unreadable, e.g. "
            f"{printable(str(paths[int(np.flatnonzero(found.missing | found.unreadable)[0])]))}; "
            "check --images"
        )
    if options.save_embeddings is not None:
        _save(options.save_embeddings, found.raw)
    return found.raw, found.found


def _save(path: Path, raw: Matrix) -> None:
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as stream:
            np.save(stream, raw)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigError(
            f"--save-embeddings {printable(str(path))} cannot be written ({error.strerror}); name "
            "another file"
        ) from error
