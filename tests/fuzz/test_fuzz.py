"""No mutant ends the process, hangs, takes gigabytes, or raises another error than its reader's."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.fuzz import run, targets
from tests.fuzz.mutate import mutant, parts_of
from tests.fuzz.run import Finding, fuzz
from tests.fuzz.seeds import Seed, all_seeds


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Seed]:
    return all_seeds(tmp_path_factory.mktemp("seeds"))


def test_every_seed_is_read(seeds: list[Seed], tmp_path: Path) -> None:
    for seed in seeds:
        path = tmp_path / seed.name
        path.write_bytes(seed.content)
        assert targets.read(path) == "read", seed.name


def test_mutants_follow_the_structure_of_their_seed(seeds: list[Seed]) -> None:
    for seed in seeds:
        assert len(parts_of(seed.name, seed.content)) > 1, seed.name
        assert mutant(seed.name, seed.content, random.Random(1)) == mutant(
            seed.name, seed.content, random.Random(1)
        )
    changed = {mutant(seeds[0].name, seeds[0].content, random.Random(n)) for n in range(50)}
    assert len(changed) > 30


def test_mutants_are_read_or_refused(seeds: list[Seed]) -> None:
    result = fuzz(seeds, 1, range(4 * len(seeds)))
    assert not result.findings, result.table()
    assert set(result.read) == set(result.refused) == {"video", "photo", "data"}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_ten_thousand_mutants_are_read_or_refused(seeds: list[Seed]) -> None:
    result = fuzz(seeds, 2, range(10_000))
    assert not result.findings, result.table()


FAULTS = {
    "raise RuntimeError('x')": "RuntimeError: x",
    "import os; os.write(2, b'panicked')": "noise: 'panicked'",
    "kept = b'x' * (900 << 20)": "excess",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": f"{-signal.SIGKILL}",
}


def faults_found(
    faults: Iterable[str], monkeypatch: pytest.MonkeyPatch, limit_s: float
) -> list[Finding]:
    """Return the findings on files that are run as programs, between two intact ones."""
    monkeypatch.setattr(run, "_serve", _serve_faults)
    programs = ["pass", *faults, "pass"]
    seeds = [Seed(f"{n}.toml", "data", text.encode()) for n, text in enumerate(programs)]
    result = fuzz(seeds, 0, range(len(seeds)), limit_s=limit_s)
    assert result.read["data"] == 2
    return result.findings


def test_every_kind_of_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = faults_found(FAULTS, monkeypatch, limit_s=300)
    for finding, (number, named) in zip(findings, enumerate(FAULTS.values(), 1), strict=True):
        assert finding.number == number
        assert named in finding.fault


@pytest.mark.slow
def test_a_hang_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    (finding,) = faults_found(["import time; time.sleep(900)"], monkeypatch, limit_s=30)
    assert "hang" in finding.fault


def _serve_faults(*arguments: object) -> None:
    def make(seeds: list[Seed], _: int, number: int) -> tuple[Seed, bytes]:
        return seeds[number], seeds[number].content

    def read(path: Path) -> str:
        exec(path.read_text())
        return "read"

    run.make, targets.read = make, read  # type: ignore[assignment]
    _SERVE(*arguments)  # type: ignore[arg-type]


_SERVE = run._serve
