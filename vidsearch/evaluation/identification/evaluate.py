"""Evaluation of identification: probe photos searched in a gallery of people."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError
from vidsearch.evaluation.identification.report import Origin, identification_report
from vidsearch.evaluation.metrics.identification import search
from vidsearch.evaluation.people_folder import read_people_folder
from vidsearch.evaluation.photo_embeddings import (
    EmbeddingOptions,
    PhotoEmbeddings,
    embed_photos,
    pooled_items,
)
from vidsearch.evaluation.report import LeftOutInputs, Report, with_inputs
from vidsearch.evaluation.report.identification import gallery_figures
from vidsearch.photo.people_folders import OtherFiles
from vidsearch.text.names import portable_name
from vidsearch.text.printable import printable

Queries = Literal["each", "together"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFolders:
    """Photos of people, in folders ``<person>/<photo>``.

    Attributes:
        people: Names of the N folders, sorted.
        photos: All P photos, sorted within each person.
        names: Names of the photos below the folder.
        owner: (P,) person of each photo, as a row of ``people``.
        others: Files that are no photos of people.
    """

    people: tuple[str, ...]
    photos: tuple[Path, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    owner: NDArray[np.intp] = field(repr=False)
    others: OtherFiles = field(default_factory=OtherFiles)

    def select(self, photos: NDArray[np.bool_]) -> PhotoFolders:
        """Return the folders with some of the photos, and with the people who have one left.

        Args:
            photos: (P,) True for photos to keep.
        """
        rows = np.flatnonzero(photos)
        people, owner = np.unique(self.owner[rows], return_inverse=True)
        return replace(
            self,
            people=tuple(self.people[row] for row in people),
            photos=tuple(self.photos[row] for row in rows),
            names=tuple(self.names[row] for row in rows),
            owner=owner.astype(np.intp),
        )


def read_folders(folder: Path, left_out: LeftOutInputs) -> PhotoFolders:
    """List the photos of a folder that has one sub-folder per person.

    Args:
        folder: The folder.
        left_out: Takes people without photos, folders that cannot be listed, and photos that lie in
            no folder of a person.

    Raises:
        ConfigError: The folder cannot be read, has no sub-folder, or no person has a photo.
    """
    folder_name = printable(str(folder))
    found = read_people_folder(folder, left_out)
    if not found.people:
        raise ConfigError(f"{folder_name} has no sub-folder; expected <person>/<photo>")
    with_photos = {photo.person for photo in found.photos}
    empty = found.others.without_photos
    if not with_photos:
        raise ConfigError(
            f"{folder_name} has no photo of {printable(empty[0])!r} ({len(empty)} such people); "
            "add one or remove the folder"
        )
    for person in empty:
        left_out.add("person", f"no photo in {folder_name}", person)
    rows = {person: row for row, person in enumerate(sorted(with_photos))}
    return PhotoFolders(
        tuple(rows),
        tuple(Path(photo.path) for photo in found.photos),
        tuple(Path(photo.path).relative_to(folder).as_posix() for photo in found.photos),
        np.array([rows[photo.person] for photo in found.photos], np.intp),
        found.others,
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
        ConfigError: A folder cannot be used, or no probe's person is in the gallery or readable.
    """
    started = time.perf_counter()
    left_out = LeftOutInputs()
    gallery, probes = _both_folders(gallery_folder, probe_folder, left_out)
    embedded = embed_photos((*gallery.photos, *probes.photos), options)
    gallery_photos, probe_photos = _split(embedded, len(gallery.photos))
    gallery, gallery_photos, probes, probe_photos = _readable(
        gallery, gallery_photos, probes, probe_photos, left_out
    )
    enrolled_files, searched_files = _file_hashes(gallery), _file_hashes(probes)
    _remark_on_gallery_files(probes, searched_files, set(enrolled_files), left_out)
    enrolled, enrolled_found = pooled_items(gallery_photos, gallery.owner, len(gallery.people))
    if queries == "together":
        owner, names = probes.owner, list(probes.people)
        person_of_probe = np.arange(len(probes.people))
    else:
        owner = np.arange(len(probes.photos))
        names = [portable_name(name) for name in probes.names]
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
    report = identification_report(
        gallery_figures(gallery_folder.name, searches, identities, len(gallery.people)),
        names,
        identities,
        Origin(
            gallery_folder,
            probe_folder,
            queries,
            options,
            data={
                f"gallery: {gallery_folder.name}": _photos_sha256(gallery, enrolled_files),
                f"probes: {probe_folder.name}": _photos_sha256(probes, searched_files),
            },
            started=started,
        ),
        probes_without_face=int((~templates_found).sum()),
        people_without_face=int((~enrolled_found).sum()),
    )
    passed_over = Counter(gallery.others.passed_over) + Counter(probes.others.passed_over)
    return with_inputs(report, left_out.groups(), passed_over)


def _both_folders(
    gallery_folder: Path, probe_folder: Path, left_out: LeftOutInputs
) -> tuple[PhotoFolders, PhotoFolders]:
    gallery = read_folders(gallery_folder, left_out)
    probes = read_folders(probe_folder, left_out)
    if not set(gallery.people) & set(probes.people):
        raise ConfigError(
            f"no folder name of {printable(str(probe_folder))} is also in "
            f"{printable(str(gallery_folder))}; a person needs the same folder name in both"
        )
    return gallery, probes


def _readable(
    gallery: PhotoFolders,
    gallery_photos: PhotoEmbeddings,
    probes: PhotoFolders,
    probe_photos: PhotoEmbeddings,
    left_out: LeftOutInputs,
) -> tuple[PhotoFolders, PhotoEmbeddings, PhotoFolders, PhotoEmbeddings]:
    """Return both folders without photos that cannot be read, and without probes of lost people.

    A person of whom no gallery photo can be read is not enrolled. Probes of this person would count
    as people outside the gallery, so they are left out too.
    """
    readable = [~(part.missing | part.unreadable) for part in (gallery_photos, probe_photos)]
    for folders, flags in zip((gallery, probes), readable, strict=True):
        for row in np.flatnonzero(~flags):
            left_out.add("photo", "photo unreadable", str(folders.photos[row]))
    enrolled = gallery.select(readable[0])
    lost = set(gallery.people) - set(enrolled.people)
    lost_probes = np.array([probes.people[row] in lost for row in probes.owner], bool)
    for row in np.flatnonzero(lost_probes & readable[1]):
        left_out.add("probe", "no gallery photo of the person is readable", probes.names[row])
    usable = readable[1] & ~lost_probes
    searched = probes.select(usable)
    if not set(enrolled.people) & set(searched.people):
        raise ConfigError(
            "no probe of a person in the gallery is left: "
            f"{int((~readable[0]).sum() + (~readable[1]).sum())} photos cannot be read; check the "
            "photos"
        )
    return (
        enrolled,
        _rows(gallery_photos, readable[0]),
        searched,
        _rows(probe_photos, usable),
    )


def _remark_on_gallery_files(
    probes: PhotoFolders, files: Sequence[bytes], gallery: set[bytes], left_out: LeftOutInputs
) -> None:
    for content, name in zip(files, probes.names, strict=True):
        if content in gallery:
            reason = "the same file is in the gallery, counted all the same"
            left_out.add("probe", reason, name, remark=True)


def _split(embedded: PhotoEmbeddings, first: int) -> tuple[PhotoEmbeddings, PhotoEmbeddings]:
    in_first = np.arange(len(embedded.raw)) < first
    return _rows(embedded, in_first), _rows(embedded, ~in_first)


def _rows(embedded: PhotoEmbeddings, rows: NDArray[np.bool_]) -> PhotoEmbeddings:
    return PhotoEmbeddings(
        embedded.raw[rows], embedded.found[rows], embedded.missing[rows], embedded.unreadable[rows]
    )


def _photos_sha256(folders: PhotoFolders, hashes: Sequence[bytes]) -> str:
    """Return one hash over the names and contents of all photos, in order."""
    digest = hashlib.sha256()
    for content, name in zip(hashes, folders.names, strict=True):
        digest.update(os.fsencode(name) + b"\0" + content)
    return digest.hexdigest()


def _file_hashes(folders: PhotoFolders) -> list[bytes]:
    return [hashlib.sha256(photo.read_bytes()).digest() for photo in folders.photos]
