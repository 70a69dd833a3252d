"""IJB-B and IJB-C, evaluated: template verification 1:1 and identification 1:N."""

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
from vidsearch.evaluation.report.identification import Identified
from vidsearch.evaluation.templates.data import TemplateOptions, TemplateSet, read_template_set
from vidsearch.evaluation.templates.measure import Verified, identify, merge_galleries, verify
from vidsearch.models.registry import load_pack

CONVENTIONS = (
    "template: raw embeddings, mirrored faces added, averaged inside a medium, summed over media",
    "then L2-normalised, compared by cosine (IJB-B and IJB-C as ArcFace evaluates them)",
    "TAR at FAR: the best operating point whose FAR is not above that one; not interpolated",
    "its intervals: middle 95 % of 1,000 resamples of subjects (known by the 1:N lists, or as",
    "templates that genuine pairs join); a pair weighs the product of how often both were drawn",
    "a template without a usable image scores -1 in every pair and is never an answer",
)
MERGED = (
    "merged galleries: all galleries as one, every probe has a mate; threshold at the "
    "ceil(FPIR x probes)-th highest of all impostor similarities, which the mate must exceed at "
    "any rank. InsightFace's published 1:N figures are of this kind"
)


def evaluate_templates(options: TemplateOptions, embedding: EmbeddingOptions) -> Report:
    """Read everything, pool, compare, and return the report.

    Raises:
        ConfigError: Files that are malformed or do not fit together.
        ShapeError: An embedding that is not finite.
    """
    started = time.perf_counter()
    data = read_template_set(options, embedding)
    verified = None if data.pairs is None else verify(data, options.threads)
    found = identify(data)
    merged = merge_galleries(data) if len(data.galleries) > 1 else None
    return _report(options, embedding, data, verified, found, merged, started)


def _report(
    options: TemplateOptions,
    embedding: EmbeddingOptions,
    data: TemplateSet,
    verified: Verified | None,
    found: Sequence[Identified],
    merged: dict[str, Any] | None,
    started: float,
) -> Report:
    pack = None
    if options.images is not None:
        pack = load_pack(embedding.model, resolve_device(embedding.device), announce=False)
    conventions = [*CONVENTIONS, *(tables.CONVENTIONS if found else ())]
    if merged is not None:
        conventions.append(MERGED)
    scored = "with" if options.detection_scores else "without"
    conventions.append(f"embeddings {scored} their detection scores as weights")
    return Report(
        kind="templates",
        title="Templates" if pack is None else f"Templates with pack {pack.pack.name}",
        lead=_lead(data),
        conventions=tuple(conventions),
        headlines=(*_headlines(verified), *(tables.headlines(found) if found else ())),
        metrics=_metrics(data, verified, found, merged),
        provenance=Provenance(
            configuration={
                **{name: _plain(value) for name, value in asdict(options).items()},
                **(asdict(embedding) if pack is not None else {}),
            },
            data=data.data,
            model_id="" if pack is None else pack.model_id,
            pack_files={} if pack is None else {f.name: f.sha256 for f in pack.pack.files},
            elapsed_s=time.perf_counter() - started,
        ),
        sections=_sections(verified, found, merged),
        scores=_scores(data, found),
    )


def _plain(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, tuple) else value


def _lead(data: TemplateSet) -> str:
    text = f"{len(data.templates.ids):,} templates of {data.images:,} images."
    if data.without_embedding:
        text += f" {data.without_embedding:,} images have no embedding and are left out."
    lost = int((~data.templates.found).sum())
    if lost:
        text += f" {lost:,} templates have no usable image: they are never accepted or found."
    return text


def _metrics(
    data: TemplateSet,
    verified: Verified | None,
    found: Sequence[Identified],
    merged: dict[str, Any] | None,
) -> dict[str, Any]:
    metrics: dict[str, Any] = {
        "templates": len(data.templates.ids),
        "templates_without_image": int((~data.templates.found).sum()),
        "images": data.images,
        "images_without_embedding": data.without_embedding,
    }
    if verified is not None:
        metrics |= {
            "genuine": verified.genuine,
            "impostor": verified.impostor,
            "tar_at_far": {f"{far:g}": asdict(point) for far, point in verified.points.items()},
            "equal_error_rate": verified.equal_error_rate,
            "tar_at_far_intervals_95": {
                f"{far:g}": interval for far, interval in verified.intervals.items()
            },
        }
    if found:
        metrics["identification"] = {one.name: one.metrics() for one in found}
        metrics["identification_mean"] = tables.means(found)
    if merged is not None:
        metrics["identification_merged"] = merged
    return metrics


def _headlines(verified: Verified | None) -> tuple[Headline, ...]:
    if verified is None:
        return ()
    return tuple(
        Headline(
            f"TAR at FAR {far:g}",
            f"{verified.points[far].tar:.4f}",
            f"95 % interval {verified.intervals[far][0]:.4f} to {verified.intervals[far][1]:.4f}; "
            f"{verified.genuine:,} genuine and {verified.impostor:,} impostor pairs",
        )
        for far in (1e-4, 1e-5)
    )


def _sections(
    verified: Verified | None, found: Sequence[Identified], merged: dict[str, Any] | None
) -> tuple[Section, ...]:
    sections = []
    if verified is not None:
        rates = ReportTable(
            "tar-at-far",
            "True accept rate at a false accept rate",
            ("FAR asked for", "false accepts allowed", "FAR reached", "TAR", "from", "to",
             "threshold (cosine)"),
            tuple(
                (f"{far:g}", int(far * verified.impostor * (1 + 1e-12)), f"{p.far:.3g}", p.tar,
                 *verified.intervals.get(far, (None, None)),
                 p.threshold if np.isfinite(p.threshold) else None)
                for far, p in verified.points.items()
            ),
        )  # fmt: skip
        least = max(1 / verified.impostor, 1e-7)
        curve = roc_curves({"1:1": (verified.far, verified.tar)}, least_far=least)
        sections.append(Section("Verification 1:1", "", (rates, curve)))
    if found:
        blocks = [tables.identification_table(found), tables.intervals_table(found)]
        if merged is not None:
            blocks.append(_merged_table(merged))
        sections.append(Section("Identification 1:N", "", (*blocks, tables.cmc_figure(found))))
    return tuple(sections)


def _merged_table(merged: dict[str, Any]) -> ReportTable:
    rows = [(f"rank-{k}", value, None) for k, value in merged["rank_k"].items()]
    rows += [
        (f"TPIR at FPIR {fpir}", point["value"], point["threshold"])
        for fpir, point in merged["tpir_at_fpir"].items()
    ]
    return ReportTable(
        "identification-merged",
        "All galleries as one, in InsightFace's convention",
        ("figure", "value", "threshold (cosine)"),
        tuple(rows),
    )


def _scores(data: TemplateSet, found: Sequence[Identified]) -> Scores | None:
    if not found:
        return None
    assert data.probes is not None
    names = [f"template {number}" for number in data.probes.templates]
    columns = tables.score_columns(found, names, data.probes.subjects.tolist())
    measures = tuple(Measure(f"rank-{k}", column=f"rank_{k}") for k in tables.RANKS)
    return Scores("search", columns, measures, ("identity",))
