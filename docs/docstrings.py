"""Docstring section ``Example:`` of this project, read as the section that mkdocstrings knows."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class SingularExample(Extension):
    """Rename the section ``Example:`` to ``Examples:``, so that its code is shown as code."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of an object that was loaded."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"(?m)^Example:$", "Examples:", obj.docstring.value)
