"""Films whose frames change in size, shape, pixel aspect or rotation in the middle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from tests.helpers.videos import Pixels, VideoSpec, numbered_image, write_video

FRAMES = 12
STEP = Fraction(1, 10)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Part of a film.

    Attributes:
        size: Width and height of the stored frames.
        aspect: Pixel aspect in the coded stream.
        shown: Width and height of the upright frames with square pixels.
        rotation: Counter-clockwise degrees that the coded stream states.
    """

    size: tuple[int, int]
    shown: tuple[int, int]
    aspect: Fraction | None = None
    rotation: int = 0


@dataclass(frozen=True, kw_only=True)
class Film:
    """Film of several parts, with ``FRAMES`` frames each.

    Attributes:
        name: File name.
        parts: Parts in order.
        write: Function that writes the parts to a file; frames are numbered from 0 in each part.
    """

    name: str
    parts: Sequence[Part]
    write: Callable[[Path, Sequence[Part]], object]

    def save(self, path: Path) -> None:
        """Write the film to a file."""
        self.write(path, self.parts)


@dataclass(frozen=True, kw_only=True)
class OneStream:
    """Writer that muxes the packets of one encoder a part into one stream.

    Attributes:
        codec: Name of the encoder.
        pixels: Pixel format.
        codec_options: Options of the encoder.
    """

    codec: str
    pixels: str = "yuv420p"
    codec_options: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, path: Path, parts: Sequence[Part]) -> None:
        """Write the parts to a file."""
        self.write_images(path, [_images(part) for part in parts], parts)

    def write_images(
        self, path: Path, images: Sequence[Sequence[Pixels]], parts: Sequence[Part]
    ) -> None:
        """Write the images of every part to a file."""
        with av.open(str(path), "w") as output:
            stream = cast("av.VideoStream", output.add_stream(self.codec, rate=round(1 / STEP)))
            stream.width, stream.height = parts[0].size
            stream.pix_fmt = self.pixels
            stream.time_base = STEP
            if parts[0].aspect is not None:
                stream.codec_context.sample_aspect_ratio = parts[0].aspect
            output.start_encoding()
            base = 0
            for part, pictures in zip(parts, images, strict=True):
                for packet in self._encode(part, pictures, base):
                    packet.stream = stream
                    output.mux(packet)
                base += len(pictures)

    def _encode(
        self, part: Part, images: Sequence[Pixels], base: int
    ) -> list[av.Packet[av.VideoStream]]:
        context = cast("av.VideoCodecContext", av.CodecContext.create(self.codec, "w"))
        context.width, context.height = part.size
        context.pix_fmt = self.pixels
        context.time_base, context.framerate = STEP, 1 / STEP
        context.max_b_frames, context.thread_count = 0, 1
        if part.aspect is not None:
            context.sample_aspect_ratio = part.aspect
        context.options = dict(self.codec_options)
        packets = []
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=self.pixels)
            frame.pts, frame.time_base = base + number, STEP
            packets += context.encode(frame)
        packets += context.encode(None)
        return packets


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Writer that joins the files of the parts byte by byte, as recorders and ``cat`` do.

    Attributes:
        codec: Name of the encoder.
        container: Format of the parts.
        b_frames: B-frames between two others.
        overlap: Frames by which the times of a part begin before the end of the part before it.
    """

    codec: str = "libx264"
    container: str = "mpegts"
    b_frames: int = 0
    overlap: int = 0

    def __call__(self, path: Path, parts: Sequence[Part]) -> None:
        """Write the parts to a file."""
        content = b""
        for number, part in enumerate(parts):
            piece = path.with_suffix(f".part{number}")
            first = FRAMES + number * (FRAMES - self.overlap)  # the muxer would shift times near 0
            spec = VideoSpec(
                size=part.size,
                codec=self.codec,
                container=self.container,
                b_frames=self.b_frames,
                keyframes=FRAMES + 1,
                aspect=part.aspect,
                time_base=STEP,
                ticks=tuple(range(first, first + FRAMES)),
            )
            write_video(piece, spec, _images(part))
            content += _rotated(piece, part.rotation) if part.rotation else piece.read_bytes()
            piece.unlink()
        path.write_bytes(content)


def _images(part: Part) -> list[Pixels]:
    if not part.rotation:
        return [numbered_image(number, part.size) for number in range(FRAMES)]
    upright = (numbered_image(number, part.shown) for number in range(FRAMES))
    return [np.ascontiguousarray(np.rot90(image, -part.rotation // 90)) for image in upright]


def _rotated(path: Path, degrees: int) -> bytes:
    """Return a transport stream of H.264 with a rotation in the coded stream."""
    target = path.with_suffix(".rotated")
    with av.open(str(path)) as source, av.open(str(target), "w", format="mpegts") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        bits = BitStreamFilterContext(
            f"h264_metadata=display_orientation=insert:rotate={degrees}", source.streams.video[0]
        )
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None:
                continue
            for filtered in bits.filter(packet):
                filtered.stream = stream
                output.mux(filtered)
    content = target.read_bytes()
    target.unlink()
    return content


PORTRAIT = Part(size=(96, 160), shown=(96, 160))
LANDSCAPE = Part(size=(160, 96), shown=(160, 96))
SMALL = Part(size=(80, 48), shown=(80, 48))
TINY = Part(size=(2, 2), shown=(2, 2))
ODD = Part(size=(131, 97), shown=(131, 97))
LARGE = Part(size=(1280, 720), shown=(1280, 720))
FULL_SCREEN = Part(size=(144, 112), shown=(154, 112), aspect=Fraction(16, 15))
WIDE_SCREEN = Part(size=(144, 112), shown=(205, 112), aspect=Fraction(64, 45))
TURNED = Part(size=(128, 96), shown=(96, 128), rotation=90)
UPRIGHT = Part(size=(128, 96), shown=(128, 96))

MPEG2_FULL = Part(size=(144, 112), shown=(149, 112), aspect=Fraction(28, 27))
MPEG2_WIDE = Part(size=(144, 112), shown=(199, 112), aspect=Fraction(112, 81))
VP8 = OneStream(codec="libvpx", codec_options={"cpu-used": "8", "deadline": "realtime"})
VP9 = OneStream(codec="libvpx-vp9", codec_options={"cpu-used": "8", "deadline": "realtime"})
H264 = OneStream(codec="libx264")

FILMS = (
    Film(name="turned phone.webm", parts=(PORTRAIT, LANDSCAPE), write=VP8),
    Film(name="slow line.webm", parts=(LANDSCAPE, SMALL, LANDSCAPE), write=VP9),
    Film(name="new SPS.mkv", parts=(PORTRAIT, LANDSCAPE), write=H264),
    Film(name="new SPS.mp4", parts=(LANDSCAPE, PORTRAIT, SMALL), write=H264),
    Film(name="aspect.mkv", parts=(FULL_SCREEN, WIDE_SCREEN), write=H264),
    Film(name="joined.ts", parts=(LANDSCAPE, PORTRAIT), write=Joined(b_frames=2)),
    Film(name="H265.ts", parts=(FULL_SCREEN, WIDE_SCREEN), write=Joined(codec="libx265")),
    Film(name="dvb.ts", parts=(MPEG2_FULL, MPEG2_WIDE), write=Joined(codec="mpeg2video")),
    Film(
        name="dvb.mpg",
        parts=(MPEG2_FULL, MPEG2_WIDE, MPEG2_FULL),
        write=OneStream(codec="mpeg2video"),
    ),
    Film(
        name="B-frames.ts",
        parts=(WIDE_SCREEN, FULL_SCREEN),
        write=Joined(codec="mpeg4", b_frames=2),
    ),
    Film(name="overlap.ts", parts=(LANDSCAPE, PORTRAIT), write=Joined(overlap=2, b_frames=2)),
    Film(
        name="overlap dvb.ts",
        parts=(LANDSCAPE, PORTRAIT, LANDSCAPE),
        write=Joined(codec="mpeg2video", overlap=2, b_frames=2),
    ),
    Film(
        name="overlap.mpg",
        parts=(LANDSCAPE, SMALL),
        write=Joined(codec="mpeg2video", container="mpeg", overlap=1),
    ),
    Film(name="raw.h264", parts=(PORTRAIT, LANDSCAPE), write=Joined(container="h264")),
    Film(name="raw aspect.h264", parts=(FULL_SCREEN, WIDE_SCREEN), write=Joined(container="h264")),
    Film(
        name="camera.avi",
        parts=(LANDSCAPE, ODD, PORTRAIT),
        write=OneStream(codec="mjpeg", pixels="yuvj420p"),
    ),
    Film(name="flash.flv", parts=(LANDSCAPE, ODD, PORTRAIT), write=OneStream(codec="flv")),
    Film(name="tiny.webm", parts=(LANDSCAPE, TINY, LARGE), write=VP8),
    Film(name="rotation.ts", parts=(UPRIGHT, TURNED, UPRIGHT), write=Joined()),
)
