"""Made scenes and COCO run lengths: no library needed."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

import scrl
from scrl import coco, synth


def digests(folder):
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("mode", ["scenes", "objects"])
def test_files_depend_on_the_seed_alone(tmp_path, mode):
    synth.write(tmp_path / "a", 40, 5, mode, 64, workers=1, progress=False)
    synth.write(tmp_path / "b", 40, 5, mode, 64, workers=2, progress=False)
    synth.write(tmp_path / "c", 40, 6, mode, 64, workers=1, progress=False)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_a_longer_set_begins_with_the_shorter_one():
    assert (synth.render(1, 3)[0] == synth.render(1, 3)[0]).all()
    assert (synth.render(1, 3)[0] != synth.render(1, 4)[0]).any()


def test_annotations_describe_the_pictures(scenes):
    tree = json.loads((scenes / "annotations.json").read_text())
    assert [c["name"] for c in tree["categories"]] == list(synth.CLASSES)
    assert len(synth.CLASSES) >= 10 and len(synth.BACKGROUNDS) >= 4
    assert {image["background"] for image in tree["images"]} <= set(synth.BACKGROUNDS)
    for image in tree["images"]:
        with Image.open(scenes / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
    for each in tree["annotations"]:
        mask = coco.decode_mask(each["segmentation"])
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert each["area"] == mask.sum() > 0
        assert each["bbox"] == [columns[0], rows[0], columns[-1] + 1 - columns[0],
                                rows[-1] + 1 - rows[0]]


def test_a_look_changes_what_it_says():
    def grey_apart(look):  # of an object's pixels, from grey
        pixels, things, _ = synth.render(2, 5, "objects", 96, look)
        inside = pixels[things[0].mask].astype(float)
        return (inside.max(1) - inside.min(1)).mean()

    assert grey_apart(synth.Look(saturation=0)) < 2 < 20 < grey_apart(synth.Look())
    alone = synth.Look(objects=(1, 1))
    assert max(len(synth.render(2, k, "scenes", 160, alone)[1]) for k in range(8)) == 1
    small, large = (max(t.mask.sum() for k in range(8) for t in synth.render(
        2, k, "scenes", 160, synth.Look(radius=(r, r)))[1]) for r in (0.08, 0.2))
    assert large > 3 * small
    plain, parted = (synth.render(2, 10, "objects", 96, synth.Look(patches=n))[0] for n in (1, 5))
    assert (plain != parted).any()


@pytest.mark.parametrize("look", [
    synth.Look(objects=(0, 3)), synth.Look(radius=(0.3, 0.2)), synth.Look(radius=(0.1, 0.6)),
    synth.Look(patches=0), synth.Look(saturation=1.5), synth.Look(contrast=-1)])
def test_wrong_looks_are_refused(tmp_path, look):
    with pytest.raises(scrl.ArgumentError, match="synth"):
        synth.write(tmp_path / "x", 2, look=look, workers=1, progress=False)


def test_masks_of_a_picture_do_not_overlap():
    for index in range(10):
        _, things, _ = synth.render(0, index)
        assert things
        assert sum(thing.mask.astype(int) for thing in things).max() == 1


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(scrl.ArgumentError, match="mode"):
        synth.write(tmp_path, 1, mode="other")
    with pytest.raises(scrl.ArgumentError, match="count"):
        synth.write(tmp_path, 0)


def test_run_lengths_survive_a_round_trip(rng):
    for trial in range(100):
        mask = rng.random(tuple(rng.integers(1, 70, 2))) > rng.random()
        if trial < 2:
            mask[:] = bool(trial)
        assert (coco.decode_mask(coco.encode_mask(mask)) == mask).all()


def test_run_lengths_are_cocos():
    # Worked by hand and compared with pycocotools: columns 0..3 of 4 rows, a 2×2 square inside.
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    assert coco.rle_counts(mask) == [5, 2, 2, 2, 5]
    assert coco.encode_mask(mask)["counts"] == "52203"


def test_run_lengths_equal_pycocotools(rng):
    peer = pytest.importorskip("pycocotools.mask")
    for _ in range(50):
        mask = rng.random(tuple(rng.integers(1, 90, 2))) > 0.6
        expected = peer.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        assert coco.encode_mask(mask)["counts"] == expected
