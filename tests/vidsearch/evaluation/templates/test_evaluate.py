"""Protocols of IJB by the command, against a computation from the definition."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_curve

from vidsearch.commands.main import main
from vidsearch.evaluation.report import read_report

SUBJECTS, DIM = 12, 8
# Templates 100 + s are in the galleries (subjects 0 to 5 in G1, 6 to 11 in G2), 200 + s and 300 + s
# are probes. Each has three images of two media.


@pytest.fixture
def files(tmp_path: Path, rng: np.random.Generator) -> Path:
    centres = rng.normal(size=(SUBJECTS, DIM))
    lines: list[str] = []
    rows: list[np.ndarray] = []
    faces: list[str] = []
    for base in (100, 200, 300):
        for subject in range(SUBJECTS):
            for number, medium in enumerate((1, 1, 2)):
                name = f"{len(lines)}.jpg"
                lines.append(f"{name} {base + subject} {base * 10 + medium}")
                faces.append(f"{name} 1 1 3 1 2 2 1 3 3 3 {0.5 + 0.1 * number:.1f}")
                rows.append(centres[subject] + rng.normal(scale=0.9, size=DIM))
    (tmp_path / "tid_mid.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "faces.txt").write_text("\n".join(faces) + "\n")
    np.save(tmp_path / "raw.npy", np.array(rows, np.float32))
    pairs = [
        f"{100 + a} {base + b} {int(a == b)}"
        for a in range(SUBJECTS)
        for base in (200, 300)
        for b in range(SUBJECTS)
    ]
    (tmp_path / "pairs.txt").write_text("\n".join(pairs) + "\n")
    for name, bases, subjects in (
        ("G1", (100,), range(6)),
        ("G2", (100,), range(6, 12)),
        ("probe", (200, 300), range(12)),
    ):
        table = [f"{base + s},{s},frames/{s}.png" for base in bases for s in subjects for _ in "ab"]
        text = "\n".join(["TEMPLATE_ID,SUBJECT_ID,FILENAME", *table])
        (tmp_path / f"{name}.csv").write_text(text + "\n")
    return tmp_path


def command(files: Path, *more: str) -> list[str]:
    return [
        "evaluate",
        "templates",
        str(files / "tid_mid.txt"),
        "--embeddings",
        str(files / "raw.npy"),
        "--pairs",
        str(files / "pairs.txt"),
        "--out",
        str(files / "out"),
        "--processes",
        "2",
        "--device",
        "cpu",
        *more,
    ]


def search_lists(files: Path) -> list[str]:
    return [
        "--gallery",
        str(files / "G1.csv"),
        "--gallery",
        str(files / "G2.csv"),
        "--probes",
        str(files / "probe.csv"),
    ]


def metrics(files: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files / "out" / "metrics.json").read_text())["metrics"]
    return found


def templates(files: Path, scored: bool = False) -> dict[int, np.ndarray]:
    """Compute templates by the definition, one template and medium at a time."""
    raw = np.load(files / "raw.npy").astype(np.float64)
    if scored:
        lines = (files / "faces.txt").read_text().splitlines()
        raw *= np.array([float(line.split()[-1]) for line in lines])[:, None]
    grouped: dict[int, dict[int, list[np.ndarray]]] = {}
    for row, line in enumerate((files / "tid_mid.txt").read_text().splitlines()):
        _, template, medium = line.split()
        grouped.setdefault(int(template), {}).setdefault(int(medium), []).append(raw[row])
    sums = {
        template: sum(np.mean(frames, axis=0) for frames in media.values())
        for template, media in grouped.items()
    }
    return {template: total / np.linalg.norm(total) for template, total in sums.items()}


@pytest.mark.parametrize("scored", [False, True])
def test_verification_is_that_of_the_definition(files: Path, scored: bool) -> None:
    more = ["--detection-scores", "--faces", str(files / "faces.txt")] if scored else []
    assert main(command(files, *more)) == 0
    unit = templates(files, scored)
    lines = [
        tuple(map(int, line.split())) for line in (files / "pairs.txt").read_text().splitlines()
    ]
    similarities = [float(unit[a] @ unit[b]) for a, b, _ in lines]
    far, tar, _ = roc_curve([same for *_, same in lines], similarities, drop_intermediate=False)
    found = metrics(files)
    assert (found["genuine"], found["impostor"], found["templates"]) == (24, 264, 36)
    for rate in (1e-6, 1e-4, 1e-2, 1e-1):
        assert found["tar_at_far"][f"{rate:g}"]["tar"] == pytest.approx(tar[far <= rate].max())


def test_identification_is_that_of_the_definition(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(files, *search_lists(files))) == 0
    assert "TPIR at FPIR 0.1" in capsys.readouterr().out
    unit = templates(files)
    found = metrics(files)
    rank_1 = []
    for name, enrolled in (("G1", range(6)), ("G2", range(6, 12))):
        ranked = {
            probe: sorted(enrolled, key=lambda s: -float(unit[100 + s] @ unit[probe]))
            for base in (200, 300)
            for probe in range(base, base + SUBJECTS)
        }
        mated = [probe for probe in ranked if probe % 100 in enrolled]
        others = [probe for probe in ranked if probe % 100 not in enrolled]
        right = {probe: ranked[probe][0] == probe % 100 for probe in mated}
        best = {probe: float(unit[100 + ranked[probe][0]] @ unit[probe]) for probe in ranked}
        one = found["identification"][name]
        assert (one["mated_probes"], one["non_mated_probes"], one["enrolled"]) == (12, 12, 6)
        assert one["rank_k"]["1"]["value"] == pytest.approx(np.mean(list(right.values())))
        # 12 probes have no mate: FPIR 0.1 allows one alarm, 0.01 none.
        for fpir, alarms in (("0.1", 1), ("0.01", 0)):
            bar = sorted((best[probe] for probe in others), reverse=True)[alarms]
            expected = np.mean([right[probe] and best[probe] > bar for probe in mated])
            assert one["tpir_at_fpir"][fpir]["value"] == pytest.approx(expected)
        rank_1.append(one["rank_k"]["1"]["value"])
    assert found["identification_mean"]["rank_1"] == pytest.approx(np.mean(rank_1))
    # All galleries as one: 24 probes, every one with a mate; FPIR 0.1 is the third highest of all
    # impostor similarities.
    table = np.array([[unit[100 + s] @ unit[p] for s in range(12)] for p in ranked])
    mine = np.array([[s == p % 100 for s in range(12)] for p in ranked])
    bar = np.sort(table[~mine])[-3]
    merged = found["identification_merged"]
    expected = (table[mine] > bar).mean()
    assert merged["tpir_at_fpir"]["0.1"]["value"] == pytest.approx(expected)
    assert merged["rank_k"]["1"] == pytest.approx(
        (table.argmax(axis=1) == [p % 100 for p in ranked]).mean()
    )
    scores = read_report(files / "out").scores
    assert scores is not None
    assert len(scores.columns["id"]) == 24
    assert (files / "out" / "report.html").stat().st_size > 10_000


def test_every_form_of_embeddings_gives_the_same(files: Path) -> None:
    assert main(command(files)) == 0
    expected = metrics(files)
    raw = np.load(files / "raw.npy")
    np.save(files / "halves.npy", np.concatenate([raw * 0.25, raw * 0.75], axis=1))
    column = pa.FixedSizeListArray.from_arrays(pa.array(raw.ravel()), DIM)
    pq.write_table(pa.table({"embedding": column}), files / "raw.parquet", row_group_size=50)
    for name, *more in (("halves.npy", "--halves"), ("raw.parquet",)):
        assert main(command(files, "--embeddings", str(files / name), *more)) == 0
        found = metrics(files)
        assert found["equal_error_rate"] == pytest.approx(expected["equal_error_rate"])
        for rate, point in expected["tar_at_far"].items():
            assert found["tar_at_far"][rate]["tar"] == point["tar"]


def test_an_image_without_embedding_is_left_out(files: Path) -> None:
    raw = np.load(files / "raw.npy")
    raw[[3, 4, 5]] = 0  # all of template 101
    raw[0] = 0
    np.save(files / "raw.npy", raw)
    assert main(command(files, *search_lists(files))) == 0
    found = metrics(files)
    assert (found["images_without_embedding"], found["templates_without_image"]) == (4, 1)
    assert found["identification"]["G1"]["rank_k"]["10"]["value"] == pytest.approx(10 / 12)
    assert "identification_merged" not in found


def test_bad_input(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*arguments: str) -> str:
        assert main(list(arguments)) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert not (files / "out").exists()
        return error

    assert "--gallery and --probes" in complaint(
        *command(files, "--gallery", str(files / "G1.csv"))
    )
    assert "need --faces" in complaint(*command(files, "--detection-scores"))
    assert "either the images with --images" in complaint(*command(files, "--images", str(files)))
    raw = np.load(files / "raw.npy")
    np.save(files / "raw.npy", raw[:-1])
    assert "a row for each of the 108 images of tid_mid.txt; got 107" in complaint(*command(files))
    np.save(files / "raw.npy", raw[:, :-1])
    assert "--halves needs an even number of columns; raw.npy has 7" in complaint(
        *command(files, "--halves")
    )
    raw[17, 3] = np.nan
    np.save(files / "raw.npy", raw)
    assert "row 17 is not" in complaint(*command(files))
    np.save(files / "raw.npy", np.array([{"evil": 1}]), allow_pickle=True)
    assert "raw.npy is not a .npy file of numbers" in complaint(*command(files))
    (files / "raw.parquet").write_bytes(b"PAR1 no")
    assert "is not a Parquet file" in complaint(
        *command(files, "--embeddings", str(files / "raw.parquet"))
    )
    pq.write_table(pa.table({"vector": [1.0]}), files / "raw.parquet")
    assert "needs a column 'embedding'" in complaint(
        *command(files, "--embeddings", str(files / "raw.parquet"))
    )


@pytest.mark.media
def test_real_images_with_landmarks(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vidsearch.device import resolve_device
    from vidsearch.models.registry import load_pack
    from vidsearch.photo.open import read_photo

    pack = load_pack("open", resolve_device("cpu"))
    lines, faces = [], []
    people = ("Abel_Pacheco", "Adrien_Brody")
    for subject, name in enumerate(people):
        for number in range(1, 5):
            image = f"{name}/{name}_{number:04d}.jpg"
            image_rgb = read_photo(str(media / "lfw" / image))
            found = pack.detector.detect(image_rgb)
            corners = found.boxes_xyxy
            off_centre = corners[:, :2] + corners[:, 2:] - np.array(image_rgb.shape[1::-1])
            nearest = np.abs(off_centre).sum(axis=1).argmin()
            points = " ".join(f"{value:.2f}" for value in found.landmarks[nearest].ravel())
            lines.append(f"{image} {10 * subject + (number + 1) // 2} {number}")
            faces.append(f"{image} {points} {found.scores[nearest]:.4f}")
    (tmp_path / "tid_mid.txt").write_text("\n".join(lines))
    (tmp_path / "faces.txt").write_text("\n".join(faces))
    (tmp_path / "pairs.txt").write_text("1 2 1\n11 12 1\n1 11 0\n2 12 0\n")
    arguments = [
        "evaluate",
        "templates",
        str(tmp_path / "tid_mid.txt"),
        "--faces",
        str(tmp_path / "faces.txt"),
        "--pairs",
        str(tmp_path / "pairs.txt"),
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--processes",
        "1",
        "--detection-scores",
    ]
    kept = str(tmp_path / "kept.npy")
    images = ["--images", str(media / "lfw"), "--save-embeddings", kept]
    assert main([*arguments, *images]) == 0
    capsys.readouterr()
    first = metrics(tmp_path)
    assert first["equal_error_rate"] == 0
    assert first["images_without_embedding"] == 0
    assert main([*arguments, "--embeddings", kept]) == 0
    assert metrics(tmp_path) == first
    assert main([*arguments, "--images", str(tmp_path)]) == 2
    assert "8 of 8 images are missing" in capsys.readouterr().err
