"""Verdicts as a table, and what a training set made of them would hold."""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from dataclasses import dataclass

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.results.as_csv import safe_cell
from vidsearch.search.people_clusters import track_cards

FEWEST_FACES = 2
"""``vidsearch prepare`` leaves out rarer people unless told otherwise."""


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """What named tracks would give to train with.

    Attributes:
        people: With faces enough.
        faces: Of these.
        left_out: People with too few.
        command: What makes the set.
    """

    people: int
    faces: int
    left_out: int
    command: str


def labelled_faces(catalog: Catalog, known: Judgements) -> LabelledFaces:
    """Count the stored faces of named people."""
    tracks = [track for track, person in known.person_of.items() if person in known.names]
    rows = catalog.faces(["track_id"], track_ids=tracks)["track_id"].to_pylist() if tracks else []
    of_person = Counter(known.person_of[track] for track in rows)
    enough = [count for count in of_person.values() if count >= FEWEST_FACES]
    place = shlex.quote(catalog.uri)
    return LabelledFaces(
        people=len(enough),
        faces=sum(enough),
        left_out=len(of_person) - len(enough),
        command=f"vidsearch prepare --catalog {place} TRAINING_SET",
    )


def verdicts_csv(catalog: Catalog) -> str:
    """Return every verdict that holds, a row each: who, which track, where, same or not."""
    known = judgements(catalog)
    wanted = [(who, track, "same") for track, who in known.person_of.items()]
    wanted += [
        (who, track, "not the same") for who, tracks in known.rejected.items() for track in tracks
    ]
    cards = {c.track_id: c for c in track_cards(catalog, list({t for _, t, _ in wanted}))}
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["person", "person_id", "verdict", "video", "start_s", "end_s", "track_id"])
    rows: list[tuple[str, ...]] = []
    for who, track, verdict in wanted:
        card = cards.get(track)
        if card is not None and who in known.names:
            name, video = (str(safe_cell(words)) for words in (known.names[who], card.video))
            times = (f"{card.span.start_s:.3f}", f"{card.span.end_s:.3f}")
            rows.append((name, who, verdict, video, *times, track))
    writer.writerows(sorted(rows))
    return out.getvalue()
