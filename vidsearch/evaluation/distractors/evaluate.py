"""MegaFace and Trillion-Pairs: streamed on this machine or over a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, ShapeError
from vidsearch.evaluation.distractors.roc import tail_roc
from vidsearch.evaluation.metrics.angles import unit_rows
from vidsearch.evaluation.metrics.distractors import (
    DISTRACTOR,
    DistractorResult,
    Streamed,
    StreamPlan,
    allowed,
    distractor_result,
    merge,
    stream,
    with_mates_among_probes,
)
from vidsearch.evaluation.protocols.lines import file_sha256
from vidsearch.evaluation.protocols.vectors import open_vectors, read_names, read_noise
from vidsearch.evaluation.report import Headline, Provenance, Report, ReportTable, Section
from vidsearch.evaluation.report.figures import cmc, roc_curves

PART_ROWS = 65_536
"""Gallery rows of one task."""

CONVENTIONS = (
    "a genuine pair is one search: probe against mate and all impostors; ties count against it",
    "Ver: TAR above the n + 1 st highest impostor similarity, n = floor(FAR x impostor pairs)",
    "Id at FPR: mate first, and above the n + 1 st highest of the probes' best impostors",
    "there n = floor(FPR x probes), after the Trillion-Pairs challenge",
    "R: rows of the noise lists left out of probes and gallery (MegaFace)",
    "thresholds are exact: the highest similarities themselves are kept, no histogram",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistractorOptions:
    """What is compared and which figures are wanted.

    Attributes:
        probes: ``.npy`` of probe embeddings.
        probe_list: ``picture subject`` a line.
        gallery: ``.npy`` of gallery embeddings.
        gallery_list: ``picture`` a line, or ``picture subject`` with ``gallery_subjects``.
        gallery_subjects: The gallery holds the mates; else other probes of the subject are mates.
        noise: Lists of pictures that are left out in the "R" figures.
        far: Of the verification.
        fpr: Of the identification.
        ranks: Length of the CMC.
        scheduler: Address of the Dask scheduler behind the mapper; recorded in the report.
    """

    probes: Path
    probe_list: Path
    gallery: Path
    gallery_list: Path | None = None
    gallery_subjects: bool = False
    noise: tuple[Path, ...] = ()
    far: float = 1e-6
    fpr: float = 1e-3
    ranks: int = 1
    scheduler: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GalleryPart:
    """One task: rows [start, stop) of the gallery against all probes; read where it runs."""

    probes: Path
    gallery: Path
    labels: NDArray[np.int64] = field(repr=False)
    subjects: NDArray[np.int64] | None = field(repr=False)
    keep_probes: NDArray[np.bool_] = field(repr=False)
    keep: NDArray[np.bool_] = field(repr=False)
    start: int
    stop: int
    plan: StreamPlan


def stream_part(part: GalleryPart) -> Streamed:
    """Work through one part of the gallery."""
    probes = _probes(part.probes, part.keep_probes)
    rows = open_vectors(part.gallery)
    return stream(probes, part.labels, _blocks(part, rows), part.plan, part.start)


def _probes(path: Path, keep: NDArray[np.bool_]) -> NDArray[np.float32]:
    return unit_rows(f"probes {path.name}", np.asarray(open_vectors(path)[keep], np.float32))


def _blocks(
    part: GalleryPart, rows: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for top in range(part.start, part.stop, part.plan.gallery_block):
        end = min(top + part.plan.gallery_block, part.stop)
        kept = part.keep[top - part.start : end - part.start]
        block = np.asarray(rows[top:end][kept], np.float32)
        if not len(block):
            continue
        if part.subjects is None:
            yield block, np.full(len(block), DISTRACTOR, np.int64)
        else:
            yield block, part.subjects[top - part.start : end - part.start][kept]


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """The figures of one choice of rows, and the tail of its ROC."""

    result: DistractorResult
    far: NDArray[np.float64]
    tar: NDArray[np.float64]


class Mapper(Protocol):
    """A ``map`` over gallery parts: the built-in one, or one that uses a cluster."""

    def __call__(
        self, function: Callable[[GalleryPart], Streamed], parts: Sequence[GalleryPart], /
    ) -> Iterable[Streamed]:
        """Return ``function(part)`` of every part, in any order."""
        ...


def evaluate_distractors(options: DistractorOptions, mapper: Mapper = map) -> Report:
    """Stream all pairs and return the report.

    Args:
        options: Files and operating points.
        mapper: Runs the tasks, one per part of the gallery.

    Raises:
        ConfigError: Files that do not fit together; see the readers.
    """
    started = time.perf_counter()
    probes, gallery = open_vectors(options.probes), open_vectors(options.gallery)
    if probes.shape[1] != gallery.shape[1]:
        raise ShapeError(
            f"{options.probes.name} has {probes.shape[1]} numbers a row, {options.gallery.name} "
            f"{gallery.shape[1]}; embed both with one model"
        )
    names, people = read_names(options.probe_list, len(probes), subjects=True)
    numbers = {who: number for number, who in enumerate(dict.fromkeys(people))}
    labels = np.array([numbers[who] for who in people], np.int64)
    gallery_names, subjects = _gallery_names(options, len(gallery), numbers)
    everything = np.ones(len(labels), bool), np.ones(len(gallery), bool)
    results = {"all": _run(options, mapper, labels, subjects, everything)}
    if options.noise:
        kept = read_noise(options.noise, names, gallery_names)
        results["R"] = _run(options, mapper, labels, subjects, (kept[0], kept[1]))
    return _report(options, results, time.perf_counter() - started)


def _gallery_names(
    options: DistractorOptions, rows: int, numbers: dict[str, int]
) -> tuple[list[str], NDArray[np.int64] | None]:
    if options.gallery_list is None:
        if options.noise or options.gallery_subjects:
            raise ConfigError("noise lists and subjects of the gallery need --gallery-list")
        return [], None
    names, who = read_names(options.gallery_list, rows, subjects=options.gallery_subjects)
    if not options.gallery_subjects:
        return names, None
    return names, np.array([numbers.get(subject, DISTRACTOR) for subject in who], np.int64)


def _run(
    options: DistractorOptions,
    mapper: Mapper,
    labels: NDArray[np.int64],
    subjects: NDArray[np.int64] | None,
    keep: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> _Found:
    keep_probes, keep_gallery = keep
    if not keep_probes.any() or not keep_gallery.any():
        raise ConfigError("no probe or no gallery row is left; check the noise lists")
    mine = labels[keep_probes]
    pairs = int(keep_probes.sum()) * int(keep_gallery.sum())
    plan = StreamPlan(tail=allowed(options.far, pairs) + 1, ranks=options.ranks)
    parts = [
        GalleryPart(
            options.probes.absolute(), options.gallery.absolute(), mine,
            None if subjects is None else subjects[top : top + PART_ROWS],
            keep_probes, keep_gallery[top : top + PART_ROWS],
            top, min(top + PART_ROWS, len(keep_gallery)), plan,
        )
        for top in range(0, len(keep_gallery), PART_ROWS)
    ]  # fmt: skip
    from tqdm import tqdm

    seen: Streamed | None = None
    for part in tqdm(
        mapper(stream_part, parts), total=len(parts), desc="gallery", unit="part", disable=None
    ):
        seen = part if seen is None else merge([seen, part], plan)
    assert seen is not None
    if subjects is None:
        seen = with_mates_among_probes(seen, _probes(options.probes, keep_probes), mine)
    far, tar = tail_roc(seen)
    return _Found(distractor_result(seen, far=options.far, fpr=options.fpr), far, tar)


def _report(options: DistractorOptions, found: dict[str, _Found], elapsed_s: float) -> Report:
    results = {name: one.result for name, one in found.items()}
    first = results["all"]
    table = ReportTable(
        "distractors",
        "Identification and verification among distractors",
        ("rows", "probes", "genuine pairs", "impostor pairs", "rank-1", f"Id at {options.fpr:g}",
         f"Ver at {options.far:g}", "Ver threshold"),
        tuple(
            ("all" if name == "all" else "R (noise left out)", r.probes, r.genuine, r.impostors,
             r.rank_k[0], r.id_tpr, r.ver_tar, r.ver_threshold)
            for name, r in results.items()
        ),
    )  # fmt: skip
    curves = {name: np.array(result.rank_k) for name, result in results.items()}
    sections = [Section("Figures", "", (table,))]
    if options.ranks > 1:
        sections.append(Section("CMC", "", (cmc(curves),)))
    rates = {name: (one.far, one.tar) for name, one in found.items() if (one.far > 0).sum() > 1}
    if rates:
        least = min(float(far[far > 0][0]) for far, _ in rates.values())
        text = "Up to the FAR that the pass was made for: higher ones are not kept."
        figure = roc_curves(rates, least_far=least, name="figure-8-roc")
        sections.append(Section("ROC", text, (figure,)))
    paths = (options.probes, options.probe_list, options.gallery, options.gallery_list)
    return Report(
        kind="distractors",
        title=f"Identification among {first.impostors:,} impostor pairs",
        lead=f"{first.probes:,} probes, {first.genuine:,} genuine pairs.",
        conventions=CONVENTIONS,
        headlines=tuple(
            Headline(f"{label}{'' if name == 'all' else ', R'}", f"{value:.4f}", note)
            for name, r in results.items()
            for label, value, note in (
                ("Rank-1", r.rank_k[0], f"{r.genuine:,} searches"),
                (f"Id at FPR {options.fpr:g}", r.id_tpr, f"threshold {r.id_threshold:.4f}"),
                (f"Ver at FAR {options.far:g}", r.ver_tar, f"threshold {r.ver_threshold:.4f}"),
            )
        ),
        metrics={
            name: {**asdict(one.result), "roc": {"far": one.far, "tar": one.tar}}
            for name, one in found.items()
        },
        provenance=Provenance(
            configuration={
                key: list(map(str, value)) if isinstance(value, tuple) else value
                for key, value in asdict(options).items()
            },
            data={
                path.name: file_sha256(path)
                for path in (*paths, *options.noise)
                if path is not None
            },
            elapsed_s=elapsed_s,
        ),
        sections=tuple(sections),
    )
