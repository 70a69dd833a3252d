"""Evaluation of identification: probe photos searched in a gallery of people."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.identification.report import Origin, identification_report
from vidsearch.evaluation.metrics.identification import search
from vidsearch.evaluation.photo_embeddings import (
    EmbeddingOptions,
    PhotoEmbeddings,
    embed_photos,
    pooled_items,
)
from vidsearch.evaluation.report import Report
from vidsearch.evaluation.report.identification import gallery_figures
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.text.printable import printable

Queries = Literal["each", "together"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFolders:
    """Photos of people, in folders ``<person>/<photo>``.

    Attributes:
        people: Names of the N folders, sorted.
        photos: All P photos, sorted within each person.
        owner: (P,) person of each photo, as a row of ``people``.
    """

    people: tuple[str, ...]
    photos: tuple[Path, ...] = field(repr=False)
    owner: NDArray[np.intp] = field(repr=False)


def read_folders(folder: Path) -> PhotoFolders:
    """List the photos of a folder that has one sub-folder per person.

    Raises:
        ConfigError: The folder cannot be read, has no sub-folder, or a person has no photo.
    """
    folder_name = printable(str(folder))
    try:
        subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
        people = [path for path in subfolders if not path.name.startswith(".")]
        photos = [
            sorted(p for p in person.iterdir() if p.suffix.lower() in PHOTO_ENDINGS)
            for person in people
        ]
    except OSError as error:
        raise ConfigError(
            f"{folder_name} cannot be read ({error.strerror}); check the path"
        ) from error
    if not people:
        raise ConfigError(f"{folder_name} has no sub-folder; expected <person>/<photo>")
    empty = [person.name for person, found in zip(people, photos, strict=True) if not found]
    if empty:
        raise ConfigError(
            f"{folder_name} has no photo of {printable(empty[0])!r} ({len(empty)} such people); "
            "add one or remove the folder"
        )
    return PhotoFolders(
        tuple(person.name for person in people),
        tuple(photo for found in photos for photo in found),
        np.repeat(np.arange(len(people)), [len(found) for found in photos]),
    )


def evaluate_identification(
    gallery_folder: Path, probe_folder: Path, queries: Queries, options: EmbeddingOptions
) -> Report:
    """Embed both folders, search every probe in the gallery, and return the report.

    Args:
        gallery_folder: ``<person>/<photo>`` of the enrolled people.
        probe_folder: ``<person>/<photo>`` of the probes. The same folder name means the same
            person.
        queries: ``each``: one search per probe photo; ``together``: one search per person.
        options: Pack and device.

    Raises:
        ConfigError: A folder cannot be used, or no probe's person is in the gallery.
    """
    started = time.perf_counter()
    gallery, probes = read_folders(gallery_folder), read_folders(probe_folder)
    if not set(gallery.people) & set(probes.people):
        raise ConfigError(
            f"no folder name of {printable(str(probe_folder))} is also in "
            f"{printable(str(gallery_folder))}; a person needs the same folder name in both"
        )
    embedded = embed_photos((*gallery.photos, *probes.photos), options)
    gallery_photos, probe_photos = _split(embedded, len(gallery.photos))
    enrolled, enrolled_found = pooled_items(gallery_photos, gallery.owner, len(gallery.people))
    if queries == "together":
        owner, names = probes.owner, list(probes.people)
        person_of_probe = np.arange(len(probes.people))
    else:
        owner = np.arange(len(probes.photos))
        names = [f"{photo.parent.name}/{photo.name}" for photo in probes.photos]
        person_of_probe = probes.owner
    templates, templates_found = pooled_items(probe_photos, owner, len(names))
    numbers = {name: row for row, name in enumerate(gallery.people)}
    subjects = np.array(
        [numbers.get(probes.people[row], len(numbers) + int(row)) for row in person_of_probe],
        np.int64,
    )
    identities = [probes.people[row] for row in person_of_probe]
    searches = search(
        templates,
        subjects,
        enrolled,
        np.arange(len(gallery.people)),
        (templates_found, enrolled_found),
    )
    return identification_report(
        gallery_figures(gallery_folder.name, searches, identities, len(gallery.people)),
        names,
        identities,
        Origin(
            gallery_folder,
            probe_folder,
            queries,
            options,
            data={
                f"gallery: {gallery_folder.name}": _photos_sha256(gallery),
                f"probes: {probe_folder.name}": _photos_sha256(probes),
            },
            started=started,
        ),
        probes_without_face=int((~templates_found).sum()),
        people_without_face=int((~enrolled_found).sum()),
    )


def _split(embedded: PhotoEmbeddings, first: int) -> tuple[PhotoEmbeddings, PhotoEmbeddings]:
    def part(rows: slice) -> PhotoEmbeddings:
        return PhotoEmbeddings(
            embedded.raw[rows],
            embedded.found[rows],
            embedded.missing[rows],
            embedded.unreadable[rows],
        )

    return part(slice(None, first)), part(slice(first, None))


def _photos_sha256(folders: PhotoFolders) -> str:
    """Return one hash over the names and contents of all photos, in order."""
    digest = hashlib.sha256()
    for photo in folders.photos:
        name = f"{photo.parent.name}/{photo.name}".encode("utf-8", "surrogateescape")
        digest.update(name + b"\0" + hashlib.sha256(photo.read_bytes()).digest())
    return digest.hexdigest()
