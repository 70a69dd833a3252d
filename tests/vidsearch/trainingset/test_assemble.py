from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vidsearch.errors import ConfigError, TrainingSetError
from vidsearch.faces.geometry.align import ARCFACE_112
from vidsearch.trainingset.assemble import SetOptions, assemble
from vidsearch.trainingset.candidates import Candidate, read_candidates, write_candidates
from vidsearch.trainingset.duplicates import near_duplicates
from vidsearch.trainingset.manifest import find_set_manifest, read_set_manifest
from vidsearch.trainingset.report import SetReport
from vidsearch.trainingset.split import held_out_identities


def sure_above_09(cosine: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.where(np.asarray(cosine) > 0.9, 1.0, 0.0)


def face(identity: str, number: int, hash_: int, axis: int) -> Candidate:
    embedding = np.zeros(16, np.float32)
    embedding[axis] = 1
    image = f"{identity} {number}".encode()
    return Candidate(identity, f"{identity}/{number}.jpg", image, hash_, embedding)


def far_hash(number: int) -> int:
    """Hashes of which any two differ in far more than three bits."""
    return int.from_bytes(np.random.default_rng(number).bytes(8), "big")


def six_people() -> list[Candidate]:
    return [
        face(name, n, far_hash(10 * i + n), i) for i, name in enumerate("abcdef") for n in (1, 2)
    ]


def build(tmp_path: Path, rows: list[Candidate], **options: object) -> SetReport:
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    write_candidates(paths[0], rows[:5])
    write_candidates(paths[1], rows[5:])
    settings = SetOptions(name="test", **options)  # type: ignore[arg-type]
    return assemble(paths, tmp_path / "set", ARCFACE_112, sure_above_09, settings, {})


def test_a_set_holds_every_face_once(tmp_path: Path) -> None:
    report = build(tmp_path, six_people(), held_out=0.34)
    assert report.faces == {"train": 8, "held_out": 4}
    assert report.identities == {"train": 4, "held_out": 2}
    files = {p.relative_to(tmp_path / "set") for p in (tmp_path / "set").rglob("*.jpg")}
    assert len(files) == 12
    train, held = (
        {f.parts[1] for f in files if f.parts[0] == part} for part in ("train", "held_out")
    )
    assert not train & held
    assert train | held == set("abcdef")
    manifest = read_set_manifest(tmp_path / "set")
    assert (manifest.name, manifest.template, manifest.faces) == ("test", ARCFACE_112, report.faces)
    assert find_set_manifest(tmp_path / "set" / "train") == manifest
    assert json.loads((tmp_path / "set" / "report.json").read_text())["photos"] == 12


def test_dropped_photos_have_a_reason(tmp_path: Path) -> None:
    rows = [
        *six_people(),
        face("a", 3, far_hash(1) ^ 0b101, 0),  # two bits from a/1, the same person: again
        face("b", 3, far_hash(11) ^ 0b1111, 1),  # four bits: another photo
        face("a", 4, far_hash(51), 5),  # f/1's picture under a's name
        Candidate("g", "g/1.jpg", dropped="no face"),
        face("h", 1, far_hash(71), 7),
    ]
    report = build(tmp_path, rows, held_out=0.0)
    assert {(source, why) for source, _, why in report.dropped} == {
        ("a/3.jpg", "near-duplicate"),
        ("a/4.jpg", "the same picture under two names"),
        ("f/1.jpg", "the same picture under two names"),
        ("g/1.jpg", "no face"),
        ("h/1.jpg", "fewer than 2 faces of this identity"),
        ("f/2.jpg", "fewer than 2 faces of this identity"),
    }
    assert report.faces == {"train": 11, "held_out": 0}
    assert report.photos == report.faces["train"] + len(report.dropped)
    assert not (tmp_path / "set" / "held_out").exists()


def test_duplicates_may_be_kept(tmp_path: Path) -> None:
    rows = [*six_people(), face("a", 3, far_hash(1), 0)]
    assert build(tmp_path, rows, held_out=0, duplicates=True).faces["train"] == 13


def test_shards_hold_the_same_faces_as_folders(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    build(tmp_path, six_people(), held_out=0.34, layout="shards")
    stored = {
        part: pq.read_table(tmp_path / "set" / part / "part-00000.parquet").to_pylist()
        for part in ("train", "held_out")
    }
    assert sorted(row["image"] for rows in stored.values() for row in rows) == sorted(
        c.image for c in six_people()
    )
    assert not {r["identity"] for r in stored["train"]} & {
        r["identity"] for r in stored["held_out"]
    }


def test_identities_with_invalid_folder_names(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "A_B", "..", "x"]
    rows = [face(name, n, far_hash(10 * i + n), i) for i, name in enumerate(names) for n in (1, 2)]
    build(tmp_path, rows, held_out=0)
    folders = [path for path in (tmp_path / "set" / "train").iterdir() if path.is_dir()]
    assert len(folders) == 5
    assert all(len(list(folder.iterdir())) == 2 for folder in folders)


def test_a_set_with_too_few_identities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingSetError, match="1 identities are left of 2"):
        build(tmp_path, [face("a", 1, 1, 0), face("a", 2, far_hash(1), 0), face("b", 1, 7, 1)])
    with pytest.raises(ConfigError, match="too few to hold 2 of them out"):
        build(tmp_path, [face(n, i, far_hash(i), i) for i, n in enumerate("aabb")], min_faces=1)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=8), st.randoms(use_true_random=False))
def test_near_duplicates_are_those_of_the_definition(bases: list[int], random: object) -> None:
    rng = np.random.default_rng(len(bases))
    hashes = [b ^ int(f) for b in bases for f in (0, 1 << int(rng.integers(64)), 0b11011)]
    axes = rng.integers(0, 2, len(hashes))
    embeddings = np.eye(2, dtype=np.float32)[axes]
    expected = [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (hashes[i] ^ hashes[j]).bit_count() <= 3 and axes[i] == axes[j]
    ]
    assert near_duplicates(hashes, embeddings, sure_above_09) == expected


def test_the_split_moves_little_when_people_are_added() -> None:
    people = [f"person {i}" for i in range(100)]
    before = held_out_identities(people, 0.1, seed=3)
    after = held_out_identities([*people, "somebody new"], 0.1, seed=3)
    assert len(before) == len(after) == 10
    assert len(before - after) <= 1
    assert held_out_identities(people, 0.1, seed=4) != before
    assert held_out_identities(people, 0.0, seed=3) == frozenset()


def test_candidates_round_trip(tmp_path: Path) -> None:
    rows = [face("a", 1, 2**64 - 1, 3), Candidate("b", "b/1", dropped="no face")]
    write_candidates(tmp_path / "x.parquet", rows)
    back = list(read_candidates(tmp_path / "x.parquet", images=True))
    assert (back[0].hash, back[0].image, back[1].dropped) == (2**64 - 1, b"a 1", "no face")
    assert np.array_equal(back[0].embedding, rows[0].embedding)
    assert next(read_candidates(tmp_path / "x.parquet", images=False)).image == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "not a JSON object"),
        ('{"format": 2}', "format must be 1"),
        ('{"format": 1}', "field 'template' is missing"),
    ],
)
def test_damaged_manifests(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "trainingset.json").write_text(text)
    with pytest.raises(TrainingSetError, match=message):
        read_set_manifest(tmp_path)
