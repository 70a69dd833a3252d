from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vidsearch.errors import PackFormatError, PackNotFoundError, PackVerifyError
from vidsearch.faces.geometry.align import ARCFACE_112, DLIB_150, AlignmentTemplate
from vidsearch.faces.normalisation import Normalisation
from vidsearch.models.pack import DetectorSpec, PackFile
from vidsearch.models.pack_toml import (
    MAX_TOML_BYTES,
    PACK_TOML,
    describe_file,
    read_pack,
    to_toml,
    verify_pack,
    write_pack,
)

OWN_TEMPLATE = AlignmentTemplate(
    "wide_128", 128, tuple((x + 8.0, y + 8.5) for x, y in ARCFACE_112.points)
)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"commercial_use": False, "licence_notes": ""},
        {"licence_notes": 'quotes " and \\ and \x7f and \n and ünïcode 名'},
    ],
)
def test_round_trip(toys: ModuleType, tmp_path: Path, changes: dict[str, Any]) -> None:
    pack = toys.toy_pack(**changes)
    (tmp_path / PACK_TOML).write_text(to_toml(pack), encoding="utf-8")
    assert read_pack(tmp_path) == pack
    assert read_pack(tmp_path).model_id == pack.model_id


@pytest.mark.parametrize(
    "changes",
    [
        {"template": OWN_TEMPLATE},
        {"template": DLIB_150, "mirror": False, "kind": "arcface"},
        {"normalisation": Normalisation(mean=(1, 2, 3.5), std=(255, 1e-3, 7), channels="bgr")},
    ],
)
def test_round_trip_of_embedders(toys: ModuleType, tmp_path: Path, changes: dict[str, Any]) -> None:
    pack = toys.toy_pack(embedder=toys.embedder_spec(**changes))
    (tmp_path / PACK_TOML).write_text(to_toml(pack), encoding="utf-8")
    assert read_pack(tmp_path) == pack


def test_written_folder_reads_and_verifies(toys: ModuleType, tmp_path: Path) -> None:
    folder = toys.save_own_pack(tmp_path / "pack")
    pack = read_pack(folder)
    verify_pack(pack, folder)
    assert {file.name for file in pack.files} == {"embedder.onnx", "detector.onnx"}
    assert write_pack(pack, folder).read_text() == to_toml(pack)
    assert sorted(path.name for path in folder.iterdir()) == [
        "detector.onnx",
        "embedder.onnx",
        PACK_TOML,
    ]


def test_model_id_names_the_space_and_nothing_else(toys: ModuleType) -> None:
    pack = toys.toy_pack()
    assert pack.model_id.startswith("my-faces-")
    assert len(pack.model_id) == len("my-faces-") + 12
    file = pack.files[0]
    moves: list[dict[str, Any]] = [
        {"name": "other"},
        {"files": (PackFile(name=file.name, sha256="cd" * 32, size_bytes=1000),)},
        {"embedder": toys.embedder_spec(mirror=False)},
        {"embedder": toys.embedder_spec(template=DLIB_150)},
        {"embedder": toys.embedder_spec(normalisation=Normalisation(std=(128, 128, 128)))},
        {"embedder": toys.embedder_spec(normalisation=Normalisation(channels="bgr"))},
    ]
    ids = {toys.toy_pack(**change).model_id for change in moves}
    assert len(ids | {pack.model_id}) == len(moves) + 1
    stays = toys.toy_pack(
        version="9",
        licence="MIT",
        commercial_use=False,
        detector=_scrfd(),
        files=_with_detector(file),
    )
    assert stays.model_id == pack.model_id


def _scrfd() -> DetectorSpec:
    return DetectorSpec(kind="scrfd", file="detector.onnx")


def _with_detector(file: PackFile) -> tuple[PackFile, ...]:
    return (file, PackFile(name="detector.onnx", sha256="ef" * 32, size_bytes=5))


def test_files_are_checked_by_size_then_hash(toys: ModuleType, tmp_path: Path) -> None:
    folder = toys.save_own_pack(tmp_path / "pack")
    pack = read_pack(folder)
    weights = folder / "embedder.onnx"
    intact = weights.read_bytes()
    weights.write_bytes(intact[:-1])
    with pytest.raises(
        PackVerifyError, match=rf"must have {len(intact)} bytes; got {len(intact) - 1}"
    ):
        verify_pack(pack, folder)
    weights.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))
    stated = hashlib.sha256(intact).hexdigest()[:12]
    with pytest.raises(
        PackVerifyError, match=rf"pack my-faces: .*embedder.onnx.*{stated}….*intact"
    ):
        verify_pack(pack, folder)
    weights.unlink()
    with pytest.raises(PackNotFoundError, match=r"embedder\.onnx is missing"):
        verify_pack(pack, folder)
    weights.mkdir()
    with pytest.raises(PackVerifyError, match=r"embedder\.onnx"):
        verify_pack(pack, folder)


def test_writing_refuses_what_could_not_be_read_back(toys: ModuleType, tmp_path: Path) -> None:
    folder = toys.save_own_pack(tmp_path / "pack")
    entry = describe_file(folder / "embedder.onnx")
    unknown = PackFile(name="embedder.onnx")
    with pytest.raises(
        PackFormatError,
        match=r"pack my-faces cannot be written: field files\[0\]\.size_bytes is missing",
    ):
        write_pack(toys.toy_pack(files=(unknown,)), folder)
    embedder = toys.embedder_spec(kind="dlib_resnet")
    with pytest.raises(PackFormatError, match="dlib_resnet is built in"):
        write_pack(toys.toy_pack(embedder=embedder, files=(entry,)), folder)
    with pytest.raises(PackVerifyError, match="must have 1000 bytes"):
        write_pack(toys.toy_pack(), folder)


Edit = Callable[[str], str]


def replace(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


SHA = "ab" * 32
MALFORMED: dict[str, tuple[Edit, str]] = {
    "not toml": (lambda text: text + "= 3", "not valid TOML"),
    "empty": (lambda _: "", "field format is missing; it must be a whole number"),
    "newer format": (
        replace("format = 1", "format = 2"),
        "format must be 1 .*got 2; upgrade vidsearch",
    ),
    "format as text": (replace("format = 1", 'format = "1"'), "format must be a whole number"),
    "unknown field": (
        replace("format = 1", "format = 1\nlicense = 'MIT'"),
        "unknown field license",
    ),
    "unknown field below": (
        replace("dim = 6", "dim = 6\nsize = 112"),
        "unknown field embedder.size",
    ),
    "unknown table": (lambda text: text + "\n[extra]\n", "unknown field extra"),
    "missing field": (replace("dim = 6\n", ""), "field embedder.dim is missing"),
    "dim as text": (
        replace("dim = 6", 'dim = "6"'),
        "embedder.dim must be a whole number; got '6'",
    ),
    "dim true": (replace("dim = 6", "dim = true"), "embedder.dim must be a whole number; got True"),
    "dim real": (replace("dim = 6", "dim = 6.0"), "embedder.dim must be a whole number"),
    "dim 0": (replace("dim = 6", "dim = 0"), "embedder.dim must lie between 1 and 65536; got 0"),
    "dim absurd": (replace("dim = 6", "dim = 1000000000"), "embedder.dim must lie between"),
    "flag as number": (
        replace("commercial_use = true", "commercial_use = 1"),
        "commercial_use must be true or false",
    ),
    "name": (replace('name = "my-faces"', 'name = "../evil"'), "name must be 1 to 64 lower-case"),
    "no licence": (replace('"Apache-2.0"', '" "'), "licence must state"),
    "detector kind": (replace('"centerface"', '"yolo"'), "detector.kind must be one of centerface"),
    "detector file missing": (replace('"centerface"', '"scrfd"'), "detector.file must name"),
    "detector file unlisted": (
        replace('"centerface"', '"scrfd"\nfile = "det.onnx"'),
        "'det.onnx' must be listed under files",
    ),
    "detector file forbidden": (
        replace('"centerface"', '"centerface"\nfile = "embedder.onnx"'),
        "must be left out for centerface",
    ),
    "embedder kind": (replace('kind = "onnx"', 'kind = "keras"'), "embedder.kind must be one of"),
    "embedder built in": (replace('kind = "onnx"', 'kind = "dlib_resnet"'), "is built in"),
    "embedder unlisted": (
        replace('file = "embedder.onnx"', 'file = "e.onnx"'),
        "'e.onnx' must be listed",
    ),
    "template name": (
        replace('"arcface_112"', '"arcface"'),
        "embedder.template must be one of arcface_112",
    ),
    "template points": (
        replace('"arcface_112"', '{name = "t", size = 112, points = [[1, 2], [3]]}'),
        "embedder.template.points must be a list of 5 points",
    ),
    "template size": (
        replace(
            '"arcface_112"', '{name = "t", size = 100000, points = [[1,2],[3,4],[5,6],[7,8],[9,9]]}'
        ),
        "size must be at most 4096",
    ),
    "template nan": (
        replace(
            '"arcface_112"', '{name = "t", size = 112, points = [[nan,2],[3,4],[5,6],[7,8],[9,9]]}'
        ),
        "points must be five",
    ),
    "channels": (replace('"rgb"', '"gbr"'), "channels must be 'rgb' or 'bgr'"),
    "std 0": (
        replace("std = [127.5, 127.5, 127.5]", "std = [0, 1, 1]"),
        "std must be three positive",
    ),
    "mean of two": (
        replace("mean = [127.5, 127.5, 127.5]", "mean = [1, 2]"),
        "embedder.normalisation.mean must be a list of 3 numbers; got",
    ),
    "mean of texts": (
        replace("mean = [127.5, 127.5, 127.5]", 'mean = [1, 2, "3"]'),
        r"embedder.normalisation.mean\[2\] must be a number; got '3'",
    ),
    "slope": (replace("slope = 25.5", "slope = -1"), "slope must be positive"),
    "slope inf": (replace("slope = 25.5", "slope = inf"), "slope must be a finite number"),
    "slope huge": (replace("slope = 25.5", "slope = 1" + "0" * 400), "64 bits"),
    "slope endless": (replace("slope = 25.5", "slope = 1" + "0" * 5000), "not valid TOML"),
    "files not a list": (replace("[[files]]", "[files]"), "files must be an array of tables"),
    "path upwards": (
        replace('name = "embedder.onnx"', 'name = "../embedder.onnx"'),
        "without folders",
    ),
    "path absolute": (replace('name = "embedder.onnx"', 'name = "/etc/passwd"'), "without folders"),
    "path hidden": (replace('name = "embedder.onnx"', 'name = ".onnx"'), "must be a plain name"),
    "path windows": (replace('name = "embedder.onnx"', "name = 'a\\b'"), "without folders"),
    "hash upper case": (replace(SHA, SHA.upper()), "must be 64 lower-case hexadecimal digits"),
    "hash short": (replace(SHA, "ab"), "must be 64 lower-case hexadecimal digits"),
    "hash empty": (replace(SHA, ""), "files.sha256 must be 64"),
    "size 0": (replace("size_bytes = 1000", "size_bytes = 0"), "must lie between 1 and 2147483647"),
    "size absurd": (
        replace("size_bytes = 1000", "size_bytes = 9999999999999"),
        "must lie between 1",
    ),
    "too large": (lambda text: text + "#" * MAX_TOML_BYTES, "is larger than"),
    "deep": (lambda text: text + "\nx = " + "[" * 5000 + "]" * 5000, "not valid TOML"),
}


WRITTEN_BY_0_1 = f"""format = 1
name = "old_pack"
version = "1"
licence = "research only"
licence_url = ""
licence_notes = "trained on old_faces: 48 faces of 8 people"
commercial_use = false

[detector]
kind = "centerface"

[embedder]
kind = "onnx"
file = "embedder.onnx"
dim = 32
template = "arcface_112"
mirror = true
normalisation = {{mean = [127.5, 127.5, 127.5], std = [127.5, 127.5, 127.5], channels = "rgb"}}

[calibration]
slope = 2.199235394890942
intercept = -0.8059671908374899
fitted_on = "held-out people of old_faces"
pairs = 72
genuine_share = 0.5
checked_on = ""

[[files]]
name = "embedder.onnx"
sha256 = "9fad77323e38cef408afa58f650ade6b5d79c593e0b5d44aa3949218ace9e312"
size_bytes = 721239

[[files]]
name = "export.json"
sha256 = "{SHA}"
size_bytes = 262
"""


def test_a_pack_written_by_0_1_keeps_its_text_and_its_vector_space(tmp_path: Path) -> None:
    (tmp_path / PACK_TOML).write_text(WRITTEN_BY_0_1, encoding="utf-8")
    pack = read_pack(tmp_path)
    assert pack.model_id == "old_pack-bf3056089c89"
    assert to_toml(pack) == WRITTEN_BY_0_1


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(toys: ModuleType, tmp_path: Path, case: str) -> None:
    edit, rule = MALFORMED[case]
    (tmp_path / PACK_TOML).write_text(edit(to_toml(toys.toy_pack())), encoding="utf-8")
    with pytest.raises(PackFormatError, match=rule) as caught:
        read_pack(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"pack {tmp_path}: ")
    assert "\n" not in message
    assert len(message) < 500


def test_a_file_twice(toys: ModuleType, tmp_path: Path) -> None:
    text = to_toml(toys.toy_pack())
    text += text[text.index("[[files]]") :]
    (tmp_path / PACK_TOML).write_text(text, encoding="utf-8")
    with pytest.raises(PackFormatError, match="files must be named once each"):
        read_pack(tmp_path)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    (tmp_path / PACK_TOML).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PackFormatError, match="not valid TOML"):
        read_pack(tmp_path)


def test_a_folder_without_a_pack(tmp_path: Path) -> None:
    with pytest.raises(PackNotFoundError, match="cannot be read"):
        read_pack(tmp_path)
