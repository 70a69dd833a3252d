"""Pictures out of videos and photos, with faces framed."""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import av.error
import numpy as np
from PIL import Image as Pillow

from vidsearch.datatypes import Image, Vector
from vidsearch.errors import VideoDecodeError
from vidsearch.text.printable import printable
from vidsearch.video.pyav.open import open_container, pick_stream
from vidsearch.video.pyav.pixels import FrameConverter
from vidsearch.video.pyav.seeking import seek_before, start_of
from vidsearch.video.source import ByteSource


def still(uri: str, time_s: float) -> Image:
    """Return the picture of a video that is shown at a time, upright, (H, W, 3) uint8 RGB.

    Raises:
        VideoError: The video is gone or cannot be read there.
    """
    source = ByteSource(uri)
    try:
        with open_container(uri, source) as container:
            stream = pick_stream(uri, container)
            begin = start_of(container)
            seek_before(container, stream, time_s)
            last: av.VideoFrame | None = None
            for frame in container.decode(stream):
                if frame.pts is None or frame.time_base is None:
                    continue
                if last is not None and float(frame.pts * frame.time_base - begin) > time_s + 0.001:
                    break
                last = frame
            if last is None:
                raise VideoDecodeError(f"'{printable(uri)}' has no picture at {time_s:.1f} s")
            convert = FrameConverter(last, stream.sample_aspect_ratio)
            return convert.rgb(last)
    except (av.error.FFmpegError, OSError) as error:
        source.check()
        raise VideoDecodeError(
            f"'{printable(uri)}' cannot be read at {time_s:.1f} s ({error})"
        ) from error
    finally:
        source.close()


def boxed(image: Image, boxes_xyxy: Sequence[Vector], chosen: int = 0) -> Image:
    """Return a copy with every face framed, the chosen one in the accent colour."""
    import cv2

    drawn = np.ascontiguousarray(image.copy())
    width = max(2, round(max(image.shape[:2]) / 240))
    for number, box in enumerate(boxes_xyxy):
        colour = (79, 200, 225) if number == chosen else (255, 255, 255)
        left, top, right, bottom = (round(float(side)) for side in box)
        cv2.rectangle(drawn, (left, top), (right, bottom), (10, 20, 28), width + 2)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, width)
    return drawn


def jpeg(image: Image, longest: int = 960) -> bytes:
    """Return a picture as a JPEG whose longer side is at most so many pixels."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((longest, longest))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=85)
    return target.getvalue()
