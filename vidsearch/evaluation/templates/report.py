"""Report on templates: verification 1:1 and identification 1:N."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from vidsearch.device import resolve_device
from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.report import (
    Headline,
    Measure,
    Provenance,
    Report,
    ReportTable,
    Scores,
    Section,
)
from vidsearch.evaluation.report import identification as tables
from vidsearch.evaluation.report.figures import roc_curves
from vidsearch.evaluation.report.identification import GalleryFigures
from vidsearch.evaluation.report.report import Cell
from vidsearch.evaluation.templates.data import TemplateOptions, TemplateSet
from vidsearch.evaluation.templates.measure import (
    MergedGalleries,
    TemplateFigures,
    VerificationFigures,
)
from vidsearch.models.registry import load_pack

CONVENTIONS = (
    "template: raw embeddings, mirrored faces added, averaged inside a medium, summed over media",
    "then L2-normalised, compared by cosine (IJB-B and IJB-C as ArcFace evaluates them)",
    "TAR at FAR: operating point of highest TAR whose FAR is not above; not interpolated",
    "intervals of TAR: middle 95 % of 1,000 resamples of subjects; the weight of a pair is the",
    "product of its subjects' counts; subjects come from the 1:N lists and from genuine pairs",
    "a template without a usable image scores -1 in every pair and is never an answer",
)
MERGED = (
    "merged galleries: all galleries as one, every probe has a mate; threshold at the "
    "ceil(FPIR x probes)-th highest of all impostor similarities, which the mate must exceed at "
    "any rank. InsightFace's published 1:N figures use this convention"
)


def templates_report(
    options: TemplateOptions,
    embedding: EmbeddingOptions,
    data: TemplateSet,
    figures: TemplateFigures,
    started: float,
) -> Report:
    """Return the report on a template set.

    Args:
        options: Lists and pooling.
        embedding: Pack and device, used if the images were embedded here.
        data: The template set.
        figures: Its figures.
        started: ``time.perf_counter()`` at the start of the evaluation.
    """
    pack = None
    if options.images is not None:
        pack = load_pack(embedding.model, resolve_device(embedding.device), announce=False)
    galleries = figures.galleries
    conventions = [*CONVENTIONS, *(tables.CONVENTIONS if galleries else ())]
    if figures.merged is not None:
        conventions.append(MERGED)
    scored = "with" if options.detection_scores else "without"
    conventions.append(f"embeddings {scored} their detection scores as weights")
    return Report(
        kind="templates",
        title="Templates" if pack is None else f"Templates with pack {pack.pack.name}",
        lead=_lead(data),
        conventions=tuple(conventions),
        headlines=(
            *_headlines(figures.verification),
            *(tables.headlines(galleries) if galleries else ()),
        ),
        metrics=_metrics(data, figures),
        provenance=Provenance(
            configuration={
                **{name: _plain(value) for name, value in asdict(options).items()},
                **(asdict(embedding) if pack is not None else {}),
            },
            data=data.data,
            model_id="" if pack is None else pack.model_id,
            pack_files={} if pack is None else {f.name: f.sha256 for f in pack.pack.files},
            elapsed_s=time.perf_counter() - started,
            pack="" if pack is None else pack.pack.name,
        ),
        sections=_sections(figures),
        scores=_scores(data, galleries),
    )


def _plain(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, tuple) else value


def _lead(data: TemplateSet) -> str:
    text = f"{len(data.templates.ids):,} templates of {data.images:,} images."
    if data.without_embedding:
        text += f" {data.without_embedding:,} images have no embedding and are left out."
    unusable = int((~data.templates.found).sum())
    if unusable:
        text += f" {unusable:,} templates have no usable image: they are never accepted or found."
    return text


def _metrics(data: TemplateSet, figures: TemplateFigures) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "templates": len(data.templates.ids),
        "templates_without_image": int((~data.templates.found).sum()),
        "images": data.images,
        "images_without_embedding": data.without_embedding,
    }
    verification, galleries = figures.verification, figures.galleries
    if verification is not None:
        metrics |= {
            "genuine": verification.genuine,
            "impostor": verification.impostor,
            "tar_at_far": {f"{far:g}": asdict(point) for far, point in verification.points.items()},
            "equal_error_rate": verification.equal_error_rate,
            "tar_at_far_intervals_95": {
                f"{far:g}": interval for far, interval in verification.intervals.items()
            },
        }
    if galleries:
        metrics["identification"] = {gallery.name: gallery.metrics() for gallery in galleries}
        metrics["identification_mean"] = tables.means(galleries)
    if figures.merged is not None:
        metrics["identification_merged"] = figures.merged.metrics()
    return metrics


def _headlines(verification: VerificationFigures | None) -> tuple[Headline, ...]:
    if verification is None:
        return ()
    lines = []
    for far in (1e-4, 1e-5):
        low, high = verification.intervals[far]
        note = (
            f"95 % interval {low:.4f} to {high:.4f}; {verification.genuine:,} genuine and "
            f"{verification.impostor:,} impostor pairs"
        )
        lines.append(Headline(f"TAR at FAR {far:g}", f"{verification.points[far].tar:.4f}", note))
    return tuple(lines)


def _sections(figures: TemplateFigures) -> tuple[Section, ...]:
    sections = []
    verification, galleries = figures.verification, figures.galleries
    if verification is not None:
        smallest_far = max(1 / verification.impostor, 1e-7)
        curve = roc_curves({"1:1": (verification.far, verification.tar)}, least_far=smallest_far)
        sections.append(Section("Verification 1:1", "", (_rates_table(verification), curve)))
    if galleries:
        blocks = [tables.identification_table(galleries), tables.intervals_table(galleries)]
        if figures.merged is not None:
            blocks.append(_merged_table(figures.merged))
        sections.append(Section("Identification 1:N", "", (*blocks, tables.cmc_figure(galleries))))
    return tuple(sections)


def _rates_table(verification: VerificationFigures) -> ReportTable:
    rows = []
    for far, point in verification.points.items():
        low, high = verification.intervals.get(far, (None, None))
        rows.append(
            (
                f"{far:g}",
                int(far * verification.impostor * (1 + 1e-12)),
                f"{point.far:.3g}",
                point.tar,
                low,
                high,
                point.threshold if np.isfinite(point.threshold) else None,
            )
        )
    return ReportTable(
        "tar-at-far",
        "True accept rate at a false accept rate",
        (
            "FAR asked for",
            "false accepts allowed",
            "FAR reached",
            "TAR",
            "from",
            "to",
            "threshold (cosine)",
        ),
        tuple(rows),
    )


def _merged_table(merged: MergedGalleries) -> ReportTable:
    rows: list[tuple[Cell, ...]] = [
        (f"rank-{k}", value, None) for k, value in merged.rank_k.items()
    ]
    rows += [
        (f"TPIR at FPIR {fpir:g}", rate, merged.thresholds[fpir])
        for fpir, rate in merged.tpir.items()
    ]
    return ReportTable(
        "identification-merged",
        "All galleries as one, in InsightFace's convention",
        ("figure", "value", "threshold (cosine)"),
        tuple(rows),
    )


def _scores(data: TemplateSet, galleries: Sequence[GalleryFigures]) -> Scores | None:
    if not galleries:
        return None
    assert data.probes is not None
    names = [f"template {number}" for number in data.probes.templates]
    columns = tables.score_columns(galleries, names, data.probes.subjects.tolist())
    measures = tuple(Measure(f"rank-{k}", column=f"rank_{k}") for k in tables.RANKS)
    return Scores("search", columns, measures, ("identity",))
