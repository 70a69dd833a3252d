"""Colours of decoded frames: every colour matrix that a stream can state is converted."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from vidsearch.video.open import open_video

RGB = (200, 100, 50)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of one colour, which states no matrix: BT.601 by convention."""
    path = tmp_path_factory.mktemp("colours") / "plain.mp4"
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), RGB, np.uint8), "rgb24")
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, width=64, height=48, pix_fmt="yuv420p")
        stream.options = {"qp": "4"}
        for _ in range(3):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def with_matrix(plain: Path, matrix: int, primaries: int = 2) -> Path:
    path = plain.with_name(f"{matrix}-{primaries}.mp4")
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stated = f"matrix_coefficients={matrix}:colour_primaries={primaries}"
        rewrite = BitStreamFilterContext(f"h264_metadata={stated}", source.streams.video[0], stream)
        for packet in source.demux(video=0):
            for rewritten in rewrite.filter(packet):
                rewritten.stream = stream
                output.mux(rewritten)
    return path


@pytest.mark.parametrize("matrix", range(20))
def test_every_matrix_gives_about_the_colour(plain: Path, matrix: int) -> None:
    with open_video(str(with_matrix(plain, matrix))) as reader:
        frames = [frame.rgb()[24, 32] for frame in reader.decode()]
        assert not reader.report().partly_read
    assert len(frames) == 3
    np.testing.assert_allclose(np.array(frames, int), [RGB] * 3, atol=12)


def pixel(path: Path) -> list[int]:
    with open_video(str(path)) as reader:
        return [int(value) for value in next(reader.decode()).rgb()[24, 32]]


@pytest.mark.parametrize(
    ("matrix", "primaries", "nearest"),
    [(10, 2, 9), (14, 2, 9), (12, 1, 1), (12, 9, 9), (13, 6, 5), (8, 2, 5), (17, 1, 1)],
)
def test_the_nearest_matrix_is_used(plain: Path, matrix: int, primaries: int, nearest: int) -> None:
    assert pixel(with_matrix(plain, matrix, primaries)) == pixel(with_matrix(plain, nearest))
