"""What a catalog holds, in numbers: the answer of ``vidsearch status``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VideoProblem:
    """One video that failed or was partly read.

    Attributes:
        video: Path or URI.
        stage: Stage that failed, or None where it was not recorded.
        error: Type of the error, or None.
        message: One line.
    """

    video: str
    stage: str | None
    error: str | None
    message: str


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The state of the index beside the tables.

    Attributes:
        kind: Index of the current generation; ``none`` where there is none that can be read.
        built: When it was built, ISO 8601 in UTC; None where there is none.
        pending: Tracks that are searched exactly because the generation lacks them.
    """

    kind: str
    built: str | None
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogStatus:
    """Everything ``vidsearch status`` shows.

    Attributes:
        videos: Count by status: ``indexed``, ``partial``, ``failed``.
        tracks: Tracks that can be found.
        faces: Faces seen in sampled frames.
        faces_too_poor: Those of them that are too small or too blurred to be matched: a search
            that finds nobody has not looked at these.
        people: Named persons.
        duration_s: Seconds of video that were read and can be searched.
        share_read: Part of those videos' whole length that this is, in [0, 1].
        failures: Videos that failed; none of their tracks can be found.
        partly_read: Videos of which a part is missing.
    """

    uri: str
    pack: str
    model_id: str
    created: str
    videos: dict[str, int]
    tracks: int
    faces: int
    faces_too_poor: int
    people: int
    duration_s: float
    share_read: float
    index: IndexStatus
    failures: tuple[VideoProblem, ...]
    partly_read: tuple[VideoProblem, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dictionaries, numbers and text."""
        plain = asdict(self)
        plain["failures"] = list(plain["failures"])
        plain["partly_read"] = list(plain["partly_read"])
        return plain
