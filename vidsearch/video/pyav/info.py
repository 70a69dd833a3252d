"""Facts about an open video, from its container and its first frame."""

from __future__ import annotations

from vidsearch.video.pyav.open import OpenedStream, container_name
from vidsearch.video.report import ExpectedStream
from vidsearch.video.types import FrameGeometry, VideoInfo


def video_info(
    uri: str,
    opened: OpenedStream,
    first: FrameGeometry,
    expected: ExpectedStream,
) -> VideoInfo:
    """Return the facts of an open video.

    Args:
        uri: Path, or a URI known to fsspec.
        opened: Container and chosen stream.
        first: Geometry of the first decoded frame.
        expected: Length and clock of the stream.
    """
    stream = opened.stream
    return VideoInfo(
        uri=uri,
        container=opened.converted_from or container_name(stream),
        codec=opened.converted_from or stream.codec_context.name,
        width=first.width,
        height=first.height,
        rotation=first.rotation,
        time_base=expected.time_base,
        start=expected.start,
        duration_s=expected.duration_s,
        fps=None if expected.rate is None else float(expected.rate),
        expected_frames=expected.frames,
        stream=stream.index,
        other_streams=opened.other_streams,
        assumed_fps=float(expected.frame_rate) if expected.stamps == "none" else None,
    )
