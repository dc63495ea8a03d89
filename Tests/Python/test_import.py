"""Annotation files as people have them: what is meant is taken, what is lost is counted on the last line.

One table of COCO inputs goes through the dict, the file and the shell; VOC and YOLO folders of every
layout follow.
"""

import copy
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import scrl
from conftest import needs_library, python
from scrl import annotations, coco
from scrl.small_yaml import read_yaml

pytestmark = needs_library
WIDTH, HEIGHT = 64, 48
NAN = float("nan")
SQUARE = [5, 5, 15, 5, 15, 15, 5, 15]
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[5:15, 5:15] = True
RLE = coco.encode_mask(MASK)


def picture(path, seed=0, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1] // 4, size[0] // 4, 3), np.uint8)
    Image.fromarray(pixels).resize(size).save(path)


def tree():
    """Two images of two objects each."""
    return {
        "images": [{"id": k, "file_name": f"{k}.jpg", "width": WIDTH, "height": HEIGHT} for k in (1, 2)],
        "categories": [{"id": 1, "name": "fish", "supercategory": "animal"}],
        "annotations": [
            {"id": k, "image_id": 1 + k // 3, "category_id": 1, "bbox": [5, 5, 10, 10], "area": 100,
             "iscrowd": 0} for k in (1, 2, 3, 4)]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pictures")
    for k in (1, 2):
        picture(made / f"{k}.jpg", k)
    return made


def on(place, **fields):
    """The fields of one annotation."""
    return lambda t: t["annotations"][place].update(fields)


def without(place, *names):
    def change(t):
        for name in names:
            del t["annotations"][place][name]
    return change


def both(*changes):
    def change(t):
        for each in changes:
            each(t)
    return change


def put(key, value):
    return lambda t: t.update({key: value})


def each_image(**fields):
    def change(t):
        for place, image in enumerate(t["images"]):
            image.update({k: v[place] if isinstance(v, list) else v for k, v in fields.items()})
            if "id" in fields:
                for note in t["annotations"]:
                    note["image_id"] = (
                        image["id"] if note["image_id"] == place + 1 else note["image_id"])
    return change


def ids_restart(t):
    for place, note in enumerate(t["annotations"]):
        note["id"] = 1 + place % 2


def same_file_twice(t):
    t["images"].append({"id": 9, "file_name": "1.jpg"})
    t["annotations"][1]["image_id"] = 9
    t["annotations"][1]["bbox"] = [20, 5, 10, 10]


def repeated_entry(t):
    t["images"].append(dict(t["images"][0]))


def classes_by_use(t):
    t["categories"] = [{"id": 0, "name": "fish", "supercategory": "none"}, {"id": 1, "name": "fish"}]


# name, change, (used, changed, dropped), words in what is told
CASES = [
    ("as COCO writes it", lambda t: None, (4, 0, 0), None),
    ("iscrowd null", on(0, iscrowd=None), (4, 0, 0), None),
    ("iscrowd true", on(0, iscrowd=True), (4, 0, 0), None),
    ("iscrowd text", on(0, iscrowd="no"), (4, 1, 0), "iscrowd is not 0 or 1: ignored"),
    ("iscrowd a list", on(0, iscrowd=[]), (4, 1, 0), "iscrowd is an array"),
    ("difficult text", on(0, difficult="maybe"), (4, 1, 0), "difficult is not 0 or 1"),
    ("area null", on(0, area=None), (4, 0, 0), None),
    ("area missing", without(0, "area"), (4, 0, 0), None),
    ("area negative", on(0, area=-5), (4, 1, 0), "area is -5.0"),
    ("area NaN", on(0, area=NAN), (4, 1, 0), "area is nan"),
    ("area text", on(0, area="big"), (4, 1, 0), "area is not a number"),
    ("area in quotes", on(0, area="100"), (4, 0, 0), "in quotes"),
    ("supercategory null", put("categories", [{"id": 1, "name": "fish", "supercategory": None}]),
     (4, 0, 0), None),
    ("score and attributes", on(0, score=None, attributes="x", keypoints=None), (4, 0, 0), None),
    ("segmentation null", on(0, segmentation=None), (4, 0, 0), None),
    ("segmentation empty", on(0, segmentation=[]), (4, 0, 0), None),
    ("segmentation of nothing", on(0, segmentation=[[]]), (4, 0, 0), None),
    ("segmentation a number", on(0, segmentation=7), (4, 1, 0), "kept without its mask"),
    ("a bad piece", on(0, segmentation=[SQUARE, [20, 20, 21, 21]]), (4, 1, 0), "polygon 1 has 4 numbers"),
    ("only a bad piece", on(0, segmentation=[[20, 20, 21, 21]]), (4, 1, 0), "kept without its mask"),
    ("a piece outside", on(0, segmentation=[SQUARE, [90, 90, 95, 90, 95, 95]]), (4, 1, 0), "outside"),
    ("nested once more", on(0, segmentation=[[SQUARE]]), (4, 0, 0), "nested in another way"),
    ("a flat polygon", on(0, segmentation=SQUARE), (4, 0, 0), "nested in another way"),
    ("points as pairs", on(0, segmentation=[[5, 5], [15, 5], [15, 15], [5, 15]]), (4, 0, 0), "nested"),
    ("run lengths as bytes' text", on(0, segmentation={**RLE, "counts": repr(RLE["counts"].encode())}),
     (4, 0, 0), None),
    ("run lengths as floats", on(0, segmentation={
        "size": [48.0, 64.0], "counts": [float(run) for run in coco.rle_counts(MASK)]}), (4, 0, 0), None),
    ("run lengths broken", on(0, segmentation={**RLE, "counts": "abc"}), (4, 1, 0), "without its mask"),
    ("run lengths of another size", on(0, segmentation={**RLE, "size": [64, 48]}), (4, 1, 0), "48×64"),
    ("no box but a mask", both(without(0, "bbox"), on(0, segmentation=RLE)), (4, 1, 0), "that of its mask"),
    ("box null but a mask", on(0, bbox=None, segmentation=[SQUARE]), (4, 1, 0), "that of its mask"),
    ("box without area but a mask", on(0, bbox=[5, 5, 0, 0], segmentation=[SQUARE]), (4, 1, 0),
     "that of its mask"),
    ("box and mask bad", on(0, bbox=[5, 5, 0, 0], segmentation=[[1, 2, 3, 4]]), (3, 0, 1), "no area"),
    ("box of three", on(0, bbox=[5, 5, 5]), (3, 0, 1), "four numbers"),
    ("box in quotes", on(0, bbox=["5", "5", "10", "10.0"]), (4, 0, 0), "in quotes"),
    ("box over the edge", on(0, bbox=[60, 5, 10, 10]), (4, 1, 0), "reaches out"),
    ("class unknown", on(0, category_id=8), (3, 0, 1), "category_id 8"),
    ("image unknown", on(0, image_id=8), (3, 0, 1), "image_id 8"),
    ("annotation ids restart", ids_restart, (4, 0, 0), "2 annotations repeat an id"),
    ("annotation id missing", without(0, "id"), (4, 0, 0), "1 annotation has no id"),
    ("annotation id null", on(0, id=None), (4, 0, 0), "1 annotation has no id"),
    ("annotation id text", on(0, id="a1"), (4, 0, 0), "1 annotation has no id"),
    ("image ids in quotes", each_image(id=["1", "2"]), (4, 0, 0), "in quotes"),
    ("image ids are text", each_image(id=["img_1", "img_2"]), (4, 0, 0), "2 image ids are text"),
    ("image ids are floats", each_image(id=[1.0, 2.0]), (4, 0, 0), None),
    ("image ids are negative", each_image(id=[-7, -8]), (4, 0, 0), "negative"),
    ("category id by name", on(0, category_id="fish"), (4, 0, 0), None),
    ("sizes null", each_image(width=None, height=None), (4, 0, 0), None),
    ("sizes 0", each_image(width=0, height=0), (4, 0, 0), "taken from the file"),
    ("one size", each_image(width=None), (4, 0, 0), "taken from the file"),
    ("sizes text", each_image(width="wide"), (4, 0, 0), "taken from the file"),
    ("sizes in quotes", each_image(width="64", height="48.0"), (4, 0, 0), "in quotes"),
    ("a root category", classes_by_use, (4, 0, 0), "one class, with the id 1"),
    ("a category without a name", put("categories", [{"id": 1}]), (4, 0, 0), 'called "class 1"'),
    ("no categories", put("categories", None), (4, 0, 0), "named by their ids"),
    ("an image entry twice", repeated_entry, (4, 0, 0), "repeat another"),
    ("a file under two ids", same_file_twice, (4, 0, 0), "objects of both"),
    ("names with a backslash", each_image(file_name=[".\\1.jpg", ".\\2.jpg"]), (4, 0, 0), "file names written"),
    ("names with ./", each_image(file_name=["./1.jpg", ".//2.jpg"]), (4, 0, 0), None),
    ("names in capitals", each_image(file_name=["1.JPG", "2.Jpg"]), (4, 0, 0), "another case"),
    ("names with a folder in front", each_image(file_name=["train/1.jpg", "train/2.jpg"]), (4, 0, 0),
     "other folders in front"),
    ("names with %", each_image(file_name=["%31.jpg", "2.jpg"]), (4, 0, 0), "%20"),
    ("no annotations", lambda t: t.pop("annotations"), (0, 0, 0), "no list"),
    ("empty annotations", put("annotations", []), (0, 0, 0), None),
    ("null annotations", put("annotations", None), (0, 0, 0), "no list"),
    ("only crowds", lambda t: [a.update(iscrowd=1) for a in t["annotations"]], (4, 0, 0), None),
]
DOORS = ("dict", "file", "shell")


def told_of(report):
    return " · ".join([each.reason for each in report.issues] + [reason for _, reason in report.skipped])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("change, counts, words", [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])
def test_what_is_meant_is_taken_and_the_rest_is_counted(folder, tmp_path, door, change, counts, words):
    made = tree()
    change(made)
    used, changed, dropped = counts
    (tmp_path / "a.json").write_text(json.dumps(made))
    if door == "shell":
        done = run_shell(folder, tmp_path / "d.h5", "--annotations", tmp_path / "a.json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        last = lines[-1]
        assert done.returncode == (1 if dropped else 0), done.stderr
        assert (last["objects"], last["objects_changed"], last["objects_dropped"]) == counts
        told, summary = " · ".join(line.get("reason", "") for line in lines), last["summary"]
        assert last["added"] == 2
    else:
        source = made if door == "dict" else tmp_path / "a.json"
        report = scrl.pack(
            folder, tmp_path / "d.h5", annotations=source, progress=False, allow_loss=True)
        assert (report.objects, report.objects_changed, report.objects_dropped) == counts
        assert report.added == 2 and not report.skipped and report.is_lossy == (dropped > 0)
        told, summary = told_of(report), report.summary
    assert words is None or words in told, told
    assert f"{used} of {used + dropped} objects used, {changed} changed, {dropped} dropped" in summary
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        boxes = [ds.boxes(index) for index in range(2)]
        assert sum(map(len, boxes)) == used
        if used == 4:
            assert {ds.classes[k] for index in range(2) for k in ds.box_labels(index)} in (
                {"fish"}, {"class 1"})
            assert ds.areas(0)[0] == 100 or changed


def run_shell(folder, out, *more):
    return python("-m", "scrl", "pack", str(folder), "--out", str(out), *map(str, more), "--json")


def test_masks_of_every_form_are_the_same_mask(folder, tmp_path):
    made = tree()
    forms = [[SQUARE], [[SQUARE]], RLE, {**RLE, "counts": RLE["counts"].encode()}]
    for note, form in zip(made["annotations"], forms):
        note["segmentation"] = form
    made["images"][0]["id"] = np.int64(1)
    made["annotations"][0]["bbox"] = np.array([5, 5, 10, 10], np.float32)
    report = scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)
    assert report.objects == 4 and report.objects_changed == 0
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert {ds.mask(index, box) for index in range(2) for box in range(2)} == {RLE["counts"]}


def test_a_box_is_made_from_its_mask(folder, tmp_path):
    made = tree()
    on(0, bbox=None, segmentation=[[5.5, 5, 15, 5, 15, 15, 5.5, 15]])(made)
    on(1, bbox=[1, 1, 0, 5], segmentation=RLE)(made)
    scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        np.testing.assert_array_equal(ds.boxes(0), [[5.5, 5, 15, 15], [5, 5, 15, 15]])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("door", ["file", "shell"])
def test_other_encodings_are_read(folder, tmp_path, encoding, door):
    made = tree()
    made["categories"][0]["name"] = "Käse"
    (tmp_path / "a.json").write_bytes(json.dumps(made, ensure_ascii=False).encode(encoding))
    if door == "shell":
        done = run_shell(folder, tmp_path / "d.h5", "--annotations", tmp_path / "a.json")
        assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["objects"] == 4
    else:
        scrl.pack(folder, tmp_path / "d.h5", annotations=tmp_path / "a.json", progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["Käse"]


# ------------------------------------------------------------------ losses

def test_files_that_are_no_pictures_are_no_loss(tmp_path):
    """A text, a table, an archive beside pictures is passed over and counted; a bad picture is lost."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 30), (number, 2, 3)).save(folder / f"{number}.jpg")
    for name, content in (("README", b"hello"), ("labels.csv", b"a,b"), ("notes.txt", b""),
                          ("old.zip", b"PK\3\4"), ("run.h5", b"\x89HDF\r\n\x1a\n")):
        (folder / name).write_bytes(content)
    report = scrl.pack(folder, tmp_path / "d.h5", progress=False)
    assert (report.added, len(report.skipped), report.others, report.lost) == (3, 5, 5, 0)
    assert report.summary == "3 images; 5 files that are no pictures passed over"
    done = python("-m", "scrl", "pack", str(folder), "--out", str(tmp_path / "d.h5"))
    assert done.returncode == 0 and "5 files that are no pictures" in done.stdout.splitlines()[-1]
    (folder / "bad.jpg").write_bytes(b"junk")          # by its name
    (folder / "torn").write_bytes(b"\x89PNG\r\n\x1a\n")  # by its first bytes
    with pytest.warns(scrl.LossWarning, match="3 of 5 images used, 2 skipped"):
        report = scrl.pack(folder, tmp_path / "d.h5", progress=False)
    assert report.others == 5 and report.lost == pytest.approx(2 / 5)


def test_a_loss_of_more_than_a_tenth_is_no_success(folder, tmp_path):
    made = tree()
    made["annotations"] = [{**made["annotations"][0], "id": k} for k in range(1, 21)]
    for lost, is_lossy in ((2, False), (3, True)):
        for place in range(lost):
            made["annotations"][place]["category_id"] = 5
        made["annotations"][lost]["bbox"] = [1, 1, 0, 0] if is_lossy else [5, 5, 10, 10]
        (tmp_path / "a.json").write_text(json.dumps(made))
        arguments = (folder, tmp_path / "d.h5", "--annotations", tmp_path / "a.json")
        done = run_shell(*arguments)
        last = json.loads(done.stdout.splitlines()[-1])
        assert done.returncode == int(is_lossy) and ("--allow-loss" in done.stderr) == is_lossy
        assert (last["lost"] > 0.1) == is_lossy and (tmp_path / "d.h5").exists()
        assert run_shell(*arguments, "--allow-loss").returncode == 0
    assert "4 dropped (3 category_id of no category, 1 bbox has no area)" in last["summary"]
    assert last["dropped"] == {"category_id of no category": 3, "bbox has no area": 1}
    plain = python("-m", "scrl", "pack", str(folder), "--out", str(tmp_path / "d.h5"), "--annotations",
                   str(tmp_path / "a.json"))
    assert plain.returncode == 1 and "16 of 20 objects used" in plain.stdout.splitlines()[-1]
    assert plain.stderr.count("\n") == 1
    with pytest.warns(scrl.LossWarning, match="16 of 20 objects used"):
        scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)


def test_images_count_too_with_annotations_and_without(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "in")
    (tmp_path / "in" / "3.jpg").write_bytes(b"no picture")
    done = run_shell(tmp_path / "in", tmp_path / "d.h5")
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1 and "2 of 3 images used, 1 skipped" in last["summary"]
    with pytest.warns(scrl.LossWarning, match="2 of 3 images used"):
        scrl.pack(tmp_path / "in", tmp_path / "d.h5", progress=False)
    made = tree()
    made["images"][1]["file_name"] = "none.jpg"
    report = scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False, allow_loss=True)
    assert "1 of 2 images used, 1 skipped (1 file that cannot be opened)" in report.summary
    assert report.objects_dropped == 2 and dict(report.dropped) == {"of images that are skipped": 2}


@pytest.mark.parametrize("change, refused", [
    (on(0, iscrowd=None), False), (ids_restart, False), (classes_by_use, False),
    (each_image(id=["a", "b"]), False), (each_image(file_name=["./1.jpg", "2.jpg"]), False),
    (on(0, area=-1), True), (on(0, segmentation=7), True), (on(0, bbox=None, segmentation=RLE), True),
    (each_image(file_name=["train/1.jpg", "2.jpg"]), True), (each_image(width=0), True)])
def test_refuse_refuses_what_is_changed_but_not_what_is_noted(folder, tmp_path, change, refused):
    made = tree()
    change(made)
    if refused:
        with pytest.raises(scrl.DataError):
            scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False, on_bad="refuse")
    else:
        report = scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False, on_bad="refuse")
        assert report.objects == 4


# ------------------------------------------------------------------ file names

def test_names_are_found_below_the_folder_and_never_outside(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out.jpg"
    for place, name in enumerate(("a b.jpg", "train/x.jpg", "images/y.jpg", "deep/er/z.PNG")):
        picture(inside / name, place)
    picture(outside, 9)
    names = {
        "a%20b.jpg": True, "train\\x.jpg": True, str(inside / "train" / "x.jpg"): True, "y.jpg": True,
        "images/y.jpg": True, "er/z.png": True, "z.png": True, "data/train/x.jpg": True,
        "../out.jpg": False, "train/../../out.jpg": False, "..\\out.jpg": False, str(outside): False,
        "%2e%2e/out.jpg": False, "C:\\out.jpg": False, "val/er2/z.png": False, "val/z.png": False}
    for name, good in names.items():
        made = {**tree(), "images": [{"id": 1, "file_name": name}]}
        if good:
            report = scrl.pack(inside, tmp_path / "d.h5", annotations=made, progress=False, allow_loss=True)
            assert report.added == 1 and not report.skipped, name
        else:
            with pytest.raises(scrl.DataError):
                scrl.pack(inside, tmp_path / "d.h5", annotations=made, progress=False)


def test_two_names_never_become_one_picture_by_guessing(tmp_path):
    picture(tmp_path / "in" / "1.jpg")
    made = tree()
    for name, image in zip(("train/1.jpg", "val/1.jpg"), made["images"]):
        image["file_name"] = name
    with pytest.raises(scrl.DataError, match="no image to pack"):
        scrl.pack(tmp_path / "in", tmp_path / "d.h5", annotations=made, progress=False)
    made["images"][1]["file_name"] = "1.jpg"
    report = scrl.pack(tmp_path / "in", tmp_path / "d.h5", annotations=made, progress=False, allow_loss=True)
    assert report.added == 1 and report.skipped[0][0].endswith("train/1.jpg")


def test_an_id_that_two_files_claim_is_used_for_neither(folder, tmp_path):
    made = tree()
    made["images"][1]["id"] = 1
    made["annotations"] = made["annotations"][:2]
    with pytest.raises(scrl.DataError, match="no image to pack.*id is that of another file too"):
        scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)
    made["annotations"] = []
    assert scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False).added == 2


def test_objects_that_are_no_use_are_named_by_what_they_are(folder, tmp_path):
    cfg = scrl.Config(**{"model.arch": "resnet18", "train.steps": 1, "train.batch": 1, "threads": 1})
    changes = {
        "all 4 objects are crowds": dict(iscrowd=1), "all 4 objects are marked difficult": dict(difficult=1)}
    for words, fields in changes.items():
        made = tree()
        for note in made["annotations"]:
            note.update(fields)
        scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)
        done = python("-m", "scrl", "detect", "train", "--data", str(tmp_path / "d.h5"), "--out",
                      str(tmp_path / "run"))
        assert done.returncode == 1 and words in done.stderr, done.stderr
        if "crowds" in words:
            model = scrl.Model(cfg)
            for judge in (scrl.evaluate.regions, scrl.evaluate.retrieval):
                with pytest.raises(scrl.DataError, match=words):
                    judge(model, tmp_path / "d.h5")
    scrl.pack(folder, tmp_path / "d.h5", progress=False)
    done = python("-m", "scrl", "detect", "train", "--data", str(tmp_path / "d.h5"), "--out",
                  str(tmp_path / "run"))
    assert "its 2 images have no objects" in done.stderr


# ------------------------------------------------------------------ Pascal VOC

def voc_xml(*objects, name="x.jpg", size=(WIDTH, HEIGHT), head=""):
    parts = "".join(
        f"<object><name>{label}</name>{more}<bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax>"
        f"<ymax>{y1}</ymax></bndbox></object>" for label, x0, y0, x1, y1, more in objects)
    return (f"{head}<annotation><filename>{name}</filename><size><width>{size[0]}</width>"
            f"<height>{size[1]}</height></size>{parts}</annotation>")


DOG = ("dog", 5, 4, 20, 12, "")
LAYOUTS = {
    "VOC's": ("JPEGImages/{}.jpg", "Annotations/{}.xml"), "flat": ("{}.jpg", "{}.xml"),
    "images": ("images/{}.png", "Annotations/{}.xml"), "small letters": ("images/{}.jpg", "annotations/{}.xml"),
    "a folder for each split": ("train/{}.JPG", "train/{}.xml"),
    "beside the annotations": ("{}.jpeg", "Annotations/{}.xml"),
    "folders inside": ("JPEGImages/a/{}.jpg", "Annotations/a/{}.xml")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_voc_folders_of_every_layout(tmp_path, layout):
    image, label = LAYOUTS[layout]
    for stem in ("one", "two"):
        picture(tmp_path / "in" / image.format(stem))
        path = tmp_path / "in" / label.format(stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(voc_xml(DOG))
    notes = annotations.from_voc(tmp_path / "in")
    assert [each["file_name"] for each in notes["images"]] == [image.format(s) for s in ("one", "two")]
    done = run_shell(tmp_path / "in", tmp_path / "d.h5", "--voc")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["objects"] == 2


@pytest.mark.parametrize("named", ["shot.jpg", "shot", "C:\\photos\\shot.jpg", "SHOT.JPG", "shot.png"])
def test_voc_filename_is_used_where_no_picture_has_the_stem(tmp_path, named):
    picture(tmp_path / "in" / "JPEGImages" / "shot.jpg")
    (tmp_path / "in" / "Annotations").mkdir()
    (tmp_path / "in" / "Annotations" / "0001.xml").write_text(voc_xml(DOG, name=named))
    notes = annotations.from_voc(tmp_path / "in")
    assert notes["images"][0]["file_name"] == "JPEGImages/shot.jpg"


def voc_splits(root):
    for stem, label in (("a", "dog"), ("b", "cat"), ("c", "bolt")):
        picture(root / "JPEGImages" / f"{stem}.jpg")
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{stem}.xml").write_text(voc_xml((label, 5, 4, 20, 12, "")))
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for split, text in (("train", "a\r\nc.jpg\r\n"), ("val", "\ufeffb -1\n")):
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text(text, encoding="utf-8")


def test_every_split_of_a_voc_folder_has_the_same_classes(tmp_path):
    voc_splits(tmp_path)
    wanted = [{"id": 1, "name": "bolt"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "dog"}]
    for split, count in (("train", 2), ("val", 1), (None, 3)):
        notes = annotations.from_voc(tmp_path, split)
        assert notes["categories"] == wanted and len(notes["images"]) == count
    given = annotations.from_voc(tmp_path, "train", classes=["dog", "cat"])
    assert [each["name"] for each in given["categories"]] == ["dog", "cat"]
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=given, progress=False, allow_loss=True)
    assert (report.objects, report.objects_dropped) == (1, 1) and "'bolt'" in report.issues[0].reason
    done = run_shell(tmp_path, tmp_path / "d.h5", "--voc", "--split", "val", "--classes", "dog, cat")
    assert done.returncode == 0, done.stderr
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["dog", "cat"] and ds.box_labels(0).tolist() == [1]
    with pytest.raises(scrl.StorageError, match="there are: train, val"):
        annotations.from_voc(tmp_path, "test")
    with pytest.raises(scrl.ArgumentError):
        annotations.from_voc(tmp_path, classes="dog")


def test_what_is_odd_in_voc_files_is_read_and_told(tmp_path):
    (tmp_path / "Annotations").mkdir(parents=True)
    texts = {
        "bom": ("\ufeff" + voc_xml(DOG)).encode("utf-8"),
        "latin": voc_xml(("Käse", 5, 4, 20, 12, "")).encode("latin-1"),
        "told": voc_xml(DOG, head="<?xml version='1.0' encoding='ISO-8859-1'?>").encode("latin-1"),
        "gbk": voc_xml(("狗", 5, 4, 20, 12, ""), head='<?xml version="1.0" encoding="gbk"?>').encode("gbk"),
        "turned": voc_xml(("dog", 20, 12, 5, 4, "")).encode(),
        "zero": voc_xml(("dog", 0, 0, 20, 12, "")).encode(),
        "hard": voc_xml(("dog", 5, 4, 20, 12, "<difficult>False</difficult>"),
                        ("dog", 5, 4, 20, 12, "<difficult>True</difficult>"),
                        ("dog", 5, 4, 20, 12, "<difficult>rather</difficult>")).encode(),
        "parts": voc_xml(("dog", 5, 4, 20, 12, "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
                          "<xmax>2</xmax><ymax>2</ymax></bndbox></part>")).encode()}
    for stem, text in texts.items():
        picture(tmp_path / "JPEGImages" / f"{stem}.jpg")
        (tmp_path / "Annotations" / f"{stem}.xml").write_bytes(text)
    (tmp_path / "SegmentationObject").mkdir()
    (tmp_path / "SegmentationObject" / "bom.png").write_bytes(b"no picture")
    notes = annotations.from_voc(tmp_path)
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=notes, progress=False)
    assert report.added == 8 and report.objects == 10 and report.objects_dropped == 0
    told = " · ".join(str(issue) for issue in report.issues)
    for words in ("SegmentationObject", "exchanged", "difficult is 'rather'", "begin at 0",
                  "clipped annotation"):
        assert words in told, told
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["Käse", "dog", "狗"]
        by_name = {ds.name(index).split("/")[-1][:-4]: index for index in range(8)}
        np.testing.assert_array_equal(ds.boxes(by_name["turned"]), [[4, 3, 20, 12]])
        np.testing.assert_array_equal(ds.boxes(by_name["parts"]), [[4, 3, 20, 12]])
        assert ds.difficult(by_name["hard"]).tolist() == [False, True, False]


def test_voc_pictures_without_a_file_are_counted_and_an_empty_folder_is_passed_over(tmp_path):
    (tmp_path / "Annotations").mkdir()
    for stem in ("a", "b", "c"):
        picture(tmp_path / f"{stem}.jpg")
    (tmp_path / "a.xml").write_text(voc_xml(DOG))
    notes = annotations.from_voc(tmp_path)
    assert [each["file_name"] for each in notes["images"]] == ["a.jpg"]
    assert [each["reason"] for each in notes["issues"]] == ["2 pictures have no XML file: left out"]
    (tmp_path / "a.xml").unlink()
    with pytest.raises(scrl.StorageError, match="no XML files"):
        annotations.from_voc(tmp_path)


# ------------------------------------------------------------------ YOLO

BOX = "0 0.5 0.5 0.25 0.5"  # 16 … 48 of 64 but 24, …: x0 24, y0 12, x1 40, y1 36
YOLO_LAYOUTS = {
    "images/train": ("images/train/{}.jpg", "labels/train/{}.txt"),
    "train/images": ("train/images/{}.jpg", "train/labels/{}.txt"),
    "images": ("images/{}.png", "labels/{}.txt"), "flat": ("{}.jpg", "{}.txt"),
    "darknet": ("obj_train_data/{}.JPG", "obj_train_data/{}.txt"),
    "labels inside": ("{}.jpg", "labels/{}.txt"), "ending kept": ("images/{}.jpg", "labels/{}.jpg.txt")}


@pytest.mark.parametrize("layout", YOLO_LAYOUTS)
def test_yolo_folders_of_every_layout(tmp_path, layout):
    image, label = YOLO_LAYOUTS[layout]
    root = tmp_path / "in"
    for stem in ("one", "two", "three"):
        picture(root / image.format(stem))
    for stem, text in (("one", "\ufeff" + BOX + "\r\n1 0.1 0.1 0.1 0.1\r\n"), ("two", "")):
        path = root / label.format(stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    (root / "data.yaml").write_text("nc: 2\nnames: ['bolt', \"nut\"]  # two\n")
    report = scrl.pack(root, tmp_path / "d.h5", annotations=annotations.from_yolo(root), progress=False)
    assert (report.added, report.objects, report.objects_changed) == (3, 2, 0)
    assert "1 pictures have no label file" in told_of(report)
    done = run_shell(root, tmp_path / "e.h5", "--yolo")
    assert done.returncode == 0, done.stderr
    for name in ("d.h5", "e.h5"):
        with scrl.Dataset(tmp_path / name) as ds:
            assert ds.classes == ["bolt", "nut"] and ds.class_ids.tolist() == [0, 1]
            first = next(index for index in range(3) if "one" in ds.name(index))
            np.testing.assert_allclose(
                ds.boxes(first), [[24, 12, 40, 36], [3.2, 2.4, 9.6, 7.2]], rtol=0, atol=1e-5)


YOLO_LINES = [
    (BOX, 1, 0, None), ("0,0.5,0.5,0.25,0.5", 1, 0, None), (BOX + " 0.9", 1, 0, "numbers after"),
    ("0 0.2 0.2 0.6 0.2 0.6 0.6", 1, 0, None), ("0 0.2 0.2 0.6 0.2 0.6 0.6 0.2 0.6", 1, 0, None),
    ("0 0.2 0.2 0.6 0.2 0.6 0.6 0.99", 1, 0, "numbers after"), ("0.0 0.5 0.5 0.1 0.1", 1, 0, None),
    ("bolt 0.5 0.5 0.1 0.1", 1, 0, None), ("0 0.95 0.5 0.2 0.2", 1, 1, "reaches out"),
    ("0 0.5 0.5 0 0.2", 0, 0, "no area"), ("0 0.5 0.5", 0, 0, "expected class cx cy w h"),
    ("0 a b c d", 0, 0, "no number"), ("0 nan 0.5 0.1 0.1", 0, 0, "no number"),
    ("7 0.5 0.5 0.1 0.1", 0, 0, "its class is 7"), ("-1 0.5 0.5 0.1 0.1", 0, 0, "class"),
    ("0 320 240 50 60", 0, 0, "look like pixels"), ("dog 0.5 0.5 0.1 0.1", 0, 0, "its class is 'dog'")]


@pytest.mark.parametrize("line, used, changed, words", YOLO_LINES)
def test_yolo_lines(tmp_path, line, used, changed, words):
    picture(tmp_path / "1.jpg")
    (tmp_path / "1.txt").write_text(f"{line}\n" + f"{BOX}\n" * 2)
    (tmp_path / "classes.txt").write_text("bolt\nnut\n")
    notes = annotations.from_yolo(tmp_path)
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=notes, progress=False, allow_loss=True)
    assert (report.objects, report.objects_dropped) == (2 + used, 1 - used), told_of(report)
    assert report.objects_changed == changed
    assert words is None or words in told_of(report)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        if "0.6 0.6" in line:
            np.testing.assert_allclose(ds.boxes(0)[0], [12.8, 9.6, 38.4, 28.8], rtol=0, atol=1e-5)
            assert ds.mask(0, 0)


@pytest.mark.parametrize("points", [
    "0.45 0.45 1 0.55 0.55 1", "0 0 0 0.55 0.55 1", "0.45 0.45 2 0.55 0.55 2", "0.45 0.45 2",
    "0.1 0.1 2 0.2 0.2 1 0.3 0.3 0 0.4 0.4 2"])
def test_yolo_key_points_are_no_polygon(tmp_path, points):
    """Also where no data.yaml tells of them: every third number behind the box is 0, 1 or 2."""
    picture(tmp_path / "1.jpg")
    (tmp_path / "1.txt").write_text(f"0 0.5 0.5 0.25 0.5 {points}\n")
    (tmp_path / "classes.txt").write_text("bolt\n")
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=annotations.from_yolo(tmp_path),
                       progress=False)
    assert report.objects == 1 and "numbers after" in told_of(report)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        np.testing.assert_allclose(ds.boxes(0), [[24, 12, 40, 36]], rtol=0, atol=1e-5)
        assert ds.mask(0, 0) is None


@pytest.mark.parametrize("door", DOORS)
def test_coco_boxes_in_shares_are_refused_by_name(folder, tmp_path, door):
    coco_tree = tree()
    for each in coco_tree["annotations"]:
        each["bbox"] = [0.1, 0.1, 0.2, 0.25]
        each.pop("segmentation", None)
    path = tmp_path / "shares.json"
    path.write_text(json.dumps(coco_tree))
    if door == "shell":
        done = run_shell(folder, tmp_path / "d.h5", "--annotations", str(path))
        assert done.returncode == 1 and "look like shares" in done.stderr
        return
    with pytest.raises(scrl.DataError, match="look like shares"):
        scrl.pack(folder, tmp_path / "d.h5", annotations=coco_tree if door == "dict" else path,
                  progress=False)
    assert not (tmp_path / "d.h5").exists()


VOC_WRAPS = [("<annotations>", "</annotations>", 1), ("<a><b>", "</b></a>", 1),
             ("<html>", "</html>", None)]


@pytest.mark.parametrize("before, after, objects", VOC_WRAPS)
def test_what_is_around_a_voc_annotation_loses_no_object(tmp_path, before, after, objects):
    picture(tmp_path / "1.jpg")
    inner = ("<annotation xmlns='http://x.y'><filename>1.jpg</filename><objects><object><name>bolt</name>"
             "<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>20</xmax><ymax>20</ymax></bndbox></object></objects>"
             "</annotation>")
    (tmp_path / "1.xml").write_text(before + (inner if objects else "<body/>") + after)
    if objects is None:
        with pytest.raises(scrl.FormatError, match="0 elements <annotation> below <html>"):
            annotations.from_voc(tmp_path)
        done = run_shell(tmp_path, tmp_path / "d.h5", "--voc")
        assert done.returncode == 1 and "none of 1 annotation files can be read" in done.stderr
        assert "below <html>" in done.stderr
        return
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=annotations.from_voc(tmp_path), progress=False)
    assert report.objects == objects
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.boxes(0).tolist() == [[4, 4, 20, 20]] and ds.classes == ["bolt"]


def test_cityscapes_objects_that_nobody_sees_are_counted(tmp_path):
    car = [[2, 2], [30, 2], [30, 20], [2, 20]]
    objects = [{"label": "car", "polygon": each} for each in (
        [], [[5, 5]], [[500, 5], [520, 5], [520, 20]], [[4, 4], [8, 4], [8, 8]], car)]
    (tmp_path / "gtFine/train/x").mkdir(parents=True)
    (tmp_path / "leftImg8bit/train/x").mkdir(parents=True)
    (tmp_path / "gtFine/train/x/x_000000_000000_gtFine_polygons.json").write_text(
        json.dumps({"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}))
    picture(tmp_path / "leftImg8bit/train/x/x_000000_000000_leftImg8bit.png")
    notes = annotations.from_cityscapes(tmp_path, "train")
    with pytest.warns(scrl.LossWarning, match="1 of 4 objects used"):
        report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=notes, progress=False)
    assert dict(report.dropped) == {"object without a pixel": 3}
    assert [issue.kind for issue in report.issues if issue.action == "noted"] == ["object covered by others"]


def test_yolo_in_pixels_is_refused_by_name(tmp_path):
    picture(tmp_path / "1.jpg")
    (tmp_path / "1.txt").write_text("0 32 24 10 10\n")
    with pytest.raises(scrl.FormatError, match=r"1\.txt, line 1.*look like pixels"):
        annotations.from_yolo(tmp_path)
    done = run_shell(tmp_path, tmp_path / "d.h5", "--yolo")
    assert done.returncode == 1 and "look like pixels" in done.stderr


def test_yolo_splits_come_from_folders_lists_and_data_yaml(tmp_path):
    for split in ("train", "valid"):
        picture(tmp_path / split / "images" / f"{split}.jpg")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / f"{split}.txt").write_text(BOX)
    (tmp_path / "data.yaml").write_text(
        "path: ../x\nfinal: ../train/images\nall:\n  - ./train/images\nnames:\n  0: bolt\n  1: nut\n")
    (tmp_path / "mine.txt").write_text("/home/a/valid/images/valid.jpg\n")
    wanted = {"train": "train", "val": "valid", "valid": "valid", "mine": "valid"}
    for split, stem in wanted.items():
        notes = annotations.from_yolo(tmp_path, split)
        assert [each["file_name"] for each in notes["images"]] == [f"{stem}/images/{stem}.jpg"]
        assert [each["name"] for each in notes["categories"]] == ["bolt", "nut"]
    with pytest.raises(scrl.StorageError, match="train, valid"):
        annotations.from_yolo(tmp_path, "test")
    done = run_shell(tmp_path, tmp_path / "d.h5", "--yolo", "--split", "val", "--classes", "a,b")
    assert done.returncode == 0
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["a", "b"]


@pytest.mark.parametrize("label, is_told", [
    ("labels/train/lost.txt", True), ("labels/val/lost.txt", False), ("labels/train/notes.txt", False)])
def test_yolo_labels_without_a_picture_are_lost_and_told(tmp_path, label, is_told):
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / "1.jpg")
        (tmp_path / "labels" / split).mkdir(parents=True)
        (tmp_path / "labels" / split / "1.txt").write_text(BOX)
    (tmp_path / label).write_text("some words\n" if "notes" in label else f"{BOX}\n{BOX}\n")
    unusable = []
    notes = annotations.from_yolo(tmp_path, "train", unusable=unusable)
    assert [path for path, _ in unusable] == ([label] if is_told else [])
    report = scrl.pack(tmp_path, tmp_path / "d.h5", annotations=notes, progress=False, allow_loss=True)
    report = report.with_skipped(unusable)
    assert (report.objects, report.objects_dropped) == (1, 2 * is_told) and report.is_lossy == is_told
    done = run_shell(tmp_path, tmp_path / "d.h5", "--yolo", "--split", "train")
    assert done.returncode == int(is_told), done.stderr


def test_yolo_folders_that_are_none(tmp_path):
    with pytest.raises(scrl.StorageError, match="no folder"):
        annotations.from_yolo(tmp_path / "none")
    with pytest.raises(scrl.StorageError, match="no pictures"):
        annotations.from_yolo(tmp_path)
    picture(tmp_path / "images" / "1.jpg")
    with pytest.raises(scrl.StorageError, match="no label file"):
        annotations.from_yolo(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "1.txt").write_text(BOX)
    (tmp_path / "labels" / "2.txt").write_text(BOX)
    (tmp_path / "images" / "3.jpg").write_bytes(b"no picture")
    for path in ("labels/2.txt", "images/3.jpg"):
        with pytest.raises((scrl.FormatError, OSError)):
            annotations.from_yolo(tmp_path)
        unusable = []
        notes = annotations.from_yolo(tmp_path, unusable=unusable)
        assert len(notes["images"]) == 1 and path in [each for each, _ in unusable]
    done = python("-m", "scrl", "pack", str(tmp_path), "--out", "x.h5", "--yolo", "--voc")
    assert done.returncode == 2 and "exclude each other" in done.stderr


def test_yolo_comes_back(folder, tmp_path):
    made = tree()
    made["categories"] = [{"id": 4, "name": "it's, a \"bolt\""}, {"id": 1, "name": "nut"}]
    shape = np.zeros((HEIGHT, WIDTH), bool)
    shape[5:25, 5:15] = shape[15:25, 5:40] = True
    on(0, bbox=[5, 5, 35, 20], segmentation=coco.encode_mask(shape))(made)
    on(1, category_id=4, bbox=[1.25, 2.5, 10.37, 20.01])(made)
    on(2, iscrowd=1)(made)
    scrl.pack(folder, tmp_path / "a.h5", annotations=made, progress=False)
    with scrl.Dataset(tmp_path / "a.h5") as ds:
        for masks, out in ((False, "boxes"), (True, "masks")):
            for split in ("train", "val"):
                report = annotations.to_yolo(ds, tmp_path / out, split, masks)
                assert (report.images, report.boxes) == (2, 3)
                assert ("1", "box 0 is a crowd region") not in report.left_out
                assert ("2", "box 0 is a crowd region") in report.left_out
            with pytest.raises(scrl.DataError, match="exists; choose another folder"):
                annotations.to_yolo(ds, tmp_path / out)
            back = annotations.from_yolo(tmp_path / out, "val")
            scrl.pack(tmp_path / out, tmp_path / "b.h5", annotations=back, progress=False, on_bad="refuse")
            with scrl.Dataset(tmp_path / "b.h5") as again:
                assert again.classes == ds.classes
                assert again.box_labels(0).tolist() == ds.box_labels(0).tolist()
                np.testing.assert_allclose(again.boxes(0), ds.boxes(0), rtol=0, atol=0.3 if masks else 1e-5)
                assert len(again.boxes(1)) == 1
                if masks:
                    found = coco.decode_mask({"size": [HEIGHT, WIDTH], "counts": again.mask(0, 0)})
                    assert (found == shape).mean() > 0.99
    done = python("-m", "scrl", "export", "yolo", "--data", str(tmp_path / "a.h5"), "--out",
                  str(tmp_path / "shell"), "--json")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["boxes"] == 3
    assert (tmp_path / "shell" / "labels" / "train" / "1.txt").read_text() == (
        tmp_path / "boxes" / "labels" / "train" / "1.txt").read_text()


@pytest.mark.parametrize("text, names", [
    ("names: [a, 'b c', \"d, e\"]", ["a", "b c", "d, e"]), ("names: [a,\n  b]\nnc: 2", ["a", "b"]),
    ("names:\n- a\n- 'it''s' # x\n", ["a", "it's"]), ("names:\n  0: a\n  1: b: c\n", {"0": "a", "1": "b: c"}),
    ("names: {0: a, 1: 'b'}", {"0": "a", "1": "b"}), ("x:\n  names: [q]\nnames: # y\n  - a#b\n", ["a#b"]),
    ("", None), ("names:", None), ("names: [a, b", ["a", "b"]), ("- a\n- b", None), ("\t::\n{", None)])
def test_names_of_small_yaml(text, names):
    assert read_yaml(text).get("names") == names


def test_a_changed_tree_stays_the_hosts(folder, tmp_path):
    made = tree()
    before = copy.deepcopy(made)
    scrl.pack(folder, tmp_path / "d.h5", annotations=made, progress=False)
    assert made == before
