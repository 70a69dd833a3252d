"""Cache of clips for the app: the file itself with HTTP Range, or a short clip cut from it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from ui.service.media_tokens import ServedFile
from ui.service.temp_dirs import private_folder
from vidsearch.read_options import DEFAULT_READ, ReadOptions
from vidsearch.video.clips import browser_media_type, cut_clip
from vidsearch.video.source import local_path

CLIPS_IN_CACHE = 24


@dataclass(frozen=True, slots=True)
class PlayerSource:
    """Parameters of a video player.

    Attributes:
        served: File to play.
        at_s: Position of the moment in that file, seconds.
        offset_s: Time in the video at which the file begins, seconds.
        clip: True for a clip, False for the whole video.
    """

    served: ServedFile
    at_s: float
    offset_s: float
    clip: bool


class ClipCutter:
    """Cuts clips into a temporary folder and removes the least recently played clips.

    Args:
        capacity: Number of clips in the folder.
    """

    def __init__(self, capacity: int = CLIPS_IN_CACHE) -> None:
        self._folder = private_folder().resolve()
        self._capacity = capacity
        self._lock = threading.Lock()
        self._clips: OrderedDict[tuple[str, int, ReadOptions, float | None], tuple[Path, float]] = (
            OrderedDict()
        )

    def play(
        self,
        uri: str,
        start_s: float,
        end_s: float,
        read: ReadOptions = DEFAULT_READ,
        *,
        best_s: float | None = None,
    ) -> PlayerSource:
        """Return the player parameters for a moment of a video.

        Args:
            uri: Path, or a URI known to fsspec.
            start_s: Start of the moment, seconds.
            end_s: End of the moment, seconds.
            read: Options with which the video is opened.
            best_s: Time of the best face, seconds; a clip of a long moment shows it.

        Raises:
            VideoError: The video is missing or cannot be read.
        """
        media_type = browser_media_type(uri, read)
        if media_type is not None:
            file = ServedFile(local_path(uri).resolve(), media_type)
            return PlayerSource(file, start_s, 0.0, clip=False)
        key = (uri, round(start_s * 10), read, best_s)
        with self._lock:
            if key not in self._clips:
                path = self._folder / f"{secrets.token_hex(8)}.mp4"
                offset_s = cut_clip(uri, start_s, end_s, path, read, best_s=best_s)
                self._clips[key] = (path, offset_s)
                while len(self._clips) > self._capacity:
                    self._clips.popitem(last=False)[1][0].unlink(missing_ok=True)
            self._clips.move_to_end(key)
            path, offset_s = self._clips[key]
        return PlayerSource(
            ServedFile(path, "video/mp4"), max(start_s - offset_s, 0.0), offset_s, clip=True
        )
