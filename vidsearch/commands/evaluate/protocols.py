"""The group ``vidsearch evaluate``, and the protocols of this package."""

from __future__ import annotations

from vidsearch.commands.app import Group, Registry
from vidsearch.commands.evaluate.ablation import ladder
from vidsearch.commands.evaluate.compare import compare
from vidsearch.commands.evaluate.identification import identification
from vidsearch.commands.evaluate.iqiyi import iqiyi, iqiyi_features
from vidsearch.commands.evaluate.retrieval import retrieval
from vidsearch.commands.evaluate.templates import templates
from vidsearch.commands.evaluate.verification import verification

_PROTOCOLS = (
    verification,
    templates,
    identification,
    retrieval,
    ladder,
    iqiyi,
    iqiyi_features,
    compare,
)


def group() -> Group:
    """Return a new, empty group ``evaluate``."""
    return Group(
        "evaluate",
        help="Measure accuracy by a protocol of the field. Each protocol writes a folder with "
        "metrics.json, tables, figures and report.html.",
        short_help="measure accuracy by the protocols of the field",
        subcommand_metavar="PROTOCOL ...",
        no_args_is_help=False,
    )


def register(registry: Registry) -> None:
    """Add the protocols of this package to the group ``evaluate``."""
    for protocol in _PROTOCOLS:
        registry.protocols.add_command(protocol)
