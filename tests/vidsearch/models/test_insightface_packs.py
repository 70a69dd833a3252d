from __future__ import annotations

import json
import logging
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vidsearch.device import CPU
from vidsearch.errors import PackFormatError, PackNotFoundError, PackVerifyError
from vidsearch.models import insightface_packs
from vidsearch.models.registry import ModelHome, load_pack

CONTENTS = {
    "buffalo_s": ("det_500m.onnx", "w600k_mbf.onnx"),
    "buffalo_m": ("det_2.5g.onnx", "w600k_r50.onnx"),
    "buffalo_l": ("det_10g.onnx", "w600k_r50.onnx"),
    "antelopev2": ("scrfd_10g_bnkps.onnx", "glintr100.onnx"),
}


def with_download(home: ModelHome) -> ModelHome:
    return ModelHome(cache_dir=home.cache_dir, insightface_root=home.insightface_root)


@pytest.mark.parametrize("name", insightface_packs.NAMES)
def test_missing_files_are_named_with_their_folder(home: ModelHome, name: str) -> None:
    with pytest.raises(PackNotFoundError) as caught:
        load_pack(name, CPU, home=home)
    message = str(caught.value)
    assert message.startswith(f"pack {name}: ")
    for file in CONTENTS.get(name, ("manifest.json",)):
        assert file in message
    assert str(home.insightface_root / "models" / name) in message
    assert f"unpack {name}.zip from https://" in message
    assert "\n" not in message
    assert not home.insightface_root.exists()  # no download was started


def test_only_what_is_missing_is_named(home: ModelHome) -> None:
    folder = home.insightface_root / "models" / "buffalo_s"
    folder.mkdir(parents=True)
    (folder / "det_500m.onnx").write_bytes(b"x")
    with pytest.raises(PackNotFoundError, match=r"pack buffalo_s: w600k_mbf\.onnx must be in"):
        load_pack("buffalo_s", CPU, home=home)


def test_a_file_that_is_not_the_published_one(home: ModelHome) -> None:
    folder = home.insightface_root / "models" / "buffalo_s"
    folder.mkdir(parents=True)
    for file in CONTENTS["buffalo_s"]:
        (folder / file).write_bytes(b"half a download")
    with pytest.raises(PackVerifyError, match=r"det_500m\.onnx must have sha256 5e4447f50245…"):
        load_pack("buffalo_s", CPU, home=home)


def test_an_archive_with_a_folder_of_its_own_name(home: ModelHome) -> None:
    folder = home.insightface_root / "models" / "antelopev2" / "antelopev2"
    folder.mkdir(parents=True)
    for file in CONTENTS["antelopev2"]:
        (folder / file).write_bytes(b"x")
    found = insightface_packs.locate("antelopev2", home.insightface_root)
    assert found.paths == {file: folder / file for file in CONTENTS["antelopev2"]}


@pytest.mark.parametrize("name", CONTENTS)
def test_descriptions(name: str) -> None:
    pack = insightface_packs.describe(name)
    assert pack is not None
    assert tuple(file.name for file in pack.files) == CONTENTS[name]
    assert not pack.commercial_use
    assert "non-commercial" in pack.licence
    assert (pack.embedder.dim, pack.embedder.template.size) == (512, 112)
    assert not pack.calibration.measured
    assert "provisional" in pack.calibration.fitted_on


def test_a_pack_with_a_manifest_loads_and_says_its_licence_once(
    toys: ModuleType, home: ModelHome, caplog: pytest.LogCaptureFixture
) -> None:
    toys.save_raccoon(home.insightface_root)
    insightface_packs.log_licence.cache_clear()
    with caplog.at_level(logging.WARNING):
        loaded = load_pack("raccoon_s", CPU, home=home)
        load_pack("raccoon_s", CPU, home=home)
    assert caplog.text.count("non-commercial research only") == 1
    image = np.zeros((640, 640, 3), np.uint8)
    image[80:88, 160:168] = (255, 0, 0)
    assert loaded.detector.detect(image).boxes_xyxy.tolist() == [[152, 72, 176, 96]]
    assert loaded.embedder.dim == toys.DIM
    assert loaded.embedder.embed(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1, toys.DIM)
    assert loaded.model_id == loaded.embedder.model_id
    assert loaded.model_id.startswith("raccoon_s-")


def test_a_worker_need_not_repeat_the_licence(
    toys: ModuleType, home: ModelHome, caplog: pytest.LogCaptureFixture
) -> None:
    toys.save_raccoon(home.insightface_root)
    insightface_packs.log_licence.cache_clear()
    with caplog.at_level(logging.WARNING):
        load_pack("raccoon_s", CPU, home=home, announce=False)
    assert caplog.text == ""


def test_the_files_of_a_manifest_are_checked(toys: ModuleType, home: ModelHome) -> None:
    folder = toys.save_raccoon(home.insightface_root)
    model = folder / "rec.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(PackVerifyError, match=r"rec\.onnx must have sha256"):
        load_pack("raccoon_s", CPU, home=home)
    model.unlink()
    with pytest.raises(PackNotFoundError, match=r"pack raccoon_s: rec\.onnx must be in"):
        load_pack("raccoon_s", CPU, home=home)


def test_without_a_stated_hash_the_hash_of_the_file_names_the_space(
    toys: ModuleType, home: ModelHome, tmp_path: Path
) -> None:
    toys.save_raccoon(home.insightface_root, with_sha256=False)
    toys.save_raccoon(tmp_path / "stated")
    bare = insightface_packs.locate("raccoon_s", home.insightface_root)
    stated = insightface_packs.locate("raccoon_s", tmp_path / "stated")
    assert bare.without_sha256 == ("det.onnx", "rec.onnx")
    assert stated.without_sha256 == ()
    assert bare.pack.model_id == stated.pack.model_id


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"manifest_version": 3}, "manifest_version must be 2"),
        ({"tasks": {}}, "model_task must be one of"),
        ({"tasks": []}, "tasks must be an object"),
        (
            {
                "tasks": {
                    "detection": {"file": "../../det.onnx"},
                    "recognition": {"file": "rec.onnx"},
                }
            },
            "escapes the package",
        ),
        (
            {
                "tasks": {
                    "detection": {"file": "det.onnx"},
                    "recognition": {"file": "rec.onnx", "input_size": [128, 128]},
                }
            },
            r"must be 112 x 112 pixels; got \(128, 128\)",
        ),
    ],
)
def test_malformed_manifests(
    toys: ModuleType, home: ModelHome, change: dict[str, object], rule: str
) -> None:
    manifest = toys.save_raccoon(home.insightface_root) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(PackFormatError, match=rule) as caught:
        load_pack("raccoon_s", CPU, home=home)
    assert "pack raccoon_s: " in str(caught.value)


def test_a_download_is_logged_and_leaves_only_the_pack(
    toys: ModuleType,
    home: ModelHome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    from insightface.utils import storage

    prepared = toys.save_raccoon(tmp_path / "prepared")
    asked: list[str] = []

    def fake_download(url: str, path: str, overwrite: bool) -> None:
        asked.append(url)
        Path(path).parent.mkdir(parents=True)
        with zipfile.ZipFile(path, "w") as archive:
            for file in prepared.iterdir():
                archive.write(file, f"raccoon_s/{file.name}")

    monkeypatch.setattr(storage, "download_file", fake_download)
    with caplog.at_level(logging.WARNING):
        loaded = load_pack("raccoon_s", CPU, home=with_download(home))
    assert loaded.embedder.dim == toys.DIM
    assert [url.rsplit("/", 1)[1] for url in asked] == ["raccoon_s.zip"]
    assert "downloading pack raccoon_s into" in caplog.text
    assert "non-commercial research only" in caplog.text
    assert capsys.readouterr().out == ""  # standard output is for results
    models = home.insightface_root / "models"
    assert [path.name for path in models.iterdir()] == ["raccoon_s"]
    assert {path.name for path in (models / "raccoon_s").iterdir()} == {
        path.name for path in prepared.iterdir()
    }
    load_pack("raccoon_s", CPU, home=with_download(home))
    assert len(asked) == 1


def test_a_failed_download_names_files_and_folder(
    home: ModelHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insightface.utils import storage

    def no_network(url: str, path: str, overwrite: bool) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"PK half an archive")
        raise ConnectionError("Name or service not known\nand more")

    monkeypatch.setattr(storage, "download_file", no_network)
    with pytest.raises(PackNotFoundError) as caught:
        load_pack("buffalo_l", CPU, home=with_download(home))
    message = str(caught.value)
    assert str(home.insightface_root / "models" / "buffalo_l") in message
    assert "(the download failed: Name or service not known)" in message
    assert "\n" not in message
    # A second attempt ignores the partial download.
    assert list((home.insightface_root / "models").iterdir()) == []
