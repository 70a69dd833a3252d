"""Erasure of a person by the command: no file contains a trace, other people stay."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vidsearch.catalog import Catalog, CatalogWriter
from vidsearch.catalog.erasures.pending import RECEIPTS
from vidsearch.catalog.maintenance import repair
from vidsearch.catalog.people import add_person, judge, judgements, rename_person
from vidsearch.catalog.schema import PEOPLE
from vidsearch.catalog.tables import Table
from vidsearch.commands.main import main
from vidsearch.erasure.person import forget_person
from vidsearch.errors import CatalogError, ConfigError
from vidsearch.search.track_index import TrackSearcher, rebuild

NAME = 'Ada "the first" Lövelace'


@pytest.fixture
def catalog(tmp_path: Path, synthetic: ModuleType) -> Catalog:
    catalog = Catalog.create(tmp_path / "c", pack="toy", model_id=synthetic.MODEL_ID, dim=16)
    with CatalogWriter(catalog) as writer:
        for number in range(4):
            writer.add(synthetic.make_video(number, tracks=3))
    rebuild(catalog)
    return catalog


def ids(catalog: Catalog) -> list[str]:
    return sorted(catalog.tracks(["track_id"])["track_id"].to_pylist())


def everything(folder: Path) -> list[tuple[Path, str]]:
    """Return every file except the receipts as text; tables are decoded."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != RECEIPTS:
            text = path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                text += "\n".join(map(str, pq.read_table(path).to_pylist()))
            found.append((path, text))
    return found


def test_nothing_of_the_person_is_in_any_file(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, fourth, *_ = ids(catalog)
    ada, bob = add_person(catalog, "somebody"), add_person(catalog, "Bob")
    rename_person(catalog, ada, NAME)
    judge(catalog, [first, second], ada, same=True)
    judge(catalog, [third], ada, same=False)
    judge(catalog, [fourth], bob, same=True)
    _, templates = catalog.snapshot().templates(catalog.dim, [first, second])
    secrets = [ada, first, second, "Lövelace", "somebody", "LÃ¶velace"]
    secrets += [row.tobytes().decode("latin-1") for row in templates]
    before_text = "\n".join(text for _, text in everything(tmp_path / "c"))
    assert all(secret in before_text for secret in secrets), "this test can find the traces"
    before = TrackSearcher(catalog).search(templates[:1], 1)[0].similarities[0]

    assert main(["forget", catalog.uri, "--person", ada]) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert receipt["rows"] == {"tracks": 2, "faces": 4, "verdicts": 3, "people": 1}
    assert (receipt["found"], receipt["tracks_searched"]) == (0, 10)
    for path, text in everything(tmp_path / "c"):
        assert [secret for secret in secrets if secret in text] == [], path
    assert before > 0.999 > TrackSearcher(catalog).search(templates[:1], 1)[0].similarities[0]
    (written,) = (tmp_path / "c" / RECEIPTS).iterdir()
    assert json.loads(written.read_text()) == receipt
    assert "velace" not in written.read_text()
    assert judgements(catalog).names == {bob: "Bob"}
    assert ids(catalog)[:2] == [third, fourth]
    assert catalog.status().tracks == 10
    assert main(["forget", catalog.uri, "--person", ada]) == 2
    assert "nothing was erased" in capsys.readouterr().err


def test_a_unique_name_selects_the_person(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    add_person(catalog, "Bob")
    twins = sorted(add_person(catalog, "Eve", same_name=True) for _ in range(2))
    assert main(["forget", catalog.uri, "--person", "Bob"]) == 0
    capsys.readouterr()
    assert main(["forget", catalog.uri, "--person", "Eve"]) == 2
    assert "2 people are named 'Eve'; pass the person_id" in capsys.readouterr().err
    assert main(["forget", catalog.uri, "--person", twins[0]]) == 0
    assert list(judgements(catalog).names) == [twins[1]]


def test_a_partly_erased_person_is_erased_by_the_next_call(catalog: Catalog) -> None:
    ada = add_person(catalog, NAME)
    judge(catalog, ids(catalog)[:1], ada, same=True)
    catalog.table("people").delete(f"person_id = '{ada}'")  # killed here
    receipt = forget_person(catalog, ada)
    assert (receipt.rows["people"], receipt.rows["verdicts"]) == (0, 1)
    with pytest.raises(ConfigError, match="nothing was erased"):
        forget_person(catalog, ada)


@pytest.mark.parametrize("step", ["videos", "tracks", "faces", "verdicts", "people"])
def test_an_interrupted_erasure_is_completed_by_the_next(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first, second, *_ = ids(catalog)
    ada = add_person(catalog, NAME)
    judge(catalog, [first, second], ada, same=True)

    def interrupted(method: Any) -> Any:
        def call(table: Table, *arguments: Any) -> Any:
            answer = method(table, *arguments)
            if table.name == step:
                raise KeyboardInterrupt
            return answer

        return call

    with monkeypatch.context() as patched:
        patched.setattr(Table, "delete", interrupted(Table.delete))
        patched.setattr(Table, "update", interrupted(Table.update))
        with pytest.raises(KeyboardInterrupt):
            forget_person(catalog, ada)
    forget_person(catalog, ada)
    for path, text in everything(tmp_path / "c"):
        assert [secret for secret in (ada, first, second, "velace") if secret in text] == [], path
    tracks = catalog.tracks(["video_id"])["video_id"].to_pylist()
    videos = catalog.videos(["video_id", "tracks"]).to_pylist()
    assert {row["video_id"]: row["tracks"] for row in videos if row["tracks"]} == Counter(tracks)
    assert repair(catalog).videos == 0


def test_a_leftover_trace_is_an_error(catalog: Catalog, tmp_path: Path) -> None:
    add_person(catalog, NAME)
    (tmp_path / "c" / "notes.json").write_text(json.dumps({"who": NAME}))
    with pytest.raises(CatalogError, match=r"notes\.json"):
        forget_person(catalog, NAME)


def test_a_video_or_a_person_must_be_named(
    catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--video", "a", "--person", "b"]):
        with pytest.raises(SystemExit, match="2"):
            main(["forget", catalog.uri, *words])
    assert "--person" in capsys.readouterr().err
    assert main(["forget", catalog.uri, "--person", ""]) == 2


@pytest.mark.parametrize("name", ["Zoe\u0308 B.", "Zo\u00eb B.", " Zo\u00eb  B. "])
def test_composed_and_decomposed_letters_are_one_name(catalog: Catalog, name: str) -> None:
    person = add_person(catalog, "Zoe\u0308 B.")
    assert judgements(catalog).names[person] == "Zo\u00eb B."
    assert judgements(catalog).named(name) == [person]
    assert forget_person(catalog, name).person_id == person


def test_a_shortened_id_selects_one_person_or_nobody(catalog: Catalog) -> None:
    ada = add_person(catalog, "Ada")
    with pytest.raises(ConfigError, match=r"not in the catalog.*nothing was erased"):
        forget_person(catalog, ada[:7])
    assert forget_person(catalog, ada[:8]).person_id == ada
    for person_id in ("0123456789a", "0123456789b"):
        row = {"person_id": person_id, "name": "Eve", "created_at": datetime.now(UTC)}
        catalog.table("people").append(pa.Table.from_pylist([row], schema=PEOPLE))
    with pytest.raises(ConfigError, match=r"2 ids; nothing was erased.*789a \(Eve\); .*789b \(Eve"):
        forget_person(catalog, "0123456789")
    assert len(judgements(catalog).names) == 2
