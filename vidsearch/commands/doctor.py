"""The command ``vidsearch doctor``: what is installed, usable and missing."""

from __future__ import annotations

import platform
from dataclasses import asdict

from vidsearch.commands import options
from vidsearch.commands.app import command
from vidsearch.errors import VidsearchError
from vidsearch.text.json_text import json_text
from vidsearch.version import __version__


@command("doctor", "check the installation; name what is missing and the command that mends it")
@options.print_json
def doctor(as_json: bool) -> int:
    """Check libraries, devices, decoders, memory, folders and model packs.

    Each fault or warning is followed by the command that mends it. The exit status is 2 if videos
    cannot be indexed and searched. Nothing is installed or downloaded.
    """
    from vidsearch.doctor.examine import examine, main_job_runs
    from vidsearch.doctor.sentences import report

    findings = examine()
    runs = main_job_runs(findings)
    if as_json:
        fields = {
            "vidsearch": __version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "main_job_runs": runs,
            "findings": [{"code": f.code, **asdict(f)} for f in findings],
        }
        print(json_text(fields, indent=2))
    else:
        system = f"{platform.system()} {platform.machine()}"
        print(f"vidsearch {__version__}, Python {platform.python_version()}, {system}\n")
        print(report(findings))
    return 0 if runs else VidsearchError.exit_status
