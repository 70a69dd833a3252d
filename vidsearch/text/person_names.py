"""Names of people: as the catalog keeps them, and compared as a reader compares them."""

from __future__ import annotations

import unicodedata

from vidsearch.text.names import composed
from vidsearch.text.printable import printable


def stored_name(name: str) -> str:
    """Return a person's name as the catalog keeps it: printable, with composed letters.

    Example:
        >>> stored_name("  Ada   Lovelace ")
        'Ada Lovelace'
    """
    return composed(" ".join(printable(name).split()))


def comparable(name: str) -> str:
    """Return a form in which names that a reader takes for the same name are equal.

    Upper and lower case, spaces, invisible joiners and full-width letters make no difference.

    Example:
        >>> comparable(" Person  a") == comparable("person A")
        True
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.casefold().split())
    visible = stored_name(unicodedata.normalize("NFKC", name)).translate(
        {0x200C: None, 0x200D: None}
    )
    return " ".join(visible.casefold().split())
