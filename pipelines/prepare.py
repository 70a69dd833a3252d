"""Raw photos, or a catalog's labelled tracks -> a training set of aligned faces."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pipelines.cluster.config import ClusterConfig
from pipelines.stages import prepare_photos, reembed_faces
from pipelines.stages.prepare_photos import PhotoOptions, RawPhoto
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import judgements
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.geometry.realign import realign
from vidsearch.faces.template import normalise
from vidsearch.media.endings import SOURCE_PHOTO_ENDINGS
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.trainingset.assemble import SetOptions, SetReport, assemble
from vidsearch.trainingset.candidates import Candidate, write_candidates
from vidsearch.trainingset.duplicates import difference_hash

PHOTOS_IN_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """How a training set is made.

    Attributes:
        photo: How a face is taken from a photo.
        result: Name, split and layout of the set.
        pack: Whose detector finds faces, and whose embedder knows duplicates.
        cluster: Workers, device and scheduler.
    """

    photo: PhotoOptions
    result: SetOptions
    pack: str = "open"
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


def prepare(
    raw: Path, out: Path, options: PrepareOptions, *, show_progress: bool = False
) -> SetReport:
    """Make a training set of photos in one folder an identity.

    Finished batches stay in ``OUT.part`` until the set is whole, so a run that was stopped goes on
    when it is repeated; ``out`` appears at the end, complete.

    Args:
        raw: ``RAW/<identity>/<photo>``; photos in deeper folders count as the identity's.
        out: New.
        options: How.
        show_progress: Draw a progress line on a terminal.

    Raises:
        TrainingSetError: No photos there, or too little is left.
        ConfigError: ``out`` exists, or too few identities to hold some out.
        ModelError: The pack cannot be used.
    """
    work = _fresh(out)
    photos = _photos(raw)
    models = load_pack(options.pack, resolve_device(options.cluster.device))
    batches = [photos[i : i + PHOTOS_IN_BATCH] for i in range(0, len(photos), PHOTOS_IN_BATCH)]
    paths = [work / f"{_name(batch, models, options.photo)}.parquet" for batch in batches]
    todo = [pair for pair in zip(batches, paths, strict=True) if not pair[1].exists()]
    finished = len(photos) - sum(len(batch) for batch, _ in todo)
    # disable=None: quiet unless stderr is a terminal
    with tqdm(
        total=len(photos), initial=finished, unit=" photos", disable=None if show_progress else True
    ) as progress:
        for path, candidates in _worked(todo, models, options):
            write_candidates(path, candidates)
            progress.update(len(candidates))
    made_by = {"photos": str(raw), "pack": models.pack.name, "model_id": models.model_id}
    return _finish(paths, work, out, options.photo.template, models, options, made_by)


def prepare_from_catalog(
    place: str | os.PathLike[str], out: Path, options: PrepareOptions
) -> SetReport:
    """Make a training set of a catalog's tracks that were said to show a person.

    The faces are the ones that the catalog keeps of each track, aligned anew from their pictures;
    no video is decoded.

    Raises:
        TrainingSetError: No track is labelled, or too little is left.
        CatalogError: The catalog cannot be read.
        ConfigError: As for ``prepare``.
    """
    work = _fresh(out)
    catalog = Catalog.open(place)
    models = load_pack(catalog.pack, resolve_device(options.cluster.device))
    catalog.require_model(models.model_id)
    known = judgements(catalog)
    if not known.person_of:
        raise TrainingSetError(
            f"catalog {catalog.uri!r} has no labelled tracks; say who is who in: "
            f"vidsearch ui {catalog.uri}"
        )
    path = work / "tracks.parquet"
    names = _distinct(known.names)
    rows = catalog.faces(track_ids=list(known.person_of)).to_pylist()
    rows.sort(key=lambda row: (row["track_id"], row["position"]))
    write_candidates(
        path,
        [
            _stored(row, names[known.person_of[row["track_id"]]], models, options.photo.template)
            for row in rows
        ],
    )
    made_by = {"catalog": catalog.uri, "pack": models.pack.name, "model_id": models.model_id}
    return _finish([path], work, out, options.photo.template, models, options, made_by)


def _fresh(out: Path) -> Path:
    if out.exists():
        raise ConfigError(f"{out} exists already; name a new folder for the training set")
    work = out.with_name(f"{out.name}.part")
    work.mkdir(parents=True, exist_ok=True)
    return work


def _finish(
    paths: Sequence[Path],
    work: Path,
    out: Path,
    template: AlignmentTemplate,
    models: LoadedPack,
    options: PrepareOptions,
    made_by: dict[str, Any],
) -> SetReport:
    result = work / "set"
    report = assemble(
        paths, result, template, models.calibration.confidence, options.result, made_by
    )
    result.rename(out)
    shutil.rmtree(work, ignore_errors=True)
    return report


def _photos(raw: Path) -> list[RawPhoto]:
    if not raw.is_dir():
        raise TrainingSetError(f"{raw} is not a folder; name one that holds a folder an identity")
    found = [
        RawPhoto(folder.name, str(path))
        for folder in sorted(raw.iterdir())
        if folder.is_dir() and not folder.name.startswith(".")
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SOURCE_PHOTO_ENDINGS
        and not path.name.startswith(".")
        and path.is_file()
    ]
    if not found:
        raise TrainingSetError(
            f"{raw} holds no photos in sub-folders; it must hold one folder an identity, with "
            f"photos ({', '.join(SOURCE_PHOTO_ENDINGS)}) in it"
        )
    return found


def _name(batch: Sequence[RawPhoto], models: LoadedPack, options: PhotoOptions) -> str:
    """Name a batch by all that its result depends on."""
    digest = hashlib.sha256(f"{models.model_id} {options}".encode())
    for photo in batch:
        about = Path(photo.path).stat()
        line = f"\n{photo.identity}\0{photo.path}\0{about.st_size}\0{about.st_mtime_ns}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _worked(
    todo: Sequence[tuple[Sequence[RawPhoto], Path]], models: LoadedPack, options: PrepareOptions
) -> Iterator[tuple[Path, tuple[Candidate, ...]]]:
    if options.cluster.in_process or not todo:
        for batch, path in todo:
            yield path, prepare_photos.run(batch, models, options.photo)
        return
    from pipelines.cluster import tasks as batches
    from pipelines.cluster.fingerprint import pack_identity

    paths = {number: path for number, (_, path) in enumerate(todo)}
    photos = [tuple(batch) for batch, _ in todo]
    for number, candidates in batches.prepare(
        photos, options.pack, pack_identity(models.pack), options.photo, options.cluster
    ):
        yield paths[number], candidates


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """Return person_id -> name, with a part of the id where two people share one."""
    shared = list(names.values())
    return {
        person: name if shared.count(name) == 1 else f"{name} ({person[:8]})"
        for person, name in names.items()
    }


def _stored(
    row: dict[str, Any], identity: str, models: LoadedPack, template: AlignmentTemplate
) -> Candidate:
    source = f"track {row['track_id']} at {row['time_s']:.2f} s"
    picture = reembed_faces.picture(row["aligned_jpeg"])
    if picture is None:
        return Candidate(identity, source, dropped="unreadable: its stored picture is damaged")
    landmarks = np.array(row["landmarks"], np.float32).reshape(5, 2)
    stored, told = models.embedder.template, row.get("aligned_points")
    if told is not None:  # kept from the pack that the catalog had before
        points = np.array(told, np.float32).reshape(5, 2)
        stored = reembed_faces.alignment(points, len(picture), stored)
    face = realign(picture, landmarks, stored, template)
    embedding = normalise(np.array([row["embedding"]], np.float32))[0]
    return Candidate(identity, source, prepare_photos.jpeg(face), difference_hash(face), embedding)
