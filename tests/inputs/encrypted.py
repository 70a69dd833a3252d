"""Videos with each protection that a container states, made from plain ones."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.helpers.videos import VideoSpec, write_video

SIZE = (128, 96)
_KEY = {"encryption_key": "00112233445566778899aabbccddeeff", "encryption_kid": "0" * 32}


@dataclass(frozen=True)
class Encrypted:
    """Encrypted file.

    Attributes:
        name: File name.
        protection: Words of the message that name the protection.
        write: Function that writes the file.
    """

    name: str
    protection: str
    write: Callable[[Path], object]


def plain(path: Path, **options: object) -> bytes:
    """Write a short video and return its bytes."""
    spec = VideoSpec(frames=12, size=SIZE, **options)  # type: ignore[arg-type]
    return write_video(path, spec).read_bytes()


def packets_of(path: Path) -> bytes:
    """Return a transport stream of 188-byte packets; FFmpeg chooses 192 by the ending ``.m2ts``."""
    return plain(path.with_suffix(".ts"), container="mpegts")


def noise(length: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(length)


def common_encryption(path: Path, codec: str = "libx264", **options: str) -> None:
    """Write an MP4 that FFmpeg encrypts."""
    plain(path, codec=codec, options={"encryption_scheme": "cenc-aes-ctr", **_KEY, **options})


def other_entry(path: Path, name: bytes, **options: str) -> None:
    """Write an MP4 whose video has another sample entry."""
    content = plain(path, options=options)
    brands = int.from_bytes(content[:4], "big")
    path.write_bytes(content[:brands] + content[brands:].replace(b"avc1", name, 1))


def scheme(path: Path, name: bytes) -> None:
    common_encryption(path)
    path.write_bytes(path.read_bytes().replace(b"cenc", name, 1))


def windows_media(path: Path, guid: bytes) -> None:
    """Write a WMV whose header holds one object more."""
    content = plain(path, codec="wmv2")
    size, count = struct.unpack_from("<QI", content, 16)
    added = guid + struct.pack("<Q", 24 + 16) + bytes(16)
    header = content[:16] + struct.pack("<QI", size + len(added), count + 1) + content[28:30]
    path.write_bytes(header + added + content[30:])


def element(name: str, content: bytes) -> bytes:
    """Return an element of Matroska; its length has eight bytes."""
    return bytes.fromhex(name) + (1 << 56 | len(content)).to_bytes(8, "big") + content


def matroska(path: Path, encodings: bytes, *, kind: int = 1) -> None:
    """Write the header of a Matroska file with one track, then a cluster.

    Args:
        path: File to write.
        encodings: Content of the track's content encodings.
        kind: Type of the track: 1 video, 2 audio.
    """
    track = element("d7", b"\1") + element("83", bytes([kind])) + element("86", b"V_VP9")
    track += element("6d80", encodings)
    tracks = element("1654ae6b", element("ae", track))
    header = element("1a45dfa3", element("4282", b"webm"))
    # A live recording states no length of its segment.
    segment = bytes.fromhex("18538067 01ffffffffffffff") + element("ec", bytes(40)) + tracks
    path.write_bytes(header + segment + element("1f43b675", noise(4096)))


ENCRYPTED_ENCODING = element("6240", element("5033", b"\1") + element("5035", b""))
COMPRESSED_ENCODING = element("6240", element("5033", b"\0") + element("5034", b""))


def transport_stream(path: Path, *, packet: int = 188, payload: bool = True) -> None:
    """Write a transport stream whose video packets are scrambled.

    Args:
        path: File to write.
        packet: Bytes per packet: 192 with time codes, as on camcorder cards.
        payload: False to set the scrambling bits only.
    """
    content = bytearray(packets_of(path))
    scrambled = bytearray()
    for start in range(0, len(content), 188):
        block = content[start : start + 188]
        if int.from_bytes(block[1:3], "big") & 0x1FFF == 0x100:
            header = 5 + block[4] if block[3] & 0x20 else 4
            block[3] |= 0x80
            if payload:
                block[header:] = noise(188 - header, start)
        scrambled += bytes(packet - 188) + block
    path.write_bytes(bytes(scrambled))


def sample_aes(path: Path) -> None:
    """Write a transport stream whose table states encrypted H.264."""
    content = plain(path, container="mpegts")
    entry = b"\x1b\xe1\x00\xf0"
    path.write_bytes(content.replace(entry, b"\xdb" + entry[1:]))


def video_disc(path: Path, *, every: int = 1) -> None:
    """Write a program stream; set the scrambling bits of every n-th video packet."""
    content = bytearray(plain(path, codec="mpeg2video", container="vob"))
    start, number = content.find(b"\0\0\1\xe0"), 0
    while start >= 0:
        content[start + 6] |= 0x30 if number % every == 0 else 0
        start, number = content.find(b"\0\0\1\xe0", start + 4), number + 1
    path.write_bytes(bytes(content))


def flash(path: Path) -> None:
    content = bytearray(plain(path, codec="flv", container="flv"))
    offset = 13
    while offset < len(content):
        content[offset] |= 0x20 if content[offset] == 9 else 0
        offset += 15 + int.from_bytes(content[offset + 1 : offset + 4], "big")
    path.write_bytes(bytes(content))


def digital_cinema(path: Path) -> None:
    content = plain(path, codec="mpeg2video", time_base=Fraction(1, 25))
    essence = bytes.fromhex("060e2b34010201010d01030115010500")
    encrypted = bytes.fromhex("060e2b34020401070d010301027e0100")
    path.write_bytes(content.replace(essence, encrypted))


def blu_ray(path: Path) -> None:
    """Write a stream of 192-byte packets in units of which 16 bytes are in the clear."""
    plain_ts = packets_of(path) * 10
    packets = [plain_ts[start : start + 188] for start in range(0, len(plain_ts), 188)]
    timed = b"".join(b"\xc0\0\0\0" + packet for packet in packets)
    units = [timed[start : start + 6144] for start in range(0, len(timed) - 6143, 6144)]
    path.write_bytes(b"".join(unit[:16] + noise(6128, n) for n, unit in enumerate(units)))


def live_segment(path: Path) -> None:
    """Write a segment that is encrypted as a whole, as AES-128 of HTTP Live Streaming does."""
    path.write_bytes(noise(len(plain(path, container="mpegts")) // 16 * 16))


def locked_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.mp4", bytes(100))
    content = bytearray(path.read_bytes())
    content[6] |= 1
    path.write_bytes(bytes(content))


def begins(head: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(head + noise(8192))


_CONTENT_ENCRYPTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
_EXTENDED_ENCRYPTION = bytes.fromhex("14e68a292226174cb935dae07ee9289c")
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}

FAMILY: tuple[Encrypted, ...] = (
    Encrypted("cenc.mp4", r"MPEG Common Encryption \(cenc\)", common_encryption),
    Encrypted(
        "hevc.mp4",
        r"MPEG Common Encryption \(cenc\)",
        lambda path: common_encryption(path, "libx265"),
    ),
    Encrypted(
        "index_first.m4v",
        "MPEG Common Encryption",
        lambda path: common_encryption(path, movflags="faststart"),
    ),
    Encrypted("cbcs.mp4", r"\(cbcs\)", lambda path: scheme(path, b"cbcs")),
    Encrypted(
        "fragments.mp4",
        "MPEG Common Encryption",
        lambda path: other_entry(path, b"encv", **_FRAGMENTS),
    ),
    Encrypted("bought.m4v", "FairPlay", lambda path: other_entry(path, b"drmi")),
    Encrypted(
        "licensed.wmv", "Windows Media DRM", lambda path: windows_media(path, _CONTENT_ENCRYPTION)
    ),
    Encrypted(
        "licensed.asf", "Windows Media DRM", lambda path: windows_media(path, _EXTENDED_ENCRYPTION)
    ),
    Encrypted(
        "stream.webm",
        "Matroska content encryption",
        lambda path: matroska(path, ENCRYPTED_ENCODING),
    ),
    Encrypted("pay.ts", "conditional access", transport_stream),
    Encrypted("pay.m2ts", "conditional access", lambda path: transport_stream(path, packet=192)),
    Encrypted("segment.ts", "SAMPLE-AES", sample_aes),
    Encrypted("VTS_01_1.VOB", "CSS", video_disc),
    Encrypted("VTS_01_2.VOB", "CSS", lambda path: video_disc(path, every=3)),
    Encrypted("disc.m2ts", "AACS", blu_ray),
    Encrypted("flash.flv", "Adobe Access", flash),
    Encrypted("cinema.mxf", "digital cinema", digital_cinema),
    Encrypted("recorder.TiVo", "TiVo", begins(b"TiVo\0\4\0\x0d")),
    Encrypted("openssl.mp4", "OpenSSL", begins(b"Salted__")),
    Encrypted("crypt.mp4", "AES Crypt", begins(b"AES\2\0")),
)
