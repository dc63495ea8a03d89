"""Config, pack, Dataset, views."""

import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import scrl
from conftest import needs_library, small

pytestmark = needs_library


# ------------------------------------------------------------------ config

def test_config_is_typed():
    cfg = scrl.Config(**{"train.batch": 8, "views.crop_scale": (0.3, 0.9), "roi.aligned": True,
                         "optimizer.base_lr": 0.125, "model.arch": "resnet50"})
    assert cfg["train.batch"] == 8 and isinstance(cfg["train.batch"], int)
    assert cfg["views.crop_scale"] == (0.3, 0.9)
    assert cfg["roi.aligned"] is True
    assert cfg["optimizer.base_lr"] == 0.125
    assert cfg["model.arch"] == "resnet50"
    assert dict(cfg.items())["train.batch"] == 8
    assert "train.batch" in cfg and "nope" not in cfg and len(cfg) == len(cfg.keys())


def test_config_accepts_numpy_scalars_and_text():
    cfg = scrl.Config()
    cfg["train.batch"] = np.int64(16)
    assert cfg["train.batch"] == 16
    cfg["train.batch"] = "24"
    assert cfg["train.batch"] == 24


@pytest.mark.parametrize("key, value", [
    ("model.archh", "resnet18"), ("model.arch", "vgg"), ("train.batch", 0), ("train.batch", "x"),
    ("views.crop_scale", (0.9, 0.1)), ("optimizer.base_lr", float("nan")),
])
def test_config_errors_name_the_key(key, value):
    with pytest.raises(scrl.ConfigError, match=key.replace(".", r"\.")):
        scrl.Config(**{key: value})


def test_config_copies_and_presets():
    cfg = small()
    twin = cfg.copy()
    twin["train.batch"] = 2
    assert cfg["train.batch"] == 4 and twin != cfg
    assert pickle.loads(pickle.dumps(cfg)) == cfg == scrl.Config.from_dict(dict(cfg.items()))
    for preset in scrl.presets():
        scrl.Config(preset).check()
    with pytest.raises(scrl.ConfigError):
        scrl.Config(preset="no such")


def test_use_after_close_is_an_error():
    with small() as cfg:
        pass
    with pytest.raises(scrl.Error, match="close"):
        cfg["train.batch"]
    cfg.close()


def test_described_keys_have_meanings():
    for key in scrl.describe().values():
        assert key.type in ("integer", "real", "boolean", "choice", "pair", "list", "text")
        assert key.meaning and key.range


# ------------------------------------------------------------------ pack

def picture(height=40, width=50, seed=0):
    values = np.random.default_rng(seed).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    return Image.fromarray(values).resize((width, height))


def test_hostile_folder_is_listed_not_fatal(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    picture().save(root / "a good.jpg")
    picture().save(root / "b progressive.jpg", progressive=True)
    picture().convert("L").save(root / "c gray.jpg")
    picture().save(root / "d.png")
    picture().convert("RGBA").save(root / "e alpha.png")
    picture().convert("P").save(root / "f palette.png")
    Image.fromarray(np.full((20, 20), 40000, np.uint16)).save(root / "g deep.png")
    picture().save(root / "h.bmp")
    good = 8
    picture().convert("CMYK").save(root / "cmyk.jpg")
    whole = (root / "a good.jpg").read_bytes()
    (root / "truncated.jpg").write_bytes(whole[:len(whole) // 2])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.jpg").write_text("no picture")
    (root / "notes.txt").write_text("no picture")
    (root / "broken.png").write_bytes((root / "d.png").read_bytes()[:60])
    (root / "folder.jpg").mkdir()
    os.symlink(root / "nowhere", root / "dangling.jpg")
    os.symlink(root, root / "loop")
    os.mkfifo(root / "pipe.jpg")
    odd = os.fsencode(root) + b"/odd\xff\xfe.jpg"
    with open(odd, "wb") as file:
        file.write(whole)
    bad_odd = os.fsencode(root) + b"/bad\xff.jpg"
    with open(bad_odd, "wb") as file:
        file.write(b"junk")

    report = scrl.pack(root, tmp_path / "d.h5", progress=False)
    names = {os.path.basename(path): reason for path, reason in report.skipped}
    assert {"truncated.jpg", "empty.jpg", "text.jpg", "broken.png", "pipe.jpg"} <= set(names)
    assert os.fsdecode(b"bad\xff.jpg") in names
    assert all(reason and "\n" not in reason for reason in names.values())
    cmyk = "cmyk.jpg" not in names  # the library may or may not read it, but it must say so
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert len(ds) == report.added == good + 1 + cmyk
        for image in ds:
            assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


def test_pixels_of_a_packed_png_are_near(tmp_path):
    (tmp_path / "in").mkdir()
    picture(64, 48).save(tmp_path / "in" / "x.png")
    scrl.pack(tmp_path / "in", tmp_path / "d.h5", progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        difference = np.abs(ds[0].astype(int) - np.asarray(picture(64, 48)))
        assert ds[0].shape == (64, 48, 3) and difference.mean() < 4  # JPEG quality 95


def test_jpeg_streams_go_in_unchanged(tmp_path):
    (tmp_path / "in").mkdir()
    picture().save(tmp_path / "in" / "x.jpg", quality=80)
    scrl.pack(tmp_path / "in", tmp_path / "d.h5", progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.jpeg(0) == (tmp_path / "in" / "x.jpg").read_bytes()


def test_folders_are_labels(tmp_path):
    for name in ("ants", "bees"):
        (tmp_path / "in" / name).mkdir(parents=True)
        picture().save(tmp_path / "in" / name / "1.jpg")
    picture().save(tmp_path / "in" / "bees" / "2.png")
    scrl.pack(tmp_path / "in", tmp_path / "d.h5", labels="folders", progress=False)
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert ds.classes == ["ants", "bees"]
        assert ds.labels.dtype == np.int32 and ds.labels.tolist() == [0, 1, 1]
    scrl.pack(tmp_path / "in", tmp_path / "e.h5", progress=False)
    with scrl.Dataset(tmp_path / "e.h5") as ds:
        assert ds.labels is None


def test_a_list_of_files_keeps_its_order(tmp_path):
    picture(32, 40).save(tmp_path / "b.jpg")
    picture(32, 48).save(tmp_path / "a.png")
    report = scrl.pack([tmp_path / "b.jpg", str(tmp_path / "a.png"), b"/no/such.jpg"],
                       tmp_path / "d.h5", progress=False)
    assert report.added == 2 and report.skipped[0][0] == "/no/such.jpg"
    with scrl.Dataset(tmp_path / "d.h5") as ds:
        assert [image.shape[1] for image in ds] == [40, 48]


def test_pack_failures_leave_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(scrl.Error):
        scrl.pack(tmp_path / "in", tmp_path / "d.h5", progress=False)
    with pytest.raises(scrl.StorageError):
        scrl.pack(tmp_path / "nowhere", tmp_path / "d.h5", progress=False)
    with pytest.raises(scrl.StorageError):
        scrl.pack(tmp_path / "in", tmp_path / "no" / "d.h5", progress=False)
    with pytest.raises(scrl.ArgumentError):
        scrl.pack(tmp_path / "in", tmp_path / "d.h5", labels="names", progress=False)
    assert sorted(os.listdir(tmp_path)) == ["in"]


def test_an_exception_in_the_walk_arrives(tmp_path, monkeypatch):
    from scrl import packing

    (tmp_path / "in").mkdir()
    picture().save(tmp_path / "in" / "x.png")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scrl.pack(tmp_path / "in", tmp_path / "d.h5", progress=False)
    assert not (tmp_path / "d.h5").exists()


# ------------------------------------------------------------------ dataset

def test_dataset_behaves_as_a_sequence(data):
    with scrl.Dataset(data) as ds:
        assert len(ds) == 24 and (ds[-1] == ds[23]).all() and len(list(ds)) == 24
        assert ds.size(0) == (96, 96)
        for index in (24, -25):
            with pytest.raises(IndexError):
                ds[index]
        with pytest.raises(TypeError):
            ds["0"]
        assert len(pickle.loads(pickle.dumps(ds))) == 24
    with pytest.raises(scrl.StateError):
        ds[0]


def test_boxes_and_masks_are_those_of_the_annotations(data, scenes):
    tree = json.loads((scenes / "annotations.json").read_text("utf-8"))
    categories = sorted(tree["categories"], key=lambda each: each["id"])
    with scrl.Dataset(data) as ds:
        assert ds.classes == [each["name"] for each in categories]
        assert ds.class_ids.tolist() == [each["id"] for each in categories]
        for index, image in enumerate(tree["images"]):
            found = [each for each in tree["annotations"] if each["image_id"] == image["id"]]
            assert ds.boxes(index).dtype == np.float32
            corners = [[x, y, x + w, y + h] for x, y, w, h in (each["bbox"] for each in found)]
            np.testing.assert_array_equal(ds.boxes(index), corners)
            labels = [ds.class_ids[label] for label in ds.box_labels(index)]
            assert labels == [each["category_id"] for each in found]
            masks = [ds.mask(index, k) for k in range(len(found))]
            assert masks == [each["segmentation"]["counts"] for each in found]
            assert ds.areas(index).tolist() == [each["area"] for each in found]
            assert ds.image_id(index) == image["id"] and ds.name(index) == image["file_name"]
            assert not ds.crowd(index).any() and not ds.difficult(index).any()


def test_files_that_are_no_dataset(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"junk" * 100)
    with pytest.raises(scrl.FormatError):
        scrl.Dataset(tmp_path / "x.h5")
    with pytest.raises(scrl.StorageError) as caught:
        scrl.Dataset(tmp_path / "none.h5")
    assert isinstance(caught.value, OSError)
    with pytest.raises(scrl.ArgumentError):
        scrl.Dataset("a\0b")


def test_paths_beyond_ascii(data, tmp_path):
    for name in ("größe ☃.h5", b"d\xff.h5"):
        odd = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
        with open(odd, "wb") as file:
            file.write(data.read_bytes())
        for spelling in (odd, os.fsdecode(odd)):
            try:
                with scrl.Dataset(spelling) as ds:
                    assert len(ds) == 24
            except scrl.ArgumentError as error:  # a dataset's own name may have to be UTF-8
                assert name == b"d\xff.h5" and "UTF-8" in str(error)


# ------------------------------------------------------------------ views

def test_views_are_a_function_of_seed_epoch_and_index(data):
    with scrl.Dataset(data) as ds:
        first, same = (scrl.views(ds, small(), 1, 5) for _ in range(2))
        other_epoch = scrl.views(ds, small(), 2, 5)
        other_seed = scrl.views(ds, small(seed=9), 1, 5)
        for a, b in zip(first, same):
            np.testing.assert_array_equal(a, b)
        assert (first.view1 != other_epoch.view1).any()
        assert (first.view1 != other_seed.view1).any()
        with pytest.raises(IndexError):
            scrl.views(ds, small(), 0, 24)
        with pytest.raises(scrl.ArgumentError):
            scrl.views(ds, small(), -1, 0)


def to_source(boxes, crop, flip, side):
    """Boxes in view pixels back to source pixels: zoom, shift, mirror."""
    y, x, height, width = crop
    x0, y0, x1, y1 = boxes.astype(float).T
    if flip:
        x0, x1 = side - x1, side - x0
    return np.stack([x0 * width / side + x, y0 * height / side + y,
                     x1 * width / side + x, y1 * height / side + y], 1)


def test_matched_boxes_are_the_same_region(data):
    cfg, seen = small(), 0
    with scrl.Dataset(data) as ds:
        for index in range(len(ds)):
            pair = scrl.views(ds, cfg, 0, index)
            assert pair.view1.shape == pair.view2.shape == (3, 64, 64)
            assert pair.boxes1.shape == pair.boxes2.shape and pair.boxes1.shape[0] in (0, 4)
            for boxes, crop in ((pair.boxes1, pair.crop1), (pair.boxes2, pair.crop2)):
                assert (boxes >= 0).all() and (boxes <= 64).all()
                assert (boxes[:, 2:] > boxes[:, :2]).all()
                y, x, height, width = crop
                assert 0 <= y and 0 <= x and y + height <= 96 and x + width <= 96
            one = to_source(pair.boxes1, pair.crop1, pair.flip1, 64)
            two = to_source(pair.boxes2, pair.crop2, pair.flip2, 64)
            # Clipping to the view moves an edge by at most the rounding of the working extent: one
            # pixel of the coarser view, at most 96/64 source pixels each.
            np.testing.assert_allclose(one, two, atol=3.0)
            seen += len(one)
    assert seen > 20


def test_views_made_side_by_side_are_those_made_alone(data):
    """Calls of one handle share idle tools: of other configs, other image sizes, other threads."""
    configs = [small(), small(**{"views.size": 80}), small(seed=7)]
    jobs = [(config, epoch, index) for epoch in range(4) for index in range(6)
            for config in configs]
    with scrl.Dataset(data) as opened:
        def made(job):
            pair = scrl.views(opened, *job)
            return [part.tobytes() for part in pair[:4]] + list(pair[4:])

        alone = []
        for job in jobs:
            with scrl.Dataset(data) as fresh:
                pair = scrl.views(fresh, *job)
            alone.append([part.tobytes() for part in pair[:4]] + list(pair[4:]))
        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(made, jobs)) == alone
