"""Probe and report: numpy parts without the library, the page with it."""

import json
import re

import numpy as np
import pytest

import scrl
from conftest import needs_library, small
from scrl import pictures, probe, report


def test_knn_and_linear_find_what_is_there(rng):
    classes = rng.integers(0, 5, 400)
    vectors = rng.standard_normal((5, 16))[classes] * 3 + rng.standard_normal((400, 16))
    train, test = slice(0, 300), slice(300, 400)
    for judge in (probe.knn_accuracy, probe.linear_accuracy):
        assert judge(vectors[train], classes[train], vectors[test], classes[test]) > 0.9
        noise = rng.standard_normal((400, 16))
        assert judge(noise[train], classes[train], noise[test], classes[test]) < 0.45


def test_pca_pictures_show_a_boundary():
    maps = np.zeros((2, 8, 4, 4), np.float32)
    maps[:, 0, :, :2], maps[:, 1, :, 2:] = 1, 1
    for picture in pictures.pca_pictures(maps):
        left, right = picture[:, 10].astype(int), picture[:, -10].astype(int)
        assert np.abs(left - right).max() > 150


def test_torn_metrics_are_passed_over(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert report.read_metrics(tmp_path) == [{"step": 1, "loss": 2.0}]


def test_summary_of_a_run():
    lines = [{"step": i + 1, "loss": 4 - 0.01 * i, "seconds": 0.5} for i in range(100)]
    numbers = report.summary(lines, 8)
    assert numbers["steps"] == 100 and numbers["images_per_second"] == 16
    assert numbers["loss_first"] > numbers["loss_last"]


@needs_library
def test_page_is_self_contained(data, tmp_path):
    pytest.importorskip("matplotlib")
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(**{"train.steps": 4}), dataset, tmp_path / "run") as trainer:
            trainer.fit(progress=False)
        facts = report.write(tmp_path / "run", tmp_path / "r.html", dataset, images=2)
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>") and "<svg" in page and "data:image/png" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert page.count("places within a cell") == 2 * page.count("fresh weights: ") >= 2
    assert facts["steps"] == 4
    json.dumps(facts)
