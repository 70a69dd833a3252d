"""Options for opening a video, which indexing found and which the catalog keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vidsearch.errors import ConfigError

TURNS_DEG: Final = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options with which every reader of a video gives the frames and times of its indexing.

    Attributes:
        stream: Index of the video stream in its container; None: the reader chooses.
        turn_deg: Counter-clockwise degrees, 0, 90, 180 or 270, by which frames are turned after
            the container's own rotation, for a video that lies on its side without a tag.
        seekable: False if the times in the file are not those of the index. A time is then found
            by decoding from the first frame.
    """

    stream: int | None = None
    turn_deg: int = 0
    seekable: bool = True

    def __post_init__(self) -> None:
        if self.turn_deg not in TURNS_DEG:
            raise ConfigError(f"turn_deg must be one of {TURNS_DEG}; got {self.turn_deg}")


DEFAULT_READ: Final = ReadOptions()
"""Options of a video of which the catalog keeps none."""
