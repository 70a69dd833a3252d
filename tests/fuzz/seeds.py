"""Intact small inputs of every kind that the program reads; mutants are made of them."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from PIL import Image as Pillow

from tests.helpers import recordio_bytes
from tests.helpers.videos import VideoSpec, numbered_image, write_video
from tests.inputs.photo_files import animation, dng, encoded, heic
from trainer.config.toml import to_toml
from trainer.config.train import TrainConfig
from vidsearch.catalog.meta import META_NAME, new_meta
from vidsearch.models.open_pack import OPEN
from vidsearch.models.pack_toml import PACK_TOML
from vidsearch.models.pack_toml import to_toml as pack_to_toml

Kind: TypeAlias = Literal["video", "photo", "data"]


@dataclass(frozen=True, slots=True)
class Seed:
    """An intact input.

    Attributes:
        name: File name; its ending tells the format.
        kind: Group in the printed table.
        content: Bytes of the file.
    """

    name: str
    kind: Kind
    content: bytes


_FILMS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"b_frames": 2, "audio": True},
    "fragments.mp4": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mkv": {"audio": True},
    "vp9.webm": {"codec": "libvpx-vp9", "codec_options": {"cpu-used": "8", "deadline": "realtime"}},
    "h264.ts": {"b_frames": 2, "audio": True},
    "mpeg2.mpg": {"codec": "mpeg2video", "time_base": Fraction(1, 25)},
    "mpeg4.avi": {"codec": "mpeg4", "audio": False},
    "h264.flv": {"audio": False},
    "wmv2.wmv": {"codec": "wmv2"},
    "pictures.mov": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "raw.h264": {},
    "raw.h265": {"codec": "libx265", "codec_options": {"x265-params": "log-level=none"}},
    "moving.mjpeg": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "vp8.ivf": {"codec": "libvpx", "codec_options": {"cpu-used": "8", "deadline": "realtime"}},
    "ffv1.nut": {"codec": "ffv1"},
    "turned.mp4": {"turn": 90, "aspect": Fraction(4, 3)},
    "mpeg2.mxf": {"codec": "mpeg2video", "time_base": Fraction(1, 25)},
    "three.3gp": {"codec": "mpeg4"},
}


def all_seeds(folder: Path) -> list[Seed]:
    """Return the seeds of all kinds, in a fixed order.

    Args:
        folder: Folder for the films while they are written.
    """
    return [*_films(folder), *_photos(), *_data(folder)]


def _films(folder: Path) -> Iterator[Seed]:
    for name, options in _FILMS.items():
        spec = VideoSpec(**{"frames": 12, "size": (64, 48), "keyframes": 6, **options})
        yield Seed(name, "video", write_video(folder / name, spec).read_bytes())
    images = [numbered_image(number, (48, 32)) for number in range(4)]
    yield Seed("moving.gif", "video", animation(images, "GIF", duration=100))
    yield Seed("moving.webp", "video", animation(images, "WEBP", duration=100))
    yield Seed("moving.apng", "video", animation(images, "PNG", duration=100))


def _photos() -> Iterator[Seed]:
    image = numbered_image(7, (96, 64))
    yield Seed("plain.jpg", "photo", encoded(image, "JPEG", 6, quality=80))
    yield Seed("progressive.jpg", "photo", encoded(image, "JPEG", progressive=True))
    yield Seed("plain.png", "photo", encoded(image, "PNG"))
    yield Seed("plain.webp", "photo", encoded(image, "WEBP"))
    yield Seed("plain.bmp", "photo", encoded(image, "BMP"))
    yield Seed("packed.tiff", "photo", encoded(image, "TIFF", compression="tiff_lzw"))
    yield Seed("plain.jp2", "photo", encoded(image, "JPEG2000"))
    yield Seed("plain.avif", "photo", encoded(image, "AVIF", speed=10))
    yield Seed("plain.heic", "photo", heic(image))
    yield Seed("raw.dng", "photo", dng(image))
    grey = io.BytesIO()
    Pillow.fromarray(image[:, :, 0].astype(np.uint16) * 257).save(grey, "PNG")
    yield Seed("sixteen.png", "photo", grey.getvalue())


def _data(folder: Path) -> Iterator[Seed]:
    array = np.linspace(0, 1, 24, dtype=np.float32).reshape(3, 8)
    features = {"clip.mp4": [[1.0, [0.0, 1.0, 5.0, 6.0], 0.9, 0.8, row] for row in array]}
    yield Seed("features.pickle", "data", pickle.dumps(features, 2))
    yield Seed("latest.pickle", "data", pickle.dumps(features, 5))
    face = recordio_bytes.png(90)
    yield Seed("pairs.bin", "data", pickle.dumps(([face] * 4, [True, False]), 4))
    stored = io.BytesIO()
    np.save(stored, array)
    yield Seed("vectors.npy", "data", stored.getvalue())
    records = recordio_bytes.insightface_set(folder / "records", [2, 2])
    yield Seed("train.rec", "data", records.read_bytes())
    yield Seed("recipe.toml", "data", to_toml(TrainConfig()).encode())
    embedder = replace(OPEN.embedder, kind="onnx")
    pack = replace(OPEN, name="other", embedder=embedder)
    yield Seed(PACK_TOML, "data", pack_to_toml(pack).encode())
    yield Seed(META_NAME, "data", new_meta("open", "open-1", 128).to_bytes())
    lines = ["person,photo,video,start,end", *(f'"A, B",a.jpg,v {n}.mp4,{n},{n}.5' for n in "123")]
    yield Seed("labels.csv", "data", "\r\n".join(lines).encode())
    yield Seed("excel.csv", "data", "\n".join(lines).replace(",", ";").encode("utf-16"))
    yield Seed(
        "list.txt", "data", "\n".join(["# films", *(f"film {n}.mp4" for n in "123")]).encode()
    )
