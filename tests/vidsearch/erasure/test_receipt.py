"""Receipts: complete, and without any name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidsearch.erasure.receipt import PersonReceipt, VideoReceipt, write_receipt
from vidsearch.storage.path import StoragePath

VIDEO = VideoReceipt(
    video_id="0123456789abcdef",
    erased_at="2024-05-31T12:00:00+00:00",
    rows={"tracks": 2},
    log_lines=3,
    files_searched=40,
    tracks_searched=5,
)
PERSON = PersonReceipt(
    person_id="fedcba9876543210",
    erased_at="2024-05-31T12:00:00+00:00",
    rows={"people": 1},
    log_lines=0,
    files_searched=40,
    tracks_searched=5,
)


@pytest.mark.parametrize("receipt", [VIDEO, PERSON])
def test_a_receipt_states_rows_proof_and_id(
    tmp_path: Path, receipt: VideoReceipt | PersonReceipt
) -> None:
    write_receipt(StoragePath.of(tmp_path), receipt)
    (file,) = (tmp_path / "receipts").iterdir()
    identity = receipt.video_id if isinstance(receipt, VideoReceipt) else receipt.person_id
    assert file.name.startswith("forget-")
    assert file.name.endswith(f"-{identity[:8]}.json")
    stated = json.loads(file.read_text())
    assert stated["rows"] == receipt.rows
    assert stated["found"] == 0
    assert {"name", "uri", "video"}.isdisjoint(stated)


def test_receipts_of_two_erasures_do_not_replace_each_other(tmp_path: Path) -> None:
    root = StoragePath.of(tmp_path)
    write_receipt(root, VIDEO)
    write_receipt(root, PERSON)
    assert len(list((tmp_path / "receipts").iterdir())) == 2
