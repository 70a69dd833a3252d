"""Fenced blocks of a Markdown page as steps, and their execution in a folder."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 120.0
COMMAND_LIMIT_S = 300.0

_FENCE = re.compile(r'^```(?P<language>[a-z]*)(?: title="(?P<title>[^"]+)")?$')
_PORT = "8501"


@dataclass(frozen=True, slots=True)
class Block:
    """Fenced block of a page.

    Attributes:
        language: Language after the fence, e.g. ``console``; empty if there is none.
        title: File name after the language; None without a title.
        lines: Lines between the fences.
    """

    language: str
    title: str | None
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Content of the block."""
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Command:
    """Command of a console block.

    Attributes:
        line: Command for the shell.
        output: Expected output; ``...`` stands for any text.
    """

    line: str
    output: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            continue
        inside = []
        for text in lines:
            if text == "```":
                break
            inside.append(text)
        yield Block(fence["language"], fence["title"], tuple(inside))


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block, each with its expected output."""
    parts: list[tuple[str, list[str]]] = []
    for line in block.lines:
        if line.startswith("$ "):
            parts.append((line.removeprefix("$ "), []))
        elif parts[-1][0].endswith("\\") and not parts[-1][1]:
            parts[-1] = (f"{parts[-1][0]}\n{line}", [])
        else:
            parts[-1][1].append(line)
    return [Command(line, "\n".join(output)) for line, output in parts]


def matches(expected: str, actual: str) -> bool:
    """Return True if an output is as expected; ``...`` stands for any text, also of many lines.

    Example:
        >>> matches("built in ... s\\n...\\ndone", "built in 3 s\\nmore\\nand more\\ndone")
        True
        >>> matches("4 videos", "5 videos")
        False
    """
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "..." else _line_pattern(line.rstrip()) + r"\n"
        for line in expected.strip().splitlines()
    )
    text = "".join(f"{line.rstrip()}\n" for line in actual.strip().splitlines())
    return re.fullmatch(pattern, text) is not None


def _line_pattern(line: str) -> str:
    return r"[^\n]*?".join(re.escape(part) for part in line.split("..."))


class Workspace:
    """Folder in which the commands of a page run, with ``vidsearch`` and ``python`` on the path.

    Args:
        folder: New or empty folder.
        demo_output: Output of ``vidsearch demo``, whose folder ``demo`` is in ``folder`` already.
    """

    def __init__(self, folder: Path, demo_output: str) -> None:
        self.folder = folder
        self._demo_output = demo_output
        programs = folder / ".venv" / "bin"
        programs.mkdir(parents=True)
        _write_program(programs / "vidsearch", "-m vidsearch.commands.main")
        _write_program(programs / "python", "")
        self._environment = {
            **os.environ,
            "COLUMNS": "100",  # text output wraps at the width of the terminal
            "LINES": "24",
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
        }

    def run(self, block: Block) -> Iterator[str]:
        """Execute a block; yield a message for each command whose output is not as expected."""
        if block.title is not None:
            (self.folder / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            self.output(f"python -c '{block.text}'")
        elif block.language == "console":
            for command in commands(block):
                actual = self.output(command.line)
                if not matches(command.output, actual):
                    yield f"$ {command.line}\nexpected:\n{command.output}\nactual:\n{actual}"

    def output(self, line: str) -> str:
        """Return the output of a command, standard error included."""
        line = line.partition(" #")[0].strip()
        if line in {"make demo", "vidsearch demo"}:
            return self._demo_output
        if "vidsearch ui " in line:
            return self._app_output(line)
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        ).stdout

    def _app_output(self, line: str) -> str:
        """Start the app on a free port, wait until it answers, and return its first line."""
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            port = str(probe.getsockname()[1])
        with subprocess.Popen(
            ["bash", "-c", f"exec {line} --port {port} --no-browser"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as app:
            try:
                assert app.stdout is not None
                first = app.stdout.readline()
                _wait_for(f"http://localhost:{port}/_stcore/health")
            finally:
                app.send_signal(signal.SIGINT)
                app.wait(timeout=START_LIMIT_S)
        return first.replace(port, _PORT)


def _write_program(path: Path, arguments: str) -> None:
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
