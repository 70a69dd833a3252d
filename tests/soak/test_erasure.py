"""Kills of erasures and of changes of people: short and long form of ``make soak``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.soak.erasure import COMMANDS, OUTCOMES, compared, table

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the harness forks")


@pytest.mark.slow
def test_killed_commands_leave_the_state_of_undisturbed_ones(tmp_path: Path) -> None:
    # A process of its own: a process that has used the table store cannot be forked.
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "tests.soak.erasure", "--kills", "18", "--journal"]
    command.append(str(journal))
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert Counter(line["command"] for line in lines) == dict.fromkeys(COMMANDS, 3)
    assert {line["outcome"] for line in lines} == {"equal"}


def test_differences_are_named() -> None:
    expected = {"tracks": ["a", "b"], "pending": 0}
    assert compared({"tracks": ["a", "b"], "pending": 0}, expected) == ("", "")
    assert compared({"tracks": ["a"], "pending": 0}, expected)[0] == "lost"
    assert compared({"tracks": ["a", "b", "c"], "pending": 0}, expected)[0] == "doubled"
    assert table({"reembed": Counter(kills=3, lost=1)}).splitlines()[-1] == (
        "| `reembed` | 3 | 1 | 0 | 0 | 0 | 0 |"
    )
    assert OUTCOMES[0] == "kills"
