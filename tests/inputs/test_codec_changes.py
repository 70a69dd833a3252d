"""Recordings of different codecs joined byte by byte: every part is read, with one clock."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from tests.helpers.videos import VideoSpec, numbered_image, read_number, write_video
from vidsearch.video.open import open_video
from vidsearch.video.pyav.reader import PyAVReader
from vidsearch.video.pyav.timing import timeline

RATE = 25
FRAMES = 24
QUIET = {"x265-params": "log-level=none"}
# FFmpeg loses or tears the last two pictures before a change.
TORN = 2
JOINS = [
    ("mpeg2video", "libx264"),
    ("libx264", "mpeg2video"),
    ("libx264", "libx265"),
    ("libx265", "libx264"),
    ("libx265", "mpeg2video"),
    ("mpeg2video", "libx265"),
    ("libx264", "mpeg4"),
    ("mpeg4", "libx264"),
    ("mpeg4", "mpeg2video"),
    ("libx264", "mpeg1video"),
    ("mpeg1video", "libx264"),
]


def recording(folder: Path, codec: str, first: int, start: int) -> bytes:
    """Return a recording of numbered frames whose clock begins at a frame."""
    path = folder / "part"
    spec = VideoSpec(
        frames=FRAMES,
        ticks=tuple(range(start, start + FRAMES)),
        time_base=Fraction(1, RATE),
        codec=codec,
        keyframes=8,
        container="mpegts",
        codec_options=QUIET if codec == "libx265" else {},
    )
    write_video(path, spec, [numbered_image(number) for number in range(first, first + FRAMES)])
    return path.read_bytes()


def joined(folder: Path, codecs: tuple[str, ...], step: int) -> Path:
    """Return a file of recordings one after another; ``step``: frames between their clocks."""
    path = folder / "joined"
    path.write_bytes(
        b"".join(
            recording(folder, codec, number * FRAMES, number * step)
            for number, codec in enumerate(codecs)
        )
    )
    return path


@pytest.mark.parametrize("hours", [0, 10])
@pytest.mark.parametrize(("first", "second"), JOINS)
def test_a_change_of_the_codec_loses_no_recording(
    tmp_path: Path, first: str, second: str, hours: int
) -> None:
    path = joined(tmp_path, (first, second), hours * 3600 * RATE or FRAMES)
    with open_video(str(path)) as reader:
        frames = [read_number(frame.rgb()) for frame in reader.decode()]
        report = reader.report()
    assert 0 <= 2 * FRAMES - len(frames) <= TORN
    assert frames[: FRAMES - TORN] == list(range(FRAMES - TORN))
    assert frames[-FRAMES:] == list(range(FRAMES, 2 * FRAMES))
    assert report.duration_s == pytest.approx(2 * FRAMES / RATE, abs=TORN / RATE + 2.5e-3)
    assert not report.partly_read


def test_stills_of_every_codec_are_the_frames_of_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "ANCHOR_EVERY_S", 0.3)
    path = str(joined(tmp_path, ("libx264", "mpeg2video", "libx265"), 36_000 * RATE))
    with PyAVReader(path) as reader:
        frames = [(frame.time_s, read_number(frame.rgb())) for frame in reader.decode()]
        options = reader.read_options
    assert len(options.anchors) > 3
    for time_s, number in frames[::5]:
        with PyAVReader(path, options=options) as reader:
            around = reader.decode_around(time_s)
            frame = next(frame for frame in around if frame.time_s >= time_s - 2.5e-3)
            assert read_number(frame.rgb()) == number


def test_one_codec_never_changes(tmp_path: Path) -> None:
    path = joined(tmp_path, ("mpeg2video", "mpeg2video"), FRAMES)
    with PyAVReader(str(path)) as reader:
        decoder = reader._source.decoder._context
        assert sum(1 for _ in reader.decode()) == 2 * FRAMES
        assert reader._source.decoder._context is decoder
