"""Two hosts on one machine: network namespaces joined by a cable, one with files hidden."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.processes import finish, wait_until

ADDRESSES = ("10.77.0.1", "10.77.0.2")


def missing() -> str:
    """Return the reason why this machine cannot make namespaces; empty if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network and mount namespaces need Linux and root"
    tools = [tool for tool in ("ip", "unshare", "mount") if shutil.which(tool) is None]
    if tools:
        return f"not installed: {', '.join(tools)}"
    probe = f"vidsearch-{os.getpid()}-p"
    try:
        made = _ip("netns", "add", probe, check=False) == 0
    finally:
        _ip("netns", "del", probe, check=False)
    return "" if made else "this machine does not let root make network namespaces"


@dataclass(frozen=True)
class TwoHosts:
    """Running cluster: scheduler and a worker on host A, a worker on host B.

    Attributes:
        scheduler: Address of the scheduler, reachable from both hosts.
        client: Command prefix that runs on host B, with all files.
    """

    scheduler: str
    client: tuple[str, ...]

    def run(self, *args: object) -> tuple[int, str, str]:
        """Run ``vidsearch`` on host B; return its status, output and errors."""
        command = [*self.client, sys.executable, "-m", "vidsearch.commands.main"]
        return finish(
            subprocess.Popen(
                [*command, *map(str, args)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )
        )


@contextmanager
def two_hosts(folder: Path, hidden: Sequence[Path]) -> Iterator[TwoHosts]:
    """Start a cluster over two hosts.

    Args:
        folder: Scratch folder.
        hidden: Folders that are empty for the worker on host B.
    """
    with ExitStack() as opened:
        a, b = _cabled_namespaces(opened)
        log = opened.enter_context((folder / "dask.log").open("wb"))

        def start(prefix: Sequence[str], *args: str) -> None:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-m", "dask", *args],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            )
            opened.callback(_stop, process)

        address = f"tcp://{ADDRESSES[0]}:8786"
        start(a, "scheduler", "--host", ADDRESSES[0], "--port", "8786", "--no-dashboard")
        hide = " && ".join(f"mount -t tmpfs none '{path}'" for path in hidden)
        blindfold = ["unshare", "--mount", "--propagation", "private"]
        blindfold += ["sh", "-c", f'{hide} && exec "$@"', "sh"]
        for name, prefix in (("worker-a", a), ("worker-b", [*b, *blindfold])):
            host = ADDRESSES[name == "worker-b"]
            options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", host]
            options += ["--name", name, "--local-directory", str(folder / f"{name}-scratch")]
            start(prefix, "worker", address, *options)
        wait_until(
            lambda: all(
                f"Register worker addr: tcp://{host}".encode() in (folder / "dask.log").read_bytes()
                for host in ADDRESSES
            )
        )
        yield TwoHosts(address, tuple(b))


def _cabled_namespaces(opened: ExitStack) -> list[list[str]]:
    """Make two network namespaces joined by a cable; return their command prefixes."""
    names = [f"vidsearch-{os.getpid()}-{end}" for end in "ab"]
    cards = [f"vs{os.getpid()}{end}" for end in "ab"]
    for name in names:
        _ip("netns", "add", name)
        opened.callback(_ip, "netns", "del", name, check=False)
    _ip("link", "add", cards[0], "netns", names[0], "type", "veth", *_peer(cards[1], names[1]))
    for name, card, address in zip(names, cards, ADDRESSES, strict=True):
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", card)
        _ip("-n", name, "link", "set", card, "up")
        _ip("-n", name, "link", "set", "lo", "up")
    return [["ip", "netns", "exec", name] for name in names]


def _peer(card: str, namespace: str) -> list[str]:
    return ["peer", "name", card, "netns", namespace]


def _ip(*args: str, check: bool = True) -> int:
    return subprocess.run(["ip", *args], check=check, capture_output=True).returncode


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(15)
