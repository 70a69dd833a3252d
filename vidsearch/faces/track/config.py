"""What can be set about tracking."""

from __future__ import annotations

from dataclasses import dataclass

from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingConfig:
    """Settings of the tracker.

    Attributes:
        max_gap_s: A tracklet survives this long without a face (short misses).
        join_gap_s: Tracklets of one shot are joined across a gap of at most this long.
        veto_confidence: Faces less likely than this to be the same person are never linked, however
            close they are: two people who cross must not merge.
        join_confidence: Tracklets are joined when they are at least this likely to be the same
            person, by looks and place.
        drift_sizes_per_s: How far a face moves in a second, in face sizes (median).
        kept_faces: How many of its best faces a track keeps.
        jpeg_quality: Of the kept aligned faces, 1 to 100.
    """

    max_gap_s: float = 2.0
    join_gap_s: float = 5.0
    veto_confidence: float = 0.05
    join_confidence: float = 0.9
    drift_sizes_per_s: float = 1.0
    kept_faces: int = 5
    jpeg_quality: int = 90

    def __post_init__(self) -> None:
        for name in ("max_gap_s", "join_gap_s", "drift_sizes_per_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be above 0; got {getattr(self, name)}")
        for name in ("veto_confidence", "join_confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie between 0 and 1; got {getattr(self, name)}")
        if self.kept_faces < 1:
            raise ConfigError(f"kept_faces must be at least 1; got {self.kept_faces}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ConfigError(f"jpeg_quality must be 1 to 100; got {self.jpeg_quality}")
