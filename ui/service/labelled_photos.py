"""Verdicts as a CSV table, and the size of a training set made from them."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from dataclasses import dataclass

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.search.people_clusters import track_cards
from vidsearch.text.cells import csv_cell
from vidsearch.text.names import portable_name

MIN_FACES = 2
"""``vidsearch prepare`` leaves out people with fewer faces by default."""


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Size of the training set that the named tracks would make.

    Attributes:
        people: Number of people with enough faces.
        faces: Number of their faces.
        left_out: Number of people with too few faces.
        command: Command that makes the set.
    """

    people: int
    faces: int
    left_out: int
    command: str


def labelled_faces(catalog: Catalog, verdicts: Judgements) -> LabelledFaces:
    """Count the stored faces of named people."""
    tracks = [track for track, person in verdicts.person_of.items() if person in verdicts.names]
    rows = catalog.faces(["track_id"], track_ids=tracks)["track_id"].to_pylist() if tracks else []
    of_person = Counter(verdicts.person_of[track] for track in rows)
    enough = [count for count in of_person.values() if count >= MIN_FACES]
    return LabelledFaces(
        people=len(enough),
        faces=sum(enough),
        left_out=len(of_person) - len(enough),
        command=f"vidsearch prepare --catalog {shlex.quote(catalog.uri)} TRAINING_SET",
    )


def verdicts_csv(catalog: Catalog) -> str:
    """Return every current verdict as CSV: person, verdict, video, time span and track."""
    verdicts = judgements(catalog)
    entries = [(person, track, "same") for track, person in verdicts.person_of.items()]
    entries += [
        (person, track, "not the same")
        for person, tracks in verdicts.rejected.items()
        for track in tracks
    ]
    cards = {c.track_id: c for c in track_cards(catalog, list({t for _, t, _ in entries}))}
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["person", "person_id", "verdict", "video", "start_s", "end_s", "track_id"])
    rows: list[tuple[str, ...]] = []
    for person, track, verdict in entries:
        card = cards.get(track)
        if card is not None and person in verdicts.names:
            name = csv_cell(verdicts.names[person])
            video = csv_cell(portable_name(card.video))
            times = (f"{card.span.start_s:.3f}", f"{card.span.end_s:.3f}")
            rows.append((name, person, verdict, video, *times, track))
    writer.writerows(sorted(rows))
    return out.getvalue()
