"""Classes of two files go by name: every judge, the detector and COCO's metrics, from Python and the
shell, on the same pictures packed with other numbers, with a class missing, and with none in common."""

import json
import shutil
from typing import Any, Dict, List, NamedTuple

import numpy as np
import pytest
from PIL import Image

import scrl
from scrl import coco, evaluate
from conftest import needs_library, python

pytestmark = needs_library

COLOURS = {"bolt": (250, 20, 20), "nut": (20, 20, 250), "Cog ": (20, 200, 20)}
PICTURES = 12

# Category ids of a split: the same pictures, numbered otherwise.
SPLITS: Dict[str, Dict[str, int]] = {
    "train": {"bolt": 1, "nut": 2},
    "swapped": {"nut": 1, "bolt": 2},
    "subset": {"nut": 1},
    "more": {"Cog ": 1, "bolt": 2, "nut": 3},
    "case": {"NUT ": 4, " Bolt": 9},
    "foreign": {"screw": 1, "washer": 2},
}


def scene(number: int):
    """(pixels, boxes by name) of a picture; the boxes lie where test_split() paints them."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(90, 120, (96, 96, 3)).astype(np.uint8)
    boxes = {}
    for place, (name, colour) in enumerate(list(COLOURS.items())[:2]):
        x, y = int(rng.integers(2, 20)) + 44 * place, int(rng.integers(2, 60))
        pixels[y:y + 26, x:x + 26] = colour
        boxes[name] = [x, y, 26, 26]
    return pixels, boxes


def plain(name: str) -> str:
    """The thing that a split's class shows; foreign names and Cog show none."""
    return {"NUT ": "nut", " Bolt": "bolt", "screw": "bolt", "washer": "nut"}.get(name, name)


def tree(split: str) -> Dict[str, Any]:
    """COCO annotations of a split."""
    images, notes = [], []
    for number in range(PICTURES):
        _, boxes = scene(number)
        images.append({"id": number + 1, "file_name": f"{number}.jpg", "width": 96, "height": 96})
        for name, category in SPLITS[split].items():
            box = boxes.get(plain(name), [40, 70, 12, 12] if number == 0 else None)
            if box:
                notes.append({"id": len(notes) + 1, "image_id": number + 1, "category_id": category,
                              "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    return {"images": images, "annotations": notes,
            "categories": [{"id": number, "name": name} for name, number in SPLITS[split].items()]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with NAME.h5 and NAME.json of every split, and things-NAME.h5, one thing a picture."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "pictures").mkdir()
    for number in range(PICTURES):
        Image.fromarray(scene(number)[0]).save(folder / "pictures" / f"{number}.jpg", quality=95)
    for split, categories in SPLITS.items():
        (folder / f"{split}.json").write_text(json.dumps(tree(split)))
        scrl.pack(folder / "pictures", folder / f"{split}.h5",
                  annotations=folder / f"{split}.json", progress=False)
        things = {}
        for name in categories:
            kind = folder / f"things-{split}" / f"{categories[name]}-{name}".strip()
            kind.mkdir(parents=True)
            colour = COLOURS.get(plain(name), (0, 0, 0))
            for number in range(8):
                noise = np.random.default_rng(number).integers(0, 30, (48, 48, 3))
                Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(
                    kind / f"{number}.jpg")
            things[kind.name] = name
        labelled(folder / f"things-{split}", categories, folder / f"things-{split}.h5")
    return folder


def labelled(folder, categories, path, swap: bool = False) -> None:
    """Packs pictures with the label of their folder, classes numbered as `categories` lists them.

    swap  the first two labels are each other's: what no name tells.
    """
    from ctypes import byref
    from scrl import _abi
    from scrl._abi import lib

    writer = _abi.writer_p()
    _abi.check(lib.scrl_writer_new(_abi.path_bytes(path), byref(writer)))
    for name in categories:
        _abi.check(lib.scrl_writer_add_class(writer, name.encode(), None))
    for label, (name, category) in enumerate(categories.items()):
        for file in sorted((folder / f"{category}-{name}".strip()).iterdir()):
            _abi.check(lib.scrl_writer_add_file(
                writer, _abi.path_bytes(file),
                byref(_abi.header.scrl_annotation(label=1 - label if swap else label))))
    _abi.check(lib.scrl_writer_finish(writer))
    lib.scrl_writer_free(writer)


@pytest.fixture(scope="module")
def model(place):
    """An untrained backbone: red and blue lie apart in any features."""
    with scrl.Model({"seed": 1, "views.size": 48, "threads": 1}) as made:
        made.save(place / "model.h5")
    return place / "model.h5"


TINY = {
    "detect.kind": "faster", "detect.batch": 6, "detect.steps": 100, "detect.min_size": 96,
    "detect.test_size": 96, "detect.max_size": 128, "detect.channels": 32, "detect.fc": 64,
    "detect.proposals": 50, "detect.base_lr": 0.04, "detect.anchor_size": 16, "threads": 1,
    "loader.threads": 1, "seed": 3, "compute.winograd": "off",
}


@pytest.fixture(scope="module")
def detector(place):
    """A detector of bolt and nut, by its run folder."""
    with scrl.Detector(TINY, place / "train.h5", place / "det") as made:
        made.fit(progress=False)
    return place / "det"


@pytest.fixture
def log():
    lines: List[str] = []
    scrl.set_log(lines.append)
    yield lines
    scrl.set_log(None)


def shell(*arguments, **more):
    return python("-m", "scrl", *map(str, arguments), timeout=300, **more)


def told(done) -> Dict[str, Any]:
    """The last line of a command with --json."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# ------------------------------------------------------------------ judges of labels

class Judge(NamedTuple):
    name: str
    figures: List[str]
    prefix: str
    options: Dict[str, Any]


JUDGES = [
    Judge("knn", ["accuracy", "top5"], "things-", {"neighbours": 3}),
    Judge("linear", ["accuracy", "top5"], "things-", {"crops": -1, "epochs": 12}),
    Judge("regions", ["linear", "knn"], "", {"epochs": 12, "neighbours": 3, "stage": "layer1"}),
]


def judged(judge: Judge, door: str, place, model, test: str) -> Dict[str, Any]:
    train = place / f"{judge.prefix}train.h5"
    other = place / f"{judge.prefix}{test}.h5"
    if door == "python":
        found = getattr(evaluate, judge.name)(model, train, other, progress=False, **judge.options)
        return found._asdict()
    options = [part for key, value in judge.options.items()
               for part in (f"--{key.replace('_', '-')}", value)]
    return told(shell("eval", judge.name, "--checkpoint", model, "--train", train, "--test", other,
                      "--json", *options))


@pytest.mark.parametrize("door", ["python", "shell"])
@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_a_judge_matches_classes_by_name(judge, door, place, model):
    same = judged(judge, door, place, model, "train")
    swapped = judged(judge, door, place, model, "swapped")
    for figure in judge.figures:
        assert same[figure] > 0.95  # they are told apart by colour
        assert swapped[figure] == same[figure]
    assert swapped["matched_by"] == "names" and swapped["unseen"] == 0
    assert swapped["unknown_classes"] == [] and swapped["absent_classes"] == []


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_a_judge_counts_classes_that_one_side_lacks(judge, place, model, log):
    subset = judged(judge, "python", place, model, "subset")
    assert all(subset[figure] > 0.95 for figure in judge.figures)
    assert subset["absent_classes"] == ["bolt"] and subset["unseen"] == 0
    assert any("subset.h5 lacks 1 class" in line and "'bolt'" in line for line in log)
    log.clear()
    more = judged(judge, "python", place, model, "more")
    rows = more.get("test_images") if judge.prefix else more["test_boxes"]
    assert more["unknown_classes"] == ["Cog "] and more["unseen"] == (8 if judge.prefix else 1)
    # What no answer can be right for counts as wrong, and nothing else is.
    assert more[judge.figures[0]] == pytest.approx((rows - more["unseen"]) / rows, abs=0.03)
    assert any("'Cog '" in line and f"{more['unseen']} test" in line for line in log)


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_a_judge_takes_names_that_differ_in_case_for_one_and_tells(judge, place, model, log):
    found = judged(judge, "python", place, model, "case")
    assert all(found[figure] > 0.95 for figure in judge.figures)
    assert any("'NUT '" in line and "'nut'" in line for line in log)


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_a_judge_refuses_files_without_a_class_in_common(judge, place, model):
    with pytest.raises(scrl.DataError, match="'bolt', 'nut'.*'screw', 'washer'"):
        judged(judge, "python", place, model, "foreign")


def test_the_shell_tells_what_a_judge_left_out(place, model):
    done = shell("eval", "knn", "--checkpoint", model, "--train", place / "things-train.h5",
                 "--test", place / "things-more.h5", "-k", 3)
    assert done.returncode == 0, done.stderr
    assert "classes that --train lacks" in done.stdout and "Cog" in done.stdout
    refused = shell("eval", "knn", "--checkpoint", model, "--train", place / "things-train.h5",
                    "--test", place / "things-foreign.h5")
    assert refused.returncode == 1 and "screw" in refused.stderr and "bolt" in refused.stderr


def test_files_without_names_are_compared_by_number_and_it_is_told(place, model, tmp_path, log):
    from ctypes import byref
    from scrl import _abi
    from scrl._abi import lib

    writer = _abi.writer_p()
    _abi.check(lib.scrl_writer_new(_abi.path_bytes(tmp_path / "bare.h5"), byref(writer)))
    for label, kind in enumerate(("1-bolt", "2-nut")):
        for file in sorted((place / "things-train" / kind).iterdir()):
            _abi.check(lib.scrl_writer_add_file(
                writer, _abi.path_bytes(file), byref(_abi.header.scrl_annotation(label=label))))
    _abi.check(lib.scrl_writer_finish(writer))
    lib.scrl_writer_free(writer)
    test = tmp_path / "other.h5"
    shutil.copyfile(tmp_path / "bare.h5", test)
    for train in (place / "things-train.h5", tmp_path / "bare.h5"):
        log.clear()
        found = evaluate.knn(model, train, test, neighbours=3, progress=False)
        assert found.accuracy > 0.95 and found.matched_by == "numbers"
        assert any("compared by number" in line and "other.h5" in line for line in log)
    log.clear()
    for one in (None, test):  # one file has one numbering
        found = evaluate.knn(model, test, one, neighbours=3, progress=False)
        assert found.matched_by is None and log == []


# ------------------------------------------------------------------ detectors

def measured(door: str, place, detector, split: str, results=None) -> Dict[str, Any]:
    if door == "python":
        with scrl.Detector.load(detector) as loaded:
            found = loaded.evaluate(place / f"{split}.h5", results=results, progress=False)
        return found["bbox"]._asdict()
    more = [] if results is None else ["--results", results]
    return told(shell("detect", "eval", "--checkpoint", detector, "--data", place / f"{split}.h5",
                      "--json", *more))["bbox"]


@pytest.mark.parametrize("door", ["python", "shell"])
def test_a_detector_is_measured_by_names(door, place, detector, tmp_path):
    same = measured(door, place, detector, "train")
    assert same["AP50"] > 0.5, "the detector has learnt"
    swapped = measured(door, place, detector, "swapped", tmp_path / "results.json")
    assert swapped["AP"] == pytest.approx(same["AP"], abs=1e-12)
    assert swapped["matched_by"] == "names" and swapped["unknown_classes"] == []
    # The results have the ids of what was measured on.
    other = coco.evaluate(place / "swapped.json", tmp_path / "results.json")
    assert other.AP == pytest.approx(swapped["AP"], abs=1e-9)

    subset = measured(door, place, detector, "subset", tmp_path / "subset.json")
    assert subset["AP50"] > 0.5 and subset["absent_classes"] == ["bolt"]
    assert subset["absent_detections"] > 0
    assert subset["absent_detections"] + subset["detections"] == same["detections"]
    assert coco.evaluate(place / "subset.json", tmp_path / "subset.json").AP == pytest.approx(
        subset["AP"], abs=1e-9)

    more = measured(door, place, detector, "more")
    assert more["AP"] == pytest.approx(same["AP"], abs=1e-12)
    assert more["unknown_classes"] == ["Cog "] and more["unknown_objects"] == 1
    assert more["objects"] == same["objects"]


def test_measuring_tells_what_it_left_out(place, detector, log):
    measured("python", place, detector, "more")
    assert any("'Cog '" in line and "1 objects leave the figures" in line for line in log)
    measured("python", place, detector, "subset")
    assert any("'bolt'" in line and "detections leave the figures" in line for line in log)
    with pytest.raises(scrl.DataError, match="'bolt', 'nut'.*'screw', 'washer'"):
        measured("python", place, detector, "foreign")
    done = shell("detect", "eval", "--checkpoint", detector, "--data", place / "more.h5")
    assert "1 objects left out, of classes that the detector lacks: Cog" in done.stdout
    refused = shell("detect", "eval", "--checkpoint", detector, "--data", place / "foreign.h5")
    assert refused.returncode == 1 and "screw" in refused.stderr


def test_fine_tuning_measures_by_names(place):
    config = {**TINY, "detect.steps": 2}
    found = evaluate.detection(None, place / "train.h5", place / "subset.h5", config, progress=False,
                               max_detections=(1, 2, 3))
    assert found.boxes.max_detections == (1, 2, 3)
    assert found.boxes.matched_by == "names" and found.boxes.absent_classes == ["bolt"]


@pytest.mark.parametrize("split, ids", [
    ("train", {"bolt": 1, "nut": 2}), ("swapped", {"nut": 1, "bolt": 2}), ("subset", {"nut": 1}),
    ("case", {"NUT ": 4, " Bolt": 9}),
])
def test_predictions_on_a_dataset_have_its_ids(split, ids, place, detector, tmp_path):
    out = tmp_path / "found.json"
    done = shell("detect", "predict", "--checkpoint", detector, "--data", place / f"{split}.h5",
                 "--out", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    if len(ids) == 2:
        assert coco.evaluate(place / f"{split}.json", found).AP50 > 0.5
    else:  # what the dataset lacks has an id that it does not use
        assert {each["category_id"] for each in found} == {1, 2}
        known = [each for each in found if each["category_id"] == 1]
        assert coco.evaluate(place / f"{split}.json", known).AP50 > 0.5
    with scrl.Detector.load(detector) as loaded:
        labels, numbers = loaded.match_classes(place / f"{split}.h5")
        names = scrl.Dataset(place / f"{split}.h5").classes
        for mine, label, number in zip(loaded.classes, labels, numbers):
            if label < 0:
                assert number == -1 and split == "subset"
            else:
                assert plain(names[label]) == mine and ids[names[label]] == number


def test_a_detectors_predictors_start_another_by_name(place, detector, log):
    with scrl.Detector.load(detector) as loaded:
        old = loaded.state_dict()

    def begun(split: str):
        with scrl.Detector({**TINY, "detect.steps": 1}, place / f"{split}.h5",
                           weights=detector) as made:
            return made.classes, made.state_dict()

    with scrl.Detector({**TINY, "detect.steps": 1}, place / "more.h5") as fresh:
        untouched = fresh.state_dict()
    for split, places in (("train", [0, 1]), ("swapped", [1, 0]), ("subset", [1]),
                          ("more", [None, 0, 1])):
        log.clear()
        classes, state = begun(split)
        assert np.array_equal(state["fpn.output3.weight"], old["fpn.output3.weight"])
        for name in ("scores.weight", "scores.bias", "deltas.weight", "deltas.bias"):
            rows = 4 if name.startswith("deltas") else 1
            mine, theirs = (each[f"box_predictor.{name}"] for each in (state, old))
            for label, other in enumerate(places):
                part = mine[rows * label:rows * (label + 1)]
                if other is None:
                    assert np.array_equal(
                        part, untouched[f"box_predictor.{name}"][rows * label:rows * (label + 1)])
                else:
                    assert np.array_equal(part, theirs[rows * other:rows * (other + 1)]), (split, name)
            if rows == 1:  # the background
                assert np.array_equal(mine[-1], theirs[-1])
        if None in places:
            assert any("'Cog '" in line and "fresh" in line for line in log)
    log.clear()
    _, state = begun("foreign")
    assert not np.array_equal(state["box_predictor.scores.weight"], old["box_predictor.scores.weight"])
    assert any("predictors of all classes are fresh" in line for line in log)


def test_resuming_refuses_a_class_of_another_name(place, tmp_path):
    with scrl.Detector({**TINY, "detect.steps": 2}, place / "train.h5", tmp_path / "det") as made:
        made.fit(progress=False, steps=1)
    # The same pictures and boxes with the same numbers: "screw" stands where "bolt" stood.
    for door in ("python", "shell"):
        if door == "python":
            with pytest.raises(scrl.DataError, match="class 0 is 'screw'.*'bolt'"):
                scrl.Detector.resume(tmp_path / "det", place / "foreign.h5")
        else:
            done = shell("detect", "train", "--out", tmp_path / "det", "--data",
                         place / "foreign.h5", "--resume")
            assert done.returncode == 1 and "screw" in done.stderr
    with pytest.raises(scrl.DataError, match="'nut'"):
        scrl.Detector.resume(tmp_path / "det", place / "swapped.h5")
    scrl.Detector.resume(tmp_path / "det", place / "train.h5").close()


@pytest.mark.parametrize("split", ["swapped", "subset", "more"])
def test_a_report_compares_by_names(split, place, detector):
    from scrl.detection_report import figures_of, look, render

    with scrl.Detector.load(detector) as loaded, scrl.Dataset(place / f"{split}.h5") as dataset:
        seen = look(loaded, dataset, 2, PICTURES, False)
        objects = [note for note in seen.truth["annotations"]]
        assert len(objects) == PICTURES * (1 if split == "subset" else 2)
        assert list(seen.unknown) == (["Cog "] if split == "more" else [])
        found = figures_of(seen, "bbox")
        assert found.AP50 > 0.5
        if split == "more":
            pytest.importorskip("matplotlib")
            assert "lacks these classes" in render(
                "det", loaded.config, [], dataset.path, seen, {"bbox": found})


# ------------------------------------------------------------------ pictures without objects

@pytest.mark.parametrize("door", ["python", "shell"])
@pytest.mark.parametrize("asked", [False, True])
def test_pictures_without_objects_are_counted_or_learnt_from(asked, door, place, tmp_path, log):
    """Of twelve pictures four keep their boxes, five have none, three have crowds or difficult ones."""
    kept = tree("train")
    kept["annotations"] = [
        {**note, "iscrowd": int(note["image_id"] in (5, 6)), "difficult": int(note["image_id"] == 7)}
        for note in kept["annotations"] if note["image_id"] <= 7]
    scrl.pack(place / "pictures", tmp_path / "few.h5", annotations=kept, progress=False)
    # Three steps show every picture once, and without the empty ones each three times.
    config = {**TINY, "detect.steps": 3, "detect.batch": 3 if asked else 4, "detect.empty": asked}
    boxes = 8 if asked else 24
    wanted = {"images": 9 if asked else 4, "empty": 5 if asked else 0,
              "left_out_empty": 0 if asked else 5, "left_out_vague": 3, "boxes": 8, "masks": 0}
    if door == "python":
        with scrl.Detector(config, tmp_path / "few.h5", tmp_path / "det") as made:
            assert made.images()._asdict() == wanted
            seen = []
            made.fit(seen.append, progress=False)
        assert all(each.did_step and each.skipped == 0 for each in seen)
        assert sum(each.boxes for each in seen) == boxes
        notes = [line for line in log if "without objects are left out" in line]
        assert len(notes) == (0 if asked else 1)
        assert any("3 images are left out" in line for line in log)
        with scrl.Detector.resume(tmp_path / "det") as again:
            assert again.images()._asdict() == wanted
            assert again.config["detect.empty"] is asked
        with scrl.Detector.load(tmp_path / "det") as loaded:
            assert set(loaded.images()) == {0}
    else:
        sets = [part for key, value in config.items() for part in ("--set", f"{key}={value}".lower())]
        done = shell("detect", "train", "--data", tmp_path / "few.h5", "--out", tmp_path / "det", *sets)
        assert done.returncode == 0, done.stderr
        told_of = ("5 images without objects are learnt from as background" if asked else
                   "5 images without objects are left out; --set detect.empty=true trains on them")
        assert told_of in done.stdout and "3 images are left out" in done.stdout
        end = told(shell("detect", "train", "--data", tmp_path / "few.h5", "--out", tmp_path / "json",
                         "--json", *sets))
        assert {key: end[key] for key in wanted} == wanted


def test_background_alone_is_no_training(place, tmp_path):
    none = {**tree("train"), "annotations": []}
    scrl.pack(place / "pictures", tmp_path / "none.h5", annotations=none, progress=False)
    with pytest.raises(scrl.DataError, match="nothing to learn from: its 12 images have no objects"):
        scrl.Detector({**TINY, "detect.empty": True}, tmp_path / "none.h5")


@pytest.mark.parametrize("limits", [(1, 2, 3), (1, 10, 300)])
def test_a_detector_is_measured_with_other_limits(limits, place, detector, tmp_path):
    with scrl.Detector.load(detector) as loaded:
        found = loaded.evaluate(place / "swapped.h5", results=tmp_path / "r.json", progress=False,
                                max_detections=limits)["bbox"]
        with pytest.raises(scrl.ArgumentError, match="max_detections"):
            loaded.evaluate(place / "swapped.h5", progress=False, max_detections=(3, 2, 1))
    other = coco.evaluate(place / "swapped.json", tmp_path / "r.json", max_detections=limits)
    assert found.max_detections == limits and found.uncounted == other.uncounted
    for name in ("AP", "AR1", "AR10", "AR100"):
        assert getattr(found, name) == pytest.approx(getattr(other, name), abs=1e-9)
    text = ",".join(map(str, limits))
    done = shell("detect", "eval", "--checkpoint", detector, "--data", place / "swapped.h5",
                 "--max-detections", text)
    assert done.returncode == 0 and f"AR{limits[2]}" in done.stdout, done.stderr


# ------------------------------------------------------------------ COCO files

def found_on(split: str, *, shift: int = 0) -> List[Dict[str, Any]]:
    """The truth of a split as detections that are right, with its ids."""
    return [{"image_id": note["image_id"], "category_id": note["category_id"],
             "bbox": [note["bbox"][0] + shift, *note["bbox"][1:]], "score": 0.9}
            for note in tree(split)["annotations"]]


def as_dict(split):
    return {"annotations": found_on(split), "categories": tree(split)["categories"]}


WAYS = {
    "dict with categories": lambda place, split: (as_dict(split), None),
    "mapping": lambda place, split: (
        found_on(split), {number: name for name, number in SPLITS[split].items()}),
    "list of categories": lambda place, split: (found_on(split), tree(split)["categories"]),
    "annotation file": lambda place, split: (found_on(split), place / f"{split}.json"),
    "dataset": lambda place, split: (found_on(split), scrl.Dataset(place / f"{split}.h5")),
    "dataset file": lambda place, split: (found_on(split), str(place / f"{split}.h5")),
}


@pytest.mark.parametrize("way", WAYS)
def test_detections_with_categories_go_by_name(way, place):
    for truth in (place / "swapped.json", place / "swapped.h5"):
        found, categories = WAYS[way](place, "train")
        made = coco.evaluate(truth, found, categories=categories)
        assert made.AP == 1 and made.matched_by == "names" and made.notes == []
    found, categories = WAYS[way](place, "more")
    made = coco.evaluate(place / "subset.json", found, categories=categories)
    assert made.AP == 1 and sorted(made.absent_classes) == ["Cog ", "bolt"]
    assert made.absent_detections == PICTURES + 1 and made.detections == PICTURES
    assert any("'Cog ', 'bolt'" in note and "13 detections" in note for note in made.notes)
    found, categories = WAYS[way](place, "subset")
    made = coco.evaluate(place / "train.json", found, categories=categories)
    assert made.AP == 1 and made.unknown_classes == ["bolt"] and made.unknown_objects == PICTURES
    found, categories = WAYS[way](place, "foreign")
    with pytest.raises(scrl.DataError, match="'screw', 'washer'.*'bolt', 'nut'"):
        coco.evaluate(place / "train.json", found, categories=categories)


def test_a_plain_list_goes_by_id_as_coco_has_it(place):
    made = coco.evaluate(place / "swapped.json", found_on("train"))
    assert made.AP == 0 and made.matched_by == "ids"
    assert coco.evaluate(place / "train.json", found_on("train")).AP == 1


def test_a_detector_tells_what_its_ids_mean(place, detector):
    with scrl.Detector.load(detector) as loaded:
        mine = loaded.evaluate(place / "swapped.h5", progress=False)["bbox"]
        found = []
        from scrl.detector import results_of
        with scrl.Dataset(place / "swapped.h5") as dataset:
            for index in range(len(dataset)):
                found += results_of(loaded.predict(dataset[index]), index + 1, loaded.category_ids)
            made = [coco.evaluate(dataset, found, categories=each)
                    for each in (loaded, detector, detector / "checkpoint.h5")]
    for each in made:
        assert each.AP == pytest.approx(mine.AP, abs=1e-9) and each.matched_by == "names"


def test_the_shell_takes_categories(place, tmp_path):
    plain_list, whole = tmp_path / "list.json", tmp_path / "whole.json"
    plain_list.write_text(json.dumps(found_on("train")))
    whole.write_text(json.dumps(as_dict("train")))
    for arguments in (["--detections", plain_list, "--categories", place / "train.json"],
                      ["--detections", plain_list, "--categories", place / "train.h5"],
                      ["--detections", whole]):
        made = told(shell("eval", "coco", "--gt", place / "swapped.json", *arguments, "--json"))
        assert made["AP"] == 1 and made["matched_by"] == "names"
    done = shell("eval", "coco", "--gt", place / "subset.h5", "--detections", whole)
    assert "12 detections left out, of classes that the ground truth lacks: bolt" in done.stdout


@pytest.mark.parametrize("categories, kind, text", [
    ([{"id": 1, "name": "bolt"}, {"id": 1, "name": "nut"}], scrl.DataError, "second category"),
    ([{"name": "bolt"}], scrl.FormatError, "id"),
    ([7], scrl.FormatError, "object"),
    ({"categories": 7}, scrl.FormatError, "array"),
    ({1: 7}, scrl.DataError, "classes '7' of the detections"),  # a number stands for its digits
    (7, scrl.ArgumentError, "categories"),
    ([{"id": 1, "name": "bolt"}], scrl.DataError, "category_id 2 is no category of the detections"),
])
def test_categories_that_are_none_are_named(categories, kind, text, place):
    with pytest.raises(kind, match=text):
        coco.evaluate(place / "train.json", found_on("train"), categories=categories)


def test_one_name_for_two_classes_is_an_error_unless_one_is_unused(place):
    truth = tree("train")
    truth["categories"].append({"id": 8, "name": "nut"})
    assert coco.evaluate(truth, as_dict("train")).AP == 1  # no object is of category 8
    truth["annotations"][0]["category_id"] = 8
    with pytest.raises(scrl.DataError, match="name 'nut'"):
        coco.evaluate(truth, as_dict("train"))


def test_nameless_categories_go_by_id_and_it_is_told(place):
    nameless = [{"id": 1}, {"id": 2}]
    made = coco.evaluate(place / "train.json", found_on("train"), categories=nameless)
    assert made.AP == 1 and made.matched_by == "ids"
    assert any("category id" in note for note in made.notes)


# ------------------------------------------------------------------ runs that need labels

@pytest.mark.parametrize("keys", [{"method": "supervised"}, {"method": "byol", "probe.online": True}],
                         ids=lambda keys: keys["method"])
def test_a_run_on_labels_goes_on_with_the_same_names_and_labels_alone(keys, place, tmp_path):
    config = {**keys, "views.size": 48, "train.batch": 4, "train.steps": 4, "train.warmup_epochs": 0,
              "threads": 1, "head.hidden": 16, "head.output": 8, "views.augmentation": "simple"}
    with scrl.Trainer(config, place / "things-train.h5", tmp_path / "run") as trainer:
        trainer.fit(progress=False, steps=1)
    # The same pictures in the same order with other names, and with other labels.
    other = {"screw": 1, "washer": 2}
    folder = tmp_path / "things"
    for name, category in other.items():
        (folder / f"{category}-{name}").mkdir(parents=True)
        kind = "1-bolt" if category == 1 else "2-nut"
        for file in sorted((place / "things-train" / kind).iterdir()):
            (folder / f"{category}-{name}" / file.name).write_bytes(file.read_bytes())
    labelled(folder, other, tmp_path / "renamed.h5")
    with pytest.raises(scrl.DataError, match="class 0 is 'screw'.*'bolt'"):
        scrl.Trainer.resume(tmp_path / "run", tmp_path / "renamed.h5")
    labelled(place / "things-train", {"bolt": 1, "nut": 2}, tmp_path / "swapped.h5", swap=True)
    with pytest.raises(scrl.DataError, match="other classes"):
        scrl.Trainer.resume(tmp_path / "run", tmp_path / "swapped.h5")
    with scrl.Trainer.resume(tmp_path / "run", place / "things-train.h5") as trainer:
        trainer.fit(progress=False)


@pytest.mark.parametrize("names", ["made", "none"])
def test_names_that_an_import_made_are_no_names(place, names):
    """Categories without names are called "class 1": against a file with names they go by their ids."""
    truth = json.loads((place / "train.json").read_text())
    if names == "none":
        del truth["categories"]
    else:
        truth["categories"] = [{"id": each["id"]} for each in truth["categories"]]
    found = found_on("train")
    named = {each["id"]: each["name"] for each in json.loads((place / "train.json").read_text())["categories"]}
    result = coco.evaluate(truth, found, categories=named)
    assert result.matched_by == "ids" and result.AP50 > 0.99


def test_images_that_detections_bring_are_told_to_be_passed_over(place):
    """Their image ids are the ground truth's, as COCO defines results."""
    found = {"annotations": found_on("train"), "images": [{"id": 5, "file_name": "0.jpg"}]}
    result = coco.evaluate(place / "train.json", found)
    assert result.AP50 > 0.99 and any("passed over" in note for note in result.notes)
