"""RecordIO files: hand-written records, InsightFace sets, and damage of every kind."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.recordio_bytes import (
    MAGIC_BYTES,
    framed,
    image_record,
    insightface_set,
    labelled_record,
    png,
    write,
)
from trainer.data.base import BrokenFaceError
from trainer.data.recordio import CorruptRecordError, RecordFile
from trainer.data.records import RecordDataset
from vidsearch.errors import TrainingSetError, VidsearchError


def test_a_hand_written_record(tmp_path: Path) -> None:
    # magic; whole record of 24 + 5 bytes; flag 0, label 7, id 3, id2 0; "hello"; 3 bytes of padding
    raw = bytes.fromhex("0a23d7ce 1d000000 00000000 0000e040 0300000000000000 0000000000000000")
    path = tmp_path / "one.rec"
    path.write_bytes(raw + b"hello" + bytes(3))
    record = RecordFile(path).read(0)
    assert (record.labels.tolist(), record.flagged, record.data) == ([7.0], False, b"hello")


@given(st.lists(st.sampled_from([MAGIC_BYTES, b"abcd", b"x", b""]), max_size=12))
@settings(max_examples=60)
def test_data_with_the_magic_number_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("rec") / "one.rec"
    payload = image_record(1.0, 1, b"".join(pieces))
    path.write_bytes(framed(payload))
    assert RecordFile(path).read(0).data == b"".join(pieces)


def test_an_insightface_set(tmp_path: Path) -> None:
    dataset = RecordDataset(insightface_set(tmp_path / "faces_x", (2, 3, 1)))
    assert dataset.identities == ("0", "1", "2")
    assert dataset.labels.tolist() == [0, 0, 1, 1, 1, 2]
    assert dataset.template.name == "arcface_112"
    # The fourth image is record 4: red 4, green 10, blue 200.
    assert dataset.aligned_face(3)[0, 0].tolist() == [4, 10, 200]
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(copy.aligned_face(5), dataset.aligned_face(5))


def test_a_set_without_ranges_and_with_gaps_in_its_labels(tmp_path: Path) -> None:
    rows = {0: (5, 1), 1: (9, 2), 2: (5, 3)}
    payloads = {k: image_record(float(label), k, png(v)) for k, (label, v) in rows.items()}
    dataset = RecordDataset(write(tmp_path, payloads))
    assert dataset.identities == ("5", "9")
    assert dataset.labels.tolist() == [0, 1, 0]


def test_labels_after_the_header_are_read(tmp_path: Path) -> None:
    payloads = {k: labelled_record((float(k % 2), 0.5), k, png(k)) for k in range(1, 5)}
    assert RecordDataset(write(tmp_path, payloads)).labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("label", [-1.0, 0.5, float("nan"), float("inf"), 2.0**25])
def test_labels_out_of_range_are_named(tmp_path: Path, label: float) -> None:
    path = write(tmp_path, {1: image_record(0.0, 1, png(1)), 2: image_record(label, 2, png(2))})
    with pytest.raises(TrainingSetError, match=r"record 2 has label .*whole numbers"):
        RecordDataset(path)


def test_a_corrupt_image_is_one_broken_face(tmp_path: Path) -> None:
    path = insightface_set(tmp_path, (2, 2))
    raw = bytearray(path.read_bytes())
    offset = int(path.with_suffix(".idx").read_text().splitlines()[2].split()[1])
    raw[offset] ^= 0xFF
    path.write_bytes(raw)
    dataset = RecordDataset(path)
    with pytest.raises(BrokenFaceError, match=rf"record 2: .*byte {offset} is corrupt"):
        dataset.aligned_face(1)
    assert dataset.aligned_face(0).shape == (112, 112, 3)


def test_a_label_that_contradicts_its_range_is_named(tmp_path: Path) -> None:
    payloads = {0: labelled_record((3.0, 4.0), 0)}
    payloads[1] = image_record(0.0, 1, png(1))
    payloads[2] = image_record(7.0, 2, png(2))
    payloads[3] = labelled_record((1.0, 3.0), 3)
    dataset = RecordDataset(write(tmp_path, payloads))
    with pytest.raises(BrokenFaceError, match="labelled 7, but stored among identity 0"):
        dataset.aligned_face(1)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((1.0, 9.0), "outside 1..2"),
        ((2.0, 2.0), "outside 1..2"),
        ((float("nan"), 2.0), "identity's range"),
        ((0.0, 2.0), "outside 1..2"),
    ],
)
def test_ranges_are_checked(tmp_path: Path, ends: tuple[float, float], message: str) -> None:
    payloads = {0: labelled_record((3.0, 4.0), 0)}
    payloads |= {k: image_record(0.0, k, png(k)) for k in (1, 2)}
    payloads[3] = labelled_record(ends, 3)
    with pytest.raises(TrainingSetError, match=message):
        RecordDataset(write(tmp_path, payloads))


def test_a_missing_or_malformed_index_names_a_remedy(tmp_path: Path) -> None:
    path = insightface_set(tmp_path, (1, 1))
    path.with_suffix(".idx").unlink()
    with pytest.raises(TrainingSetError, match=r"NAME\.rec and NAME\.idx"):
        RecordDataset(path)
    path.with_suffix(".idx").write_text("0\tzero\n")
    with pytest.raises(TrainingSetError, match="line 1 must be two whole numbers"):
        RecordDataset(path)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        MAGIC_BYTES,
        MAGIC_BYTES + struct.pack("<I", 100),
        MAGIC_BYTES + struct.pack("<I", 3 << 29),
        MAGIC_BYTES + struct.pack("<I", 1 << 29),
        MAGIC_BYTES + struct.pack("<I", 4) + bytes(4),
        framed(struct.pack("<IfQQ", 0xFFFFFFFF, 0.0, 0, 0)),
    ],
)
def test_bytes_that_are_not_a_record_are_named_with_their_offset(
    tmp_path: Path, raw: bytes
) -> None:
    path = tmp_path / "x.rec"
    path.write_bytes(raw)
    with pytest.raises(CorruptRecordError, match="byte 0 is corrupt"):
        RecordFile(path).read(0)


@given(st.data())
@settings(max_examples=150)
def test_any_damage_gives_an_error_of_vidsearch_on_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = insightface_set(folder, (2, 1), side=16)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    complaint = ""
    try:
        dataset = RecordDataset(path)
        for index in range(len(dataset)):
            assert dataset.aligned_face(index).dtype == np.uint8
    except VidsearchError as error:
        complaint = str(error)
    assert "\n" not in complaint
