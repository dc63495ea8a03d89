"""COCO's metrics: equal to pycocotools on 240 hard problems, and hostile files are named or refused."""

import copy
import json
import random
import sys
import zlib

import numpy as np
import pytest

from conftest import REPOSITORY, needs_library, python

import scrl
from scrl import coco
from scrl.coco import FIGURES, ClassMetrics

sys.path.insert(0, str(REPOSITORY / "Tests" / "Fixtures"))
from coco_problems import (  # noqa: E402
    FIXTURE_PROBLEMS, LIMITED_PROBLEMS, LIMITS, all_figures, class_figures, problem,
    pycocotools_figures,
)

pytestmark = needs_library

# The same additions of the same doubles, perhaps in another order: 1e-15 at most. The project's
# promise is 1e-6.
CLOSE = 1e-12


def figures(found):
    return np.array([getattr(found, name) for name in FIGURES])


def figures_of_classes(found):
    return np.array([[getattr(each, name) for name in FIGURES] for each in found.per_class])


@pytest.fixture(scope="module")
def expected():
    with np.load(REPOSITORY / "Tests" / "Fixtures" / "coco" / "figures.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def problems():
    return [problem(number) for number in range(FIXTURE_PROBLEMS)]


# ------------------------------------------------------------------ against pycocotools

def test_problems_are_those_that_pycocotools_was_asked(expected, problems):
    digests = [zlib.crc32(json.dumps(one).encode()) for one in problems]
    assert digests == expected["digests"].tolist()
    assert len(digests) >= 200


def test_every_figure_is_pycocotools(expected, problems):
    start = 0
    for number, one in enumerate(problems):
        found = coco.evaluate(one.truth, one.detections, one.kind)
        assert np.abs(figures(found) - expected["figures"][number]).max() < CLOSE, number
        count = len(one.truth["categories"])
        apart = figures_of_classes(found) - expected["classes"][start:start + count]
        assert np.abs(apart).max() < CLOSE, number
        assert [each.id for each in found.per_class] == sorted(
            each["id"] for each in one.truth["categories"])
        start += count
    assert start == len(expected["classes"])
    # The problems ask for something: every figure is far from 0 somewhere, and absent somewhere.
    assert (expected["figures"].max(axis=0) > 0.3).all()
    assert (expected["figures"].min(axis=0) == -1).all()


def beyond(one, most):
    """Detections that are not among the best `most` of their image and class."""
    cells = {}
    for each in one.detections:
        cell = each["image_id"], each["category_id"]
        cells[cell] = cells.get(cell, 0) + 1
    return sum(max(0, count - most) for count in cells.values())


@pytest.mark.parametrize("place, limits", enumerate(LIMITS))
def test_other_limits_of_detections_are_pycocotools(place, limits, problems):
    with np.load(REPOSITORY / "Tests" / "Fixtures" / "coco" / "limits.npz") as file:
        assert file["limits"].tolist() == [list(each) for each in LIMITS]
        expected = file["figures"][place]
    told = differ = 0
    for number, wanted in zip(LIMITED_PROBLEMS, expected):
        one = problems[number]
        found = coco.evaluate(one.truth, one.detections, one.kind, max_detections=limits)
        assert np.abs(figures(found) - wanted).max() < CLOSE, number
        assert found.max_detections == limits and found.uncounted == beyond(one, limits[2])
        notes = [note for note in found.notes if "do not count" in note]
        assert len(notes) == (1 if found.uncounted else 0)
        told += len(notes)
        usual = coco.evaluate(one.truth, one.detections, one.kind)
        assert usual.max_detections == (1, 10, 100) and usual.uncounted == beyond(one, 100)
        differ += figures(usual).tolist() != figures(found).tolist()
    assert differ > 0 and (told > 0) == (limits[2] < 1000)


@pytest.mark.parametrize("limits", [
    (1, 10), (1, 10, 10), (10, 1, 100), (0, 1, 2), (-1, 1, 2), (1, 2, 2 ** 20), (1, 2.5, 3), 100,
    "1,10,100", None, (1, 2, 2 ** 40),
])
def test_limits_that_are_none_are_refused(limits):
    truth, detections = simple()
    with pytest.raises(scrl.ArgumentError, match="max_detections"):
        coco.evaluate(truth, detections, max_detections=limits)


def test_the_shell_names_figures_by_their_limits(tmp_path):
    truth, detections = simple()
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(detections * 3))
    arguments = ("-m", "scrl", "eval", "coco", "--gt", "gt.json", "--detections", "found.json")
    done = python(*arguments, "--max-detections", "1,2,4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "AR2 " in done.stdout and "AR4 " in done.stdout and "AR100" not in done.stdout
    assert "2 detections do not count" in done.stdout
    told = python(*arguments, "--max-detections", "1,2,4", "--json", cwd=tmp_path)
    made = json.loads(told.stdout.splitlines()[-1])
    assert made["max_detections"] == [1, 2, 4] and made["uncounted"] == 2 and "AR100" in made
    for wrong in ("1,10", "a,b,c", "10,1,100"):
        refused = python(*arguments, "--max-detections", wrong, cwd=tmp_path)
        assert refused.returncode in (1, 2) and "max" in refused.stderr


def test_thresholds_are_pycocotools_to_the_bit(expected, problems):
    found = coco.evaluate(problems[0].truth, problems[0].detections)
    assert found.thresholds.tolist() == expected["thresholds"].tolist()
    assert found.recalls.tolist() == expected["recalls"].tolist()


def test_no_figure_depends_on_the_threads(problems):
    for one in problems[:40]:
        alone = coco.evaluate(one.truth, one.detections, one.kind, threads=1, curves=True)
        together = coco.evaluate(one.truth, one.detections, one.kind, threads=5, curves=True)
        assert (figures(alone) == figures(together)).all()
        assert (alone.precision == together.precision).all()


def test_live_problems_and_curves_are_pycocotools():
    pytest.importorskip("pycocotools", reason="pycocotools is not installed: only the fixture")
    for number in range(1000, 1060):
        one = problem(number)
        made = pycocotools_figures(one)
        found = coco.evaluate(one.truth, one.detections, one.kind, curves=True)
        assert np.abs(figures(found) - made.stats).max() < CLOSE, number
        assert np.abs(figures_of_classes(found) - class_figures(made)).max() < CLOSE, number
        curves = made.eval["precision"][:, :, :, 0, 2].transpose(2, 0, 1)  # (K,T,R)
        assert np.abs(found.precision - curves).max() < CLOSE, number
        for limits in ((1, 2, 3), (2, 7, 300)):
            made = all_figures(pycocotools_figures(one, limits))
            found = coco.evaluate(one.truth, one.detections, one.kind, max_detections=limits)
            assert np.abs(figures(found) - made).max() < CLOSE, number


# ------------------------------------------------------------------ by hand

def simple():
    """One image, one class, two objects, one found exactly and one by a third."""
    truth = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}],
        "categories": [{"id": 3, "name": "thing"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 40], "area": 1600,
             "iscrowd": 0, "segmentation": [[0, 0, 40, 0, 40, 40, 0, 40]]},
            {"id": 2, "image_id": 7, "category_id": 3, "bbox": [100, 0, 40, 40], "area": 1600,
             "iscrowd": 0, "segmentation": [[100, 0, 140, 0, 140, 40, 100, 40]]}]}
    detections = [
        {"image_id": 7, "category_id": 3, "bbox": [0, 0, 40, 40], "score": 0.9},
        {"image_id": 7, "category_id": 3, "bbox": [120, 0, 40, 40], "score": 0.5}]
    return truth, detections


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_half_the_objects_found_by_hand(kind):
    truth, detections = simple()
    found = coco.evaluate(truth, detections, kind, curves=True)
    # Precision 1 up to recall 0.5, 51 of 101 points; then nothing.
    assert found.AP == pytest.approx(51 / 101) and found.AP50 == pytest.approx(51 / 101)
    assert found.AR100 == pytest.approx(0.5) and found.AR1 == pytest.approx(0.5)
    assert found.APs == -1 and found.APm == pytest.approx(51 / 101) and found.APl == -1
    assert found.precision.shape == (1, 10, 101)
    assert found.precision[0, 0].tolist() == [pytest.approx(1)] * 51 + [0] * 50
    assert (found.images, found.objects, found.crowds, found.detections) == (1, 2, 0, 2)
    assert found.per_class[0].name == "thing" and found.kind == kind
    assert found.left_out == [] and found.notes == []


def test_no_detections_and_no_objects():
    truth, _ = simple()
    nothing = coco.evaluate(truth, [])
    assert nothing.AP == 0 and nothing.AR100 == 0 and nothing.APl == -1
    truth["annotations"] = []
    assert set(figures(coco.evaluate(truth, []))) == {-1}
    truth["categories"] = []
    assert coco.evaluate(truth, [], curves=True).precision.shape == (0, 10, 101)


def test_files_lists_numpy_values_and_bytes_are_the_same(tmp_path):
    truth, detections = simple()
    for each in detections:
        each["bbox"] = np.array(each["bbox"], np.float32)
        each["score"] = np.float32(each["score"])
        each["image_id"] = np.int64(each["image_id"])
    truth["annotations"][0]["segmentation"] = {
        "size": (100, 200), "counts": coco.encode_mask(np.zeros((100, 200)))["counts"].encode()}
    found = coco.evaluate(truth, detections)
    plain_truth, plain = simple()
    (tmp_path / "gt.json").write_text(json.dumps(plain_truth))
    (tmp_path / "dt.json").write_text(json.dumps(plain))
    assert figures(found).tolist() == figures(
        coco.evaluate(tmp_path / "gt.json", str(tmp_path / "dt.json"))).tolist()


def test_the_id_zero_is_as_in_pycocotools_and_told():
    truth, detections = simple()
    truth["annotations"][0]["id"] = 0
    found = coco.evaluate(truth, detections)
    assert found.AP == 0 and any("annotation 0" in note for note in found.notes)


def test_an_annotation_without_area_takes_that_of_its_mask_or_box_and_tells():
    truth, detections = simple()
    for each in truth["annotations"]:
        del each["area"]
    truth["annotations"][0]["segmentation"] = []
    for kind in ("bbox", "segm"):
        if kind == "segm":
            truth["annotations"][0]["segmentation"] = [[0, 0, 40, 0, 40, 40, 0, 40]]
        found = coco.evaluate(truth, detections, kind)
        assert found.APm == pytest.approx(51 / 101) and "no area" in found.notes[0]


# ------------------------------------------------------------------ hostile

def changed(path, value):
    """A mutation of (truth, detections): the value at a path, or its removal for ...."""
    def change(pair):
        tree = {"gt": pair[0], "dt": pair[1]}
        *inside, last = path
        for key in inside:
            tree = tree[key]
        if value is ...:
            del tree[last]
        else:
            tree[last] = value
    return change


NAN = float("nan")
HOSTILE = [
    (("dt", 0, "image_id"), 8, "bbox", "detection 0 of the list: image_id 8 is no image"),
    (("dt", 1, "category_id"), 4, "bbox", "detection 1 of the list: category_id 4 is no category"),
    (("dt", 1, "score"), NAN, "bbox", "detection 1 of the list: score is nan"),
    (("dt", 1, "score"), float("inf"), "bbox", "score is inf"),
    (("dt", 1, "score"), None, "bbox", "score is null, expected a number"),
    (("dt", 1, "score"), "0.5", "bbox", "score is a string"),
    (("dt", 1, "score"), ..., "bbox", "has no score"),
    (("dt", 1, "image_id"), ..., "bbox", "has no image_id"),
    (("dt", 1, "image_id"), 7.5, "bbox", "image_id is not a whole number"),
    (("dt", 1, "bbox"), ..., "bbox", "has no bbox, expected one as in the first"),
    (("dt", 0, "bbox"), ..., "bbox", "has neither bbox nor segmentation"),
    (("dt", 1, "bbox"), [1, 2, 3], "bbox", "bbox is not four numbers"),
    (("dt", 1, "bbox"), [1, 2, 3, NAN], "bbox", "bbox is [1.0, 2.0, 3.0, nan]"),
    (("dt", 1, "bbox"), [1, 2, float("inf"), 4], "bbox", "expected finite numbers"),
    (("dt", 1, "bbox"), [0, 0, 1e200, 1e200], "bbox", "expected finite numbers"),
    (("dt", 1, "bbox"), [0, 0, 1e9, 1e9], "segm", "coordinate 1000000000.0"),
    (("dt", 1), 5, "bbox", "detection 1 of the list: is a number, expected an object"),
    (("dt", 1, "segmentation"), {"size": [100, 200], "counts": "0"}, "segm", "runs sum to 0"),
    (("dt", 1, "segmentation"), {"size": [100, 200], "counts": "~"}, "segm", "byte 126"),
    (("dt", 1, "segmentation"), {"size": [5, 5], "counts": "i0"}, "segm", "size 5×5"),
    (("dt", 1, "segmentation"), {"size": [100, 200], "counts": [1, -1]}, "segm", "segmentation"),
    (("dt", 1, "segmentation"), {"size": [1e9, 1e9], "counts": "0"}, "segm", "segmentation"),
    (("dt", 1, "segmentation"), {"counts": "0"}, "segm", "segmentation"),
    (("gt", "annotations", 0, "image_id"), 9, "bbox", "image_id 9 is no image"),
    (("gt", "annotations", 0, "category_id"), 9, "bbox", "category_id 9 is no category"),
    (("gt", "annotations", 0, "segmentation"), ..., "segm", "has no segmentation"),
    (("gt", "annotations", 0, "segmentation"), [[1, 2, 3, 4]], "segm", "got 4 numbers"),
]


@pytest.mark.parametrize("path, value, kind, message", HOSTILE)
def test_what_cannot_be_used_is_refused_or_listed(path, value, kind, message):
    pair = copy.deepcopy(simple())
    changed(path, value)(pair)
    with pytest.raises(scrl.DataError) as caught:
        coco.evaluate(*pair, kind)
    assert message in str(caught.value)
    found = coco.evaluate(*pair, kind, leave_out=True)
    assert len(found.left_out) >= 1
    entry = found.left_out[0]
    assert message in f"{entry.entry}: {entry.reason}"
    assert entry.list == ("detections" if path[0] == "dt" else "annotations")


# What the truth can be without is ignored, as the import does, and a note tells it.
SPARE = [
    (("gt", "annotations", 0, "bbox"), [0, 0, 1e200, 1e200], "annotation 1: bbox is"),
    (("gt", "annotations", 0, "bbox"), [NAN, 0, 1, 1], "annotation 1: bbox is [nan"),
    (("gt", "annotations", 0, "bbox"), ..., "annotation 1: has no bbox"),
    (("gt", "annotations", 0, "bbox"), None, "annotation 1: has no bbox"),
    (("gt", "annotations", 0, "area"), NAN, "annotation 1: area is nan"),
    (("gt", "annotations", 0, "area"), "big", "annotation 1: area is not a number"),
    (("gt", "annotations", 0, "area"), None, "1 annotations have no area"),
    (("gt", "annotations", 0, "id"), 2, "1 annotation repeats an id"),
    (("gt", "annotations", 0, "id"), None, "1 annotation has no id"),
    (("gt", "annotations", 0, "iscrowd"), 3, "iscrowd is not 0 or 1"),
    (("gt", "annotations", 0, "iscrowd"), None, None),
    (("gt", "annotations", 0, "segmentation"), 5, "segmentation is a number"),
    (("gt", "annotations", 0, "segmentation"), None, None),
    (("gt", "annotations", 0, "segmentation"), [[0, 0, 40, 0, 40, 40, 0, 40], [1, 2, 3, 4]], None),
    (("gt", "annotations", 0, "image_id"), "7", "numbers are in quotes"),
    (("dt", 0, "image_id"), "7", "numbers are in quotes"),
    (("dt", 0, "segmentation"), None, None), (("gt", "images", 0, "width"), None, None),
]


@pytest.mark.parametrize("path, value, note", SPARE)
def test_what_the_truth_can_be_without_changes_no_figure(path, value, note):
    pair = copy.deepcopy(simple())
    changed(path, value)(pair)
    found = coco.evaluate(*pair)
    assert figures(found).tolist() == figures(coco.evaluate(*simple())).tolist()
    assert found.left_out == [] and found.objects == 2
    told = " · ".join(found.notes)
    assert (note in told or note.replace("numbers are", "number is") in told) if note else not told


def test_a_bad_piece_of_a_mask_is_left_out_of_it_and_told():
    truth, detections = simple()
    truth["annotations"][0]["segmentation"].append([1, 2, 3, 4])
    found = coco.evaluate(truth, detections, "segm")
    assert figures(found).tolist() == figures(coco.evaluate(*simple(), "segm")).tolist()
    assert "polygon 1 has 4 numbers" in found.notes[0] and found.left_out == []


def test_a_broken_mask_of_a_detection_is_not_replaced_by_its_box():
    truth, detections = simple()
    detections[0]["segmentation"] = 5
    with pytest.raises(scrl.DataError, match="detection 0 of the list: segmentation is a number"):
        coco.evaluate(truth, detections, "segm")


def test_ids_that_are_text_match_those_of_the_truth():
    truth, detections = simple()
    truth["images"][0]["id"] = "img_7"
    truth["categories"][0]["id"] = "thing-id"
    for number, each in enumerate(truth["annotations"] + detections):
        each["image_id"] = "img_7"
        each["category_id"] = "thing" if number % 2 else "thing-id"  # by its name too
    assert figures(coco.evaluate(truth, detections)).tolist() == figures(
        coco.evaluate(*simple())).tolist()
    detections[0]["image_id"] = "img_8"
    with pytest.raises(scrl.DataError, match='detection 0 of the list: image_id "img_8" is no image'):
        coco.evaluate(truth, detections)


def test_a_truth_without_annotations_is_refused():
    truth, detections = simple()
    del truth["annotations"]
    with pytest.raises(scrl.DataError, match='no list "annotations"'):
        coco.evaluate(truth, detections)


def test_masks_of_an_image_without_a_size_must_agree():
    truth, detections = copy.deepcopy(simple())
    for image in truth["images"]:
        del image["height"], image["width"]
    truth["annotations"][0]["segmentation"] = {"size": [10, 10], "counts": [40, 20, 40]}
    detections = [{**each, "image_id": truth["annotations"][0]["image_id"],
                   "segmentation": {"size": [10, 12], "counts": [40, 20, 60]}}
                  for each in detections[:1]]
    found = coco.evaluate(truth, detections, "segm", leave_out=True)
    assert any("size 10×12, its image 10×10" in each.reason for each in found.left_out)


@pytest.mark.parametrize("truth, detections, message", [
    (b"", b"[]", "line 1, column 1"),
    (b"[]", b"[]", "expected a COCO file's object"),
    (b"{}", b"[]", "no list \"images\""),
    (b'{"images": [], "categories": [], "annotations": 5}', b"[]", "expected an array"),
    (b'{"images": [], "categories": [], "annotations": []}', b"{}", "expected a list of COCO"),
    (b'{"images": [], "categories": [], "annotations": []}', b"[1,\n2,,]", "line 2"),
    (b'{"images": [], "categories": [], "annotations": []}', b"[" * 100_000, "nested deeper"),
    (b'{"images": [], "categories": [], "annotations": []}', b'[{"a": "\xff"}]', "UTF-8"),
    (b'{"images": [], "categories": [], "annotations": []}', b"[] []", "the end of the text"),
])
def test_text_that_is_no_coco_file_is_refused(tmp_path, truth, detections, message):
    (tmp_path / "gt.json").write_bytes(truth)
    (tmp_path / "dt.json").write_bytes(detections)
    with pytest.raises(scrl.FormatError) as caught:
        coco.evaluate(tmp_path / "gt.json", tmp_path / "dt.json", leave_out=True)
    assert message in str(caught.value)


def test_a_cut_or_broken_file_is_an_error_never_a_crash(tmp_path):
    truth, detections = (json.dumps(each).encode() for each in simple())
    dice = random.Random(3)
    answered = 0
    for number in range(400):
        texts = [bytearray(truth), bytearray(detections)]
        text = texts[number % 2]
        if number % 3 == 0:
            del text[int(dice.random() * len(text)):]
        else:
            for _ in range(1 + number % 4):
                text[int(dice.random() * len(text))] = int(dice.random() * 256)
        for name, each in zip(("gt.json", "dt.json"), texts):
            (tmp_path / name).write_bytes(bytes(each))
        try:
            found = coco.evaluate(
                tmp_path / "gt.json", tmp_path / "dt.json", ("bbox", "segm")[number % 5 == 0],
                leave_out=True)
            assert ((figures(found) >= -1) & (figures(found) <= 1)).all()
            answered += 1
        except (scrl.FormatError, scrl.DataError):
            pass
    assert 0 < answered < 400


@pytest.mark.parametrize("call", [
    lambda: coco.evaluate(*simple(), "keypoints"),
    lambda: coco.evaluate(*simple(), threads=-1),
    lambda: coco.evaluate([], []),
    lambda: coco.evaluate(simple()[0], {}),
    lambda: coco.evaluate(simple()[0], [object()]),
    lambda: coco.evaluate(None, []),
])
def test_wrong_arguments_are_named(call):
    with pytest.raises(scrl.ArgumentError):
        call()


def test_a_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        coco.evaluate(tmp_path / "none.json", [])


def test_fields_of_a_class_are_the_figures():
    assert ClassMetrics._fields[5:] == FIGURES


# ------------------------------------------------------------------ datasets

@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_a_dataset_is_the_ground_truth_that_it_was_packed_from(scenes, tmp_path, kind):
    path = scenes / "annotations.json"
    scrl.pack(scenes, tmp_path / "d.h5", annotations=path, progress=False)
    truth = json.loads(path.read_text())
    dice = random.Random(1)
    detections = []
    for each in truth["annotations"]:
        found = {name: each[name] for name in ("image_id", "category_id")}
        if kind == "bbox":
            x, y, w, h = each["bbox"]
            found["bbox"] = [x, y, w * (0.7 + 0.4 * dice.random()), h]
        else:
            found["segmentation"] = each["segmentation"]
        detections.append({**found, "score": round(dice.random(), 1)})
    wanted = coco.evaluate(truth, detections, kind)
    assert wanted.AP > 0.2
    with scrl.Dataset(tmp_path / "d.h5") as dataset:
        found = coco.evaluate(dataset, detections, kind)
    assert np.abs(figures(found) - figures(wanted)).max() < 1e-6
    assert [each.name for each in found.per_class] == [each.name for each in wanted.per_class]
    again = coco.evaluate(str(tmp_path / "d.h5"), detections, kind)
    assert (figures(again) == figures(found)).all()


# ------------------------------------------------------------------ the shell

def test_the_shell_prints_tables_and_json_and_writes_curves(tmp_path):
    truth, detections = simple()
    detections.append({"image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1], "score": 0.1})
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps(detections))
    files = ["--gt", str(tmp_path / "gt.json"), "--detections", str(tmp_path / "dt.json")]
    refused = python("-m", "scrl", "eval", "coco", *files)
    assert refused.returncode == 1 and "image_id 99" in refused.stderr
    assert refused.stderr.count("\n") == 1
    done = python("-m", "scrl", "eval", "coco", *files, "--leave-out", "--per-class")
    assert done.returncode == 0 and "50.50" in done.stdout and "left out: detection 2" in done.stdout
    done = python("-m", "scrl", "eval", "coco", *files, "--leave-out", "--json", "--curves",
                  str(tmp_path / "curves.npz"))
    told = json.loads(done.stdout)
    assert told["AP"] == pytest.approx(51 / 101) and told["per_class"][0]["name"] == "thing"
    assert told["left_out"][0]["list"] == "detections" and "precision" not in told
    with np.load(tmp_path / "curves.npz") as file:
        assert file["precision"].shape == (1, 10, 101) and file["ids"].tolist() == [3]
    wrong = python("-m", "scrl", "eval", "coco", *files, "--kind", "keypoints")
    assert wrong.returncode == 2 and "--kind" in wrong.stderr
