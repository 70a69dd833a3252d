"""An archive as one object: created, filled, searched, reported on and erased from."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from vidsearch import Archive, Catalog, SearchOptions
from vidsearch.catalog import CatalogWriter
from vidsearch.catalog.people import add_person
from vidsearch.errors import CatalogModelError, CatalogNotFoundError, ConfigError, NoFaceError
from vidsearch.search.track_index import rebuild


@pytest.fixture
def pack(tmp_path: Path, toys: ModuleType) -> Path:
    folder: Path = toys.save_own_pack(tmp_path / "pack")
    return folder


@pytest.fixture
def archive(tmp_path: Path, pack: Path) -> Archive:
    return Archive.create(tmp_path / "archive", pack=str(pack), device="cpu")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo with the red square that the toy detector finds."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[64:72, 64:72, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def fill(archive: Archive, synthetic: ModuleType, *numbers: int) -> None:
    catalog = archive.catalog
    with CatalogWriter(catalog) as writer:
        for number in numbers:
            video = synthetic.make_video(
                number, tracks=2, dim=catalog.dim, status="indexed", model_id=catalog.model_id
            )
            writer.add(video)


def test_a_created_archive_remembers_its_pack(archive: Archive, pack: Path) -> None:
    opened = Archive.open(archive.catalog.uri)
    assert opened.catalog.pack == str(pack)
    assert opened.catalog.dim == archive.models.embedder.dim
    assert repr(opened) == f"Archive({archive.catalog.uri!r})"


def test_a_missing_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match="no catalog at"):
        Archive.open(tmp_path / "none")


def test_every_search_covers_the_videos_of_that_moment(
    archive: Archive, synthetic: ModuleType, photo: Path
) -> None:
    fill(archive, synthetic, 0)
    assert archive.search([photo]).coverage.tracks == 2
    assert archive.search(str(photo)).query[0].photo == str(photo), "a path is one photo"
    fill(archive, synthetic, 1)
    result = archive.search([photo], SearchOptions(top=3))
    assert result.coverage.tracks == 4
    assert [hit.rank for hit in result.hits] == [1, 2, 3]


def test_the_models_are_loaded_once(
    archive: Archive, synthetic: ModuleType, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(archive, synthetic, 0)
    opened = Archive.open(archive.catalog.uri, device="cpu")
    models = opened.models
    monkeypatch.setattr("vidsearch.archive.load_pack", None)
    opened.search([photo])
    opened.search([photo])
    assert opened.models is models


def test_models_of_another_pack_are_refused(
    archive: Archive, synthetic: ModuleType, photo: Path, tmp_path: Path
) -> None:
    other = Catalog.create(
        tmp_path / "other", pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
    )
    with pytest.raises(CatalogModelError, match="holds vectors of model 'toy-16'"):
        Archive(other, archive.models).search([photo])


def test_a_photo_without_a_face_is_an_error(archive: Archive, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    with pytest.raises(NoFaceError):
        archive.search([tmp_path / "black.png"])


def test_status_has_the_counts_of_the_tables_and_the_state_of_the_index(
    archive: Archive, synthetic: ModuleType
) -> None:
    fill(archive, synthetic, 0, 1)
    rebuild(archive.catalog)
    fill(archive, synthetic, 2)
    status = archive.status()
    tables = archive.catalog.status()
    assert (status.tracks, status.videos) == (6, tables.videos)
    assert (status.index.kind, status.index.pending) == ("faiss-flat", 2)
    plain = json.loads(json.dumps(status.to_json()))
    assert plain.pop("index")["pending"] == 2
    assert plain.pop("pending_erasures") == []
    assert plain == json.loads(json.dumps(tables.to_json()))
    last = ["index", "pending_erasures", "failures", "partly_read", "sources"]
    assert list(status.to_json())[-5:] == last


def test_a_video_and_a_person_are_erased(archive: Archive, synthetic: ModuleType) -> None:
    fill(archive, synthetic, 0, 1)
    add_person(archive.catalog, "Ada")
    assert archive.forget("video-0000").rows["tracks"] == 2
    assert archive.forget_person("Ada").rows["people"] == 1
    assert (archive.status().tracks, archive.status().people) == (2, 0)
    with pytest.raises(ConfigError, match="is not in the catalog"):
        archive.forget("video-0000")
