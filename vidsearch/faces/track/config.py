"""Settings of the tracker."""

from __future__ import annotations

from dataclasses import dataclass

from vidsearch.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingConfig:
    """Settings of the tracker.

    Attributes:
        max_gap_s: Longest time without a face within a tracklet (short misses).
        join_gap_s: Longest gap across which tracklets of one shot are joined.
        veto_confidence: Lowest probability of the same person, by appearance, at which faces are
            linked. The limit separates two people whose paths cross.
        join_confidence: Lowest probability of the same person, by appearance and position, at which
            tracklets are joined.
        drift_sizes_per_s: Median movement of a face per second, in face sizes.
        kept_faces: Number of stored faces per track.
        jpeg_quality: JPEG quality of the stored faces, 1 to 100.
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
