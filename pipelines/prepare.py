"""Raw photos, or a catalog's labelled tracks -> a training set of aligned faces."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from pipelines.cluster.config import TRIES, ClusterConfig
from pipelines.cluster.context import WorkerContext
from pipelines.cluster.hosts.identity import HostFault
from pipelines.cluster.hosts.shared_storage import read_fault
from pipelines.stages import prepare_photos, reembed_faces
from pipelines.stages.prepare_photos import PhotoOptions
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import judgements
from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError, TrainingSetError, VidsearchError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.geometry.realign import realign
from vidsearch.faces.template import normalise
from vidsearch.media.endings import SOURCE_PHOTO_ENDINGS
from vidsearch.media.kinds import ACCEPTED
from vidsearch.models.registry import LoadedPack, load_pack
from vidsearch.photo.people_folders import OtherFiles, PeopleFolders, PersonPhoto, find_people
from vidsearch.storage.files import neighbour
from vidsearch.text.labels import distinct_labels
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable
from vidsearch.trainingset.assemble import SetOptions, assemble
from vidsearch.trainingset.candidates import Candidate, write_candidates
from vidsearch.trainingset.duplicates import difference_hash
from vidsearch.trainingset.report import SetReport

if TYPE_CHECKING:
    from pipelines.cluster.task import GivenUp
    from pipelines.cluster.tasks import ItemTask

PHOTOS_IN_BATCH = 64
OUTSIDE = "in no folder of an identity"
"""Reason for which photos beside the sub-folders are dropped."""
_START_S = 120.0
_PHOTO_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """Configuration of a training set.

    Attributes:
        photo: Selection and alignment of the face in a photo.
        result: Name, split and layout of the set.
        pack: Pack whose detector finds faces and whose embedder recognises duplicates.
        cluster: Workers, device and scheduler.
    """

    photo: PhotoOptions
    result: SetOptions
    pack: str = "open"
    cluster: ClusterConfig = field(default_factory=ClusterConfig)


def prepare(
    raw: Path, out: Path, options: PrepareOptions, *, show_progress: bool = False
) -> SetReport:
    """Make a training set from photos in one folder for each identity.

    Finished batches stay in ``OUT.part`` until the set is complete, so a stopped run continues
    when it is repeated. ``out`` appears at the end, complete.

    Args:
        raw: ``RAW/<identity>/<photo>``; photos in deeper folders belong to the identity.
        out: New folder of the set.
        options: Configuration of the set.
        show_progress: Draw a progress line on a terminal.

    Raises:
        TrainingSetError: The folder has no photos, or too few faces are left.
        ConfigError: ``out`` exists, or too few identities to hold some out.
        ModelError: The pack cannot be used.
    """
    _check_new(out, raw)
    found = _photos(raw)
    models = load_pack(options.pack, resolve_device(options.cluster.device))
    photos = found.photos
    batches = [photos[i : i + PHOTOS_IN_BATCH] for i in range(0, len(photos), PHOTOS_IN_BATCH)]
    with _work_folder(out, resumable=True) as work:
        paths = [work / f"{_name(batch, models, options.photo)}.parquet" for batch in batches]
        todo = [pair for pair in zip(batches, paths, strict=True) if not pair[1].exists()]
        finished = len(photos) - sum(len(batch) for batch, _ in todo)
        # disable=None: quiet unless stderr is a terminal
        with tqdm(
            total=len(photos),
            initial=finished,
            unit=" photos",
            disable=None if show_progress else True,
        ) as progress:
            for path, candidates in _candidates(todo, models, options):
                write_candidates(path, candidates)
                progress.update(len(candidates))
        outside = work / "outside.parquet"
        write_candidates(
            outside,
            [Candidate("", path, dropped=OUTSIDE) for path in found.others.outside],
        )
        made_by = {
            "photos": portable_name(str(raw)),
            "pack": models.pack.name,
            "model_id": models.model_id,
        }
        return _finish([*paths, outside], work, out, models, options, made_by, found.others)


def prepare_from_catalog(
    root: str | os.PathLike[str], out: Path, options: PrepareOptions
) -> SetReport:
    """Make a training set from the labelled tracks of a catalog.

    The faces are those that the catalog stores of each track, aligned again; no video is decoded.

    Args:
        root: Folder of the catalog.
        out: New folder of the set.
        options: Configuration of the set.

    Raises:
        TrainingSetError: No track is labelled, or too few faces are left.
        CatalogError: The catalog cannot be read.
        ConfigError: As for ``prepare``.
    """
    _check_new(out)
    catalog = Catalog.open(root)
    models = load_pack(catalog.pack, resolve_device(options.cluster.device))
    catalog.require_model(models.model_id)
    labels = judgements(catalog)
    if not labels.person_of:
        raise TrainingSetError(
            f"catalog {catalog.uri!r} has no labelled tracks; label tracks in: "
            f"vidsearch ui {catalog.uri}"
        )
    names = distinct_labels(labels.names)
    rows = catalog.faces(track_ids=list(labels.person_of)).to_pylist()
    rows.sort(key=lambda row: (row["track_id"], row["position"]))
    with _work_folder(out, resumable=False) as work:
        path = work / "tracks.parquet"
        template = options.photo.template
        write_candidates(
            path,
            [
                _stored(row, names[labels.person_of[row["track_id"]]], models, template)
                for row in rows
            ],
        )
        made_by = {"catalog": catalog.uri, "pack": models.pack.name, "model_id": models.model_id}
        return _finish([path], work, out, models, options, made_by)


def _check_new(out: Path, raw: Path | None = None) -> None:
    if out.exists():
        raise ConfigError(
            f"'{printable(str(out))}' exists already; name a new folder for the training set"
        )
    if raw is not None and out.resolve().is_relative_to(raw.resolve()):
        raise ConfigError(
            f"'{printable(str(out))}' lies in the folder of photos; name a folder outside, so that "
            "its faces are not read as photos"
        )


@contextmanager
def _work_folder(out: Path, *, resumable: bool) -> Iterator[Path]:
    """Yield the folder of unfinished work; after an error it stays if a later run can use it.

    Raises:
        ConfigError: The folder cannot be made.
        TrainingSetError: The disk reports an error.
    """
    work = neighbour(out, ending=".part")
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"'{printable(str(work))}' cannot be created ({error.strerror}); name another folder "
            "for the set"
        ) from error
    try:
        yield work
    except Exception as error:
        if not resumable or not any(work.glob("*.parquet")):
            shutil.rmtree(work, ignore_errors=True)
            raise
        remains = (
            f"the faces found so far are kept in '{printable(str(work))}': the next run with the "
            "same OUT uses them; delete the folder if there is none"
        )
        if isinstance(error, VidsearchError):
            raise type(error)(f"{error}; {remains}") from error
        if isinstance(error, OSError):
            file = error.filename if error.filename is not None else work
            raise TrainingSetError(
                f"'{printable(str(file))}' cannot be written ({error.strerror}); {remains}"
            ) from error
        raise


def _finish(
    paths: Sequence[Path],
    work: Path,
    out: Path,
    models: LoadedPack,
    options: PrepareOptions,
    made_by: dict[str, Any],
    others: OtherFiles | None = None,
) -> SetReport:
    result = work / "set"
    template, confidence = options.photo.template, models.calibration.confidence
    report = assemble(paths, result, template, confidence, options.result, made_by, others)
    result.rename(out)
    shutil.rmtree(work, ignore_errors=True)
    return report


def _photos(raw: Path) -> PeopleFolders:
    if not raw.is_dir():
        raise TrainingSetError(
            f"'{printable(str(raw))}' is not a folder; name one with a sub-folder per identity"
        )
    try:
        found = find_people(raw, SOURCE_PHOTO_ENDINGS, sniff=True)
    except OSError as error:
        raise TrainingSetError(
            f"'{printable(str(raw))}' cannot be listed ({error.strerror}); change its mode"
        ) from error
    if not found.photos:
        raise TrainingSetError(
            f"'{printable(str(raw))}' holds no photos in sub-folders ({len(found.people)} "
            f"sub-folders, {len(found.others.outside)} photos beside them); it must hold one "
            f"folder per identity, with photos in it ({ACCEPTED})"
        )
    return found


def _name(batch: Sequence[PersonPhoto], models: LoadedPack, options: PhotoOptions) -> str:
    """Return a name for a batch: the hash of all inputs of its result."""
    digest = hashlib.sha256(f"3 {models.model_id} {options}".encode())
    for photo in batch:
        about = Path(photo.path).stat()
        line = f"\n{photo.person}\0{photo.path}\0{about.st_size}\0{about.st_mtime_ns}"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _candidates(
    todo: Sequence[tuple[Sequence[PersonPhoto], Path]], models: LoadedPack, options: PrepareOptions
) -> Iterator[tuple[Path, tuple[Candidate, ...]]]:
    if options.cluster.in_process or not todo:
        for batch, path in todo:
            yield path, prepare_photos.run(batch, models, options.photo)
        return
    from pipelines.cluster.connect import connect
    from pipelines.cluster.context import WorkerPack
    from pipelines.cluster.fingerprint import pack_identity
    from pipelines.cluster.hosts.shared_storage import InputFile, sample_files
    from pipelines.cluster.tasks import run_tasks

    prepare_on_worker = partial(_prepare_batch, photo=options.photo)
    batches = [tuple(batch) for batch, _ in todo]
    worker_pack = WorkerPack(options.pack, pack_identity(models.pack))
    photos = (InputFile(p.path, Path(p.path).stat().st_size) for batch in batches for p in batch)
    files = sample_files(photos) if options.cluster.scheduler is not None else ()
    with connect(options.cluster, worker_pack, files) as cluster:
        for number, candidates in run_tasks(cluster, prepare_on_worker, batches, _dropped):
            yield todo[number][1], candidates


def _prepare_batch(
    context: WorkerContext, batch: tuple[PersonPhoto, ...], photo: PhotoOptions
) -> tuple[Candidate, ...] | HostFault:
    context.allow(_START_S + _PHOTO_WITHIN_S * len(batch))
    candidates = prepare_photos.run(batch, context.models, photo)
    fault = next((fault for raw in batch if (fault := read_fault(raw.path))), "")
    return HostFault(fault, candidates) if fault else candidates


def _dropped(failure: GivenUp[ItemTask]) -> tuple[Candidate, ...]:
    """Return dropped candidates for the photos of a batch that killed its workers."""
    dropped = f"worker died: {TRIES} workers died of this batch of photos"
    return tuple(
        Candidate(photo.person, photo.path, dropped=dropped, failed=True)
        for photo in failure.task.item
    )


def _stored(
    row: dict[str, Any], identity: str, models: LoadedPack, template: AlignmentTemplate
) -> Candidate:
    source = f"track {row['track_id']} at {row['time_s']:.2f} s"
    image = reembed_faces.decode_stored_face(row["aligned_jpeg"])
    if image is None:
        dropped = "unreadable: its stored image is damaged"
        return Candidate(identity, source, dropped=dropped, failed=True)
    landmarks = np.array(row["landmarks"], np.float32).reshape(5, 2)
    stored, stored_points = models.embedder.template, row.get("aligned_points")
    if stored_points is not None:  # the face was aligned for an earlier pack of the catalog
        points = np.array(stored_points, np.float32).reshape(5, 2)
        stored = reembed_faces.stored_alignment(points, len(image), stored)
    face = realign(image, landmarks, stored, template)
    embedding = normalise(np.array([row["embedding"]], np.float32))[0]
    return Candidate(identity, source, prepare_photos.jpeg(face), difference_hash(face), embedding)
