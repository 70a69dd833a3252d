"""Report of a re-embedding: counts, retrieval with both models, fit of the stored faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pipelines.stages.stored_fit import StoredFaceFit
from vidsearch.text.names import portable_name

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MapComparison:
    """MAP@100 over videos, iQIYI official, of the same queries with both models."""

    old: float
    new: float
    queries: int

    @property
    def change(self) -> float:
        """New MAP minus old MAP."""
        return self.new - self.old

    @property
    def fell(self) -> bool:
        """True if the new MAP is lower than the old one."""
        return self.change < -_TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedReport:
    """Result of a re-embedding.

    Attributes:
        catalog: Path of the catalog.
        old_model: Model id before the re-embedding.
        new_model: Model id of the new pack.
        live: True if the new model is in use.
        faces: Number of embedded faces.
        tracks: Number of tracks with a new template.
        unreadable: Number of damaged stored faces.
        lost_tracks: Number of tracks without a readable face; they cannot be found any more.
        lost_videos: Videos with a lost track.
        map: Retrieval with both models; None without labels.
        stored: Worst fit of the stored faces to the new model; None if none are stored.
        elapsed_s: Duration, in seconds.
    """

    catalog: str
    old_model: str
    new_model: str
    live: bool
    faces: int = 0
    tracks: int = 0
    unreadable: int = 0
    lost_tracks: int = 0
    lost_videos: tuple[str, ...] = ()
    map: MapComparison | None = None
    stored: StoredFaceFit | None = None
    elapsed_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the object that ``vidsearch reembed --json`` prints."""
        plain = asdict(self)
        plain["lost_videos"] = [portable_name(video) for video in self.lost_videos]
        if self.map is not None:
            plain["map"]["change"] = self.map.change
        if self.stored is not None:
            plain["stored"] = {
                "size": self.stored.size,
                "wanted": self.stored.model_size,
                "enlarged": self.stored.scale,
                "outside": self.stored.outside,
            }
        return plain
