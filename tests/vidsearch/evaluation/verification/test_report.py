"""Report on scored pairs: figures, groups of people, worst errors and photos without a face."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from vidsearch.evaluation.photo_embeddings import EmbeddingOptions
from vidsearch.evaluation.protocols.pairs import PairSet
from vidsearch.evaluation.report import ImageRows, Report
from vidsearch.evaluation.verification.report import (
    NO_FACE_SIMILARITY,
    ScoredPairs,
    verification_report,
)
from vidsearch.models.registry import LoadedPack

# Two folds; genuine and impostor pairs alternate. Pair 3 (0.8) is an impostor above the threshold,
# pair 4 a genuine pair without a face.
SIMILARITIES = np.array([0.9, 0.1, 0.8, 0.8, NO_FACE_SIMILARITY, 0.2, 0.7, 0.0])
ISSAME = np.array([True, False] * 4)


def report(tmp_path: Path, *, people: bool) -> Report:
    jpeg = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(jpeg, "JPEG")
    items: list[Any] = [(jpeg.getvalue(),)] * 15 + [(tmp_path / "gone.jpg",)]
    names = [f"photo {row}" for row in range(16)]
    pairs = PairSet(
        name="Made",
        items=tuple(items),
        names=tuple(names),
        first=np.arange(0, 16, 2),
        second=np.arange(1, 16, 2),
        issame=ISSAME,
        people=tuple((f"a{row // 2}", f"b{row}") for row in range(8)) if people else None,
        folds=2,
        aligned=False,
        data={"pairs.txt": "ab"},
    )
    pack = SimpleNamespace(model_id="open-1", pack=SimpleNamespace(name="open", files=()))
    scored = ScoredPairs(pairs, SIMILARITIES, without_face=1, missing=2, unreadable=0)
    return verification_report(scored, EmbeddingOptions(), cast("LoadedPack", pack), 1.0)


def test_figures_by_hand(tmp_path: Path) -> None:
    made = report(tmp_path, people=True)
    # Fold 1 at the threshold of fold 2 (between 0.2 and 0.7): pair 3 is wrong, 3 of 4.
    # Fold 2 at the threshold of fold 1 (between 0.1 and 0.8, one error either way): pair 4, 3 of 4.
    assert made.metrics["accuracy"] == 0.75
    # No false accept is allowed at FAR 0.1 of 4 impostor pairs: only 0.9 lies above 0.8.
    assert made.metrics["tar_at_far"]["0.1"]["tar"] == 0.25
    assert (made.metrics["genuine"], made.metrics["impostor"]) == (4, 4)
    assert (made.metrics["items_without_face"], made.metrics["items_missing"]) == (1, 2)
    assert made.provenance.dataset == "Made"
    assert made.provenance.pack == "open"
    assert "1 have no detected face" in made.lead


def test_worst_errors_have_both_photos(tmp_path: Path) -> None:
    (blocks,) = (
        s.blocks for s in report(tmp_path, people=False).sections if s.title == "Worst errors"
    )
    accepted, rejected = (block for block in blocks if isinstance(block, ImageRows))
    assert accepted.caption == "Impostor pairs that were accepted: the 1 worst of 1"
    assert [row.title for row in accepted.rows] == ["Pair 4"]
    assert [row.note for row in rejected.rows] == ["no face found"]
    jpeg = accepted.rows[0].images[0].jpeg
    assert jpeg is not None
    assert max(Image.open(io.BytesIO(jpeg)).size) == 120


@pytest.mark.parametrize("people", [True, False])
def test_scores_name_people_where_the_set_does(tmp_path: Path, people: bool) -> None:
    scores = report(tmp_path, people=people).scores
    assert scores is not None
    assert scores.identities == (("person_a", "person_b") if people else ())
    assert ("person_a" in scores.columns) == people
    assert list(scores.columns["right"]) == [1, 1, 1, 0, 0, 1, 1, 1]
