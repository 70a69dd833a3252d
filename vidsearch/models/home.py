"""Where model files live on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHome:
    """Where model files live on this machine.

    Attributes:
        cache_dir: Converted files; made when needed.
        insightface_root: Where the ``insightface`` package keeps its packs (``models/<name>``).
        download: Whether InsightFace packs that are missing may be fetched.
    """

    cache_dir: Path
    insightface_root: Path
    download: bool = True

    @staticmethod
    def from_environment() -> ModelHome:
        """Return the user's own folders.

        ``VIDSEARCH_CACHE`` replaces the cache folder; it is read here and nowhere else.
        """
        import platformdirs

        chosen = os.environ.get("VIDSEARCH_CACHE", "")
        cache = Path(chosen) if chosen else platformdirs.user_cache_path("vidsearch")
        return ModelHome(
            cache_dir=cache / "models", insightface_root=Path("~/.insightface").expanduser()
        )
