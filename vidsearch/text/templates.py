"""HTML templates: one Jinja environment per package, with autoescape."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vidsearch.text.printable import printable


@cache
def environment(package: str) -> Environment:
    """Return the environment of the templates that lie beside a package's modules.

    Every value is escaped. Strings are also made printable, so a name cannot contain control
    characters. Finished HTML is passed as ``Markup``.

    Args:
        package: Dotted name, e.g. ``"vidsearch.evaluation.report"``.
    """
    return Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )


def render(package: str, name: str, **values: Any) -> Markup:
    """Return a template of a package as HTML."""
    return Markup(environment(package).get_template(name).render(**values))  # noqa: S704 - escaped


def _printable(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
