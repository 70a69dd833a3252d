"""Erasure of a person: the name, the verdicts, and every confirmed track and face."""

from __future__ import annotations

from typing import cast

from vidsearch.catalog.catalog import Catalog
from vidsearch.catalog.erasures.pending import PendingErasure
from vidsearch.catalog.people import Judgements, judgements
from vidsearch.erasure.begin import erasure_of_person
from vidsearch.erasure.erase import forget
from vidsearch.erasure.proof import leaves_trace, spelled_in_files
from vidsearch.erasure.receipt import PersonReceipt, raise_if_erased
from vidsearch.errors import ConfigError
from vidsearch.search.named_videos import SHORTEST_ID
from vidsearch.text.printable import printable


def forget_person(catalog: Catalog, person: str) -> PersonReceipt:
    """Erase a person permanently, and prove the erasure.

    Tracks without a confirmed verdict for the person stay. The videos stay indexed. Only
    ``index --again`` on the same files restores the tracks.

    Args:
        catalog: The catalog.
        person: ``person_id``, its first characters, at least ``SHORTEST_ID``, or the name. They
            must stand for one person.

    Returns:
        The receipt, also written to ``receipts/`` in the catalog.

    Raises:
        ConfigError: The catalog has no such person or several, or is in a bucket with versioning.
        CatalogError: A trace of the person is left; the message names the file.
        CatalogWriteError: The catalog cannot be written.
    """
    receipt = forget(
        catalog,
        lambda erasure: _is_named(erasure, person),
        lambda: _begin(catalog, person),
    )
    return cast("PersonReceipt", receipt)


def _is_named(erasure: PendingErasure, person: str) -> bool:
    """Return True if an erasure that was begun is the one of a person."""
    if erasure.kind != "person":
        return False
    shortened = len(person) >= SHORTEST_ID and erasure.identity.startswith(person)
    return shortened or any(map(Judgements({"": person}).named, erasure.names))


def _begin(catalog: Catalog, person: str) -> PendingErasure:
    people = judgements(catalog)
    person_id = _id_of(catalog, person, people)
    name = people.names.get(person_id)
    if sum(other == name for other in people.names.values()) != 1:
        name = None  # other people keep the name
    texts = spelled_in_files(name, quoted=True) if name is not None else frozenset()
    return erasure_of_person(catalog, person_id, people.confirmed(person_id), name, texts)


def _id_of(catalog: Catalog, person: str, people: Judgements) -> str:
    """Return the id of the one person that an id, its beginning or a name stands for.

    Raises:
        ConfigError: It stands for nobody, or for several people.
    """
    if person in people.names:
        return person
    found = people.named(person)
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} people are named '{printable(person)}'; pass the person_id: "
            + ", ".join(found)
        )
    if not found and len(person) >= SHORTEST_ID:
        found = [person_id for person_id in people.names if person_id.startswith(person)]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "; ".join(f"{person_id} ({people.names[person_id]})" for person_id in found)
        raise ConfigError(
            f"person '{printable(person)}' is the beginning of {len(found)} ids; nothing was "
            f"erased: pass the whole person_id: {candidates}"
        )
    if leaves_trace(catalog, "person_id", person):
        return person  # erased in part by an earlier version of vidsearch
    raise_if_erased(catalog.root, "person", person)
    raise ConfigError(
        f"person '{printable(person)}' is not in the catalog {catalog.uri!r}; nothing was erased: "
        "the People page and the table 'people' list all people; a shortened person_id needs "
        f"{SHORTEST_ID} characters"
    )
