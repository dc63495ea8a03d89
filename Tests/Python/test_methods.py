"""Methods and options of the published code: supervised, online probe, pool size, contradictions."""

import json

import numpy as np
import pytest

import scrl
from conftest import needs_library, small
from scrl.bench import random_boxes

pytestmark = needs_library


def views(images=6, side=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, images, 3, side, side)).astype(np.float32)
    return x[0], x[1], rng


def supervised(**values):
    return small(**{"method": "supervised", "train.classes": 3, "optimizer.base_lr": 0.01,
                    "optimizer.lr_rule": "none", "train.steps": 24, **values})


def test_supervised_training_learns_the_labels():
    x, _, _ = views(12)
    y = np.arange(12) % 3
    with scrl.Trainer(supervised()) as trainer:
        reports = []
        for step in range(24):
            part = (np.arange(4) + 4 * step) % 12
            reports.append(trainer.step_on(x[part], x[part], labels=y[part]))
        names = {name.split(".")[0] for name in trainer.state_dict()}
    assert names == {"online", "classifier"}
    assert all(r.did_step and r.boxes == 4 and r.skipped == 0 for r in reports)
    assert reports[-1].loss < reports[0].loss / 4 and reports[-1].accuracy == 1


def test_supervised_runs_on_a_labelled_dataset(tmp_path):
    from scrl import synth

    synth.write(tmp_path / "objects", 24, 1, "objects", 64, 1, progress=False)
    scrl.pack(tmp_path / "objects", tmp_path / "d.h5", labels="folders", progress=False)
    config = supervised(**{"train.classes": 0, "train.steps": 3})
    with scrl.Trainer(config, tmp_path / "d.h5", tmp_path / "run") as trainer:
        last = trainer.fit(progress=False)
        assert trainer.config["train.classes"] == len(scrl.Dataset(tmp_path / "d.h5").classes)
        trained = trainer.state_dict()["online.encoder.conv1.weight"]
    line = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert line["accuracy"] == last.accuracy
    with scrl.Model.load(tmp_path / "run") as model:
        np.testing.assert_array_equal(model.state_dict()["conv1.weight"], trained)
        assert model.embedding_size == 512


def test_labels_are_checked(data):
    one, two, _ = views(2)
    with scrl.Trainer(supervised()) as trainer:
        for labels in (None, [0, 3]):
            with pytest.raises(scrl.ArgumentError, match="label"):
                trainer.step_on(one, two, labels=labels)
        with pytest.raises(scrl.ShapeError):
            trainer.step_on(one, two, labels=[0])
        with pytest.raises(scrl.ArgumentError, match="whole numbers"):
            trainer.step_on(one, two, labels=[0.9, 1.2])
        report = trainer.step_on(one, two, labels=[-1, -1])
        assert not report.did_step and report.steps_skipped == 1 and np.isnan(report.accuracy)
    with pytest.raises(scrl.ConfigError, match="classes"):
        scrl.Trainer(supervised(**{"train.classes": 0}))
    with pytest.raises(scrl.DataError, match="no labels"):
        scrl.Trainer(supervised(**{"train.classes": 0}), data)


@pytest.mark.parametrize("method", ["scrl", "byol"])
def test_the_probe_learns_and_moves_nothing_else(method):
    one, two, rng = views()
    boxes = random_boxes(6, 3, 64, rng)
    states, reports = [], []
    for probe in (False, True):
        config = small(method=method, **{"probe.online": probe, "train.classes": 3})
        with scrl.Trainer(config) as trainer:
            reports.append([trainer.step_on(one, two, boxes, boxes, [0, 1, 2, 0, -1, 1])
                            for _ in range(3)])
            states.append(trainer.state_dict())
    assert [r.loss for r in reports[0]] == [r.loss for r in reports[1]]
    assert reports[1][2].probe_loss < reports[1][0].probe_loss
    assert reports[0][0].probe_loss == 0 and np.isnan(reports[0][0].accuracy)
    assert states[1].keys() - states[0].keys() == {"probe.weight", "probe.bias"}
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)


@pytest.mark.parametrize("method", ["scrl", "byol", "supervised"])
def test_training_ends_at_the_stage_that_is_pooled(method):
    one, two, rng = views()
    boxes = random_boxes(6, 3, 64, rng)
    make = supervised if method == "supervised" else lambda **values: small(method=method, **values)
    config = make(**{"roi.stage": "layer2"})
    with scrl.Model(config) as model:
        assert model.embedding_size == model.region_size == 128
        np.testing.assert_allclose(
            model.embed(one), model.features(one, "layer2").mean((2, 3)), rtol=1e-5, atol=1e-6)
    with scrl.Trainer(config) as trainer:
        first = trainer.state_dict()
        trainer.step_on(one, two, boxes, boxes, np.arange(6) % 3)
        last = trainer.state_dict()
    def moved(name):
        return (first[f"online.encoder.{name}"] != last[f"online.encoder.{name}"]).any()
    assert moved("conv1.weight") and moved("layer2.1.conv2.weight")
    assert not moved("layer3.0.conv1.weight") and not moved("layer4.1.bn2.running_mean")


def test_pool_size_widens_the_projector():
    one, two, rng = views()
    boxes = random_boxes(6, 3, 64, rng)
    with scrl.Trainer(small(**{"roi.pool_size": 2})) as trainer:
        assert trainer.state_dict()["online.projector.fc1.weight"].shape == (64, 4 * 512)
        assert trainer.step_on(one, two, boxes, boxes).did_step


@pytest.mark.parametrize("values, words", [
    ({"boxes.min_size": 224}, "views.size"),
    ({"views.size": 16, "boxes.min_size": 8}, "stride"),
    ({"views.size": 64, "boxes.per_image": 1000}, "boxes.per_image"),
    ({"boxes.iou_threshold": 0, "boxes.per_image": 50}, "at most 49"),
    ({"method": "supervised", "probe.online": True}, "probe.online"),
    ({"train.epochs": 5, "train.warmup_epochs": 5}, "warmup"),
])
def test_contradictions_are_refused_when_the_config_is_built(values, words):
    with pytest.raises(scrl.ConfigError, match=words):
        scrl.Config("scrl-200ep", **values)
    config = scrl.Config("scrl-200ep")
    for key, value in values.items():
        config[key] = value
    with pytest.raises(scrl.ConfigError, match=words):
        config.check()
    with pytest.raises(scrl.ConfigError, match=words):
        scrl.Model(config)
