"""Options for opening a video, which indexing found and which the catalog keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vidsearch.errors import ConfigError

TURNS_DEG: Final = (0, 90, 180, 270)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Keyframe at which decoding can begin and give the frames and times of the indexing.

    All times are in ticks of the stream.

    Attributes:
        tick: Time of the keyframe in the index.
        stamp: Time stamp of its packet in the file.
        offset: Difference of the index time to the time stamps of the frames that follow.
        pos: Position in the file from which it is the first keyframe, bytes.
        size: Bytes of its packet.
    """

    tick: int
    stamp: int
    offset: int
    pos: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Options with which every reader of a video gives the frames and times of its indexing.

    Attributes:
        stream: Index of the video stream in its container; None: the reader chooses.
        turn_deg: Counter-clockwise degrees, 0, 90, 180 or 270, by which frames are turned after
            the container's own rotation, for a video that lies on its side without a tag.
        seekable: True if every frame of the index has the time that its packet states, so that a
            frame can be found by its time. False if a frame is found only by decoding from the
            first frame or from an anchor. None if the video was not decoded.
        anchors: Keyframes at which the decoding of a video that is not seekable can begin, in the
            order of their ticks.
    """

    stream: int | None = None
    turn_deg: int = 0
    seekable: bool | None = None
    anchors: tuple[Anchor, ...] = ()

    def __post_init__(self) -> None:
        if self.turn_deg not in TURNS_DEG:
            raise ConfigError(f"turn_deg must be one of {TURNS_DEG}; got {self.turn_deg}")


DEFAULT_READ: Final = ReadOptions()
"""Options of a video of which the catalog keeps none."""
