"""Identification on folders of photos: probe photos searched in a gallery of people."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.device import resolve_device
from vidsearch.errors import ConfigError
from vidsearch.evaluation.metrics.identification import search
from vidsearch.evaluation.photo_embeddings import (
    EmbeddingOptions,
    PhotoEmbeddings,
    embed_photos,
    pooled_items,
)
from vidsearch.evaluation.report import Measure, Provenance, Report, Scores, Section
from vidsearch.evaluation.report import identification as tables
from vidsearch.evaluation.report.identification import Identified, identified
from vidsearch.media.endings import PHOTO_ENDINGS
from vidsearch.models.registry import load_pack
from vidsearch.text.printable import printable

CONVENTIONS = (
    "gallery: one template a person, the centre of the raw embeddings of all photos in the folder",
    "embedding: raw embedding plus that of the mirrored face, then L2-normalised; cosine",
    "of several faces in a photo the one nearest its centre is taken",
    "a probe without a face is never found, and never a false alarm",
    *tables.CONVENTIONS,
)

Queries = Literal["each", "together"]


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFolders:
    """Photos of people: ``<person>/<photo>``.

    Attributes:
        people: N names of folders, sorted.
        photos: All photos, sorted within each person.
        owner: (P,) person of each photo.
    """

    people: tuple[str, ...]
    photos: tuple[Path, ...] = field(repr=False)
    owner: NDArray[np.intp] = field(repr=False)


def read_folders(folder: Path) -> PhotoFolders:
    """List the photos of a folder with one folder a person.

    Raises:
        ConfigError: It is no folder, holds none, or a person has no photo.
    """
    shown = printable(str(folder))
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        people = [path for path in inside if not path.name.startswith(".")]
        photos = [
            sorted(p for p in person.iterdir() if p.suffix.lower() in PHOTO_ENDINGS)
            for person in people
        ]
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read ({error.strerror}); check the path") from error
    if not people:
        raise ConfigError(f"{shown} holds no folder; expected <person>/<photo>")
    empty = [person.name for person, mine in zip(people, photos, strict=True) if not mine]
    if empty:
        raise ConfigError(
            f"{shown} has no photo of {printable(empty[0])!r} ({len(empty)} such); add one or "
            "remove the folder"
        )
    return PhotoFolders(
        tuple(person.name for person in people),
        tuple(photo for mine in photos for photo in mine),
        np.repeat(np.arange(len(people)), [len(mine) for mine in photos]),
    )


def evaluate_identification(
    gallery_folder: Path, probe_folder: Path, queries: Queries, options: EmbeddingOptions
) -> Report:
    """Embed both folders, search every probe in the gallery, and return the report.

    Raises:
        ConfigError: Folders that cannot be used, or no probe's person is in the gallery.
    """
    started = time.perf_counter()
    gallery, probes = read_folders(gallery_folder), read_folders(probe_folder)
    if not set(gallery.people) & set(probes.people):
        raise ConfigError(
            f"no folder of {printable(str(probe_folder))} has the name of one in "
            f"{printable(str(gallery_folder))}: the same person needs the same name in both"
        )
    embedded = embed_photos((*gallery.photos, *probes.photos), options)
    first, second = _halves(embedded, len(gallery.photos))
    enrolled, enrolled_found = pooled_items(first, gallery.owner, len(gallery.people))
    if queries == "together":
        owner, names = probes.owner, list(probes.people)
        who = np.arange(len(probes.people))
    else:
        owner = np.arange(len(probes.photos))
        names = [f"{photo.parent.name}/{photo.name}" for photo in probes.photos]
        who = probes.owner
    asked, asked_found = pooled_items(second, owner, len(names))
    numbers = {name: row for row, name in enumerate(gallery.people)}
    subjects = np.array(
        [numbers.get(probes.people[row], len(numbers) + int(row)) for row in who], np.int64
    )
    identities = [probes.people[row] for row in who]
    searches = search(
        asked, subjects, enrolled, np.arange(len(gallery.people)), (asked_found, enrolled_found)
    )
    found = identified(gallery_folder.name, searches, identities, len(gallery.people))
    lead = _lead(found, names, (~asked_found).sum(), (~enrolled_found).sum())
    return _report(
        found, lead, (names, identities), _hashes(gallery_folder, probe_folder, gallery, probes),
        {"gallery": str(gallery_folder), "probes": str(probe_folder), "queries": queries},
        options, started,
    )  # fmt: skip


def _halves(embedded: PhotoEmbeddings, first: int) -> tuple[PhotoEmbeddings, PhotoEmbeddings]:
    def part(rows: slice) -> PhotoEmbeddings:
        return PhotoEmbeddings(
            embedded.raw[rows],
            embedded.found[rows],
            embedded.missing[rows],
            embedded.unreadable[rows],
        )

    return part(slice(None, first)), part(slice(first, None))


def _hashes(
    gallery_folder: Path, probe_folder: Path, gallery: PhotoFolders, probes: PhotoFolders
) -> dict[str, str]:
    """Return one hash a folder: over the names and contents of its photos, in order."""
    found = {}
    for what, folder, listed in (
        ("gallery", gallery_folder, gallery),
        ("probes", probe_folder, probes),
    ):
        digest = hashlib.sha256()
        for photo in listed.photos:
            name = f"{photo.parent.name}/{photo.name}".encode("utf-8", "surrogateescape")
            digest.update(name + b"\0" + hashlib.sha256(photo.read_bytes()).digest())
        found[f"{what}: {folder.name}"] = digest.hexdigest()
    return found


def _lead(found: Identified, names: list[str], lost_probes: int, lost_enrolled: int) -> str:
    mated = int(found.searches.mated.sum())
    text = (
        f"{len(names):,} probes, {mated:,} of people in the gallery and {len(names) - mated:,} of "
        f"others; {found.enrolled:,} people enrolled."
    )
    if lost_probes:
        text += f" {lost_probes:,} probes show no face that was found."
    if lost_enrolled:
        text += f" {lost_enrolled:,} people could not be enrolled for want of a face."
    if not found.open_set:
        text += " Every probe's person is in the gallery, so there is no TPIR at FPIR."
    return text


def _report(
    found: Identified,
    lead: str,
    rows: tuple[list[str], list[str]],
    data: dict[str, str],
    configuration: dict[str, str],
    options: EmbeddingOptions,
    started: float,
) -> Report:
    pack = load_pack(options.model, resolve_device(options.device), announce=False)
    measures = tuple(Measure(f"rank-{k}", column=f"rank_{k}") for k in tables.RANKS)
    return Report(
        kind="identification",
        title=f"Identification in {found.name} with pack {pack.pack.name}",
        lead=lead,
        conventions=CONVENTIONS,
        headlines=tables.headlines([found]),
        metrics=found.metrics(),
        provenance=Provenance(
            configuration={**configuration, **asdict(options)},
            data=data,
            model_id=pack.model_id,
            pack_files={file.name: file.sha256 for file in pack.pack.files},
            elapsed_s=time.perf_counter() - started,
        ),
        sections=(
            Section(
                "Figures",
                "",
                (
                    tables.identification_table([found]),
                    tables.intervals_table([found]),
                    tables.cmc_figure([found]),
                ),
            ),
        ),
        scores=Scores("search", tables.score_columns([found], *rows), measures, ("identity",)),
    )
