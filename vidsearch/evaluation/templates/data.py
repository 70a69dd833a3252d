"""Inputs of a template evaluation: lists, and an embedding of every image."""

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
from vidsearch.evaluation.report import LeftOut, LeftOutInputs
from vidsearch.storage.files import replaced_atomically
from vidsearch.storage.find_file import find_file
from vidsearch.text.printable import printable


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOptions:
    """Lists, embeddings and pooling of a template evaluation.

    Attributes:
        media: File ``*_face_tid_mid.txt``.
        pairs: File ``*_template_pair_label.txt``; None: no verification.
        faces: File ``*_name_5pts_score.txt``; required for images and for detection scores.
        images: Folder of the images; None: ``embeddings`` are given.
        embeddings: ``.npy`` or Parquet file with one row per image.
        halves: True if a row holds the embedding, followed by that of the mirrored face.
        detection_scores: Weigh every embedding by its detection score.
        galleries: Files ``*_1N_gallery_*.csv``; empty: no identification.
        probes: File ``*_1N_probe_mixed.csv``.
        save_embeddings: Target ``.npy`` file for the embeddings of the images.
        threads: Number of threads that compare pairs.

    Raises:
        ConfigError: Options that exclude or require each other.
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
            raise ConfigError("name either the images with --images, or their --embeddings")
        if self.faces is None and (self.images is not None or self.detection_scores):
            raise ConfigError("--images and --detection-scores need --faces (landmarks and scores)")
        if bool(self.galleries) != (self.probes is not None):
            raise ConfigError("identification needs both --gallery and --probes")
        if self.pairs is None and not self.galleries:
            raise ConfigError("nothing to measure; name --pairs, or --gallery and --probes")
        if self.halves and self.embeddings is None:
            raise ConfigError("--halves describes --embeddings, which are not named")
        if self.save_embeddings is not None and self.images is None:
            raise ConfigError(
                "--save-embeddings stores embeddings of --images, which are not named"
            )

    @property
    def files(self) -> tuple[Path, ...]:
        """Every input file except the images."""
        named = (self.media, self.pairs, self.faces, self.embeddings, *self.galleries, self.probes)
        return tuple(path for path in named if path is not None)


@dataclass(frozen=True, slots=True, eq=False)
class TemplateSet:
    """Pooled templates and the lists that refer to them.

    Attributes:
        templates: One vector per template.
        images: Number of images.
        without_embedding: Number of images without an embedding.
        pairs: Pairs to verify; None: no verification.
        galleries: Galleries; empty: no identification.
        probes: Probes; None: no identification.
        data: SHA-256 hash by file name.
        left_out: Images that are missing or cannot be read.
    """

    templates: Templates
    images: int
    without_embedding: int
    pairs: TemplatePairs | None = field(repr=False)
    galleries: tuple[Subjects, ...]
    probes: Subjects | None
    data: dict[str, str]
    left_out: tuple[LeftOut, ...] = ()


def read_template_set(options: TemplateOptions, embedding: EmbeddingOptions) -> TemplateSet:
    """Read the lists, embed or read the images, and pool them.

    Raises:
        ConfigError: Files that are malformed or do not match each other; see the readers.
        ShapeError: An embedding that is not finite.
    """
    media = read_media(options.media)
    faces = None if options.faces is None else read_faces(options.faces, media.images)
    ids = np.unique(media.templates)
    pairs = None if options.pairs is None else read_template_pairs(options.pairs, ids)
    galleries = tuple(read_subjects(path, ids) for path in options.galleries)
    probes = None if options.probes is None else read_subjects(options.probes, ids)
    left_out = LeftOutInputs()
    templates, without = _pool(options, embedding, media, faces, left_out)
    return TemplateSet(
        templates,
        len(media.templates),
        without,
        pairs,
        galleries,
        probes,
        {path.name: file_sha256(path) for path in options.files},
        left_out.groups(),
    )


def _pool(
    options: TemplateOptions,
    embedding: EmbeddingOptions,
    media: MediaList,
    faces: FaceList | None,
    left_out: LeftOutInputs,
) -> tuple[Templates, int]:
    if options.embeddings is not None:
        source = _StoredEmbeddings(options.embeddings, options.halves)
        if source.rows != len(media.templates):
            raise ConfigError(
                f"{printable(options.embeddings.name)} must have a row for each of the "
                f"{len(media.templates)} images of {printable(options.media.name)}; got "
                f"{source.rows}"
            )
        usable = np.concatenate([block.any(axis=1) for _, block in source.blocks()])
        blocks = source.blocks()
    else:
        assert options.images is not None
        assert faces is not None
        raw, usable = _embed_images(options, embedding, media.images, faces, left_out)
        blocks = iter([(0, raw)])
    scores = faces.scores if faces is not None and options.detection_scores else None
    weights = media_weights(media.templates, media.media, usable, scores)
    return pool_templates(blocks, media.templates, weights), int((~usable).sum())


class _StoredEmbeddings:
    """Embeddings from a file; the two halves of a row are summed when it is read."""

    def __init__(self, path: Path, halves: bool) -> None:
        self._file = open_vector_file(path)
        self._halves = halves
        self.rows = self._file.rows
        if halves and self._file.dim % 2:
            raise ConfigError(
                f"--halves needs an even number of columns; {printable(path.name)} has "
                f"{self._file.dim}"
            )

    def blocks(self) -> Iterator[tuple[int, Matrix]]:
        half = self._file.dim // 2
        for start, block in self._file.blocks():
            yield start, block[:, :half] + block[:, half:] if self._halves else block


def _embed_images(
    options: TemplateOptions,
    embedding: EmbeddingOptions,
    names: NDArray[np.object_],
    faces: FaceList,
    left_out: LeftOutInputs,
) -> tuple[Matrix, NDArray[np.bool_]]:
    assert options.images is not None
    paths = [find_file(options.images / name) for name in names]
    embedded = embed_photos(paths, embedding, faces.landmarks)
    unusable = int(embedded.missing.sum() + embedded.unreadable.sum())
    if unusable > len(paths) // 2:
        example = paths[int(np.flatnonzero(embedded.missing | embedded.unreadable)[0])]
        raise ConfigError(
            f"{int(embedded.missing.sum())} of {len(paths)} images are missing and "
            f"{int(embedded.unreadable.sum())} unreadable, e.g. "
            f"{printable(str(example))}; "
            "check --images"
        )
    for reason, flags in (
        ("image missing", embedded.missing),
        ("image unreadable", embedded.unreadable),
    ):
        for row in np.flatnonzero(flags).tolist():
            left_out.add("image", reason, str(names[row]))
    if options.save_embeddings is not None:
        _save_embeddings(options.save_embeddings, embedded.raw)
    return embedded.raw, embedded.found


def _save_embeddings(path: Path, raw: Matrix) -> None:
    try:
        with replaced_atomically(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, raw)
    except OSError as error:
        raise ConfigError(
            f"--save-embeddings {printable(str(path))} cannot be written ({error.strerror}); name "
            "another file"
        ) from error
