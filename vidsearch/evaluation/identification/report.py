"""Report on identification in one gallery."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from vidsearch.device import resolve_device
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.report import Measure, Provenance, Report, Scores, Section
from vidsearch.evaluation.report.identification import (
    CONVENTIONS,
    RANKS,
    GalleryFigures,
    cmc_figure,
    headlines,
    identification_table,
    intervals_table,
    score_columns,
)
from vidsearch.models.registry import load_pack

_CONVENTIONS = (
    "gallery: one template per person, the centre of the raw embeddings of the folder's photos",
    "embedding: raw embedding plus that of the mirrored face, then L2-normalised; cosine",
    "of several faces in a photo, the face nearest to its centre is used",
    "a probe without a face is never found, and never a false alarm",
    *CONVENTIONS,
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Inputs of an identification.

    Attributes:
        gallery: Folder of the gallery.
        probes: Folder of the probes.
        queries: ``each`` or ``together``.
        options: Pack and device.
        data: Hash by name of the inputs.
        started: ``time.perf_counter()`` at the start of the evaluation.
    """

    gallery: Path
    probes: Path
    queries: str
    options: EmbeddingOptions
    data: dict[str, str]
    started: float


def identification_report(
    figures: GalleryFigures,
    names: list[str],
    identities: list[str],
    origin: Origin,
    *,
    probes_without_face: int,
    people_without_face: int,
) -> Report:
    """Return the report on a gallery.

    Args:
        figures: Figures of the gallery.
        names: Name of each probe.
        identities: Person of each probe.
        origin: Inputs.
        probes_without_face: Number of probes without a template.
        people_without_face: Number of people without a template in the gallery.
    """
    options = origin.options
    pack = load_pack(options.model, resolve_device(options.device), announce=False)
    columns = score_columns([figures], names, identities)
    measures = tuple(Measure(f"rank-{k}", column=f"rank_{k}") for k in RANKS)
    return Report(
        kind="identification",
        title=f"Identification in {figures.name} with pack {pack.pack.name}",
        lead=_lead(figures, len(names), probes_without_face, people_without_face),
        conventions=_CONVENTIONS,
        headlines=headlines([figures]),
        metrics=figures.metrics(),
        provenance=Provenance(
            configuration={
                "gallery": str(origin.gallery),
                "probes": str(origin.probes),
                "queries": origin.queries,
                **asdict(options),
            },
            data=origin.data,
            model_id=pack.model_id,
            pack_files={file.name: file.sha256 for file in pack.pack.files},
            elapsed_s=time.perf_counter() - origin.started,
            dataset=figures.name,
            pack=pack.pack.name,
        ),
        sections=(
            Section(
                "Figures",
                "",
                (
                    identification_table([figures]),
                    intervals_table([figures]),
                    cmc_figure([figures]),
                ),
            ),
        ),
        scores=Scores("search", columns, measures, ("identity",)),
    )


def _lead(
    figures: GalleryFigures, probes: int, probes_without_face: int, people_without_face: int
) -> str:
    mated = int(figures.searches.mated.sum())
    text = (
        f"{probes:,} probes, {mated:,} of people in the gallery and {probes - mated:,} of others; "
        f"{figures.enrolled:,} people enrolled."
    )
    if probes_without_face:
        text += f" No face was found in {probes_without_face:,} probes."
    if people_without_face:
        text += f" {people_without_face:,} people could not be enrolled: no face was found."
    if not figures.open_set:
        text += " Every probe's person is in the gallery, so there is no TPIR at FPIR."
    return text
