"""Own process: cores, immediate end, timer of the kernel, interrupts of threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from vidsearch import processes


def ends_with(code: str) -> int:
    """Return the exit status of Python code that imports ``processes``."""
    script = f"import os, sys, time\nfrom vidsearch import processes\n{code}"
    return subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode


def test_cores_follow_the_affinity() -> None:
    assert processes.usable_cores() == len(os.sched_getaffinity(0))
    code = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nassert {}"
    assert ends_with(code.replace("{}", "processes.usable_cores() == 1")) == 0


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_cores_without_affinity(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert processes.usable_cores() == os.cpu_count()


def test_the_end_runs_no_exit_handlers() -> None:
    code = "import atexit; atexit.register(os._exit, 5)\nprocesses.end_now()"
    assert ends_with(code) == -signal.SIGKILL
    assert ends_with(f"sys.platform = 'win32'\n{code}") == 1


def test_the_kernel_ends_a_process_that_hangs() -> None:
    assert ends_with("processes.end_after(0.2)\ntime.sleep(50)") == -signal.SIGALRM
    assert ends_with("processes.end_after(0.2)\nprocesses.end_after(0)\ntime.sleep(0.4)") == 0


def test_calls_that_windows_lacks_do_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(signal, "setitimer")
    monkeypatch.delattr(signal, "pthread_sigmask")
    processes.end_after(1)
    processes.block_interrupts()
