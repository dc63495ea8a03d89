"""COCO, Pascal VOC and Cityscapes: into a dataset and out again, and what does not fit is told."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

import scrl
from conftest import needs_library, python
from scrl import annotations, cityscapes, coco, label_maps

pytestmark = needs_library
WIDTH, HEIGHT = 48, 36


def save(path, seed=0, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (size[1] // 4, size[0] // 4, 3), np.uint8)
    Image.fromarray(pixels).resize(size).save(path)


def tree(**changed):
    """A sound COCO dict of three images, one of them a PNG."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:9, 4:20] = True
    made = {
        "images": [
            {"id": 30, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT},
            {"id": 20, "file_name": "sub/b.png", "width": WIDTH, "height": HEIGHT},
            {"id": 10, "file_name": "c.jpg"}],
        "categories": [{"id": 44, "name": "bird"}, {"id": 3, "name": "Käse"}],
        "annotations": [
            {"id": 1, "image_id": 30, "category_id": 44, "bbox": [1.25, 2.5, 10.37, 20.01],
             "area": 99.5, "iscrowd": 0, "segmentation": [[1, 3, 11, 3, 11, 22.5, 1, 22]]},
            {"id": 2, "image_id": 20, "category_id": 3, "bbox": [4, 3, 16, 6], "iscrowd": 1,
             "segmentation": coco.encode_mask(mask)},
            {"id": 3, "image_id": 30, "category_id": 3, "bbox": [0, 0, 48, 36], "difficult": 1}]}
    made.update(changed)
    return made


@pytest.fixture()
def folder(tmp_path):
    for number, name in enumerate(("a.jpg", "sub/b.png", "images/c.jpg")):
        save(tmp_path / "in" / name, number)
    return tmp_path / "in"


def pack(folder, out, notes, **options):
    return scrl.pack(folder, out, progress=False, annotations=notes, **options)


# ------------------------------------------------------------------ COCO

def test_coco_comes_back(folder, tmp_path):
    report = pack(folder, tmp_path / "d.h5", tree(), on_bad="refuse")
    assert report.added == 3 and not report.skipped and not report.issues
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["Käse", "bird"] and ds.class_ids.tolist() == [3, 44]
        assert [ds.image_id(i) for i in range(3)] == [30, 20, 10]
        assert [ds.name(i) for i in range(3)] == ["a.jpg", "sub/b.png", "c.jpg"]
        assert ds.box_labels(0).tolist() == [1, 0]
        np.testing.assert_array_equal(
            ds.boxes(0), np.array([[1.25, 2.5, 11.62, 22.51], [0, 0, 48, 36]], np.float32))
        assert ds.crowd(0).tolist() == [False, False] and ds.crowd(1).tolist() == [True]
        assert ds.difficult(0).tolist() == [False, True]
        assert ds.areas(0).tolist() == [99.5, 48 * 36] and ds.areas(1).tolist() == [96]
        assert ds.mask(0, 0) and ds.mask(0, 1) is None
        written = annotations.to_coco(ds, tmp_path / "out")
        assert (written.images, written.boxes, written.left_out) == (3, 3, [])
        first = (tmp_path / "out" / "annotations.json").read_bytes()
        assert (tmp_path / "out" / "a.jpg").read_bytes() == ds.jpeg(0)
        again = json.loads(first)
        assert again["annotations"][0]["bbox"] == [1.25, 2.5, 10.37, 20.01]
        assert again["annotations"][1]["difficult"] == 1
    pack(tmp_path / "out", tmp_path / "again.h5", tmp_path / "out" / "annotations.json",
         on_bad="refuse")
    with scrl.Dataset(tmp_path / "again.h5") as ds:
        ds.write_coco(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == first


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_an_export_found_in_its_source_is_perfect(folder, tmp_path, kind, rng):
    """By COCO's metrics, in both directions: boxes of three decimals, polygons, run lengths."""
    notes = tree()
    del notes["images"][2]
    notes["annotations"] = []
    for number in range(60):
        x, y = rng.uniform(0, 30, 2) * (1, 0.8)
        w, h = rng.uniform(3, 12, 2)
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[int(y):int(y + h), int(x):int(x + w)] = True
        outline = [round(v, 2) for v in (x, y, x + w, y, x + w, y + h / 2, x, y + h)]
        notes["annotations"].append({
            "id": number + 1, "image_id": (30, 20)[number % 2], "category_id": (44, 3)[number % 3 > 0],
            "bbox": [round(v, 3) for v in (x, y, w, h)], "area": round(float(w * h), 2),
            "iscrowd": int(number % 10 == 9),
            "segmentation": coco.encode_mask(mask) if number % 10 == 9 or number % 2 else [outline]})
    pack(folder, tmp_path / "d.h5", notes, on_bad="refuse")
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        ds.write_coco(tmp_path / "a.json")
    exported = json.loads((tmp_path / "a.json").read_text())
    keep = ("image_id", "category_id", "bbox" if kind == "bbox" else "segmentation")
    for truth, other in ((notes, exported), (exported, notes)):
        found = [{**{key: note[key] for key in keep}, "score": 0.5 + note["id"] / 1000}
                 for note in other["annotations"] if not note["iscrowd"]]
        figures = coco.evaluate(truth, found, kind)
        assert figures.AP == figures.AP50 == figures.AP75 == figures.AR100 == 1


def test_a_dataset_without_annotations_has_none(folder, tmp_path):
    scrl.pack(folder, tmp_path / "d.h5", progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.class_ids is None and ds.name(0) is None and ds.image_id(0) is None
        assert ds.crowd(0).shape == ds.difficult(0).shape == ds.areas(0).shape == (0,)
        for call in (ds.crowd, ds.difficult, ds.areas, ds.name, ds.image_id):
            with pytest.raises(IndexError):
                call(3)
        ds.write_coco(tmp_path / "a.json")
    assert len(json.loads((tmp_path / "a.json").read_text())["images"]) == 3


def test_bad_annotations_are_listed_with_reasons(folder, tmp_path):
    save(folder / "small.jpg", size=(20, 20))
    (folder / "broken.png").write_bytes(b"\x89PNG no picture")
    notes = tree()
    notes["images"] += [
        {"id": 1, "file_name": "none.jpg"}, {"id": 2, "file_name": "broken.png"},
        {"id": 3, "file_name": "small.jpg", "width": 21, "height": 20},
        {"id": 4, "file_name": "../in/a.jpg"}]
    sound = {"image_id": 30, "category_id": 3, "bbox": [1, 2, 3, 4]}
    bad = [
        ({"bbox": [float("nan"), 2, 3, 4]}, "skipped", "finite"),
        ({"bbox": [1, 2, float("inf"), 4]}, "skipped", "finite"),
        ({"bbox": [1, 2, 0, 4]}, "skipped", "no area"),
        ({"bbox": [60, 2, 3, 4]}, "skipped", "outside"),
        ({"bbox": [40, 2, 20, 4]}, "clipped", "reaches out"),
        ({"category_id": 9}, "skipped", "category_id 9"),
        ({"image_id": 9}, "skipped", "image_id 9"),
        ({"bbox": "x"}, "skipped", "bbox is a string"),
        ({"segmentation": [[1, 2, 3, 4]]}, "changed", "4 numbers"),
        ({"segmentation": {"size": [9, 9], "counts": "a0"}}, "changed", "9×9"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "a0"}}, "changed", "mask: "),
        ({"area": -3}, "changed", "area")]
    notes["annotations"] += [
        {"id": 50 + place, **sound, **change} for place, (change, _, _) in enumerate(bad)]
    with pytest.warns(scrl.LossWarning, match="more than a tenth is lost"):
        report = pack(folder, tmp_path / "d.h5", notes)
    assert report.added == 3
    assert (report.objects, report.objects_changed, report.objects_dropped) == (8, 5, 7)
    reasons = {path[len(str(folder)) + 1:]: reason for path, reason in report.skipped}
    assert sorted(reasons) == ["../in/a.jpg", "broken.png", "none.jpg", "small.jpg"]
    assert "21×20" in reasons["small.jpg"] and "No such file" in reasons["none.jpg"]
    found = {issue.id: issue for issue in report.issues}
    assert sorted(found) == list(range(50, 50 + len(bad)))
    for place, (_, action, reason) in enumerate(bad):
        issue = found[50 + place]
        assert issue.entry == "annotation" and issue.action == action and reason in issue.reason
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        np.testing.assert_array_equal(ds.boxes(0)[2], [40, 2, 48, 6])
        np.testing.assert_array_equal(ds.boxes(0)[3:], [[1, 2, 4, 6]] * 4)
        assert all(ds.mask(0, box) is None for box in range(1, 7))
    for place in range(len(bad)):
        one = tree()
        one["annotations"].append({"id": 50 + place, **sound, **bad[place][0]})
        with pytest.raises(scrl.DataError, match=f"annotation {50 + place}"):
            pack(folder, tmp_path / "refused.h5", one, on_bad="refuse")
    assert not (tmp_path / "refused.h5").exists()


def test_sizes_tell_whether_stored_or_upright_pixels_are_meant(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # to be shown turned by 90°
    (tmp_path / "in").mkdir()
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "in" / "a.jpg", exif=exif)
    for sides, turned in (((WIDTH, HEIGHT), 0), ((HEIGHT, WIDTH), 1)):
        notes = tree(images=[
            {"id": 30, "file_name": "a.jpg", "width": sides[0], "height": sides[1]}])
        notes["annotations"] = notes["annotations"][:1]
        report = pack(tmp_path / "in", tmp_path / "d.h5", notes)
        assert (report.added, report.turned, report.not_turned) == (1, turned, 1 - turned)
        with scrl.Dataset(tmp_path / "d.h5") as ds:
            assert ds.size(0) == sides[::-1]
    notes["images"][0].update(width=WIDTH + 1, height=HEIGHT)
    with pytest.raises(scrl.DataError, match="its annotations say 49×36"):
        pack(tmp_path / "in", tmp_path / "d.h5", notes)


def test_files_that_are_no_coco(folder, tmp_path):
    for text, kind in (('{"annotations": []}', scrl.FormatError), ("[1, ", scrl.FormatError),
                       ("", scrl.FormatError)):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(kind, match="a.json"):
            pack(folder, tmp_path / "d.h5", tmp_path / "a.json")
    with pytest.raises(scrl.StorageError):
        pack(folder, tmp_path / "d.h5", tmp_path / "none.json")
    with pytest.raises(scrl.ArgumentError):
        pack(folder, tmp_path / "d.h5", {"images": {1, 2}})
    with pytest.raises(scrl.ArgumentError):
        pack(folder, tmp_path / "d.h5", tree(), on_bad="perhaps")


def test_an_error_in_a_callback_comes_out(folder, tmp_path, monkeypatch):
    from scrl import packing

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(folder, tmp_path / "d.h5", tree())
    assert not (tmp_path / "d.h5").exists()


def test_pycocotools_reads_what_is_exported(folder, tmp_path):
    peer = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    pack(folder, tmp_path / "d.h5", tree())
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        ds.write_coco(tmp_path / "a.json")
        tool = peer.COCO(str(tmp_path / "a.json"))
        (tmp_path / "b.json").write_text(json.dumps(tree()))
        source = peer.COCO(str(tmp_path / "b.json"))
        one, two = source.loadAnns([1])[0], tool.loadAnns([1])[0]
        source.imgs[30].update(height=HEIGHT, width=WIDTH)
        assert (source.annToMask(one) == tool.annToMask(two)).all()  # its polygon as our run lengths
        assert tool.getCatIds() == [3, 44] and sorted(tool.getImgIds()) == [10, 20, 30]


# ------------------------------------------------------------------ Pascal VOC

VOC = """<annotation><filename>wrong.jpg</filename>
 <size><width>48</width><height>36</height><depth>3</depth></size>
 <object><name>dog</name><difficult>0</difficult>
  <bndbox><xmin>5</xmin><ymin>4</ymin><xmax>20</xmax><ymax>12</ymax></bndbox>
  <part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
 </object>
 <object><name>person</name><difficult>1</difficult>
  <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>48</xmax><ymax>36</ymax></bndbox></object>
</annotation>"""


def make_voc(root):
    for number, stem in enumerate(("x_1", "x_2")):
        save(root / "JPEGImages" / f"{stem}.jpg", number)
        (root / "Annotations").mkdir(exist_ok=True)
        (root / "Annotations" / f"{stem}.xml").write_text(VOC)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "val.txt").write_text("x_2\n")
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[3:12, 4:20] = 1
    values[0, :] = 255
    picture = Image.fromarray(values, "P")
    picture.putpalette([0] * 768)
    (root / "SegmentationObject").mkdir()
    picture.save(root / "SegmentationObject" / "x_2.png")


def test_voc_boxes_count_from_one_and_include_the_last_pixel(tmp_path):
    make_voc(tmp_path / "voc")
    notes = annotations.from_voc(tmp_path / "voc")
    report = pack(tmp_path / "voc", tmp_path / "d.h5", notes, on_bad="refuse")
    assert report.added == 2 and not report.issues
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        np.testing.assert_array_equal(ds.boxes(0), [[4, 3, 20, 12], [0, 0, 48, 36]])
        assert ds.difficult(0).tolist() == [False, True] and not ds.crowd(0).any()
        assert [ds.classes[label] for label in ds.box_labels(0)] == ["dog", "person"]
        assert ds.classes == list(scrl.voc.CLASSES) and len(ds.classes) == 20
        assert ds.mask(0, 0) is None and ds.mask(1, 1) is None
        mask = label_maps.mask_of(ds, 1, 0)
        assert mask.sum() == 9 * 16 and mask[3:12, 4:20].all()
    assert [image["file_name"] for image in annotations.from_voc(tmp_path / "voc", "val")["images"]
            ] == ["JPEGImages/x_2.jpg"]
    with pytest.raises(scrl.StorageError):
        annotations.from_voc(tmp_path / "voc", "nothing")


def test_voc_comes_back(tmp_path):
    make_voc(tmp_path / "voc")
    pack(tmp_path / "voc", tmp_path / "a.h5", annotations.from_voc(tmp_path / "voc"))
    with scrl.Dataset(tmp_path / "a.h5") as ds:
        report = annotations.to_voc(ds, tmp_path / "out", "val")
        assert (report.images, report.boxes, report.left_out) == (2, 4, [])
    pack(tmp_path / "out", tmp_path / "b.h5", annotations.from_voc(tmp_path / "out", "val"),
         on_bad="refuse")
    same_boxes(tmp_path / "a.h5", tmp_path / "b.h5")


def same_boxes(one, two):
    with scrl.Dataset(one) as a, scrl.Dataset(two) as b:
        assert len(a) == len(b)
        for index in range(len(a)):
            np.testing.assert_array_equal(a.boxes(index), b.boxes(index))
            assert [a.classes[k] for k in a.box_labels(index)] == [
                b.classes[k] for k in b.box_labels(index)]
            for name in ("crowd", "difficult", "areas"):
                np.testing.assert_array_equal(getattr(a, name)(index), getattr(b, name)(index))
            for box in range(len(a.boxes(index))):
                assert a.mask(index, box) == b.mask(index, box)


def test_voc_edges_with_fractions_come_back(folder, tmp_path):
    notes = tree()
    notes["annotations"] = [
        {"id": k, "image_id": 30, "category_id": 3, "bbox": [k + 0.07, k / 3, 10.1 * k, 7.77]}
        for k in range(1, 4)]
    pack(folder, tmp_path / "a.h5", notes, on_bad="refuse")
    with scrl.Dataset(tmp_path / "a.h5") as ds:
        annotations.to_voc(ds, tmp_path / "out")
    pack(tmp_path / "out", tmp_path / "b.h5", annotations.from_voc(tmp_path / "out"))
    with scrl.Dataset(tmp_path / "a.h5") as a, scrl.Dataset(tmp_path / "b.h5") as b:
        np.testing.assert_allclose(a.boxes(0), b.boxes(0), rtol=0, atol=1e-6)  # six decimals kept


def test_what_voc_cannot_hold_is_told(folder, tmp_path):
    pack(folder, tmp_path / "a.h5", tree())
    with scrl.Dataset(tmp_path / "a.h5") as ds:
        report = annotations.to_voc(ds, tmp_path / "out")
    assert report.boxes == 2 and report.left_out == [("b", "box 0 is a crowd region")]


@pytest.mark.parametrize("text, reason", [
    ('<!DOCTYPE a [<!ENTITY x "boom">]><annotation>&x;</annotation>', "DTD"),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "DTD"),
    ("<annotation>", "no XML"), ("", "no XML"), ("<a>\0</a>", "no XML"), ("not XML", "no XML"),
    ('<?xml version="1.0" encoding="none"?><a/>', "no XML"),
])
def test_hostile_voc_files(tmp_path, text, reason):
    make_voc(tmp_path / "voc")
    (tmp_path / "voc" / "Annotations" / "x_1.xml").write_text(text)
    with pytest.raises(scrl.FormatError, match=reason):
        annotations.from_voc(tmp_path / "voc")
    unusable = []
    notes = annotations.from_voc(tmp_path / "voc", unusable=unusable)
    assert len(notes["images"]) == 1 and unusable[0][0] == "x_1" and reason in unusable[0][1]


def test_voc_numbers_that_are_none_reach_the_gate(tmp_path):
    make_voc(tmp_path / "voc")
    text = VOC.replace("<xmin>5</xmin>", "<xmin>five</xmin>").replace("<name>person</name>", "")
    (tmp_path / "voc" / "Annotations" / "x_1.xml").write_text(text)
    report = pack(tmp_path / "voc", tmp_path / "d.h5", annotations.from_voc(tmp_path / "voc"),
                  allow_loss=True)
    assert [issue.id for issue in report.issues] == [2, 1]
    assert "category_id" in report.issues[0].reason and "finite" in report.issues[1].reason


# ------------------------------------------------------------------ Cityscapes

def make_cityscapes(root, objects, stem="aachen_000000_000019"):
    save(root / "leftImg8bit" / "train" / "aachen" / f"{stem}_leftImg8bit.png")
    truth = root / "gtFine" / "train" / "aachen"
    truth.mkdir(parents=True, exist_ok=True)
    path = truth / f"{stem}_gtFine_polygons.json"
    path.write_text(json.dumps({"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}))
    return path


OBJECTS = [
    {"label": "sky", "polygon": [[0, 0], [47, 0], [47, 35], [0, 35]]},
    {"label": "car", "polygon": [[2, 2], [30, 2], [30, 20], [2, 20]]},
    {"label": "license plate", "polygon": [[5, 5], [8, 5], [8, 8], [5, 8]]},
    {"label": "person", "polygon": [[20, 10], [40, 10], [40, 30], [20, 30]]},
    {"label": "cargroup", "polygon": [[0, 31], [20, 31], [20, 35], [0, 35]]},
    {"label": "rider", "polygon": [[44, 2], [46, 2], [46, 4], [44, 4]]},
    {"label": "pole", "polygon": [[43, 0], [47, 0], [47, 6], [43, 6]]},
]


def test_cityscapes_objects_cover_what_lies_behind(tmp_path):
    make_cityscapes(tmp_path / "c", OBJECTS)
    notes = annotations.from_cityscapes(tmp_path / "c")
    report = pack(tmp_path / "c", tmp_path / "d.h5", notes, on_bad="refuse")
    assert report.added == 1
    canvas = Image.new("L", (WIDTH, HEIGHT))
    pen = ImageDraw.Draw(canvas)
    pen.rectangle((2, 2, 30, 20), fill=1)
    pen.rectangle((20, 10, 40, 30), fill=2)
    pen.rectangle((0, 31, 20, 35), fill=3)
    values = np.asarray(canvas)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        names = [ds.classes[label] for label in ds.box_labels(0)]
        found = dict(zip(names, range(len(names))))
        by_crowd = {(name, bool(c)): k for k, (name, c) in enumerate(zip(names, ds.crowd(0)))}
        assert sorted(by_crowd) == [("car", False), ("car", True), ("person", False)]  # rider hidden
        for key, value in ((("car", False), 1), (("person", False), 2), (("car", True), 3)):
            mask = label_maps.mask_of(ds, 0, by_crowd[key])
            assert (mask == (values == value)).all()
            y, x = np.nonzero(mask)
            np.testing.assert_array_equal(
                ds.boxes(0)[by_crowd[key]], [x.min(), y.min(), x.max() + 1, y.max() + 1])
        assert ds.class_ids.tolist() == [24, 25, 26, 27, 28, 31, 32, 33] and found


def test_cityscapes_comes_back(tmp_path):
    make_cityscapes(tmp_path / "c", OBJECTS)
    pack(tmp_path / "c", tmp_path / "a.h5", annotations.from_cityscapes(tmp_path / "c"))
    with scrl.Dataset(tmp_path / "a.h5") as ds:
        report = annotations.to_cityscapes(ds, tmp_path / "out")
        assert report.boxes == 3 and not report.left_out
    notes = annotations.from_cityscapes(tmp_path / "out")
    pack(tmp_path / "out", tmp_path / "b.h5", notes, on_bad="refuse")
    same_boxes(tmp_path / "a.h5", tmp_path / "b.h5")
    for path in (tmp_path / "out").rglob("*instanceIds.png"):
        path.unlink()
    painted = annotations.from_cityscapes(tmp_path / "out")
    order = {"key": lambda note: (note["category_id"], note["iscrowd"])}
    strip = [{**note, "id": 0} for note in sorted(painted["annotations"], **order)]
    assert strip == [{**note, "id": 0} for note in sorted(notes["annotations"], **order)]


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"imgHeight": 3, "imgWidth": 3}', '{"imgHeight": 0, "imgWidth": 3, "objects": []}',
    '{"imgHeight": 65535, "imgWidth": 65535, "objects": []}', "[" * 100000,
    json.dumps({"imgHeight": 3, "imgWidth": 3, "objects": [
        {"label": "person", "polygon": [[0, 0], [1, 1]]}] * 1001}),
])
def test_hostile_cityscapes_files(tmp_path, text):
    path = make_cityscapes(tmp_path / "c", [])
    path.write_text(text)
    with pytest.raises(scrl.FormatError):
        annotations.from_cityscapes(tmp_path / "c")
    unusable = []
    assert annotations.from_cityscapes(tmp_path / "c", unusable=unusable)["images"] == []
    assert len(unusable) == 1


@pytest.mark.parametrize("bad", [
    '5', '{"label": "dragon", "polygon": []}', '{"label": "car", "polygon": [1]}', '{"polygon": [[1, 1]]}',
    '{"label": "car", "polygon": [[1, NaN], [1, 2]]}', '{"label": "car", "polygon": [[1, 1e9], [1, 2]]}',
    '{"label": "car", "polygon": [[1, %d], [1, 2]]}' % 10 ** 400,
])
def test_a_bad_cityscapes_object_costs_only_itself(tmp_path, bad):
    path = make_cityscapes(tmp_path / "c", [])
    good = '{"label": "car", "polygon": [[2, 2], [30, 2], [30, 20], [2, 20]], "deleted": null}'
    path.write_bytes(b"\xef\xbb\xbf" + (
        '{"imgHeight": null, "imgWidth": "%d", "objects": [%s, %s]}' % (WIDTH, bad, good)).encode())
    notes = annotations.from_cityscapes(tmp_path / "c")
    report = pack(tmp_path / "c", tmp_path / "d.h5", notes, allow_loss=True)
    assert (report.objects, report.objects_dropped, report.added) == (1, 1, 1)
    assert "object 0: " in report.issues[0].reason
    with pytest.raises(scrl.StorageError, match="there are: train"):
        annotations.from_cityscapes(tmp_path / "c", "val")


def test_outlines_fill_to_the_mask(rng):
    for trial in range(60):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        cy, cx, ry, rx = rng.uniform(8, 28), rng.uniform(8, 40), rng.uniform(1, 14), rng.uniform(1, 18)
        mask |= ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        if trial % 3 == 0:
            mask |= abs(y - cy) + abs(x - cx) < 5
        if not mask.any():
            mask[3, 4] = True
        outline, parts = cityscapes._largest_part(mask)
        canvas = Image.new("1", (WIDTH, HEIGHT))
        pen = ImageDraw.Draw(canvas)
        if len(outline) > 1:
            pen.polygon(outline, fill=1, outline=1)
        pen.point(outline, fill=1)
        assert parts == 1 and (np.asarray(canvas) == mask).all()


# ------------------------------------------------------------------ the shell

def shell(*arguments):
    done = python("-m", "scrl", *map(str, arguments), "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("form", ["coco", "voc", "cityscapes"])
def test_the_shell_packs_and_exports(tmp_path, form):
    if form == "coco":
        save(tmp_path / "in" / "a.jpg")
        (tmp_path / "a.json").write_text(json.dumps(tree(images=tree()["images"][:1])))
        given = ["--annotations", tmp_path / "a.json"]
    elif form == "voc":
        make_voc(tmp_path / "in")
        (tmp_path / "in" / "Annotations" / "x_0.xml").write_text("<broken")
        given = ["--voc"]
    else:
        make_cityscapes(tmp_path / "in", OBJECTS)
        given = ["--cityscapes", "--split", "train"]
    lines = shell("pack", tmp_path / "in", "--out", tmp_path / "a.h5", *given, "--allow-loss")
    loss = python("-m", "scrl", "pack", tmp_path / "in", "--out", tmp_path / "a.h5", *map(str, given))
    assert loss.returncode == (0 if form == "cityscapes" else 1), loss.stderr
    assert ("--allow-loss" in loss.stderr) == (form != "cityscapes")
    told = [(line["event"], line.get("id", line.get("path"))) for line in lines[:-1]]
    assert told == {"coco": [("issue", 2)], "voc": [("skipped", "x_0")], "cityscapes": [("note", None)]}[form]
    assert lines[-1]["event"] == "packed" and lines[-1]["issues"] == (form == "coco")
    out = shell("export", form, "--data", tmp_path / "a.h5", "--out", tmp_path / "out")[-1]
    assert out["event"] == "exported" and out["left_out"] == 0 and out["boxes"] >= 2
    back = {"coco": ["--annotations", tmp_path / "out" / "annotations.json"], "voc": ["--voc"],
            "cityscapes": ["--cityscapes"]}[form]
    shell("pack", tmp_path / "out", "--out", tmp_path / "b.h5", *back, "--on-bad", "refuse")
    same_boxes(tmp_path / "a.h5", tmp_path / "b.h5")
    done = python("-m", "scrl", "pack", tmp_path / "in", "--out", tmp_path / "c.h5", *map(str, given),
                  "--on-bad", "refuse")
    assert done.returncode == (0 if form == "cityscapes" else 1)
    again = python("-m", "scrl", "export", form, "--data", tmp_path / "a.h5", "--out", tmp_path / "out")
    assert again.returncode == 1 and "exists; choose another folder" in again.stderr
    if form == "coco":
        alone = tmp_path / "alone.json"
        shell("export", "coco", "--data", tmp_path / "a.h5", "--out", alone)
        assert alone.read_bytes() == (tmp_path / "out" / "annotations.json").read_bytes()


def test_streams_of_any_name_are_exported_as_they_are(tmp_path):
    """COCO files name pictures as they like; only an ending of another form means that form."""
    save(tmp_path / "in" / "a.jpg")
    stream, names = (tmp_path / "in" / "a.jpg").read_bytes(), ["frame_1", "b.jfif", "c.of", "d.PNG"]
    for name in names:
        (tmp_path / "in" / name).write_bytes(stream)
    given = {**tree(annotations=[]), "images": [
        {"id": number, "file_name": name} for number, name in enumerate(names, 1)]}
    scrl.pack(tmp_path / "in", tmp_path / "a.h5", annotations=given, progress=False)
    with scrl.Dataset(tmp_path / "a.h5") as dataset:
        assert annotations.to_coco(dataset, tmp_path / "out").images == 4
    for name in names[:3]:
        assert (tmp_path / "out" / name).read_bytes() == stream
    assert (tmp_path / "out" / "d.PNG").read_bytes()[:4] == b"\x89PNG"


# ------------------------------------------------------------------ label maps

def test_run_lengths_of_a_map_are_those_of_its_masks(rng):
    for _ in range(30):
        values = rng.integers(0, 4, tuple(rng.integers(1, 40, 2)))
        found = label_maps.run_lengths(values)
        assert sorted(found) == np.unique(values).tolist()
        for value, counts in found.items():
            mask = values == value
            assert counts == coco.rle_counts(mask)
            y, x = np.nonzero(mask)
            assert label_maps.box_around(counts, values.shape[0]) == [
                x.min(), y.min(), x.max() - x.min() + 1, y.max() - y.min() + 1]


@pytest.mark.parametrize("name", ["/etc/x.jpg", "../x.jpg", "a/../../x.jpg", "a//x.jpg", "a\0.jpg", "."])
def test_names_that_lead_out_of_a_folder_are_refused(tmp_path, name):
    with pytest.raises(scrl.FormatError):
        label_maps.safe_path(str(tmp_path), name)
