"""Assembly of a training set: drop duplicates, hold identities out, write faces and report."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.template import normalise
from vidsearch.photo.people_folders import OtherFiles
from vidsearch.text.json_text import json_text
from vidsearch.text.printable import printable
from vidsearch.trainingset.candidates import read_candidates
from vidsearch.trainingset.duplicates import near_duplicates
from vidsearch.trainingset.manifest import MANIFEST, PARTS, Part, TrainingSetManifest
from vidsearch.trainingset.report import REPORT_JSON, REPORT_TEXT, SetReport
from vidsearch.trainingset.shards import ShardWriter
from vidsearch.trainingset.split import held_out_identities

_FOLDER_NAME_BYTES = 200

Layout = Literal["folders", "shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """Options of the assembly.

    Attributes:
        name: Name of the set, stated in packs trained on it.
        licence: Licence of the faces.
        held_out: Share of identities left out of training.
        min_faces: Fewest faces of an identity; smaller identities are dropped.
        layout: ``folders`` (JPEG files) or ``shards`` (Parquet files, for large sets).
        seed: Seed of the split.
        duplicates: Keep near-duplicates.

    Raises:
        ConfigError: ``min_faces`` is below 1, or the name is empty.
    """

    name: str
    licence: str = ""
    held_out: float = 0.1
    min_faces: int = 2
    layout: Layout = "folders"
    seed: int = 0
    duplicates: bool = False

    def __post_init__(self) -> None:
        if self.min_faces < 1:
            raise ConfigError(f"min_faces must be at least 1; got {self.min_faces}")
        if not self.name.strip():
            raise ConfigError("a training set needs a name; got an empty name")


@dataclass(slots=True)
class _Candidates:
    """Columns of all candidates without their images: about 1 KB each with 512 dimensions.

    Attributes:
        identities: Identity of each candidate.
        sources: Photo, or track and time, of each candidate.
        hashes: Perceptual hash of each candidate.
        embeddings: (D,) embedding of each candidate.
        dropped: Reason why a candidate is dropped; empty for candidates in the set.
        warnings: Warnings about the photo of each candidate.
        failed: Number of candidates whose photo cannot be read.
    """

    identities: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    embeddings: list[NDArray[np.float16]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    warnings: list[tuple[str, ...]] = field(default_factory=list)
    failed: int = 0


def assemble(
    batches: Sequence[Path],
    folder: Path,
    template: AlignmentTemplate,
    confidence: Callable[[NDArray[np.floating]], NDArray[np.float64]],
    options: SetOptions,
    made_by: dict[str, Any],
    others: OtherFiles | None = None,
) -> SetReport:
    """Assemble a training set in a temporary folder, which the caller renames when it is complete.

    Args:
        batches: Files of candidates, in order.
        folder: New folder; the remains of an earlier attempt are removed.
        template: Alignment template of the faces.
        confidence: Calibration of the pack: (N,) cosines to (N,) probabilities.
        options: Name, split and layout.
        made_by: Detector and settings, recorded in the manifest.
        others: Files and folders that were not read as photos, for the report.

    Raises:
        TrainingSetError: Fewer than two identities are left.
        ConfigError: Too few identities to hold some out.
    """
    candidates = _read(batches)
    if not options.duplicates:
        _drop_duplicates(candidates, confidence)
    _drop_small(candidates, options.min_faces)
    reasons = zip(candidates.identities, candidates.dropped, strict=True)
    remaining = sorted({identity for identity, reason in reasons if not reason})
    if len(remaining) < 2:
        counts = "; ".join(
            f"{count} photos dropped: {reason}" for reason, count in _reasons(candidates).items()
        )
        raise TrainingSetError(
            f"{len(remaining)} identities are left of {len({*candidates.identities} - {''})}; two "
            f"are needed{f' ({counts})' if counts else ''}; add photos"
        )
    held_out = held_out_identities(remaining, options.held_out, options.seed)
    report = _report(candidates, held_out)
    if others is not None:
        report = replace(report, others=others)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_faces(batches, candidates.dropped, folder, held_out, options.layout)
    manifest = TrainingSetManifest(
        name=options.name,
        licence=options.licence,
        template=template,
        faces=report.faces,
        identities=report.identities,
        made_by={**made_by, "held_out": options.held_out, "seed": options.seed},
    )
    for name, text in (
        (MANIFEST, json_text(manifest.to_json(), indent=2)),
        (REPORT_JSON, json_text(report.to_json(), indent=2)),
        (REPORT_TEXT, report.to_full_text()),
    ):
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    return report


def _read(batches: Sequence[Path]) -> _Candidates:
    candidates = _Candidates()
    for path in batches:
        for candidate in read_candidates(path, images=False):
            candidates.identities.append(candidate.identity)
            candidates.sources.append(candidate.source)
            candidates.hashes.append(candidate.hash)
            candidates.embeddings.append(candidate.embedding.astype(np.float16))
            candidates.dropped.append(candidate.dropped)
            candidates.warnings.append(candidate.warnings)
            candidates.failed += candidate.failed
    return candidates


def _drop_duplicates(
    candidates: _Candidates, confidence: Callable[[NDArray[np.floating]], NDArray[np.float64]]
) -> None:
    """Drop all near-duplicates but the first; drop both if their identities differ."""
    rows = [row for row, reason in enumerate(candidates.dropped) if not reason]
    if not rows:
        return
    vectors = np.stack([candidates.embeddings[row] for row in rows]).astype(np.float32)
    hashes = [candidates.hashes[row] for row in rows]
    for left, right in near_duplicates(hashes, normalise(vectors), confidence):
        first, second = rows[left], rows[right]
        if candidates.identities[first] == candidates.identities[second]:
            if not candidates.dropped[first]:
                candidates.dropped[second] = candidates.dropped[second] or "near-duplicate"
        else:
            for row in (first, second):
                candidates.dropped[row] = "the same picture under two names"


def _drop_small(candidates: _Candidates, min_faces: int) -> None:
    reasons = zip(candidates.identities, candidates.dropped, strict=True)
    counts = Counter(identity for identity, reason in reasons if not reason)
    for row, identity in enumerate(candidates.identities):
        if not candidates.dropped[row] and counts[identity] < min_faces:
            candidates.dropped[row] = f"fewer than {min_faces} faces of this identity"


def _report(candidates: _Candidates, held_out: frozenset[str]) -> SetReport:
    faces: dict[str, int] = dict.fromkeys(PARTS, 0)
    people: dict[str, set[str]] = defaultdict(set)
    for identity, reason in zip(candidates.identities, candidates.dropped, strict=True):
        if not reason:
            part = _part(identity, held_out)
            faces[part] += 1
            people[part].add(identity)
    columns = zip(candidates.sources, candidates.identities, candidates.dropped, strict=True)
    dropped = tuple(row for row in columns if row[2])
    rows = zip(
        candidates.sources,
        candidates.identities,
        candidates.warnings,
        candidates.dropped,
        strict=True,
    )
    warnings = tuple(
        (source, identity, warning)
        for source, identity, found, reason in rows
        for warning in found
        if not reason
    )
    return SetReport(
        len(candidates.sources),
        faces,
        {part: len(people[part]) for part in PARTS},
        _reasons(candidates),
        dropped,
        candidates.failed,
        warnings=warnings,
    )


def _reasons(candidates: _Candidates) -> dict[str, int]:
    counts = Counter(reason.split(":")[0] for reason in candidates.dropped if reason)
    return dict(counts.most_common())


def _part(identity: str, held_out: frozenset[str]) -> Part:
    return "held_out" if identity in held_out else "train"


def _write_faces(
    batches: Sequence[Path],
    dropped: Sequence[str],
    folder: Path,
    held_out: frozenset[str],
    layout: Layout,
) -> None:
    parts = PARTS if held_out else PARTS[:1]
    writers = {part: ShardWriter(folder / part) for part in parts if layout == "shards"}
    names = _folder_names()
    numbers: Counter[str] = Counter()
    row = 0
    for path in batches:
        for candidate in read_candidates(path, images=True):
            if not dropped[row]:
                part = _part(candidate.identity, held_out)
                if layout == "shards":
                    writers[part].add(candidate.identity, candidate.image, candidate.source)
                else:
                    numbers[candidate.identity] += 1
                    person_folder = folder / part / names(candidate.identity)
                    person_folder.mkdir(parents=True, exist_ok=True)
                    name = f"{numbers[candidate.identity]:06d}.jpg"
                    (person_folder / name).write_bytes(candidate.image)
            row += 1
    for writer in writers.values():
        writer.close()


def _folder_names() -> Callable[[str], str]:
    """Return a function from identities to distinct, valid folder names."""
    names: dict[str, str] = {}
    folded_names: set[str] = set()

    def name_of(identity: str) -> str:
        if identity not in names:
            plain = "".join("_" if c in '/\\:*?"<>|\0' else c for c in printable(identity))
            plain = plain.encode()[:_FOLDER_NAME_BYTES].decode(errors="ignore").strip(". ") or "_"
            name, number = plain, 2
            while name.casefold() in folded_names:
                name, number = f"{plain}~{number}", number + 1
            folded_names.add(name.casefold())
            names[identity] = name
        return names[identity]

    return name_of
