from __future__ import annotations

import csv
import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from vidsearch.device import CPU
from vidsearch.errors import PackNotFoundError, PackVerifyError
from vidsearch.faces.geometry.align import align_faces
from vidsearch.models import open_pack
from vidsearch.models.open_pack import CENTERFACE, DLIB_RESNET, OPEN, find_file, verified_file
from vidsearch.models.registry import LoadedPack, ModelHome, load_pack


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedPack:
    folder = tmp_path_factory.mktemp("home")
    return load_pack("open", CPU, home=ModelHome(cache_dir=folder, insightface_root=folder))


def use_package_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let every package, and the weights of vidsearch, be located in this folder."""
    monkeypatch.setattr(open_pack, "_WEIGHTS", folder)
    spec = importlib.machinery.ModuleSpec("package", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)


def test_the_installed_files_are_the_published_ones() -> None:
    for file in (CENTERFACE, DLIB_RESNET):
        assert verified_file(file) == find_file(file)
        assert find_file(file).name == file.name


def test_the_packages_are_found_but_never_imported() -> None:
    script = (
        "import sys; from vidsearch.models.open_pack import *;"
        "verified_file(CENTERFACE); verified_file(DLIB_RESNET);"
        "print([m for m in ('face_recognition_models', 'torch', 'onnxruntime', 'onnx',"
        " 'insightface', 'cv2') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_a_file_of_another_hash_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(find_file(CENTERFACE).read_bytes())
    data[1000] ^= 1
    (tmp_path / CENTERFACE.name).write_bytes(data)
    use_package_folder(monkeypatch, tmp_path)
    with pytest.raises(PackVerifyError, match=r"pack open: .*must have sha256 09189deaaf86…; got "):
        open_pack.centerface_onnx(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_truncated_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / DLIB_RESNET.name).write_bytes(b"\x00" * 1000)
    use_package_folder(monkeypatch, tmp_path)
    with pytest.raises(PackVerifyError, match="must have 22466066 bytes; got 1000"):
        open_pack.dlib_resnet_onnx(tmp_path / "cache")


def test_a_missing_package_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_package_folder(monkeypatch, tmp_path)
    with pytest.raises(PackNotFoundError, match=r"onnx is not .*; install vidsearch again"):
        find_file(CENTERFACE)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PackNotFoundError, match=r"'face_recognition_models==0\.3\.0'"):
        find_file(DLIB_RESNET)


def test_loaded_pack(loaded: LoadedPack, rng: np.random.Generator) -> None:
    assert loaded.pack is OPEN
    assert loaded.model_id == OPEN.model_id == loaded.embedder.model_id
    assert loaded.calibration is OPEN.calibration
    assert loaded.embedder.template == OPEN.embedder.template
    faces = rng.integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    embeddings = loaded.embedder.embed(faces)
    assert embeddings.shape == (2, OPEN.embedder.dim)
    # The pack averages mirror images, so a face and its mirror image have one embedding.
    mirrored = loaded.embedder.embed(np.ascontiguousarray(faces[:, :, ::-1]))
    np.testing.assert_allclose(mirrored, embeddings, atol=1e-5)


def test_torch_and_onnx_give_the_same_numbers(
    tmp_path: Path, loaded: LoadedPack, rng: np.random.Generator
) -> None:
    home = ModelHome(cache_dir=tmp_path, insightface_root=tmp_path)
    in_torch = load_pack("open", CPU, home=home, embedder_runtime="torch")
    assert in_torch.model_id == loaded.model_id
    faces = rng.integers(0, 256, (3, 150, 150, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        in_torch.embedder.embed(faces), loaded.embedder.embed(faces), atol=1e-5
    )


def templates(loaded: LoadedPack, photos: list[Path]) -> NDArray[np.float32]:
    """Return the (N, D) unit-length template of the most central face of each photo."""
    rows = []
    for photo in photos:
        with Pillow.open(photo) as opened:
            image = np.asarray(opened.convert("RGB"))
        detections = loaded.detector.detect(image)
        centres = (detections.boxes_xyxy[:, :2] + detections.boxes_xyxy[:, 2:]) / 2
        nearest = np.abs(centres - np.array(image.shape[1::-1]) / 2).sum(axis=1).argsort()[:1]
        aligned = align_faces(image, detections.landmarks[nearest], loaded.embedder.template)
        rows.append(loaded.embedder.embed(aligned)[0])
    stacked = np.stack(rows)
    return np.asarray(stacked / np.linalg.norm(stacked, axis=1, keepdims=True), np.float32)


@pytest.mark.media
def test_labelled_pairs_of_real_photos(loaded: LoadedPack, media: Path) -> None:
    """300 pairs, 38 of them genuine, that are not part of the calibration."""
    folder = media / "photos" / "deepface"
    with (folder / "deepface_master.csv").open(newline="") as stream:
        pairs = list(csv.DictReader(stream))
    names = sorted({pair[side] for pair in pairs for side in ("file_x", "file_y")})
    vectors = templates(loaded, [folder / name for name in names])
    row = {name: number for number, name in enumerate(names)}
    similarities = np.array([vectors[row[p["file_x"]]] @ vectors[row[p["file_y"]]] for p in pairs])
    issame = np.array([pair["Decision"] == "Yes" for pair in pairs])
    assert (len(pairs), int(issame.sum())) == (300, 38)
    assert similarities[issame].min() > similarities[~issame].max()
    confidence = loaded.calibration.confidence(similarities)
    assert confidence[issame].min() > 0.9
    # At even odds LFW's impostors pass 0.5 about once in a hundred.
    assert (confidence[~issame] > 0.5).mean() < 0.02
    assert confidence[~issame].max() < 0.9
