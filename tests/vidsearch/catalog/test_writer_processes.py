"""Killed and concurrent writers: no row is lost, doubled, or visible without its batch."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from tests.vidsearch.catalog.written_rows import (
    assert_no_remains,
    assert_same,
    assert_whole,
    contents,
)
from vidsearch.catalog import Catalog, CatalogWriter, WriterConfig
from vidsearch.catalog.maintenance import maintain, repair
from vidsearch.catalog.tables import Table


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, synthetic: ModuleType
) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("undisturbed") / "catalog"
    made = Catalog.create(folder, pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM)
    synthetic.write_missing(made, 0, 30)
    return contents(made)


def start(synthetic: ModuleType, catalog: Catalog, *arguments: str) -> subprocess.Popen[str]:
    """Start a writing process; return when it is ready to write."""
    script = str(synthetic.__file__)
    command = [sys.executable, script, catalog.uri, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@contextmanager
def finishing(*processes: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=60)


@pytest.mark.parametrize(
    "moment",
    [
        "before:tracks:1",
        "after:tracks:2",
        "after:faces:1",
        "before:videos:0",
        "after:videos:1",
        "after:files:3",
    ],
)
def test_killed_at_any_step_then_repeated_gives_the_same_tables(
    catalog: Catalog,
    synthetic: ModuleType,
    undisturbed: dict[str, pd.DataFrame],
    moment: str,
) -> None:
    process = start(synthetic, catalog, "0", "30", moment)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert_whole(catalog)
    synthetic.write_missing(catalog, 0, 30)
    assert_whole(catalog)
    assert_same(catalog, undisturbed)
    assert_no_remains(catalog)
    assert_same(catalog, undisturbed)


def test_killed_at_random_then_repeated_gives_the_same_tables(
    tmp_path: Path, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    chance = random.Random(7)
    kills = 0
    for number in range(3):
        catalog = Catalog.create(
            tmp_path / str(number), pack="toy", model_id=synthetic.MODEL_ID, dim=synthetic.DIM
        )
        for _ in range(5):
            process = start(synthetic, catalog, "0", "30")
            with finishing(process):
                time.sleep(chance.uniform(0, 0.4))
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=60)
            kills += process.returncode == -signal.SIGKILL
            assert_whole(catalog)
        synthetic.write_missing(catalog, 0, 30)
        assert_same(catalog, undisturbed)
        assert_no_remains(catalog)
    assert kills >= 5  # otherwise the writers finished before they were killed


def test_two_writers_at_once_double_nothing(
    catalog: Catalog, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    processes = [start(synthetic, catalog, "0", "30") for _ in range(2)]
    with finishing(*processes):
        for process in processes:
            assert process.wait(timeout=120) == 0
    assert_whole(catalog)
    assert_same(catalog, undisturbed)
    assert_no_remains(catalog)
    assert_same(catalog, undisturbed)


def test_a_reader_sees_whole_videos_while_others_write(
    catalog: Catalog, synthetic: ModuleType
) -> None:
    process = start(synthetic, catalog, "0", "60")
    counts = set()
    with finishing(process):
        while process.poll() is None:
            assert_whole(catalog)
            counts.add(catalog.videos().num_rows)
        assert process.returncode == 0
    assert len(counts) > 1
    assert catalog.videos().num_rows == 60


def test_a_snapshot_taken_while_a_video_is_replaced_is_whole(
    catalog: Catalog, synthetic: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CatalogWriter(catalog) as writing:
        writing.add(synthetic.make_video(0, tracks=2))
    opened = Table.open
    replaced = False

    def replaced_before(table: Table, *arguments: Any) -> Any:
        nonlocal replaced
        if table.name == "tracks" and not replaced:
            replaced = True
            with CatalogWriter(catalog, config=WriterConfig(replace=True)) as again:
                again.add(synthetic.make_video(0, tracks=3))
            repair(catalog, stale_after_s=0)
        return opened(table, *arguments)

    monkeypatch.setattr(Table, "open", replaced_before)
    assert Catalog.open(catalog.uri).tracks().num_rows == 3


def test_maintenance_while_others_write_loses_nothing(
    catalog: Catalog, synthetic: ModuleType, undisturbed: dict[str, pd.DataFrame]
) -> None:
    process = start(synthetic, catalog, "0", "30")
    with finishing(process):
        while process.poll() is None:
            repair(catalog)
            maintain(catalog)
        assert process.returncode == 0
    assert_same(catalog, undisturbed)
