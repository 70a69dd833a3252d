from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vidsearch.commands.main import main
from vidsearch.device import CPU, Device
from vidsearch.errors import (
    ConfigError,
    DeviceError,
    PackFormatError,
    PackNotFoundError,
    PackVerifyError,
)
from vidsearch.models import insightface_packs
from vidsearch.models.pack import NAME_RULE
from vidsearch.models.registry import ModelHome, list_packs, load_pack

NAMES = ["open", *insightface_packs.NAMES]


@pytest.mark.parametrize("embedder", ["onnx", "arcface"])
def test_own_pack_loads(
    toys: ModuleType, home: ModelHome, tmp_path: Path, rng: np.random.Generator, embedder: str
) -> None:
    folder = toys.save_own_pack(tmp_path / "pack", embedder=embedder)
    loaded = load_pack(str(folder), CPU, home=home)
    assert loaded.pack.name == "my-faces"
    assert loaded.calibration.slope == 25.5
    assert loaded.model_id == loaded.embedder.model_id
    image = np.zeros((640, 640, 3), np.uint8)
    image[80:88, 160:168] = (255, 0, 0)
    assert len(loaded.detector.detect(image)) == 1
    faces = rng.integers(0, 256, (2, 112, 112, 3), dtype=np.uint8)
    red = (faces[..., 0].mean(axis=(1, 2)) - 127.5) / 127.5
    np.testing.assert_allclose(loaded.embedder.embed(faces)[:, 0], red, atol=1e-4)


def test_own_pack_may_use_the_embedded_detector(
    toys: ModuleType, home: ModelHome, tmp_path: Path
) -> None:
    folder = toys.save_own_pack(tmp_path / "pack", detector="centerface")
    loaded = load_pack(str(folder), CPU, home=home)
    assert len(loaded.detector.detect(np.zeros((64, 64, 3), np.uint8))) == 0
    assert [path.name[:10] for path in home.cache_dir.iterdir()] == ["centerface"]


def test_own_pack_is_verified_before_it_runs(
    toys: ModuleType, home: ModelHome, tmp_path: Path
) -> None:
    folder = toys.save_own_pack(tmp_path / "pack")
    weights = folder / "embedder.onnx"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(PackVerifyError, match="replace it with an intact copy"):
        load_pack(str(folder), CPU, home=home)


def test_a_built_in_name_is_taken(toys: ModuleType, home: ModelHome, tmp_path: Path) -> None:
    folder = toys.save_own_pack(tmp_path / "pack", name="buffalo_l")
    with pytest.raises(PackFormatError, match="'buffalo_l' belongs to a built-in pack"):
        load_pack(str(folder), CPU, home=home)


def test_a_built_in_name_wins_over_a_folder_of_that_name(
    toys: ModuleType, home: ModelHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys.save_own_pack(tmp_path / "open")
    monkeypatch.chdir(tmp_path)
    assert load_pack("open", CPU, home=home).pack.name == "open"
    assert load_pack("./open", CPU, home=home).pack.name == "my-faces"


@pytest.mark.parametrize("name", ["opne", "", "no/such/folder", "\0", "Open"])
def test_unknown_names(home: ModelHome, name: str) -> None:
    with pytest.raises(
        PackNotFoundError, match=r"neither built in \(open, buffalo_s, .*pack\.toml"
    ):
        load_pack(name, CPU, home=home)


def test_no_fallback_between_devices_and_runtimes(
    toys: ModuleType, home: ModelHome, tmp_path: Path
) -> None:
    import onnxruntime as ort

    folder = str(toys.save_own_pack(tmp_path / "pack"))
    with pytest.raises(ConfigError, match="torch is only available for pack open"):
        load_pack(folder, CPU, home=home, embedder_runtime="torch")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        for name in ("open", folder):
            with pytest.raises(DeviceError, match="cuda:0"):
                load_pack(name, Device("cuda", 0), home=home)


def test_home_is_read_from_the_environment_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDSEARCH_CACHE", str(tmp_path / "mine"))
    assert ModelHome.from_environment().cache_dir == tmp_path / "mine" / "models"
    monkeypatch.setenv("VIDSEARCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    home = ModelHome.from_environment()
    assert home.insightface_root == tmp_path / ".insightface"
    if os.name == "posix" and not Path("/System/Library").exists():
        assert home.cache_dir == tmp_path / "xdg" / "vidsearch" / "models"


def test_listing(toys: ModuleType, home: ModelHome, tmp_path: Path) -> None:
    toys.save_raccoon(home.insightface_root, "raccoon_s")
    toys.save_raccoon(home.insightface_root, "raccoon_l", with_sha256=False)
    damaged = home.insightface_root / "models" / "buffalo_s"
    damaged.mkdir(parents=True)
    for file in ("det_500m.onnx", "w600k_mbf.onnx"):
        (damaged / file).write_bytes(b"x")
    good = toys.save_own_pack(tmp_path / "good")
    broken = toys.save_own_pack(tmp_path / "broken")
    (broken / "embedder.onnx").unlink()
    statuses = list_packs(home, folders=[good, broken, tmp_path / "nowhere"])
    by_name = {status.name: status for status in statuses}
    assert list(by_name) == [*NAMES, str(good), str(broken), str(tmp_path / "nowhere")]
    assert all(bool(status.problem) != status.verified for status in statuses)

    opened = by_name["open"]
    assert (opened.verified, opened.commercial_use, opened.dim) == (True, True, 128)
    assert opened.model_id is not None
    assert NAME_RULE.fullmatch(opened.model_id)
    large = by_name["buffalo_l"]
    assert (large.installed, large.commercial_use, large.dim) == (False, False, 512)
    assert str(home.insightface_root / "models" / "buffalo_l") == large.location
    small = by_name["buffalo_s"]
    assert (small.installed, small.verified) == (True, False)
    assert "sha256" in small.problem
    assert by_name["raccoon_s"].verified
    assert "states no sha256 for det.onnx, rec.onnx" in by_name["raccoon_l"].problem
    assert by_name[str(good)].verified
    assert by_name[str(broken)].installed is False
    nowhere = by_name[str(tmp_path / "nowhere")]
    assert (nowhere.commercial_use, nowhere.dim, nowhere.model_id) == (None, None, None)
    assert not home.cache_dir.exists()  # nothing was converted


@pytest.fixture
def lonely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without any InsightFace pack."""
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("lonely")
def test_command_prints_a_table(
    toys: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = toys.save_own_pack(tmp_path / "line\nbreak")
    assert main(["models", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["pack", "commercial", "use", "dim", "verified", "licence", "files"]
    assert lines[1].split()[:4] == ["open", "yes", "128", "yes"]
    assert "missing" in lines[2]
    assert "non-commercial" in lines[2]
    assert "line\\nbreak" in lines[8]
    assert lines[9] == ""
    assert [line.split(":")[0] for line in lines[10:]] == [
        f"pack {name}" for name in insightface_packs.NAMES
    ]


@pytest.mark.usefixtures("lonely")
def test_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    packs = json.loads(capsys.readouterr().out)["packs"]
    assert [pack["name"] for pack in packs] == NAMES
    assert packs[0]["verified"] is True
    assert set(packs[0]) == {
        "name",
        "licence",
        "commercial_use",
        "dim",
        "model_id",
        "location",
        "installed",
        "verified",
        "why",
    }
