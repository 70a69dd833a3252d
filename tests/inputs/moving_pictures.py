"""Moving pictures without a film container: animations, motion JPEG, recordings of recorders."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image as Pillow

from tests.helpers.videos import VideoSpec, numbered_image, write_video

SIZE = (128, 96)
FRAMES = 12


@dataclass(frozen=True)
class Moving:
    """File of moving pictures and its right answer.

    Attributes:
        name: File name.
        container: Name of the format in the video's record.
        times_s: Time of each frame; the last number is the end of the last frame.
        write: Function that writes the file; its frames are numbered from 0.
    """

    name: str
    container: str
    times_s: Sequence[float]
    write: Callable[[Path], object]


def even(step_s: float, frames: int = FRAMES) -> list[float]:
    return [number * step_s for number in range(frames + 1)]


def running(durations_ms: Iterable[int]) -> list[float]:
    times = [0.0]
    for duration in durations_ms:
        times.append(times[-1] + duration / 1000)
    return times


def pictures(frames: int = FRAMES, size: tuple[int, int] = SIZE) -> list[Pillow.Image]:
    return [Pillow.fromarray(numbered_image(number, size)) for number in range(frames)]


def animation(kind: str, durations_ms: int | Sequence[int] = 100, **options: object) -> bytes:
    """Return an animation of numbered frames, as Pillow writes it."""
    first, *others = pictures()
    target = io.BytesIO()
    first.save(
        target,
        kind,
        save_all=True,
        append_images=others,
        duration=durations_ms,
        **options,
    )
    return target.getvalue()


def patches(kind: str, disposal: int) -> bytes:
    """Return an animation that shows a small patch on a page that stays, or on nothing.

    Args:
        kind: Format as Pillow names it.
        disposal: Number that the format gives to the treatment of the frame before the next one.
    """
    images = []
    for number in range(4):
        image = Pillow.new("RGBA", (96, 32), (255, 255, 255, 0))
        image.paste((255, 0, 0, 255), (24 * number, 0, 24 * number + 24, 32))
        images.append(image)
    target = io.BytesIO()
    images[0].save(
        target,
        kind,
        save_all=True,
        append_images=images[1:],
        duration=100,
        disposal=disposal,
        loop=0,
        lossless=True,
    )
    return target.getvalue()


def jpegs(size: tuple[int, int] = SIZE, frames: int = FRAMES, **options: object) -> list[bytes]:
    """Return numbered frames as JPEGs."""
    result = []
    for picture in pictures(frames, size):
        target = io.BytesIO()
        picture.save(target, "JPEG", quality=92, **options)
        result.append(target.getvalue())
    return result


def multipart(
    frames: Iterable[bytes],
    *,
    before: bytes = b"",
    boundary: bytes = b"--myboundary",
    line_end: bytes = b"\r\n",
    lengths: bool = True,
) -> bytes:
    """Return the answer of a web camera, as programs for recording store it."""
    parts = [before]
    for number, jpeg in enumerate(frames):
        headers = [boundary, b"Content-Type: image/jpeg"]
        headers += [b"Content-Length: %d" % len(jpeg)] if lengths else []
        headers += [b"X-Timestamp: %d.5" % (1_700_000_000 + number)]
        parts += [line_end.join([*headers, b"", b""]), jpeg, line_end]
    return b"".join(parts)


def dahua(path: Path, rate: int = 10) -> None:
    """Write a recording in the container of Dahua's recorders (DAV): H.264 in ``DHAV`` packets."""
    source = path.with_suffix(".h264")
    write_video(source, VideoSpec(frames=FRAMES, size=SIZE, container="h264"))
    with av.open(str(source), format="h264", options={"framerate": str(rate)}) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        coded = [(packet.is_keyframe, bytes(packet)) for packet in packets]
    source.unlink()
    second, date = 0, 10 << 12 | 31 << 17 | 5 << 22 | 24 << 26  # 10 h, 31 May 2024
    blocks = []
    for number, (is_keyframe, body) in enumerate(coded):
        second, millisecond = divmod(number * 1000 // rate, 1000)
        extension = bytes([0x81, 0, 2, rate, 0x80, 0, SIZE[0] // 8, SIZE[1] // 8])
        length = 24 + len(extension) + len(body) + 8
        header = b"DHAV" + bytes([0xFD if is_keyframe else 0xFC, 0, 0, 0])
        header += struct.pack("<III", number, length, date + second)
        header += struct.pack("<HBB", millisecond, len(extension), 0)
        blocks.append(header + extension + body + b"dhav" + struct.pack("<I", length))
    path.write_bytes(b"".join(blocks))


def heif_sequence(path: Path) -> None:
    """Write H.265 frames under the brand of an image sequence."""
    write_video(path, VideoSpec(frames=FRAMES, size=SIZE, codec="libx265", container="mp4"))
    content = bytearray(path.read_bytes())
    content[8:12] = b"hevc"
    content[content.index(b"vide") :][:4] = b"pict"
    path.write_bytes(bytes(content))


def film(codec: str, pixels: str, container: str) -> Callable[[Path], object]:
    spec = VideoSpec(frames=FRAMES, size=SIZE, codec=codec, pixels=pixels, container=container)
    return lambda path: write_video(path, spec)


def stored(content: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content())


UNEVEN_MS = [100, 200, 50, 1000, 40, 100, 100, 70, 30, 500, 100, 300]
# 0 and 1 hundredths of a second are shown for 10 hundredths.
SHORT_MS = [100, 0, 10, 20, 30, 0, 10, 100, 100, 100, 100, 100]
SHOWN_MS = [100, 100, 100, 20, 30, 100, 100, 100, 100, 100, 100, 100]

FAMILY: tuple[Moving, ...] = (
    Moving("even.gif", "gif", even(0.1), stored(lambda: animation("GIF", loop=0))),
    Moving("once.gif", "gif", even(0.1), stored(lambda: animation("GIF"))),
    Moving("uneven.gif", "gif", running(UNEVEN_MS), stored(lambda: animation("GIF", UNEVEN_MS))),
    Moving("short.GIF", "gif", running(SHOWN_MS), stored(lambda: animation("GIF", SHORT_MS))),
    Moving("uneven.png", "apng", running(UNEVEN_MS), stored(lambda: animation("PNG", UNEVEN_MS))),
    Moving("even.apng", "apng", even(0.1), stored(lambda: animation("PNG"))),
    Moving(
        "uneven.webp",
        "webp",
        running(UNEVEN_MS),
        stored(lambda: animation("WEBP", UNEVEN_MS, lossless=True)),
    ),
    Moving("lossy.webp", "webp", even(0.1), stored(lambda: animation("WEBP", quality=90))),
    Moving(
        "sequence.avif",
        "mp4",
        running(UNEVEN_MS),
        stored(lambda: animation("AVIF", UNEVEN_MS, quality=90, speed=8)),
    ),
    Moving("sequence.heics", "mp4", even(0.1), heif_sequence),
    Moving("camera.mjpeg", "mjpeg", even(0.04), stored(lambda: b"".join(jpegs()))),
    Moving("camera.mjpg", "mjpeg", even(0.04), stored(lambda: b"\0".join(jpegs()))),
    Moving(
        "progressive.mjpeg",
        "mjpeg",
        even(0.04),
        stored(lambda: b"".join(jpegs(progressive=True))),
    ),
    Moving("camera.bin", "mjpeg", even(0.04), stored(lambda: multipart(jpegs()))),
    Moving(
        "camera.mpjpeg",
        "mjpeg",
        even(0.04),
        stored(lambda: multipart(jpegs(), lengths=False, line_end=b"\n")),
    ),
    Moving(
        "answer.mjpg",
        "mjpeg",
        even(0.04),
        stored(
            lambda: multipart(
                jpegs(),
                before=b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; "
                b"boundary=ipcamera\r\n\r\n",
                boundary=b"--ipcamera",
            )
        ),
    ),
    Moving("blank_first.mjpg", "mjpeg", even(0.04), stored(lambda: b"\r\n" + multipart(jpegs()))),
    Moving("jpeg.avi", "avi", even(0.1), film("mjpeg", "yuvj420p", "avi")),
    Moving("jpeg.mov", "mp4", even(0.1), film("mjpeg", "yuvj420p", "mov")),
    Moving("png.mov", "mp4", even(0.1), film("png", "rgb24", "mov")),
    Moving("recorder.dav", "dhav", even(0.1), dahua),
)
