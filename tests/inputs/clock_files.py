"""Videos whose clocks leap, go back, stand still or are missing; every frame shows its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.helpers.videos import VideoSpec, numbered_image, write_video

RATE = 25
STEP = Fraction(1, RATE)
HOUR = 3600 * RATE
FRAMES = 36
HALF = FRAMES // 2
QUIET = {"x265-params": "log-level=none"}


@dataclass(frozen=True, slots=True)
class Recording:
    """Run of numbered frames.

    Attributes:
        first: Number of the first frame.
        frames: Number of frames.
        start: Time of the first frame in frames.
    """

    first: int
    frames: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockCase:
    """A file, and the time of every frame that a player shows in it.

    Attributes:
        name: File name.
        make: Writes the file.
        times_s: Time of each frame from the first one, seconds.
        first: Number of the first frame.
        by_time: True if the file is searched by the times that it states.
    """

    name: str
    make: Callable[[Path], object]
    times_s: Sequence[float]
    first: int = 0
    by_time: bool = False


def steady(frames: int = FRAMES, rate: float = RATE) -> list[float]:
    """Return times at a constant rate."""
    return [number / rate for number in range(frames)]


def _joined(
    *parts: Recording, container: str, codec: str = "libx264", **options: str
) -> Callable[[Path], object]:
    """Return a function that writes recordings one after another, as ``cat`` does."""

    def make(path: Path) -> None:
        content = b""
        for part in parts:
            piece = path.with_name(f"part of {path.name}")
            spec = VideoSpec(
                frames=part.frames,
                ticks=tuple(range(part.start, part.start + part.frames)),
                time_base=STEP,
                codec=codec,
                b_frames=2,
                keyframes=9,
                container=container,
                options=options,
                codec_options=QUIET if codec == "libx265" else {},
            )
            numbers = range(part.first, part.first + part.frames)
            write_video(piece, spec, [numbered_image(number) for number in numbers])
            # The parts of an FLV file continue without a second header.
            content += piece.read_bytes()[13 if content and container == "flv" else 0 :]
        path.write_bytes(content)

    return make


def _restamped(container: str, stamp: Callable[[int], int]) -> Callable[[Path], object]:
    """Return a function that writes a video with other time stamps, in milliseconds."""

    def make(path: Path) -> None:
        source = path.with_name(f"source of {path.name}.mkv")
        write_video(source, VideoSpec(frames=FRAMES, time_base=STEP, keyframes=9))
        with av.open(str(source)) as original, av.open(str(path), "w", format=container) as output:
            stream = output.add_stream_from_template(original.streams.video[0])
            packets = [p for p in original.demux(original.streams.video[0]) if p.size]
            for number, packet in enumerate(packets):
                packet.stream = stream
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = stamp(number)
                packet.duration = 40
                output.mux(packet)

    return make


def _written(**options: Any) -> Callable[[Path], object]:
    spec = VideoSpec(**{"frames": FRAMES, "time_base": STEP, "keyframes": 9, **options})
    return lambda path: write_video(path, spec)


def _joins(ending: str, container: str, codec: str) -> list[ClockCase]:
    starts = {
        "forward": (0, 10 * HOUR),
        "back": (10 * HOUR, 0),
        "again": (0, 0),
        "forward by 30 s": (0, HALF + 30 * RATE),
        "back by 8 s": (1000, 1000 + HALF - 8 * RATE),
        "back by 0.3 s": (1000, 1000 + HALF - 8),
    }
    return [
        ClockCase(
            name=f"{codec} {name}.{ending}",
            make=_joined(
                Recording(0, HALF, first),
                Recording(HALF, HALF, second),
                container=container,
                codec=codec,
            ),
            times_s=steady(),
        )
        for name, (first, second) in starts.items()
        # A program stream muxer moves the first stamps, so that small steps are not kept.
        if container == "mpegts" or "0.3 s" not in name
    ]


_INSERTED = (Recording(0, 12, 0), Recording(12, 12, 10 * HOUR), Recording(24, 12, 12))
_GAP_S = 5
_BEFORE_WRAP = (2**33 - 90_000) * RATE // 90_000

JOINED = (
    *_joins("ts", "mpegts", "libx264"),
    *_joins("mpg", "mpeg", "mpeg2video"),
    *_joins("hevc.ts", "mpegts", "libx265")[:2],
    ClockCase(name="inserted.ts", make=_joined(*_INSERTED, container="mpegts"), times_s=steady()),
    ClockCase(
        name="inserted.mpg",
        make=_joined(*_INSERTED, container="mpeg", codec="mpeg1video"),
        times_s=steady(),
    ),
    ClockCase(
        name="again.mp4",
        make=_joined(
            Recording(0, HALF, 0),
            Recording(HALF, HALF, 0),
            container="mp4",
            movflags="cmaf+frag_keyframe+empty_moov",
        ),
        times_s=steady(),
    ),
    ClockCase(
        name="back.flv",
        make=_joined(Recording(0, HALF, 500), Recording(HALF, HALF, 0), container="flv"),
        times_s=steady(),
    ),
)

KEPT = (
    ClockCase(
        name="wrapped.ts",
        make=_joined(Recording(0, FRAMES, _BEFORE_WRAP), container="mpegts"),
        times_s=steady(),
        by_time=True,
    ),
    ClockCase(
        name="gap.mkv",
        make=_restamped("matroska", lambda number: 40 * number + (30_000 if number >= 20 else 0)),
        times_s=[n / RATE + (30 if n >= 20 else 0) for n in range(FRAMES)],
        by_time=True,
    ),
    ClockCase(
        name="gap.mp4",
        make=_restamped("mp4", lambda number: 40 * number + (30_000 if number >= 20 else 0)),
        times_s=[n / RATE + (30 if n >= 20 else 0) for n in range(FRAMES)],
        by_time=True,
    ),
    ClockCase(
        name="below zero.mp4",
        make=_written(b_frames=3, ticks=tuple(range(-5, FRAMES - 5))),
        times_s=steady(FRAMES - 5),
        first=5,
        by_time=True,
    ),
    ClockCase(
        name="an hour late.mp4",
        make=_written(b_frames=2, ticks=tuple(range(HOUR, HOUR + FRAMES))),
        times_s=steady(),
        by_time=True,
    ),
    ClockCase(
        name="variable.mkv",
        make=_written(ticks=tuple(n + n * n // 20 for n in range(FRAMES))),
        times_s=[(n + n * n // 20) / RATE for n in range(FRAMES)],
        by_time=True,
    ),
    ClockCase(name="sound first.ts", make=_written(audio=True), times_s=steady(), by_time=True),
)

STANDING = (
    ClockCase(name="zero.mkv", make=_restamped("matroska", lambda _: 0), times_s=steady()),
    ClockCase(name="crawling.mkv", make=_restamped("matroska", int), times_s=steady()),
    ClockCase(
        name="by groups.mkv",
        make=_restamped("matroska", lambda number: number // 9 * 360),
        times_s=steady(),
    ),
    ClockCase(
        name="by pairs.mkv",
        make=_restamped("matroska", lambda number: number // 2 * 80),
        times_s=steady(),
    ),
)

_CODED = (
    ("h264", "h264", "libx264", 10),
    ("h264", "h264", "libx264", 50),
    ("hevc", "hevc", "libx265", 30),
    ("m2v", "mpeg2video", "mpeg2video", 50),
    ("m1v", "mpeg1video", "mpeg1video", 30),
    ("m4v", "m4v", "mpeg4", 50),
)
UNSTAMPED = (
    *(
        ClockCase(
            name=f"{rate} a second.{ending}",
            make=_written(
                codec=codec,
                b_frames=2,
                time_base=Fraction(1, rate),
                container=container,
                codec_options=QUIET if codec == "libx265" else {},
            ),
            times_s=steady(rate=rate),
        )
        for ending, container, codec, rate in _CODED
    ),
    ClockCase(name="h264.avi", make=_written(b_frames=2), times_s=steady()),
    ClockCase(name="mpeg4.avi", make=_written(codec="mpeg4", b_frames=2), times_s=steady()),
    ClockCase(name="h264.asf", make=_written(b_frames=2, container="asf"), times_s=steady()),
    ClockCase(name="no B-frames.avi", make=_written(codec="mpeg4"), times_s=steady(), by_time=True),
)

CASES = (*JOINED, *KEPT, *STANDING, *UNSTAMPED)
