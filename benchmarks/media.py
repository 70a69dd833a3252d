"""Folder of the real media, and longer and larger files made from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av

PROJECT = Path(__file__).resolve().parents[1]


def media_folder() -> Path:
    """Return the folder of real clips and photos, or exit with a message."""
    folder = Path(os.environ.get("VIDSEARCH_MEDIA", PROJECT.parent / "shared" / "media"))
    if not folder.is_dir():
        sys.exit(f"real media not found at {folder}; set VIDSEARCH_MEDIA")
    return folder


def join(clips: Sequence[Path], target: Path, *, size_wh: tuple[int, int], fps: int = 30) -> None:
    """Write clips one after the other as one H.264 file of one size, letter-boxed."""
    import av

    with av.open(str(target), "w") as out:
        options = {"preset": "veryfast", "crf": "23"}
        stream = out.add_stream("libx264", fps, options=options)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        stream.time_base = Fraction(1, fps)
        number = 0
        for clip in clips:
            with av.open(str(clip)) as source:
                for frame in source.decode(video=0):
                    scaled = _fit(frame, size_wh)
                    scaled.pts, scaled.time_base = number, Fraction(1, fps)
                    number += 1
                    out.mux(stream.encode(scaled))
        out.mux(stream.encode(None))


def _fit(frame: av.VideoFrame, size_wh: tuple[int, int]) -> av.VideoFrame:
    import av
    import numpy as np

    width, height = size_wh
    scale = min(width / frame.width, height / frame.height)
    w, h = int(frame.width * scale) // 2 * 2, int(frame.height * scale) // 2 * 2
    picture = frame.reformat(w, h, "rgb24").to_ndarray()
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    canvas[top : top + h, left : left + w] = picture
    return av.VideoFrame.from_ndarray(canvas, "rgb24")
