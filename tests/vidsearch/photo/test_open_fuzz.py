"""Mutated and random photo files: pixels or one ``PhotoError``."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vidsearch.photo.specimens import specimens
from vidsearch.errors import PhotoError
from vidsearch.photo.open import read_photo


class TestFuzz:
    """Any input gives pixels or a PhotoError of one line, and no Python warning."""

    @staticmethod
    def check(content: bytes) -> None:
        try:
            image = read_photo(content, "fuzz")
        except PhotoError as error:
            message = str(error)
        else:
            message = "fuzz"
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] == 3
            assert min(image.shape) >= 1
            assert image.flags.c_contiguous
            assert image.flags.writeable
        assert "fuzz" in message
        assert len(message.splitlines()) == 1

    @pytest.mark.parametrize("kind", sorted(specimens()))
    def test_mutated_files(self, kind: str, rng: np.random.Generator) -> None:
        whole = specimens()[kind]
        self.check(whole)
        for _ in range(60):
            self.check(mutated(whole, rng))

    @given(st.binary(max_size=400))
    def test_random_bytes(self, content: bytes) -> None:
        self.check(content)

    @given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "AVIF", "animated PNG"]), st.data())
    def test_bytes_after_a_real_beginning(self, kind: str, data: st.DataObject) -> None:
        content = specimens()[kind]
        kept = data.draw(st.integers(4, len(content)))
        self.check(content[:kept] + data.draw(st.binary(max_size=100)))


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut, overwrite, remove or insert bytes; then correct the checksums of a PNG."""
    damaged = bytearray(content)
    where, other = sorted(int(n) for n in rng.integers(0, len(damaged), 2))
    match int(rng.integers(5)):
        case 0:
            del damaged[where:]
        case 1:
            for index in rng.integers(0, len(damaged), 5):
                damaged[index] = rng.integers(256)
        case 2:  # headers hold the sizes
            damaged[int(rng.integers(min(len(damaged), 200)))] = int(rng.choice([0, 1, 127, 255]))
        case 3:
            del damaged[where:other]
        case _:
            damaged[where:where] = rng.bytes(int(rng.integers(1, 40)))
    if damaged.startswith(b"\x89PNG") and rng.random() < 0.7:
        at = 8
        while at + 12 <= len(damaged):
            end = at + 8 + int.from_bytes(damaged[at : at + 4], "big")
            if end + 4 > len(damaged):
                break
            damaged[end : end + 4] = zlib.crc32(damaged[at + 4 : end]).to_bytes(4, "big")
            at = end + 4
    return bytes(damaged)
