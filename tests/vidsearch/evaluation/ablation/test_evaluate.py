"""``vidsearch evaluate ladder``: each step of Table 9 on made-up and on small real sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto, helper

from vidsearch.commands.main import main
from vidsearch.errors import ConfigError
from vidsearch.evaluation.ablation.data import LabelledSet, from_folder, from_parquet
from vidsearch.evaluation.ablation.frame_context import colour_and_edges, onnx_classifier
from vidsearch.evaluation.ablation.measure import AblationOptions, measure_steps
from vidsearch.evaluation.ablation.network import NetConfig, train_and_apply
from vidsearch.faces.template import normalise

NET = NetConfig(width=32, epochs=30, batch=32, dropout=0.0)


def made_up(rng: np.random.Generator, *, spaces: int = 1, context: bool = False) -> LabelledSet:
    """Twelve identities whose clips differ from their centre in directions without meaning.

    Half of every space is noise that is larger than what tells people apart: a cosine is misled by
    it, a network can learn to leave it out. The context tells people apart on its own.
    """
    people, clips, dim = 12, 14, 16
    identity = np.repeat(np.arange(people), clips)
    training = np.tile(np.arange(clips) < clips - 4, people)

    def space() -> Any:
        meaning = rng.normal(size=(people, dim))[identity] + rng.normal(size=(len(identity), dim))
        nuisance = 3 * rng.normal(size=(len(identity), dim))
        return normalise(np.concatenate([meaning, nuisance], axis=1).astype(np.float32))

    names = [f"p{n:02d}" for n in identity]
    told = np.eye(people)[identity] + 0.1 * rng.normal(size=(len(identity), people))
    return LabelledSet(
        tuple(f"c{n}" for n in range(len(names))),
        tuple(names),
        training,
        tuple(space() for _ in range(spaces)),
        told.astype(np.float32) if context else None,
    )


def test_every_step_helps_where_it_should(rng: np.random.Generator) -> None:
    data = made_up(rng, spaces=3, context=True)
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
    data = made_up(rng, spaces=2, context=True)
    options = AblationOptions(mlp=False, context=False)
    assert [s.name for s in measure_steps(data, options)] == ["feature centre", "+ ensemble"]
    one = made_up(rng)
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


def test_the_network_is_the_same_for_the_same_seed(rng: np.random.Generator) -> None:
    data = made_up(rng)
    classes = np.array([int(name[1:]) for name in data.identities])
    one, again, other = (
        train_and_apply(
            data.spaces[0], classes, data.training, NetConfig(width=8, epochs=2, seed=seed)
        ).scores
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.exp(one).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def write(path: Path, data: LabelledSet, at: int, **changes: Any) -> Path:
    columns: dict[str, Any] = {
        "clip": list(data.clips),
        "identity": list(data.identities),
        "split": ["train" if train else "test" for train in data.training],
        "embedding": data.spaces[at].tolist(),
    }
    pq.write_table(pa.table(columns | changes), path)
    return path


def test_one_command_from_parquet(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    data = made_up(rng, spaces=2)
    files = [str(write(tmp_path / f"{at}.parquet", data, at)) for at in range(2)]
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


def test_bad_parquet(tmp_path: Path, rng: np.random.Generator) -> None:
    data = made_up(rng)
    count = len(data.clips)
    good = write(tmp_path / "good", data, 0)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"split": ["dev"] * count}, "split must be train or test; got 'dev'"),
        ({"clip": ["same"] * count}, "names a clip twice"),
        ({"identity": [""] * count}, "a training clip has no identity"),
        ({"identity": ["one"] * count}, "two identities with clips in both parts"),
        ({"embedding": [[1.0]] + [[1.0, 2.0]] * (count - 1)}, r"one length; got \[1, 2\]"),
        ({"embedding": [[float("nan")]] * count}, "one finite row per clip"),
    ]
    for changes, message in cases:
        with pytest.raises(ConfigError, match=message):
            from_parquet([write(tmp_path / "bad", data, 0, **changes)])
    renamed = write(tmp_path / "other", data, 0, clip=[f"y{n}" for n in range(count)])
    with pytest.raises(ConfigError, match="has other clips than"):
        from_parquet([good, renamed])
    (tmp_path / "text").write_text("x")
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        from_parquet([tmp_path / "text"])
    with pytest.raises(ConfigError, match="has no folder of photos"):
        from_folder(tmp_path / "none", ["open"], None)


def test_context_descriptors(tmp_path: Path, rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (50, 70, 3)).astype(np.uint8)
    found = colour_and_edges(image)
    assert found.shape == (256,)
    assert [float((part**2).sum()) for part in (found[:128], found[128:])] == pytest.approx([1, 1])
    assert np.abs(found - colour_and_edges(255 - image)).max() > 0.01

    node = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    graph = helper.make_graph(
        [node], "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, 1, 1])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    grey = np.full((20, 20, 3), 255, np.uint8)
    # White: (1 - mean) / deviation of ImageNet.
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert onnx_classifier(tmp_path / "net.onnx")(grey) == pytest.approx(expected, rel=1e-5)
    (tmp_path / "bad.onnx").write_bytes(b"x")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        onnx_classifier(tmp_path / "bad.onnx")


def test_a_folder_of_photos(photos: Path, tmp_path: Path) -> None:
    for name, slug in (("one", "astronaut"), ("two", "tom-hanks"), ("three", "lace")):
        (tmp_path / name).mkdir()
        for copy in range(2 if name != "three" else 1):
            (tmp_path / name / f"{copy}.jpg").write_bytes((photos / f"{slug}.jpg").read_bytes())
    data = from_folder(tmp_path, ["open"], colour_and_edges, least_photos=2)
    assert data.classes == ("one", "two")
    assert sorted(data.identities) == ["", "one", "one", "two", "two"]
    assert data.context is not None
    (step,) = measure_steps(data, AblationOptions(mlp=False, context=False))
    assert step.figures.intervals["iqiyi"].mean == 1.0
