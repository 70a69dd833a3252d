"""Time stamps of decoded frames, for each way in which a container states times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vidsearch.video.pyav.rational import exact
from vidsearch.video.report import ExpectedStream

if TYPE_CHECKING:
    import av


class Stamps:
    """Time stamps of decoded frames: the presentation time stamps of their packets.

    Attributes:
        guess: Duration in ticks that FFmpeg gives to frames without a stated rate; None if FFmpeg
            does not guess.
    """

    guess: Fraction | None = None

    @property
    def stated(self) -> bool:
        """True if each stamp is the one of the frame's own packet."""
        return True

    def of(self, frame: av.VideoFrame) -> int | None:
        """Return the time stamp of the next frame in display order; None without one."""
        return frame.pts


class DecodingStamps(Stamps):
    """Time stamps for containers that store none: the ``dts`` of each frame's packet.

    Frames leave the decoder in display order, one per packet. The decoder's delay makes the first
    frame late, so all stamps are shifted by that delay.

    Args:
        first: Tick at which the stream starts.
        reordered: True if the stream may hold B-frames.
    """

    def __init__(self, first: int, *, reordered: bool) -> None:
        self._first = first
        self._delay: int | None = None
        self._reordered = reordered

    @property
    def stated(self) -> bool:
        """True without B-frames."""
        return not self._reordered and not self._delay

    def of(self, frame: av.VideoFrame) -> int | None:
        """Return the decoding time stamp less the decoder's delay; None at the end."""
        if frame.dts is None:
            return None
        if self._delay is None:
            self._delay = frame.dts - (self._first if frame.pts is None else frame.pts)
        return frame.dts - self._delay


class NoStamps(Stamps):
    """Coded stream without a container: its frames follow by their durations.

    Args:
        guess: See the attribute of this name.
    """

    def __init__(self, guess: Fraction | None) -> None:
        self.guess = guess

    @property
    def stated(self) -> bool:
        """False."""
        return False

    def of(self, frame: av.VideoFrame) -> int | None:
        """Return None."""
        del frame
        return None


def stamps_of(stream: av.VideoStream, expected: ExpectedStream) -> Stamps:
    """Return the time stamps of a stream's frames.

    Args:
        stream: The stream.
        expected: Its clock.
    """
    if expected.stamps == "none":
        rate = exact(stream.average_rate)
        return NoStamps(1 / (rate * expected.time_base) if rate else None)
    if expected.stamps == "dts":
        reordered = bool(stream.codec_context.has_b_frames)
        return DecodingStamps(expected.first, reordered=reordered)
    return Stamps()
