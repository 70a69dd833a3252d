"""Damage of a catalog is found, named with its remedy, and not taken for anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.synthetic_catalog import DIM, MODEL_ID, make_video
from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.maintenance import maintain
from vidsearch.catalog.people import add_person, judge
from vidsearch.commands.main import main
from vidsearch.integrity.verify import verify
from vidsearch.search.track_index import rebuild
from vidsearch.storage.checksums import CHECKSUMS, read_checksums


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog.create(tmp_path / "c", pack="toy", model_id=MODEL_ID, dim=DIM)
    with CatalogWriter(made) as writer:
        for number in range(3):
            writer.add(make_video(number, tracks=2, status="indexed"))
    tracks = made.tracks(["track_id"])["track_id"].to_pylist()
    judge(made, tracks[:1], add_person(made, "Ann"), same=True)
    rebuild(made)
    return made


def data_file(catalog: Catalog, table: str) -> Path:
    return next((Path(catalog.uri) / table).glob("*.parquet"))


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_whole_catalog_has_checksums_and_no_damage(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    found = verify(catalog)
    assert (found.files, found.without_checksum, found.damaged) == (6, 0, ())
    assert main(["status", catalog.uri, "--verify"]) == 0
    assert "Verified    6 data files\nDamaged     nothing" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["tracks", "faces", "videos", "files", "people", "verdicts"])
def test_a_flipped_bit_of_a_table_is_found(
    catalog: Catalog, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    path = data_file(catalog, table)
    flip(path)
    assert main(["status", catalog.uri, "--verify", "--json"]) == 3
    (damage,) = json.loads(capsys.readouterr().out)["verification"]["damaged"]
    assert damage["part"] == f"{table}/{path.name}"
    assert damage["fault"] == "its content does not match its checksum"
    assert damage["remedy"].startswith("restore it from a copy of the catalog")


def test_missing_cut_and_unlisted_files(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    data_file(catalog, "verdicts").unlink()
    cut = data_file(catalog, "faces")
    cut.write_bytes(cut.read_bytes()[:-7])
    unlisted = data_file(catalog, "tracks")
    lines = (Path(catalog.uri) / CHECKSUMS).read_text().splitlines(keepends=True)
    remaining = [line for line in lines if unlisted.name not in line]
    (Path(catalog.uri) / CHECKSUMS).write_text("".join(remaining))
    unlisted.write_bytes(unlisted.read_bytes()[:200])
    assert main(["status", catalog.uri, "--verify"]) == 3
    output = capsys.readouterr().out
    assert "6 data files, 1 of them without a checksum" in output
    assert "Damaged     3:" in output
    assert "cannot be read" in output
    assert f"has {cut.stat().st_size} bytes instead of {cut.stat().st_size + 7}" in output
    assert f"tracks/{unlisted.name}: cannot be decoded" in output


def test_a_damaged_index_is_rebuilt_by_the_named_command(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(next((Path(catalog.uri) / "index").glob("gen-*/*.faiss")))
    assert main(["status", catalog.uri, "--verify"]) == 3
    assert f"rebuild it: vidsearch reindex {catalog.uri}" in capsys.readouterr().out
    rebuild(catalog)
    assert verify(catalog).damaged == ()


def test_a_log_entry_and_the_description_of_the_catalog(catalog: Catalog) -> None:
    for entry in (Path(catalog.uri) / "people" / "_delta_log").glob("*.json"):
        entry.write_text("{")
    meta = Path(catalog.uri) / "catalog.json"
    meta.write_text(meta.read_text().replace(MODEL_ID, "toy-17"))
    found = verify(Catalog.open(catalog.uri))
    parts = [damage.part for damage in found.damaged]
    assert parts[:2] == ["catalog.json", "people"]
    assert "remove its line 'sha256'" in found.damaged[0].remedy


def test_a_video_with_missing_tracks(catalog: Catalog) -> None:
    catalog.table("tracks").delete("video_id = 'video-0001'")
    (damage,) = verify(catalog).damaged
    assert damage.part == "video video-0001"
    assert "index its file again" in damage.remedy


def test_a_catalog_without_checksums_works_and_gets_them(catalog: Catalog) -> None:
    folder = Path(catalog.uri)
    (folder / CHECKSUMS).unlink()
    meta = json.loads((folder / "catalog.json").read_text())
    del meta["sha256"]
    (folder / "catalog.json").write_text(json.dumps(meta))
    old = verify(Catalog.open(folder))
    assert (old.without_checksum, old.damaged) == (6, ())
    maintain(catalog)
    assert verify(catalog).without_checksum == 0


def test_lines_of_removed_files_go(catalog: Catalog) -> None:
    with (Path(catalog.uri) / CHECKSUMS).open("a") as file:
        file.writelines(f"{'0' * 32} 1 tracks/gone-{number}.parquet\n" for number in range(50))
        file.write("an incomplete li")
    maintain(catalog)
    listed = read_checksums(Path(catalog.uri))
    assert len(listed) < 20
    assert not any("gone" in name for name in listed)
