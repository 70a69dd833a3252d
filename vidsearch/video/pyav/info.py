"""Facts about an open video, from its container and its first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidsearch.video.pyav.open import OpenedStream, container_name
from vidsearch.video.pyav.orientation import Orientation
from vidsearch.video.types import ExpectedStream, VideoInfo

if TYPE_CHECKING:
    import av

    from vidsearch.video.pyav.pixels import FrameConverter


def video_info(
    uri: str,
    opened: OpenedStream,
    first: av.VideoFrame,
    converter: FrameConverter,
    expected: ExpectedStream,
) -> VideoInfo:
    """Return the facts of an open video.

    Args:
        uri: Path, or a URI known to fsspec.
        opened: Container and chosen stream.
        first: First decoded frame.
        converter: Converter of the frames to upright frames.
        expected: Length and clock of the stream.
    """
    stream = opened.stream
    width, height = converter.size
    rate = stream.average_rate
    return VideoInfo(
        uri=uri,
        container=opened.converted_from or container_name(stream),
        codec=opened.converted_from or stream.codec_context.name,
        width=width,
        height=height,
        rotation=Orientation.of(first).rotation,
        time_base=expected.time_base,
        start=expected.start,
        duration_s=expected.duration_s,
        fps=float(rate) if rate else None,
        expected_frames=expected.frames,
        stream=stream.index,
        other_streams=opened.other_streams,
    )
