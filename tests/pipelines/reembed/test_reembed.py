"""``vidsearch reembed``: another model from the stored faces, put in use whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pipelines.reembed as module
from pipelines.cluster.config import ClusterConfig
from pipelines.prepare import PrepareOptions, prepare_from_catalog
from pipelines.reembed import ReembedOptions, reembed
from pipelines.stages import reembed_faces
from pipelines.stages.prepare_photos import PhotoOptions
from pipelines.stages.stored_fit import stored_face_fit
from tests.pipelines.reembed.states import (
    DIM,
    REEMBEDDED,
    contents,
    entries,
    files_with,
    vectors_in,
)
from vidsearch.catalog import Catalog
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.people import add_person, judge
from vidsearch.catalog.schema import matrix
from vidsearch.commands.main import main
from vidsearch.device import CPU
from vidsearch.errors import ConfigError, PackNotFoundError
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, with_margin
from vidsearch.faces.template import pool
from vidsearch.models.registry import load_pack
from vidsearch.photo.open import read_photo
from vidsearch.trainingset.assemble import SetOptions

STORED = with_margin(DLIB_150)


def test_another_model_takes_over(
    place: Path, packs: Path, capsys: pytest.CaptureFixture[str], photos: Path
) -> None:
    before, old = contents(place), vectors_in(place)
    faces = Catalog.open(place).faces()
    assert files_with(place, old)
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 0
    said = capsys.readouterr().out
    assert f"Re-embedded {faces.num_rows} stored faces of {len(before['tracks'])} tracks" in said
    assert "stored 210 pixels wide with a margin, and scaled" in said
    assert "to 112 for the new model, 0.68 times as large" in said
    assert "was not stored" not in said  # the rim has it
    assert "Not measured" in said

    after, catalog = contents(place), Catalog.open(place)
    assert (catalog.dim, after["pending"]) == (DIM, 0)
    assert after["model"].startswith("tiny-")
    assert after["tracks"] == before["tracks"]
    assert after["known"] == before["known"]
    assert [ids[0] for ids in after["hits"]] == after["tracks"]
    assert not files_with(place, old)
    assert entries(place) == REEMBEDDED
    assert set(catalog.videos(["model_id"])["model_id"].to_pylist()) == {after["model"]}

    # What every command says and does fits the new model.
    assert main(["status", str(place), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["model_id"], status["index"]["pending"]) == (after["model"], 0)
    assert main(["search", str(place), str(photos / "astronaut.jpg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_id"] == after["model"]
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_vectors_are_what_the_new_model_makes_of_the_stored_faces(place: Path, packs: Path) -> None:
    faces = Catalog.open(place).faces().to_pylist()
    reembed(place, str(packs / "tiny"))
    catalog = Catalog.open(place)
    embedder = load_pack(str(packs / "tiny"), CPU).embedder
    again = {(row["track_id"], row["position"]): row for row in catalog.faces().to_pylist()}
    of_track: dict[str, list[Any]] = {}
    for row in sorted(faces, key=lambda row: row["position"]):
        stored = reembed_faces.StoredFaces(
            (row["aligned_jpeg"],),
            np.array(row["landmarks"], np.float32).reshape(1, 5, 2),
            STORED.array[None],
        )
        wanted = reembed_faces.run(stored, embedder)[0]
        found = again.pop((row["track_id"], row["position"]))
        np.testing.assert_allclose(found["embedding"], wanted, rtol=1e-5, atol=1e-5)
        of_track.setdefault(row["track_id"], []).append(wanted)
        assert {n: found[n] for n in row if n != "embedding"} == {
            n: row[n] for n in row if n != "embedding"
        }
        np.testing.assert_array_equal(found["aligned_points"], STORED.array.reshape(-1))
    assert not again
    for row in catalog.tracks().to_pylist():
        template = pool(np.stack(of_track[row["track_id"]]), catalog.model_id)
        np.testing.assert_allclose(row["template"], template.vector, atol=1e-6)
        assert row["weight"] == template.weight
        assert row["model_id"] == catalog.model_id


def test_back_to_the_first_model_loses_nothing(place: Path, packs: Path) -> None:
    """Pictures are kept as they were first stored, so a detour changes no embedding."""
    first = (
        Catalog.open(place).faces().sort_by([("track_id", "ascending"), ("position", "ascending")])
    )
    reembed(place, str(packs / "tiny"))
    assert reembed(place, str(packs / "other")).stored == stored_face_fit(STORED, ARCFACE_112)
    assert reembed(place, "open").stored == stored_face_fit(STORED, DLIB_150)
    catalog = Catalog.open(place)
    last = catalog.faces().sort_by([("track_id", "ascending"), ("position", "ascending")])
    assert first["aligned_jpeg"].equals(last["aligned_jpeg"])
    # The first came from the picture itself, these from its JPEG.
    one, other = (matrix(rows["embedding"], 128) for rows in (first, last))
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert cosines.min() > 0.98


def test_a_training_set_knows_how_the_pictures_are_aligned(
    place: Path, packs: Path, tmp_path: Path
) -> None:
    """Stored faces stay aligned for the pack that found them, whatever the catalog's is now."""
    settings = PrepareOptions(
        photo=PhotoOptions(template=ARCFACE_112),
        result=SetOptions(name="people", held_out=0, min_faces=1, duplicates=True),
    )
    catalog = Catalog.open(place)
    others = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[1:]  # the first is Ann
    judge(catalog, others, add_person(catalog, "Bob"), same=True)
    prepare_from_catalog(place, tmp_path / "before", settings)
    reembed(place, str(packs / "tiny"))
    prepare_from_catalog(place, tmp_path / "after", settings)
    before, after = (
        np.stack([read_photo(path) for path in (tmp_path / name).rglob("*.jpg")]).astype(int)
        for name in ("before", "after")
    )
    assert before.shape == after.shape
    for face in before:  # the same but for the rounding of the points; a wrong template is not
        assert np.abs(after - face).mean(axis=(1, 2, 3)).min() < 1


def test_labels_decide(
    place: Path, packs: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place)
    command = ["reembed", str(place), "--labels", str(labels), "--model"]
    assert main([*command, str(packs / "blind")]) == 5
    said = capsys.readouterr().out
    # To a blind model all tracks are as near: which of two films comes first is chance.
    told = re.search(r"MAP@100 of 3 labelled queries: 1.0000 before, 0.(8333|6667) now", said)
    assert told, said
    assert "Not in use: MAP fell" in said
    assert contents(place) == before
    assert not list(place.glob("vectors-*"))
    assert not (place / "reembed").exists()

    assert main([*command, "open", "--json"]) == 0  # its own model: nothing to do
    assert json.loads(capsys.readouterr().out)["faces"] == 0
    assert main([*command, str(packs / "blind"), "--force", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["live"]
    assert report["map"]["change"] < -0.1
    # From a poor model to a good one: MAP rises, so it goes live.
    assert main([*command, "open", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["live"], report["map"]["new"]) == (True, 1.0)
    assert contents(place)["tracks"] == before["tracks"]


@pytest.mark.slow
def test_processes_make_the_same_vectors(
    place: Path, packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vidsearch.catalog.reembedding as staging

    other = Path(shutil.copytree(place, tmp_path / "other"))
    monkeypatch.setattr(staging, "FACES_IN_PIECE", 4)
    monkeypatch.setattr(module, "FACES_IN_PIECE", 4)
    reembed(place, str(packs / "tiny"))
    two = ReembedOptions(cluster=ClusterConfig(workers=2))
    reembed(other, str(packs / "tiny"), two)
    assert contents(place) == contents(other)


def test_damaged_pictures_are_left_out_and_said(
    place: Path, packs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = Catalog.open(place)
    track = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())[0]
    (video,) = catalog.tracks(["video_id"], track_ids=[track])["video_id"].to_pylist()
    count = catalog.faces(["position"], track_ids=[track]).num_rows
    catalog.table("faces").update(f"track_id = '{track}'", {"aligned_jpeg": "x'00'"})
    assert main(["reembed", str(place), "--model", str(packs / "tiny")]) == 3
    told = capsys.readouterr()
    assert f"{count} stored faces are damaged" in told.out
    assert f"video {video} has tracks whose stored faces are damaged" in told.err
    catalog = Catalog.open(place)
    assert track not in catalog.tracks(["track_id"])["track_id"].to_pylist()
    repair(catalog)
    assert video in catalog.videos(["video_id"])["video_id"].to_pylist()


def test_mistakes_are_one_line(
    place: Path, packs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = (
        (["--model", "nonsense"], "nonsense' is neither built in (open"),
        (["--model", "open", "--force"], "--force overrides the measurement of --labels"),
        (["--model", str(packs / "tiny"), "--labels", "no.csv"], "no.csv cannot be read"),
        (["--model", "open", "--workers", "0"], "--workers must be at least 1"),
    )
    for arguments, complaint in cases:
        assert main(["reembed", str(place), *arguments]) == 2
        said = capsys.readouterr().err
        assert complaint in said
        assert said.count("\n") == 1
    assert main(["reembed", str(tmp_path / "no"), "--model", "open"]) == 2
    assert "no catalog at" in capsys.readouterr().err


def test_a_former_pack_that_is_gone_or_replaced_is_said(
    place: Path, packs: Path, tmp_path: Path, tiny_packs: ModuleType
) -> None:
    mine = Path(shutil.copytree(packs / "tiny", tmp_path / "mine"))
    reembed(place, str(mine))
    shutil.rmtree(mine)
    with pytest.raises(PackNotFoundError, match="put its folder back"):
        reembed(place, "open")
    tiny_packs.write_tiny_pack(mine, seed=7)
    with pytest.raises(ConfigError, match="put the former pack back"):
        reembed(place, str(mine))
