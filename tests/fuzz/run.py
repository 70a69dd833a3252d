"""Run over mutants in worker processes: a crash, a hang or an excess of memory is a finding."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.fuzz.mutate import mutant
from tests.fuzz.seeds import Seed

_MEMORY_BYTES = 8 << 30
_EXCESS_KIB = 700 << 10


@dataclass(frozen=True, slots=True)
class Finding:
    """A mutant that the program did not survive, or not within its bounds.

    Attributes:
        number: Number of the mutant in its run.
        name: File name.
        fault: The end of the traceback, the signal, "hang", or the memory taken.
    """

    number: int
    name: str
    fault: str


@dataclass(slots=True)
class Result:
    """Result of a run.

    Attributes:
        read: Mutants that were read, by kind of their seed.
        refused: Mutants that were refused with one line, by kind of their seed.
        findings: Mutants that show a fault of the program.
    """

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def table(self) -> str:
        """Return the result as lines of text."""
        lines = ["kind    mutants    read  refused"]
        for kind in sorted({*self.read, *self.refused}):
            read, refused = self.read[kind], self.refused[kind]
            lines.append(f"{kind:6} {read + refused:8,} {read:7,} {refused:8,}")
        lines.append(f"findings: {len(self.findings)}")
        lines += [f"  mutant {f.number} of {f.name}: {f.fault}" for f in self.findings]
        return "\n".join(lines)


def make(seeds: Sequence[Seed], run: int, number: int) -> tuple[Seed, bytes]:
    """Return the seed and the content of one mutant.

    Args:
        seeds: Intact files.
        run: Seed of the run's choices.
        number: Number of the mutant.
    """
    chosen = seeds[number % len(seeds)]
    content = mutant(chosen.name, chosen.content, random.Random(f"{run}/{number}"))
    return chosen, content


def fuzz(seeds: Sequence[Seed], run: int, numbers: Sequence[int], limit_s: float = 60) -> Result:
    """Read mutants one after another, and return what was found.

    Args:
        seeds: Intact files.
        run: Seed of the run's choices.
        numbers: Numbers of the mutants.
        limit_s: Longest time for one mutant, seconds; beyond it, the mutant counts as a hang.
    """
    result = Result()
    with tempfile.TemporaryDirectory() as folder, _Worker(seeds, run, Path(folder)) as worker:
        for number in numbers:
            seed = seeds[number % len(seeds)]
            outcome, fault = worker.ask(number, limit_s)
            if fault:
                result.findings.append(Finding(number, seed.name, fault))
            else:
                (result.read if outcome == "read" else result.refused)[seed.kind] += 1
    return result


class _Worker:
    """A process that reads mutants; it is started again after it died or took too much."""

    def __init__(self, seeds: Sequence[Seed], run: int, folder: Path) -> None:
        self._arguments = (list(seeds), run, folder)
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, number: int, limit_s: float) -> tuple[str, str]:
        """Return the outcome of a mutant, and its fault: empty unless it is a finding."""
        pipe = self._started()
        pipe.send(number)
        if not pipe.poll(limit_s):
            self._end()
            return "", f"hang: no answer within {limit_s:.0f} s"
        try:
            outcome, fault, grown_kib = pipe.recv()
        except EOFError:
            assert self._process is not None
            self._process.join(10)
            status = self._process.exitcode
            self._end()
            return "", f"crash: the process ended with {status}"
        if grown_kib > _EXCESS_KIB:
            self._end()
            return outcome, fault or f"excess: {grown_kib >> 10} MiB"
        return outcome, fault

    def _started(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, *self._arguments))
            self._process.start()
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection, seeds: list[Seed], run: int, folder: Path) -> None:
    from tests.fuzz.targets import read

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = folder / "standard error"
    descriptor = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
    os.dup2(descriptor, 2)
    for number in _numbers(pipe):
        seed, content = make(seeds, run, number)
        (folder / seed.name).write_bytes(content)
        before = _peak_kib()
        os.truncate(said, 0)
        outcome, fault = "", ""
        try:
            outcome = read(folder / seed.name)
        except Exception:  # noqa: BLE001 (any error is a finding)
            fault = " | ".join(traceback.format_exc().splitlines()[-4:])
        if said.stat().st_size and not fault:
            fault = f"noise: {said.read_text(errors='replace')[:300]!r}"
        pipe.send((outcome, fault, _peak_kib() - before))
        (folder / seed.name).unlink(missing_ok=True)


def _peak_kib() -> int:
    """Return the most memory that this process has used; ``ru_maxrss`` counts its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0])


def _numbers(pipe: Connection) -> Iterator[int]:
    while True:
        try:
            yield pipe.recv()
        except EOFError:
            return
