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
from tests.inputs import names
from tests.inputs.named_archive import Named
from vidsearch import Archive
from vidsearch.catalog import Catalog
from vidsearch.catalog.people import add_person, judge
from vidsearch.datatypes import Hit
from vidsearch.models.registry import LoadedPack
from vidsearch.search.search import PhotoSearcher, SearchOptions

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
def named(tmp_path_factory: pytest.TempPathFactory, models: LoadedPack) -> Named:
    """A catalog of films of every name."""
    folder = tmp_path_factory.mktemp("names")
    film, astronaut = names.render(folder / "made")
    films = names.plant(folder / "archive", film.read_bytes())
    photo = astronaut.rename(astronaut.with_name("ph\udcf6to\n=.jpg"))
    catalog = names.catalog_of(folder / "catalog", films, models)
    tracks = sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())
    for track, name in zip(tracks, names.PEOPLE, strict=False):
        judge(catalog, [track], add_person(catalog, name), same=True)
    searcher = PhotoSearcher(Catalog.open(catalog.uri), models)
    result = searcher.search([photo], SearchOptions(thumbnails=True))
    return Named(films, photo, folder / "catalog", result)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, models: LoadedPack) -> None:
    """Commands take the pack that is loaded already."""
    for module in ("vidsearch.search.search", "pipelines.indexing.run"):
        monkeypatch.setattr(f"{module}.load_pack", lambda *_, **__: models)


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
