"""Every example runs, on the small archive of the tests."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from pipelines import index
from vidsearch import Archive, SearchOptions
from vidsearch.catalog.people import add_person, judge

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
NOTEBOOK = EXAMPLES / "explore_archive.ipynb"
LIMIT_S = 300


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, filmed: Path) -> Path:
    """Catalog of the small archive with a named person; only read by the tests."""
    catalog = tmp_path_factory.mktemp("examples") / "catalog"
    index(catalog, [filmed / "videos"])
    archive = Archive.open(catalog)
    photo = filmed / "photos" / "astronaut.jpg"
    hits = archive.search([photo], SearchOptions(min_confidence=0.5)).hits
    person_id = add_person(archive.catalog, "Eileen")
    judge(archive.catalog, [hit.track_id for hit in hits], person_id, same=True)
    return catalog


def run_example(name: str, folder: Path, *arguments: str | Path) -> str:
    """Run an example in a folder; return its output."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_index_and_search(films: Path, photos: Path, tmp_path: Path) -> None:
    output = run_example(
        "index_and_search.py", tmp_path, tmp_path / "c", films, photos / "astronaut.jpg"
    )
    assert "2 videos indexed, 0 indexed before" in output
    assert "astronaut film.mp4  0.0 s to" in output


def test_search_and_export(indexed: Path, photos: Path, tmp_path: Path) -> None:
    photo = photos / "astronaut.jpg"
    output = run_example("search_and_export.py", tmp_path, indexed, photo, photo)
    assert "1 hits in hits.csv and hits.html" in output
    assert "Eileen" in (tmp_path / "hits.csv").read_text(encoding="utf-8")
    assert "astronaut film.mp4" in (tmp_path / "hits.html").read_text(encoding="utf-8")


def test_measure_verification(photos: Path, tmp_path: Path) -> None:
    lines = ["2 1"]
    names = ["astronaut", "tom-hanks"]
    for number, name in enumerate(names, 1):
        (tmp_path / "photos" / name).mkdir(parents=True)
        shutil.copy(photos / f"{name}.jpg", tmp_path / "photos" / name / f"{name}_0001.jpg")
        with Image.open(photos / f"{name}.jpg") as photo:
            darker = ImageEnhance.Brightness(ImageOps.mirror(photo.convert("RGB"))).enhance(0.7)
            darker.save(tmp_path / "photos" / name / f"{name}_0002.jpg")
        lines += [f"{name}\t1\t2", f"{names[0]}\t{number}\t{names[1]}\t{number}"]
    (tmp_path / "pairs.txt").write_text("".join(f"{line}\n" for line in lines))
    output = run_example(
        "measure_verification.py", tmp_path, tmp_path / "photos", tmp_path / "pairs.txt"
    )
    assert "with pack open" in output
    assert (tmp_path / "verification-report" / "report.html").is_file()


@pytest.mark.slow
def test_train_and_export(photos: Path, tmp_path: Path) -> None:
    for part, names in (("train", ("lace", "tom-hanks")), ("test", ("astronaut", "blonde"))):
        for name in names:
            folder = tmp_path / "faces" / f"{part}-{name}"
            folder.mkdir(parents=True)
            with Image.open(photos / f"{name}.jpg") as photo:
                face = ImageOps.fit(photo.convert("RGB"), (112, 112))
            for number in range(6):
                ImageEnhance.Brightness(face).enhance(0.7 + 0.1 * number).save(
                    folder / f"{number}.jpg"
                )
    output = run_example(
        "train_and_export.py", tmp_path, tmp_path / "faces", tmp_path / "run", tmp_path / "pack"
    )
    assert "4 steps, verification accuracy" in output
    assert (tmp_path / "pack" / "pack.toml").is_file()


def test_tracks_with_pandas(indexed: Path, tmp_path: Path) -> None:
    output = run_example("tracks_with_pandas.py", tmp_path, indexed)
    assert "astronaut film.mp4" in output
    assert "Eileen" in output


def test_notebook(indexed: Path, photos: Path, tmp_path: Path) -> None:
    """The code cells run one after the other as a script."""
    book = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert book["nbformat"] == 4
    assert all(not cell["outputs"] for cell in book["cells"] if cell["cell_type"] == "code")
    cells = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    script = "\n\n".join(cells)
    script = script.replace('"demo/catalog"', repr(str(indexed)))
    script = script.replace('"demo/photos/astronaut.jpg"', repr(str(photos / "astronaut.jpg")))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tracks in" in done.stdout
    assert (tmp_path / "similarities.png").is_file()


def test_examples_import_no_private_name() -> None:
    for path in EXAMPLES.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not any(name.name.startswith("_") for name in node.names), path.name


def test_readme_lists_every_example() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in [*EXAMPLES.glob("*.py"), NOTEBOOK]:
        assert f"({path.name})" in text
