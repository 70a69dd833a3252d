"""The root command: exit statuses, streams, plug-ins, and the list of all options."""

from __future__ import annotations

import errno
import inspect
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import click
import pytest

from vidsearch import __version__
from vidsearch.commands import main as module
from vidsearch.commands.app import Registry
from vidsearch.commands.main import build_app, main
from vidsearch.commands.reference import command_reference, to_markdown
from vidsearch.errors import ConfigError, NoFaceError, reason

CLUSTER = ["--workers", "--scheduler", "--device", "--json"]
EMBEDDING = ["--model", "--device", "--processes"]
REPORT = ["--out", "--json"]
OPTIONS = {
    "": ["--version", "-v", "--verbose"],
    "index": [
        *["--model", "--sample-fps", "--isolate", "--decoder", "--timeout-per-video-minute"],
        *["--worker-memory", "--slice-minutes", "--retry-failed", "--watch", "--log", "--again"],
        *["--exclude", "--within", "--video-stream"],
        *CLUSTER,
    ],
    "demo": [],
    "prepare": [
        *["--catalog", "--model", "--template", "--name", "--licence", "--held-out"],
        *["--min-faces", "--face", "--keep-poor", "--keep-duplicates", "--layout", "--seed"],
        *CLUSTER,
    ],
    "reembed": ["--model", "--labels", "--force", *CLUSTER],
    "reindex": ["--scheduler"],
    "train": [
        *["--out", "--set", "--loss", "--validate", "--pairs", "--export", "--precision"],
        *["--licence", "--resume", "--device", "--recipes", "--print-config", "--json"],
    ],
    "export": [
        *["--name", "--pack-version", "--precision", "--detector", "--licence"],
        *["--commercial-use", "--held-out", "--json"],
    ],
    "ui": ["--port", "--address", "--no-browser", "--root", "--token", "--token-file", "--oidc"],
    "search": [
        *["--top", "--min-confidence", "--face", "--device", "--video", "--folder", "--since"],
        *["--until", "--json", "--csv", "--html"],
    ],
    "status": ["--json", "--verify"],
    "forget": ["--video", "--person"],
    "models": ["--json"],
    "doctor": ["--json"],
    "evaluate": [],
    "evaluate verification": ["--pairs", "--splits", "--folds", "--faces", *EMBEDDING, *REPORT],
    "evaluate templates": [
        *["--pairs", "--faces", "--probes", "--embeddings", "--save-embeddings", "--gallery"],
        *["--images", "--halves", "--detection-scores", *EMBEDDING, *REPORT],
    ],
    "evaluate identification": ["--photos", *EMBEDDING, *REPORT],
    "evaluate distractors": [
        *["--probes", "--probe-list", "--gallery", "--gallery-list", "--gallery-subjects"],
        *["--noise", "--far", "--fpr", "--scheduler", *REPORT],
    ],
    "evaluate retrieval": ["--labels", "--photos", "--worst", "--device", *REPORT],
    "evaluate ladder": [
        *["--model", "--classifier", "--test-share", "--epochs", "--seed"],
        *["--no-mlp", "--no-ensemble", "--no-context", *REPORT],
    ],
    "evaluate iqiyi": REPORT,
    "evaluate iqiyi-features": [],
    "evaluate compare": ["--resamples", "--seed", *REPORT],
    "evaluate angles": ["--test", "--people", "--pairs", "--device", *REPORT],
    "evaluate figures": ["--only", "--run", "--report", "--steps", *REPORT],
}


def test_every_command_and_option_that_scripts_may_use_is_there() -> None:
    found = {
        command.path.removeprefix("vidsearch").strip(): sorted(
            name for option in command.options for name in option.names
        )
        for command in command_reference()
    }
    assert found == {path: sorted([*names, "-h", "--help"]) for path, names in OPTIONS.items()}


def leaves(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    return [leaf for child in command.commands.values() for leaf in leaves(child)]


def test_every_command_takes_exactly_the_parameters_that_it_declares() -> None:
    for command in leaves(build_app()):
        assert command.callback is not None
        taken = set(inspect.signature(command.callback).parameters)
        assert taken == {parameter.name for parameter in command.params}, command.name


def test_every_command_and_parameter_has_a_help_text() -> None:
    for command in command_reference():
        assert command.summary, command.path
        assert command.help, command.path
        for parameter in (*command.arguments, *command.options):
            assert parameter.help, (command.path, parameter.metavar, parameter.names)


def test_the_reference_as_markdown() -> None:
    text = to_markdown()
    assert "#### vidsearch evaluate retrieval\n" in text
    assert "| `--top K` | at most K hits | `100` |" in text
    assert "| `--decoder [pyav\\|decord]` | video backend | `pyav` |" in text
    assert "| `--labels FILE` | CSV of the people visible in each video (required) |  |" in text
    assert "folder \\<person>/\\<photo>" in text


def answering(monkeypatch: pytest.MonkeyPatch, run: Callable[[], int]) -> None:
    """Replace the plug-ins by one that adds the command ``answer``."""

    class Plugin(EntryPoint):
        def load(self) -> Callable[[Registry], None]:
            return lambda registry: registry.commands.add_command(
                click.Command("answer", callback=run)
            )

    plugin = Plugin("test", "test:register", "vidsearch.commands")
    monkeypatch.setattr(module, "entry_points", lambda group: [plugin])


def raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ConfigError("a\nb"), 2, r"vidsearch: a\nb"),
        (NoFaceError("no face"), 4, "vidsearch: no face"),
        (KeyboardInterrupt(), 130, "vidsearch: stopped; repeat the command to continue"),
        (
            OSError(errno.ENOSPC, "No space left"),
            2,
            "vidsearch: no space left; check the free space and the paths of the command",
        ),
        (
            OSError(errno.ENAMETOOLONG, "File name too long", "a\nb"),
            2,
            r"vidsearch: 'a\nb': file name too long; check the path, its mode and the free space",
        ),
        (
            OSError(),
            2,
            f"vidsearch: {reason(OSError())}; repeat the command with -v to see its progress",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_status(
    error: BaseException,
    status: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering(monkeypatch, raising(error))
    assert main(["answer"]) == status
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{line}\n")


def test_sigterm_ends_a_command_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 0

    answering(monkeypatch, run)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["answer"]) == 130
    assert capsys.readouterr().err == "vidsearch: stopped; repeat the command to continue\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_small_address_space_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answering(monkeypatch, lambda: 0)
    monkeypatch.setattr(module, "address_space_limit", lambda: 1_500_000 << 10)
    assert main(["answer"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("vidsearch: a process may use 1.5 GB of address space here (ulimit -v)")
    assert said.count("\n") == 1
    monkeypatch.setattr(module, "address_space_limit", lambda: 8 << 30)
    assert main(["answer"]) == 0


def test_a_command_returns_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda: 3)
    assert main(["answer"]) == 3


@pytest.mark.parametrize(("options", "shown"), [([], False), (["-v"], True)])
def test_verbose_shows_messages_of_our_packages_only(
    options: list[str],
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run() -> int:
        logging.getLogger("vidsearch.x").info("read\n%s", "a.mp4")
        logging.getLogger("elsewhere").info("nothing of ours")
        return 0

    answering(monkeypatch, run)
    assert main([*options, "answer"]) == 0
    assert capsys.readouterr().err == ("vidsearch: read\\na.mp4\n" if shown else "")
    assert not logging.getLogger("vidsearch").handlers


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "vidsearch: missing command (see vidsearch --help)"),
        (["frobnicate"], "vidsearch: no such command 'frobnicate' (see vidsearch --help)"),
        (["--frob"], "vidsearch: no such option '--frob' (see vidsearch --help)"),
        (["evaluate"], "vidsearch evaluate: missing command (see vidsearch evaluate --help)"),
        (
            ["evaluate", "nothing"],
            "vidsearch evaluate: no such command 'nothing' (see vidsearch evaluate --help)",
        ),
        (
            ["search"],
            "vidsearch search: missing 'CATALOG', 'PHOTO...' (see vidsearch search --help)",
        ),
        (
            ["export", "run"],
            "vidsearch export: missing argument 'PACK' (see vidsearch export --help)",
        ),
        (
            ["evaluate", "distractors", "--probe-list", "x", "megaface"],
            (
                "vidsearch evaluate distractors: missing '--probes', '--gallery' "
                "(see vidsearch evaluate distractors --help)"
            ),
        ),
        (
            ["search", "c", "p", "-v"],
            "vidsearch search: no such option '-v' (see vidsearch search --help)",
        ),
        (
            ["demo", "a", "b"],
            "vidsearch demo: got unexpected extra argument (b) (see vidsearch demo --help)",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr() == ("", f"{line}\n")


def test_prepare_takes_one_folder_of_photos(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["prepare", "a", "b", "c"])
    err = capsys.readouterr().err
    assert err.startswith("vidsearch prepare: got unexpected extra arguments (b c)")
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_goes_to_standard_output(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([option])
    out, err = capsys.readouterr()
    assert "Exit status: 0 everything done; 2 wrong usage" in out
    assert not err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr() == (f"vidsearch {__version__}\n", "")


def test_a_reader_that_has_ended_gives_the_status_of_sigpipe() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        # -W error: a second failure at Python's exit would be seen on standard error.
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "vidsearch.commands.main", "models"],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert done.returncode == 128 + signal.SIGPIPE
    assert done.stderr == b""
