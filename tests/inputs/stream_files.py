"""Files with several video streams: posters, thumbnails, angles, programmes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.stream import Disposition

from tests.helpers.videos import Pixels, VideoSpec, numbered_image, punch_hole, write_video

STEP = Fraction(1, 10)
FRAMES = 20
POSTER = 200
"""Number in the picture of a poster."""

PICTURES = {"png": "rgb24", "mjpeg": "yuvj420p"}


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A video stream.

    Attributes:
        codec: Name of the encoder.
        size: Width and height.
        first: Number in the first frame.
        frames: Number of frames.
        every: Length of a frame in steps.
        default: Value of the default flag.
        options: Options of the encoder.
    """

    codec: str = "libx264"
    size: tuple[int, int] = (128, 96)
    first: int = 0
    frames: int = FRAMES
    every: int = 1
    default: bool = True
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    """File with several video streams and its right answer.

    Attributes:
        name: File name.
        streams: Streams in the order of the container.
        film: Index of the stream that is indexed.
        others: Indices of the other films, which are named as not indexed.
        write: Function that writes the streams to a file.
    """

    name: str
    streams: Sequence[Stream]
    film: int
    others: Sequence[int] = ()
    write: Callable[[Path, Sequence[Stream]], object]

    def save(self, path: Path) -> None:
        """Write the streams to a file."""
        self.write(path, self.streams)


def mux(path: Path, streams: Sequence[Stream], *, audio_s: float = 0.0) -> Path:
    """Write streams to a container, packets in the order of their times."""
    with av.open(str(path), "w") as output:
        packets = []
        for spec in streams:
            stream = cast("av.VideoStream", output.add_stream(spec.codec, rate=round(1 / STEP)))
            stream.width, stream.height = spec.size
            stream.pix_fmt = PICTURES.get(spec.codec, "yuv420p")
            stream.time_base = stream.codec_context.time_base = STEP
            stream.codec_context.max_b_frames = 0
            stream.codec_context.thread_count = 1
            stream.options = dict(spec.options)
            stream.disposition = Disposition.default if spec.default else Disposition(0)
            packets += list(_packets(stream, spec))
        audio = output.add_stream("aac", rate=16_000, layout="mono") if audio_s else None
        output.start_encoding()
        for packet in sorted(packets, key=lambda packet: packet.dts or 0):
            output.mux(packet)
        if audio is not None:
            for block in range(int(audio_s * 16_000 / 1024)):
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                frame.rate, frame.pts = 16_000, block * 1024
                output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return path


def _packets(stream: av.VideoStream, spec: Stream) -> Iterator[av.Packet[av.VideoStream]]:
    for number in range(spec.frames):
        image = numbered_image(spec.first + number, spec.size)
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = number * spec.every, STEP
        for packet in stream.encode(frame):
            packet.duration = spec.every
            yield packet
    yield from stream.encode(None)


def write_stream_images(path: Path, images: Sequence[Sequence[Pixels]]) -> Path:
    """Write a film of several streams, each from its own images."""
    height, width = images[0][0].shape[:2]
    with av.open(str(path), "w") as output:
        streams = []
        for _ in images:
            stream = output.add_stream("libx264", rate=round(1 / STEP))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.max_b_frames = 0
            streams.append(stream)
        for number in range(len(images[0])):
            for stream, pictures in zip(streams, images, strict=True):
                frame = av.VideoFrame.from_ndarray(pictures[number], "rgb24")
                frame.pts, frame.time_base = number, STEP
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return path


def programmes(path: Path, streams: Sequence[Stream]) -> None:
    """Write a transport stream with one programme a stream, as a multiplex of a broadcaster."""
    parts = []
    for number, spec in enumerate(streams, start=1):
        piece = path.with_suffix(f".{number}")
        options = {
            "mpegts_service_id": str(number),
            "mpegts_pmt_start_pid": str(0x1000 + number),
            "mpegts_start_pid": str(0x100 * number),
            "muxrate": "800k",
        }
        images = [numbered_image(spec.first + n, spec.size) for n in range(spec.frames)]
        write_video(
            piece,
            VideoSpec(
                frames=spec.frames,
                size=spec.size,
                codec=spec.codec,
                container="mpegts",
                options=options,
            ),
            images,
        )
        content = piece.read_bytes()
        piece.unlink()
        packets = [content[start : start + 188] for start in range(0, len(content), 188)]
        parts.append([packet for packet in packets if _pid(packet) not in {0, 0x11, 0x1FFF}])
    table = _association_table({n: 0x1000 + n for n in range(1, len(streams) + 1)})
    joined = [table]
    for number in range(max(map(len, parts))):
        joined += [part[number] for part in parts if number < len(part)]
        if number % 20 == 19:
            joined.append(table)
    path.write_bytes(b"".join(joined))


def _pid(packet: bytes) -> int:
    return (packet[1] & 0x1F) << 8 | packet[2]


def _association_table(programmes: Mapping[int, int]) -> bytes:
    """Return the packet that lists the programmes of a transport stream (ISO/IEC 13818-1)."""
    entries = b"".join(
        number.to_bytes(2, "big") + (0xE000 | pid).to_bytes(2, "big")
        for number, pid in programmes.items()
    )
    section = b"\0" + (0xB000 | len(entries) + 9).to_bytes(2, "big") + b"\0\1\xc1\0\0" + entries
    section += _crc32(section).to_bytes(4, "big")
    return (b"\x47\x40\0\x10\0" + section).ljust(188, b"\xff")


def _crc32(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def with_unknown_codec(path: Path, streams: Sequence[Stream]) -> None:
    """Write Matroska in which the codec of the first stream has an unknown name."""
    content = mux(path, streams).read_bytes()
    path.write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/XYZ", 1))


def with_empty_packets(path: Path, streams: Sequence[Stream]) -> None:
    """Write an MP4 in which the packets of the first stream are zeros."""
    mux(path, streams)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams[0]) if p.size]
        places = [(packet.pos or 0, packet.size) for packet in packets]
    for position, size in places:
        punch_hole(path, position, size)


FILM = Stream()
ANGLE = Stream(first=100)
SMALL = Stream(first=100, size=(64, 48))
PNG = Stream(codec="png", size=(320, 240), first=POSTER, frames=1)
JPEG = Stream(codec="mjpeg", size=(320, 240), first=POSTER, frames=1)
LONG_JPEG = Stream(codec="mjpeg", size=(320, 240), first=POSTER, frames=1, every=600)
THUMBNAILS = Stream(codec="mjpeg", size=(320, 240), first=POSTER, frames=2, every=10)
STILL = Stream(size=(320, 240), first=POSTER, frames=1)
MJPEG_FILM = Stream(codec="mjpeg")
MPEG4 = Stream(codec="mpeg4")
WMV = Stream(codec="wmv2")
NOT_DEFAULT = Stream(default=False)

CASES = (
    Case(name="default poster.mkv", streams=(JPEG, NOT_DEFAULT), film=1, write=mux),
    Case(name="both default.mkv", streams=(FILM, JPEG), film=0, write=mux),
    Case(name="still of H.264.mkv", streams=(STILL, NOT_DEFAULT), film=1, write=mux),
    Case(name="long poster.mkv", streams=(FILM, LONG_JPEG), film=0, write=mux),
    Case(name="thumbnails.mkv", streams=(THUMBNAILS, NOT_DEFAULT), film=1, write=mux),
    Case(name="poster.mp4", streams=(JPEG, FILM), film=1, write=mux),
    Case(name="poster.mov", streams=(FILM, PNG), film=0, write=mux),
    Case(name="poster.avi", streams=(JPEG, MPEG4), film=1, write=mux),
    Case(name="motion JPEG.avi", streams=(MJPEG_FILM, PNG), film=0, write=mux),
    Case(name="poster.wmv", streams=(WMV, JPEG), film=0, write=mux),
    Case(name="poster.nut", streams=(JPEG, FILM), film=1, write=mux),
    Case(name="two posters.mkv", streams=(JPEG, LONG_JPEG, NOT_DEFAULT), film=2, write=mux),
    Case(name="angles.mkv", streams=(NOT_DEFAULT, ANGLE), film=1, others=(0,), write=mux),
    Case(name="angles.mp4", streams=(SMALL, FILM), film=1, others=(0,), write=mux),
    Case(name="renditions.ts", streams=(SMALL, FILM), film=1, others=(0,), write=mux),
    Case(name="programmes.ts", streams=(FILM, SMALL), film=0, others=(1,), write=programmes),
    Case(name="codec.mkv", streams=(FILM, ANGLE), film=1, others=(0,), write=with_unknown_codec),
    Case(name="empty.mp4", streams=(FILM, ANGLE), film=1, others=(0,), write=with_empty_packets),
)
