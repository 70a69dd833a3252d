"""Steps of the ablation on synthetic sets, and the command ``vidsearch evaluate ladder``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.vidsearch.evaluation.ablation.synthetic import synthetic_set, write_parquet
from vidsearch.commands.main import main
from vidsearch.evaluation.ablation.data import LabelledSet
from vidsearch.evaluation.ablation.measure import AblationOptions, measure_steps
from vidsearch.evaluation.ablation.network import NetConfig
from vidsearch.faces.template import normalise

NET = NetConfig(width=32, epochs=30, batch=32, dropout=0.0)


def test_each_step_improves_on_the_one_before(rng: np.random.Generator) -> None:
    data = synthetic_set(rng, spaces=3, context=True)
    steps = measure_steps(data, AblationOptions(net=NET))
    value = {(s.name, s.ranking): s.figures.intervals["iqiyi"].mean for s in steps}
    assert [step.name for step in steps] == ["feature centre"] + [
        name for name in ("+ MLP", "+ ensemble", "+ context") for _ in range(2)
    ]
    centre, score = value["feature centre", "cosine"], "class score"
    assert value["+ MLP", score] > centre + 0.05
    assert value["+ MLP", "cosine of its descriptor"] > centre + 0.05
    assert value["+ ensemble", score] > value["+ MLP", score]
    assert value["+ context", score] > value["+ ensemble", score]


def test_switches_leave_steps_out(rng: np.random.Generator) -> None:
    data = synthetic_set(rng, spaces=2, context=True)
    options = AblationOptions(mlp=False, context=False)
    assert [s.name for s in measure_steps(data, options)] == ["feature centre", "+ ensemble"]
    one = synthetic_set(rng)
    assert [s.name for s in measure_steps(one, AblationOptions(mlp=False))] == ["feature centre"]


def test_feature_centre_by_hand() -> None:
    # Two identities along the axes; the test clips of b and a distractor lie beside each other.
    data = LabelledSet(
        ("a1", "a2", "b1", "b2", "x"),
        ("a", "a", "b", "b", ""),
        np.array([True, False, True, False, False]),
        (normalise(np.array([[1, 0], [1, 0.1], [0, 1], [0.5, 1], [0.2, 1]], np.float32)),),
        None,
    )
    (step,) = measure_steps(data, AblationOptions(mlp=False))
    # For a: a2 first: 1. For b: the distractor x is nearer than b2: 1/2.
    assert step.figures.per_query["iqiyi"].tolist() == [1.0, 0.5]


def test_one_command_from_parquet(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    data = synthetic_set(rng, spaces=2)
    files = [str(write_parquet(tmp_path / f"{space}.parquet", data, space)) for space in range(2)]
    assert (
        main(["evaluate", "ladder", *files, "--epochs", "2", "--out", str(tmp_path / "rep")]) == 0
    )
    assert "+ ensemble, class score" in capsys.readouterr().out
    document = json.loads((tmp_path / "rep" / "metrics.json").read_text())
    assert len(document["data_sha256"]["identities, parts and descriptors"]) == 64
    found = document["metrics"]
    assert found["feature centre, cosine"]["queries"] == 12
    table = (tmp_path / "rep" / "tables" / "ladder.md").read_text()
    assert "| + MLP | class score |" in table
