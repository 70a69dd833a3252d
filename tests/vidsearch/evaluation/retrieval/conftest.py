"""A small archive of real faces, and its labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.indexing.run import index


@pytest.fixture(scope="package")
def archive(filmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    index(folder / "catalog", [filmed / "videos"])
    return folder / "catalog"


def labels_file(folder: Path, photos: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text.replace("PHOTOS", str(photos)), encoding="utf-8")
    return path
