"""A detector's report: the truth as COCO annotations, enlarged pictures, the page."""

import json
import re

import numpy as np
import pytest

import scrl
from conftest import needs_library
from scrl import coco, detection_report as pages, report
from scrl.detector import Detections

SMALL = {"model.arch": "resnet18", "detect.steps": 3, "detect.batch": 2, "detect.min_size": 64,
         "detect.test_size": 64, "detect.max_size": 96, "detect.channels": 16, "detect.fc": 32,
         "detect.mask_channels": 16, "threads": 1, "loader.threads": 1}


def found(count, size=(40, 60)):
    masks = []
    for index in range(count):
        mask = np.zeros(size, bool)
        mask[4:4 + index + 3, 10:20] = True
        masks.append(coco.encode_mask(mask))
    boxes = np.array([[10, 4, 20, 7 + index] for index in range(count)], np.float32)
    return Detections(boxes, np.arange(count, dtype=np.int32), np.linspace(0.9, 0.5, count), masks)


def test_small_pictures_and_what_is_in_them_are_enlarged_together(rng):
    pixels = rng.integers(0, 255, (40, 60, 3), np.uint8)
    large, there = pages.enlarged(pixels, found(2))
    assert large.shape == (200, 300, 3) and (large[::5, ::5] == pixels).all()
    np.testing.assert_array_equal(there.boxes, found(2).boxes * 5)
    mask = there.mask(1)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == there.boxes[1].tolist()
    same, untouched = pages.enlarged(rng.integers(0, 255, (300, 500, 3), np.uint8), found(1))
    assert same.shape == (300, 500, 3) and (untouched.boxes == found(1).boxes).all()


def test_precision_is_the_mean_over_classes_with_objects():
    def figures(**values):
        numbers = {name: 0 for name in coco.CocoMetrics._fields}
        return coco.CocoMetrics(**{**numbers, **values})

    def class_of(objects):
        return coco.ClassMetrics(1, "x", objects, *[0] * (len(coco.ClassMetrics._fields) - 3))

    curves = np.ones((3, 10, 101)) * np.array([1, 0.5, -1])[:, None, None]
    classes = [class_of(3), class_of(1), class_of(0)]
    assert (pages.mean_precision(figures(per_class=classes, precision=curves)) == 0.75).all()
    assert np.isnan(pages.mean_precision(figures(
        per_class=classes[2:], precision=curves[2:]))).all()


@needs_library
def test_the_truth_finds_itself(data):
    with scrl.Dataset(data) as dataset:
        ids = list(range(1, 11))
        truth = pages.truth_of(dataset, range(12), ids, dataset.classes)
        assert len(truth["images"]) == 12 and len(truth["annotations"]) == sum(
            len(dataset.boxes(index)) for index in range(12))
        results = [{key: note[key] for key in ("image_id", "category_id", "bbox", "segmentation")}
                   for note in truth["annotations"]]
        seen = pages.Seen(truth, [{**each, "score": 0.9} for each in results], [], 0)
        for kind in pages.KINDS:
            figures = pages.figures_of(seen, kind)
            assert figures.AP == pytest.approx(1)
            assert pages.mean_precision(figures).min() == pytest.approx(1)
        missed = pages.Seen(truth, [{**each, "score": 0.9} for each in results[::2]], [], 0)
        assert 0.2 < pages.figures_of(missed, "bbox").AP < 0.8


@needs_library
def test_a_detectors_page_is_self_contained(data, tmp_path):
    pytest.importorskip("matplotlib")
    with scrl.Detector(SMALL, data, tmp_path / "run") as detector:
        detector.fit(progress=False)
    facts = report.write(tmp_path / "run", tmp_path / "r.html", data, images=2)
    page = (tmp_path / "r.html").read_text()
    assert page.startswith("<!doctype html>") and page.count("<svg") == 2
    assert page.count("data:image/png") == 4 and "Precision over recall" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert facts["steps"] == 3 and facts["images"] == 24 and {"bbox", "segm"} <= facts.keys()
    assert f"{100 * facts['bbox']['AP']:.1f} %" in page
    json.dumps(facts)


@needs_library
def test_pictures_that_cannot_be_read_are_left_out_and_told(data, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    with scrl.Detector(SMALL, data, tmp_path / "run") as detector:
        detector.fit(progress=False)
    read = scrl.Dataset.__getitem__

    def torn(dataset, index):
        if index == 1:
            raise scrl.DataError("torn")
        return read(dataset, index)

    monkeypatch.setattr(scrl.Dataset, "__getitem__", torn)
    facts = report.write(tmp_path / "run", tmp_path / "r.html", data, images=2, progress=False)
    assert facts["images"] == 23
    assert "1 more could not be read" in (tmp_path / "r.html").read_text()


def test_a_box_without_a_class_is_drawn_as_one(rng):
    boxes = np.array([[1, 1, 30, 30]], np.float32)
    pictures = [np.asarray(pages.draw(np.zeros((60, 60, 3), np.uint8), Detections(
        boxes, np.array([label], np.int32), np.array([np.nan], np.float32), None), ["first", "last"]))
        for label in (-1, 1)]
    assert (pictures[0] != pictures[1]).any()
