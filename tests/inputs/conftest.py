"""Fixtures of the inputs: the examples of reported faults, and what a search finds in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from pipelines import IndexConfig, index
from pipelines.cluster.config import ClusterConfig
from pipelines.indexing.outcomes import IndexReport
from tests.helpers import videos
from vidsearch import Archive
from vidsearch.datatypes import Hit

PHOTO = Path("photos", "face_recognition", "lin-manuel-miranda.png")

CasesSearch = Callable[..., "FoundInCases"]


class FoundInCases:
    """Result of indexing some examples and searching the catalog with the photo.

    Attributes:
        report: Report of the indexing run.
        archive: The catalog.
        hits: Hits with a confidence of at least 0.5, best first, by file name.
    """

    def __init__(self, report: IndexReport, archive: Archive, hits: Sequence[Hit]) -> None:
        self.report = report
        self.archive = archive
        self.hits: dict[str, list[Hit]] = {}
        for hit in hits:
            if hit.confidence >= 0.5:
                self.hits.setdefault(Path(hit.video).name, []).append(hit)

    def spans(self, name: str) -> list[tuple[float, float]]:
        """Return start and end of the hits in a file, best first."""
        return [(hit.span.start_s, hit.span.end_s) for hit in self.hits.get(name, [])]


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A short film without faces, alone in its folder."""
    (tmp_path / "films").mkdir()
    clip = videos.VideoSpec(time_base=Fraction(1, 25), frames=8, size=(64, 48))
    return videos.write_video(tmp_path / "films" / "film.mp4", clip)


@pytest.fixture(scope="session")
def cases(media: Path) -> Path:
    """Folder of the examples; the test is skipped where it is absent."""
    folder = media.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"examples of reported faults not found at {folder}")
    return folder


@pytest.fixture(scope="module")
def search_cases(cases: Path, media: Path, tmp_path_factory: pytest.TempPathFactory) -> CasesSearch:
    """Function from names of examples to what is found in them; keywords go to IndexConfig."""

    def search(*names: str, **options: object) -> FoundInCases:
        root = tmp_path_factory.mktemp("cases") / "catalog"
        config = IndexConfig(**options)  # type: ignore[arg-type]
        files = [cases / name for name in names]
        report = index(root, files, config, cluster=ClusterConfig(workers=1))
        archive = Archive.open(root)
        return FoundInCases(report, archive, archive.search(media / PHOTO).hits)

    return search
