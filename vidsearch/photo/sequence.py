"""Image sequences in HEIF files, whose frames are stored like those of a video."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import BinaryIO

import numpy as np

from vidsearch.datatypes import Image
from vidsearch.errors import PhotoError
from vidsearch.libraries import needed


def sequence_length(file: BinaryIO, max_pixels: int) -> int:
    """Return the number of frames of an image sequence, at least 1.

    libheif, through Pillow, opens the still image of such a file; some files have none.

    Args:
        file: The file.
        max_pixels: Most pixels of a frame.

    Raises:
        PhotoError: The file is no sequence, or its frames are too large. The message is the reason
            alone.
    """
    with needed("av"):
        import av
        import av.error

    file.seek(0)
    try:
        with av.open(file, format="mov") as container:
            if not container.streams.video:
                raise PhotoError("it holds no image")
            stream = container.streams.video[0]
            if stream.width * stream.height > max_pixels:
                raise PhotoError(f"it has {stream.width} x {stream.height} pixels")
            return max(stream.frames, 1)
    except (av.error.FFmpegError, ValueError) as error:
        raise PhotoError(str(error)) from error


def sequence_frames(file: BinaryIO, numbers: Collection[int]) -> Iterator[tuple[int, Image]]:
    """Yield number and pixels, (H, W, 3) uint8 RGB, of frames of an image sequence.

    Args:
        file: A file for which ``sequence_length`` returns a number.
        numbers: Numbers of the frames, from 0.

    Raises:
        PhotoError: A frame is damaged. The message is the reason alone.
    """
    import av
    import av.error

    file.seek(0)
    try:
        with av.open(file, "r", format="mov") as container:
            for number, frame in enumerate(container.decode(container.streams.video[0])):
                if number in numbers:
                    yield number, np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
                if number >= max(numbers):
                    return
    except (av.error.FFmpegError, ValueError) as error:
        raise PhotoError(str(error)) from error
