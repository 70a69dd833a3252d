"""Kills of erasures, of changes of people, and of re-embeddings: ``make soak``.

Each command is killed before and after every step that changes a file, and at random times. Then
another command looks at the archive first, or not, and the command is repeated. The archive must
have the state that the undisturbed command leaves, and a byte search must find nothing erased.

    python -m tests.soak.erasure --kills 500 --journal journal.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.soak.archives import FORMER, NAME, THIRD, VIDEO, Ids, make_archive, make_packs
from tests.soak.children import ChildError, in_child
from tests.soak.kill_points import KillPoints
from tests.soak.state import files_with, secrets_of, state_of
from vidsearch.errors import ConfigError

Command = Callable[[Path, Ids, Path], object]
FIRST = ("nothing", "search", "status", "index")
"""Actions of another user between the kill and the repeated command."""

OUTCOMES = ("kills", "lost", "doubled", "resurrected", "hung", "failed")


def _forget(kind: str, identity: str, folder: Path) -> int:
    from vidsearch.commands.main import main

    status = main(["forget", str(folder), f"--{kind}", identity])
    if status not in (0, 2):
        raise AssertionError(f"forget ended with status {status}")
    return status


def _reembed(folder: Path, _: Ids, pack: Path) -> int:
    from vidsearch.commands.main import main

    status = main(["reembed", str(folder), "--model", str(pack), "--workers", "1"])
    if status:
        raise AssertionError(f"reembed ended with status {status}")
    return status


def _rename(folder: Path, ids: Ids, _: Path) -> object:
    from vidsearch.catalog import Catalog
    from vidsearch.catalog.people import rename_person

    return rename_person(Catalog.open(folder), ids.person, THIRD).kind


def _merge(folder: Path, ids: Ids, _: Path) -> object:
    from vidsearch.catalog import Catalog
    from vidsearch.catalog.people import merge_people

    return merge_people(Catalog.open(folder), ids.person, ids.second).kind


def _split(folder: Path, ids: Ids, _: Path) -> object:
    from vidsearch.catalog import Catalog
    from vidsearch.catalog.people import split_person

    return split_person(Catalog.open(folder), ids.person, ids.tracks[:1], THIRD).kind


COMMANDS: dict[str, Command] = {
    "forget --person": lambda folder, _, __: _forget("person", NAME, folder),
    "forget --video": lambda folder, _, __: _forget("video", VIDEO, folder),
    "people rename": _rename,
    "people merge": _merge,
    "people split": _split,
    "reembed": _reembed,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A command with its archive and the state that it leaves undisturbed.

    Attributes:
        name: Name of the command.
        archive: Folder of the archive before the command.
        ids: Ids of the archive.
        pack: Pack of a re-embedding.
        secrets: Data that a byte search must not find afterwards.
        expected: State after the undisturbed command.
        steps: Number of steps of the command.
        duration_s: Time that the command takes.
    """

    name: str
    archive: Path
    ids: Ids
    pack: Path
    secrets: list[bytes]
    expected: dict[str, Any]
    steps: int
    duration_s: float

    @property
    def erased(self) -> tuple[str, ...]:
        """Tracks that no search may show once the erasure was begun."""
        erased = {"forget --person": self.ids.tracks, "forget --video": self.ids.video_tracks}
        return erased.get(self.name, ())


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill: at a step, or after a time.

    Attributes:
        step: Number of the step; None: after a time.
        after_s: Seconds; None: at a step.
        first: What another user does then, of ``FIRST``.
    """

    step: int | None
    after_s: float | None
    first: str


def prepare(name: str, work: Path) -> Case:
    """Make the archive of a command, and run the command undisturbed on a copy.

    Args:
        name: Name of the command.
        work: Empty folder.
    """
    command, archive, done = COMMANDS[name], work / "archive", work / "done"
    packs = in_child(lambda: make_packs(work / "packs"), work / "out")
    ids = in_child(lambda: make_archive(archive, packs[0]), work / "out")
    shutil.copytree(archive, done)

    def undisturbed() -> tuple[int, float]:
        points = KillPoints(None, str(done))
        points.install()
        start_s = time.monotonic()
        command(done, ids, packs[1])
        return points.count, time.monotonic() - start_s

    def secrets() -> list[bytes]:
        if name == "forget --person":
            return secrets_of(archive, list(ids.tracks), [ids.person, "Secretname", FORMER])
        if name == "forget --video":
            return secrets_of(archive, list(ids.video_tracks), [VIDEO, "0001 "])
        return []

    hidden = in_child(secrets, work / "out")
    steps, duration_s = in_child(undisturbed, work / "out")
    expected = in_child(lambda: state_of(done), work / "out")
    left = in_child(lambda: files_with(done, hidden), work / "out") if hidden else []
    if left:
        raise AssertionError(f"the undisturbed {name} leaves traces in {left}")
    return Case(name, archive, ids, packs[1], hidden, expected, steps, duration_s)


def kills_of(case: Case, count: int, rng: random.Random) -> Iterator[Kill]:
    """Yield kills at the steps of a command, in random order, then at random times."""
    steps = list(range(case.steps))
    rng.shuffle(steps)
    for number in range(count):
        first = FIRST[number % len(FIRST)]
        if number < len(steps):
            yield Kill(steps[number], None, first)
        else:
            yield Kill(None, rng.uniform(0.0, case.duration_s * 1.5), first)


def attempt(case: Case, kill: Kill, work: Path) -> tuple[str, str]:
    """Kill the command, repeat it, and compare; return an outcome and a message.

    Args:
        case: The command.
        kill: When it is killed.
        work: Folder for the copy of the archive.
    """
    folder = work / "catalog"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(case.archive, folder)
    command = COMMANDS[case.name]

    def killed() -> None:
        if kill.step is not None:
            KillPoints(kill.step, str(folder)).install()
        command(folder, case.ids, case.pack)

    def repeated() -> tuple[dict[str, Any], list[str]]:
        _first(case, folder, kill.first)
        with suppress(ConfigError):  # complete before the kill
            command(folder, case.ids, case.pack)
        state = state_of(folder)
        return state, files_with(folder, case.secrets) if case.secrets else []

    try:
        in_child(killed, work / "out", kill.after_s)
        state, left = in_child(repeated, work / "out")
    except TimeoutError as error:
        return "hung", str(error)
    except ChildError as error:
        return "failed", str(error)
    if left:
        return "resurrected", f"traces in {left}"
    return compared(state, case.expected)


def _first(case: Case, folder: Path, first: str) -> None:
    """Do what another user does before the command is repeated."""
    from pipelines.reindex import reindex
    from vidsearch.archive import Archive
    from vidsearch.catalog import Catalog
    from vidsearch.catalog.erasures.pending import pending_erasures
    from vidsearch.catalog.maintenance import maintain, repair
    from vidsearch.models.calibration import Calibration
    from vidsearch.search.search import PhotoSearcher, SearchOptions

    catalog = Catalog.open(folder)
    if first == "search":
        curve = Calibration(slope=10.0, intercept=-5.0, fitted_on="an example", pairs=2)
        models: Any = SimpleNamespace(model_id=catalog.model_id, calibration=curve)
        searcher = PhotoSearcher(catalog, models)
        hits = searcher.search_faces([], SearchOptions(top=50), [case.ids.other]).hits
        found = {hit.track_id for hit in hits}.intersection(case.erased)
        if found and (pending_erasures(catalog.root) or len(found) < len(case.erased)):
            raise AssertionError(f"a search shows {len(found)} erased tracks")
    elif first == "status":
        Archive.open(folder).status()
    elif first == "index":
        reindex(folder)  # begins as an indexing run does
        repair(catalog := Catalog.open(folder))
        maintain(catalog)


def compared(state: dict[str, Any], expected: dict[str, Any]) -> tuple[str, str]:
    """Return the outcome and a message for two states; both are empty for equal ones."""
    different = [name for name in expected if state[name] != expected[name]]
    if not different:
        return "", ""
    message = "; ".join(f"{name}: {state[name]} for {expected[name]}" for name in different)
    shorter = any(
        isinstance(state[name], list) and len(state[name]) < len(expected[name])
        for name in different
    )
    return "lost" if shorter else "doubled", message


def soak(
    kills: int, seed: int, names: list[str], journal: Path | None = None
) -> dict[str, Counter[str]]:
    """Kill every command; return the counts of outcomes by command.

    Args:
        kills: Number of kills, shared by the commands.
        seed: Seed of the order of steps and of the random times.
        names: Names of the commands.
        journal: File to which a line for every kill is appended.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for number, name in enumerate(names):
        rng = random.Random(f"{seed} {name}")
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            case = prepare(name, work)
            count = kills // len(names) + (number < kills % len(names))
            for kill in kills_of(case, count, rng):
                outcome, message = attempt(case, kill, work)
                counts[name]["kills"] += 1
                counts[name][outcome] += outcome != ""
                line = {"command": name, **asdict(kill), "steps": case.steps}
                _write(journal, {**line, "outcome": outcome or "equal", "message": message})
    return counts


def _write(journal: Path | None, line: dict[str, Any]) -> None:
    if line["outcome"] != "equal":
        print(json.dumps(line), file=sys.stderr, flush=True)
    if journal is not None:
        with journal.open("a") as file:
            file.write(json.dumps(line) + "\n")


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the counts as a Markdown table."""
    lines = [f"| command | {' | '.join(OUTCOMES)} |", "|---|" + "--:|" * len(OUTCOMES)]
    for name, found in counts.items():
        cells = " | ".join(str(found[outcome]) for outcome in OUTCOMES)
        lines.append(f"| `{name}` | {cells} |")
    return "\n".join(lines)


def main() -> int:
    """Run the harness from the command line; 1 if a kill changed the outcome."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--command", action="append", choices=list(COMMANDS))
    options = parser.parse_args()
    import vidsearch.commands.main  # noqa: F401 (loaded once, for all children)

    start_s = time.monotonic()
    names = options.command if options.command else list(COMMANDS)
    counts = soak(options.kills, options.seed, names, options.journal)
    print(table(counts))
    print(f"\n{time.monotonic() - start_s:.0f} s, seed {options.seed}")
    return int(any(found.total() > found["kills"] for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
