"""People as screens show them: name, number of appearances and the clearest face."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from vidsearch.catalog import Catalog
from vidsearch.catalog.people import Judgements
from vidsearch.results.words import counted
from vidsearch.text.labels import distinct_labels

_FACES_OF_VIDEO = 6


@dataclass(frozen=True, slots=True)
class Portrait:
    """A person, or somebody who has no name yet.

    Attributes:
        name: Name as text; equal names have a distinction.
        note: Number of appearances, or other text beside the name.
        jpeg: Face as JPEG, or None.
    """

    name: str
    note: str
    jpeg: bytes | None = field(default=None, repr=False)


def people_names(verdicts: Judgements) -> dict[str, str]:
    """Return the name of every person by id; equal names have the number of appearances.

    Example:
        >>> people_names(Judgements({"17": "Eve", "42": "Eve", "7": "Bob"}, {"t": "42"}))
        {'17': 'Eve (0 appearances)', '42': 'Eve (1 appearance)', '7': 'Bob'}
    """
    counts = Counter(verdicts.person_of.values())
    details = {person: counted(counts[person], "appearance") for person in verdicts.names}
    return distinct_labels(verdicts.names, details)


def portrait(catalog: Catalog, verdicts: Judgements, person_id: str) -> Portrait:
    """Return a person with the clearest face of the confirmed appearances.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    tracks = verdicts.confirmed(person_id)
    return Portrait(
        people_names(verdicts)[person_id],
        counted(len(tracks), "appearance"),
        next(iter(clearest_faces(catalog, tracks, 1).values()), None),
    )


def clearest_faces(catalog: Catalog, track_ids: Collection[str], most: int) -> Mapping[str, bytes]:
    """Return the faces of the tracks of the best quality, as JPEG by track, the best first.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    if not track_ids:
        return {}
    snapshot = catalog.snapshot()
    rows = snapshot.tracks(["track_id", "quality"], track_ids=track_ids).to_pylist()
    rows.sort(key=lambda row: (-row["quality"], row["track_id"]))
    best = [row["track_id"] for row in rows[:most]]
    jpegs = snapshot.best_faces(best)
    return {track: jpegs[track] for track in best if track in jpegs}


def faces_of_video(catalog: Catalog, video_id: str) -> tuple[int, Mapping[str, bytes]]:
    """Return the number of a video's tracks, and up to six of their clearest faces.

    Raises:
        CatalogError: The catalog cannot be read.
    """
    tracks = catalog.tracks(["track_id"], video_ids=[video_id])["track_id"].to_pylist()
    return len(tracks), clearest_faces(catalog, tracks, _FACES_OF_VIDEO)
