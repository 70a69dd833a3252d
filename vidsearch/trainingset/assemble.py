"""Candidates -> a training set: duplicates out, identities split, faces written, all reported."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import AlignmentTemplate
from vidsearch.faces.template import normalise
from vidsearch.text.printable import printable
from vidsearch.trainingset.candidates import Candidate, read_candidates
from vidsearch.trainingset.duplicates import near_duplicates
from vidsearch.trainingset.manifest import MANIFEST, PARTS, Manifest, Part
from vidsearch.trainingset.shards import ShardWriter
from vidsearch.trainingset.split import held_out_identities

REPORT_JSON, REPORT_TEXT = "report.json", "report.txt"

Layout = Literal["folders", "shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """How candidates become a set.

    Attributes:
        name: What packs trained on it will state.
        licence: What its faces may be used for.
        held_out: Share of identities that training never sees.
        min_faces: Identities with fewer are left out.
        layout: ``folders`` (pictures that anybody can look at) or ``shards`` (Parquet; large sets).
        seed: Of the split.
        duplicates: Keep near-duplicates.
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
            raise ConfigError("a training set needs a name; got nothing")


@dataclass(frozen=True, slots=True)
class SetReport:
    """What went into a set and what did not.

    Attributes:
        photos: Looked at.
        faces: Kept, by part.
        identities: Kept, by part.
        reasons: Photos dropped, by reason.
        dropped: (source, identity, reason) of every photo that was dropped.
    """

    photos: int
    faces: dict[str, int]
    identities: dict[str, int]
    reasons: dict[str, int]
    dropped: tuple[tuple[str, str, str], ...] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return what ``report.json`` holds."""
        rows = [
            dict(zip(("source", "identity", "reason"), row, strict=True)) for row in self.dropped
        ]
        return {
            "photos": self.photos,
            "faces": self.faces,
            "identities": self.identities,
            "dropped_by_reason": self.reasons,
            "dropped": rows,
        }

    def to_text(self) -> str:
        """Return what a reader should know, a few lines; every drop is in the files."""
        kept = sum(self.faces.values())
        lines = [f"{kept} faces kept of {self.photos} photos."]
        lines += [
            f"  {part:9} {self.faces[part]:8} faces of {self.identities[part]} identities"
            for part in PARTS
        ]
        lines += [f"  dropped   {count:8} {reason}" for reason, count in self.reasons.items()]
        return "\n".join(lines)


@dataclass(slots=True)
class _Table:
    """All candidates but for their pictures; about a kilobyte each with 512 numbers."""

    identities: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    hashes: list[int] = field(default_factory=list)
    embeddings: list[NDArray[np.float16]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def assemble(
    batches: Sequence[Path],
    folder: Path,
    template: AlignmentTemplate,
    confidence: Callable[[NDArray[np.floating]], NDArray[np.float64]],
    options: SetOptions,
    made_by: dict[str, Any],
) -> SetReport:
    """Put a training set together in a new folder, which must appear whole by being renamed.

    Args:
        batches: Files of candidates, in order.
        folder: New; what an earlier attempt left there is removed.
        template: How the faces are aligned.
        confidence: The pack's calibration.
        options: Name, split, layout.
        made_by: Detector and settings, for the record.

    Returns:
        What was kept and what was dropped and why.

    Raises:
        TrainingSetError: Nothing is left to train on.
        ConfigError: Too few identities to hold some out.
    """
    table = _read(batches)
    if not options.duplicates:
        _drop_duplicates(table, confidence)
    _drop_small(table, options.min_faces)
    kept = sorted({n for n, why in zip(table.identities, table.dropped, strict=True) if not why})
    report = _report(table, frozenset())
    if len(kept) < 2:
        raise TrainingSetError(
            f"{len(kept)} identities are left of {len(set(table.identities))}; two are needed. "
            f"{report.to_text()}".replace("\n", ";")
        )
    held_out = held_out_identities(kept, options.held_out, options.seed)
    report = _report(table, held_out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_faces(batches, table.dropped, folder, held_out, options.layout)
    manifest = Manifest(
        name=options.name,
        licence=options.licence,
        template=template,
        faces=report.faces,
        identities=report.identities,
        made_by={**made_by, "held_out": options.held_out, "seed": options.seed},
    )
    (folder / MANIFEST).write_text(json.dumps(manifest.to_json(), indent=2) + "\n")
    (folder / REPORT_JSON).write_text(json.dumps(report.to_json(), indent=2) + "\n")
    lines = [f"  {printable(s)} ({printable(n)}): {why}" for s, n, why in report.dropped]
    (folder / REPORT_TEXT).write_text("\n".join([report.to_text(), "", "Dropped:", *lines]) + "\n")
    return report


def _read(batches: Sequence[Path]) -> _Table:
    table = _Table()
    for path in batches:
        for candidate in read_candidates(path, images=False):
            table.identities.append(candidate.identity)
            table.sources.append(candidate.source)
            table.hashes.append(candidate.hash)
            table.embeddings.append(candidate.embedding.astype(np.float16))
            table.dropped.append(candidate.dropped)
    return table


def _drop_duplicates(
    table: _Table, confidence: Callable[[NDArray[np.floating]], NDArray[np.float64]]
) -> None:
    """Keep the first of near-duplicates; drop both where they bear two names."""
    rows = [row for row, why in enumerate(table.dropped) if not why]
    if not rows:
        return
    embeddings = normalise(np.stack([table.embeddings[row] for row in rows]).astype(np.float32))
    pairs = near_duplicates([table.hashes[row] for row in rows], embeddings, confidence)
    for left, right in pairs:
        one, other = rows[left], rows[right]
        if table.identities[one] == table.identities[other]:
            if not table.dropped[one]:
                table.dropped[other] = table.dropped[other] or "near-duplicate"
        else:
            for row in (one, other):
                table.dropped[row] = "the same picture under two names"


def _drop_small(table: _Table, min_faces: int) -> None:
    counts = Counter(
        name for name, why in zip(table.identities, table.dropped, strict=True) if not why
    )
    for row, name in enumerate(table.identities):
        if not table.dropped[row] and counts[name] < min_faces:
            table.dropped[row] = f"fewer than {min_faces} faces of this identity"


def _report(table: _Table, held_out: frozenset[str]) -> SetReport:
    faces: dict[str, int] = dict.fromkeys(PARTS, 0)
    people: dict[str, set[str]] = defaultdict(set)
    for name, why in zip(table.identities, table.dropped, strict=True):
        if not why:
            part = _part(name, held_out)
            faces[part] += 1
            people[part].add(name)
    dropped = tuple(
        (source, name, why)
        for source, name, why in zip(table.sources, table.identities, table.dropped, strict=True)
        if why
    )
    reasons = Counter(why.split(":")[0] for _, _, why in dropped)
    return SetReport(
        len(table.sources),
        faces,
        {part: len(people[part]) for part in PARTS},
        dict(reasons.most_common()),
        dropped,
    )


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
                    place = folder / part / names(candidate.identity)
                    place.mkdir(parents=True, exist_ok=True)
                    name = f"{numbers[candidate.identity]:06d}.jpg"
                    (place / name).write_bytes(candidate.image)
            row += 1
    for writer in writers.values():
        writer.close()


def _folder_names() -> Callable[[str], str]:
    """Return a function from identities to folder names: as they are, where a folder may be so."""
    taken: dict[str, str] = {}
    used: set[str] = set()

    def name_of(identity: str) -> str:
        if identity not in taken:
            plain = "".join("_" if c in '/\\:*?"<>|\0' else c for c in identity).strip(". ") or "_"
            name, number = plain, 2
            while name.casefold() in used:
                name, number = f"{plain}~{number}", number + 1
            used.add(name.casefold())
            taken[identity] = name
        return taken[identity]

    return name_of


__all__ = ["Candidate", "Layout", "SetOptions", "SetReport", "assemble"]
