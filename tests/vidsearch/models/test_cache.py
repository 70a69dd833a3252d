from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vidsearch.errors import ModelError
from vidsearch.models.cache import ABANDONED_AFTER_S, Conversion, converted


class Converter:
    """Reverses the bytes and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: bytes) -> bytes:
        self.calls += 1
        return data[::-1]


@pytest.fixture
def converter() -> Converter:
    return Converter()


@pytest.fixture
def conversion(tmp_path: Path, converter: Converter) -> Conversion:
    source = tmp_path / "net.dat"
    source.write_bytes(b"weights" * 1000)
    return job(source, converter)


def job(source: Path, convert: Callable[[bytes], bytes], version: str = "v1") -> Conversion:
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    return Conversion(source=source, source_sha256=sha256, convert=convert, version=version)


def test_converted_once(tmp_path: Path, conversion: Conversion, converter: Converter) -> None:
    cache = tmp_path / "deep" / "cache"
    path = converted(conversion, cache)
    content = (b"weights" * 1000)[::-1]
    assert path.read_bytes() == content
    assert path.stem.endswith(hashlib.sha256(content).hexdigest())
    assert converted(conversion, cache) == path
    assert converter.calls == 1
    assert list(cache.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["truncated", "empty", "one bit"])
def test_a_damaged_file_is_converted_again(
    tmp_path: Path,
    conversion: Conversion,
    converter: Converter,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    path = converted(conversion, tmp_path / "cache")
    intact = path.read_bytes()
    damaged = {
        "truncated": intact[:100],
        "empty": b"",
        "one bit": intact[:50] + bytes([intact[50] ^ 1]) + intact[51:],
    }
    path.write_bytes(damaged[damage])
    with caplog.at_level(logging.WARNING):
        assert converted(conversion, tmp_path / "cache").read_bytes() == intact
    assert converter.calls == 2
    assert "is damaged; converting it again" in caplog.text


def test_another_source_or_converter_has_another_file(
    tmp_path: Path, conversion: Conversion, converter: Converter
) -> None:
    first = converted(conversion, tmp_path / "cache")
    newer = converted(job(conversion.source, lambda data: data, "v2"), tmp_path / "cache")
    conversion.source.write_bytes(b"other weights")
    other = converted(job(conversion.source, converter), tmp_path / "cache")
    assert len({first, newer, other}) == 3
    assert newer.read_bytes() == b"weights" * 1000
    assert other.read_bytes() == b"other weights"[::-1]


def test_a_failing_converter_leaves_nothing(tmp_path: Path, conversion: Conversion) -> None:
    def fail(_: bytes) -> bytes:
        raise ModelError("not that network")

    with pytest.raises(ModelError, match="not that network"):
        converted(job(conversion.source, fail), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written(tmp_path: Path, conversion: Conversion) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ModelError, match=r"model cache .*file cannot be written.*VIDSEARCH_CACHE"):
        converted(conversion, blocked)
    with pytest.raises(ModelError, match=r"VIDSEARCH_CACHE"):
        converted(conversion, blocked / "below")


def test_a_full_disk_leaves_no_half_file(
    tmp_path: Path, conversion: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left on device"):
        converted(conversion, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_missing_source(tmp_path: Path, conversion: Conversion) -> None:
    conversion.source.unlink()
    with pytest.raises(ModelError, match=r"net\.dat cannot be read"):
        converted(conversion, tmp_path / "cache")


def test_leftovers_of_killed_writers_are_swept(tmp_path: Path, conversion: Conversion) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    old, young = cache / ".old.onnx.1.part", cache / ".young.onnx.2.part"
    for path in (old, young):
        path.write_bytes(b"half")
    long_ago = time.time() - ABANDONED_AFTER_S - 1
    os.utime(old, (long_ago, long_ago))
    converted(conversion, cache)
    assert not old.exists()
    assert young.exists()  # its writer may still be running


PROCESS = """
import sys, time
from pathlib import Path
from vidsearch.models.open_pack import centerface_onnx

cache = Path(sys.argv[1])
Path(sys.argv[2]).touch()
while not (cache.parent / "go").exists():
    time.sleep(0.001)
print(centerface_onnx(cache))
"""


def test_four_processes_at_once_leave_one_good_file(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    ready = [tmp_path / f"ready{number}" for number in range(4)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(cache), str(flag)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for flag in ready
    ]
    deadline = time.monotonic() + 60
    while not all(flag.exists() for flag in ready) and time.monotonic() < deadline:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    answers = {process.communicate(timeout=120)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0] * 4
    (path,) = map(Path, answers)
    assert list(cache.iterdir()) == [path]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem.rsplit("-", 1)[1]
