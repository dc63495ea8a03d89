"""Outputs: whatever a command or call writes, no file is lost that is not one of its own kind."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scrl
from conftest import SMALL, needs_library, python, small

TINY = {
    "detect.batch": 2, "detect.steps": 4, "detect.min_size": 96, "detect.test_size": 96,
    "detect.max_size": 128, "detect.channels": 16, "detect.fc": 32, "detect.mask_channels": 16,
    "detect.proposals": 50, "threads": 1, "loader.threads": 1, "seed": 3,
}


@pytest.fixture(scope="module")
def place(data, scenes, tmp_path_factory):
    """A folder with a dataset, a model, a detector, a picture and annotations."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copy(data, folder / "d.h5")
    with scrl.Model(small()) as model:
        model.save(folder / "model.h5")
    with scrl.Detector(TINY, folder / "d.h5") as detector:
        detector.step()
        detector.save(folder / "detector.h5")
    os.makedirs(folder / "photos")
    for index in range(3):
        Image.fromarray(np.full((48, 64, 3), 40 * index, np.uint8)).save(folder / "photos" / f"{index}.jpg")
    shutil.copy(scenes / "annotations.json", folder / "annotations.json")
    return folder


def shell(*arguments):
    return python("-m", "scrl", *map(str, arguments))


# what writes → the arguments of a command that does, its output last
COMMANDS = {
    "pack": ["pack", "photos", "--out"],
    "features.npy": ["features", "--checkpoint", "model.h5", "--data", "d.h5", "--size", "32", "--out"],
    "features.h5": ["features", "--checkpoint", "model.h5", "--data", "d.h5", "--size", "32", "--out"],
    "predict": ["detect", "predict", "--checkpoint", "detector.h5", "photos/0.jpg", "--out"],
    "measure": ["detect", "eval", "--checkpoint", "detector.h5", "--data", "d.h5", "--results"],
    "export": ["export", "coco", "--data", "d.h5", "--out"],
    "curves": ["eval", "coco", "--gt", "d.h5", "--detections", "empty.json", "--curves"],
}
# what stands at the output's name, under the ending that the command wants
VICTIMS = ["photos/0.jpg", "annotations.json", "d.h5", "model.h5", "detector.h5", "text"]
OWN = {"pack": "d.h5"}  # of its own kind: may be replaced
ENDINGS = {"features.npy": ".npy", "features.h5": ".h5", "export": ".json"}


@needs_library
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("writes", COMMANDS)
def test_a_command_replaces_no_file_of_another_kind(place, tmp_path, monkeypatch, writes, victim):
    monkeypatch.chdir(place)
    (place / "empty.json").write_text("[]")
    (place / "text").write_text("not to be lost\n")
    target = tmp_path / ("target" + ENDINGS.get(writes, ".x"))
    shutil.copy(place / victim, target)
    before = target.read_bytes()
    done = shell(*COMMANDS[writes], target)
    if OWN.get(writes) == victim:
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 1 and target.read_bytes() == before, done.stderr
    assert done.stderr.startswith("scrl: create ") and "would be lost" in done.stderr
    assert str(target) in done.stderr and done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == [target.name]  # and no temporary stays


@needs_library
@pytest.mark.parametrize("writes", COMMANDS)
def test_a_command_replaces_its_own_and_an_empty_file(place, tmp_path, monkeypatch, writes):
    monkeypatch.chdir(place)
    (place / "empty.json").write_text("[]")
    target = tmp_path / ("target" + ENDINGS.get(writes, ".x"))
    target.touch()
    for _ in range(2):
        done = shell(*COMMANDS[writes], target)
        assert done.returncode == 0, done.stderr
        assert target.stat().st_size > 0


@needs_library
@pytest.mark.parametrize("writes", COMMANDS)
def test_a_command_names_a_place_that_cannot_hold_its_output(place, tmp_path, monkeypatch, writes):
    monkeypatch.chdir(place)
    (place / "empty.json").write_text("[]")
    name = "x" + ENDINGS.get(writes, ".x")
    folder = tmp_path / ("folder" + ENDINGS.get(writes, ".x"))
    folder.mkdir()
    for target in (tmp_path / "missing" / name, place / "text2" / name, folder):
        (place / "text2").write_text("no folder")
        done = shell(*COMMANDS[writes], target)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert str(target) in done.stderr
    assert not (tmp_path / "missing").exists()


NAMES = ["plain", "dot", "symlink", "hardlink", "relative"]


def same_file(path, way, folder):
    """Another name of a file."""
    if way == "plain":
        return path
    if way == "dot":
        return os.path.join(os.path.dirname(path), ".", os.path.basename(path))
    if way == "relative":
        return os.path.relpath(path)
    other = folder / ("other" + os.path.splitext(path)[1])
    (os.symlink if way == "symlink" else os.link)(path, other)
    return other


@needs_library
@pytest.mark.parametrize("way", NAMES)
@pytest.mark.parametrize("writes, read", [
    ("pack", "photos/1.jpg"), ("pack", "annotations.json"), ("features.h5", "d.h5"),
    ("features.h5", "model.h5"), ("predict", "photos/0.jpg"), ("predict", "detector.h5"),
    ("measure", "d.h5"), ("curves", "empty.json"), ("export", "annotations.json")])
def test_no_input_is_written_over_by_any_of_its_names(place, tmp_path, monkeypatch, writes, read, way):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    monkeypatch.chdir(copy)
    (copy / "empty.json").write_text("[]")
    before = (copy / read).read_bytes()
    target = same_file(str(copy / read), way, tmp_path)
    done = shell(*COMMANDS[writes], target)
    assert done.returncode == 1 and "scrl: create " in done.stderr, done.stderr
    assert (copy / read).read_bytes() == before


# calls of Python → what they write, and with what
CALLS = {
    "pack": lambda place, out: scrl.pack(place / "photos", out, progress=False),
    "Model.save": lambda place, out: scrl.Model.load(place / "model.h5").save(out),
    "Detector.save": lambda place, out: scrl.Detector.load(place / "detector.h5").save(out),
    "Trainer.save": lambda place, out: scrl.Trainer(small()).save(out),
    "write_coco": lambda place, out: scrl.Dataset(place / "d.h5").write_coco(out),
    "evaluate": lambda place, out: scrl.Detector.load(place / "detector.h5").evaluate(
        place / "d.h5", results=out, progress=False),
}
KIND = {"pack": ["d.h5"], "Model.save": ["model.h5", "detector.h5"],
        "Detector.save": ["model.h5", "detector.h5"], "Trainer.save": ["model.h5", "detector.h5"]}


@needs_library
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_replaces_no_file_of_another_kind(place, tmp_path, call, victim):
    (place / "text").write_text("not to be lost\n")
    target = tmp_path / "target"
    shutil.copy(place / victim, target)
    before = target.read_bytes()
    if victim in KIND.get(call, []):
        CALLS[call](place, target)
        assert target.read_bytes() != before or call in ("Model.save", "Detector.save", "pack")
        return
    with pytest.raises(scrl.StateError, match="would be lost"):
        CALLS[call](place, target)
    assert target.read_bytes() == before and os.listdir(tmp_path) == ["target"]


@needs_library
def test_an_open_dataset_may_be_replaced(place, tmp_path):
    out = tmp_path / "d.h5"
    scrl.pack(place / "photos", out, progress=False)
    with scrl.Dataset(out) as before:
        first = before[1].copy()
        os.makedirs(tmp_path / "one")
        shutil.copy(place / "photos" / "0.jpg", tmp_path / "one" / "0.jpg")
        scrl.pack(tmp_path / "one", out, progress=False)
        assert (before[1] == first).all() and len(before) == 3
    with scrl.Dataset(out) as after:
        assert len(after) == 1


@needs_library
def test_a_dataset_can_be_written_into_the_folder_that_it_packs(place, tmp_path):
    shutil.copytree(place / "photos", tmp_path / "photos")
    out = tmp_path / "photos" / "d.h5"
    for _ in range(2):  # the second time the first one's file lies among the pictures
        assert scrl.pack(tmp_path / "photos", out, progress=False).added == 3
    assert sorted(os.listdir(tmp_path / "photos")) == ["0.jpg", "1.jpg", "2.jpg", "d.h5"]


@needs_library
@pytest.mark.parametrize("form, stands", [
    ("coco", "0.jpg"), ("coco", "annotations.json"), ("voc", "JPEGImages/{stem}.jpg"),
    ("voc", "Annotations/{stem}.xml"), ("voc", "SegmentationObject/{stem}.png"),
    ("voc", "ImageSets/Main/trainval.txt"), ("voc", "ImageSets/Segmentation/trainval.txt")])
def test_an_export_writes_over_nothing(data, tmp_path, form, stands):
    from scrl.label_maps import stems

    with scrl.Dataset(data) as dataset:
        name = stands.format(stem=stems(dataset)[1]) if "{" in stands else stands
        if stands == "0.jpg":
            name = dataset.name(1)
    target = tmp_path / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"not to be lost")
    done = shell("export", form, "--data", data, "--out", tmp_path)
    assert done.returncode == 1 and "exists" in done.stderr, (done.stdout, done.stderr)
    assert target.read_bytes() == b"not to be lost"


@needs_library
def test_drawn_pictures_replace_only_drawn_ones(place, tmp_path):
    drawn = tmp_path / "drawn"
    call = ["detect", "predict", "--checkpoint", place / "detector.h5", place / "photos", "--pictures", drawn]
    for _ in range(2):
        done = shell(*call)
        assert done.returncode == 0, done.stderr
    names = sorted(os.listdir(drawn))
    assert names == [f"{index + 1:06d}-{index}.jpg" for index in range(3)]
    shutil.copy(place / "photos" / "0.jpg", drawn / names[1])
    before = (drawn / names[1]).read_bytes()
    done = shell(*call)
    assert done.returncode == 1 and "would be lost" in done.stderr
    assert (drawn / names[1]).read_bytes() == before


@needs_library
def test_a_report_replaces_only_reports(data, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("h5py")
    from scrl import report

    with scrl.Trainer(scrl.Config(**{**SMALL, "train.steps": 2}), data, tmp_path / "run") as trainer:
        trainer.fit(progress=False)
    for victim in (tmp_path / "run" / "checkpoint.h5", tmp_path / "run" / "metrics.jsonl"):
        before = victim.read_bytes()
        with pytest.raises(scrl.StateError, match="would be lost"):
            report.write(tmp_path / "run", victim, progress=False)
        assert victim.read_bytes() == before
    for _ in range(2):
        report.write(tmp_path / "run", tmp_path / "r.html", images=1, progress=False)
    (tmp_path / "mine.html").write_text("<!doctype html><title>mine</title>")
    with pytest.raises(scrl.StateError, match="HTML page"):
        report.write(tmp_path / "run", tmp_path / "mine.html", progress=False)


def test_made_pictures_replace_none(tmp_path):
    from scrl import synth

    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "000002.jpg").write_bytes(b"mine")
    with pytest.raises(scrl.DataError, match="000002.jpg exists"):
        synth.write(tmp_path, 4, size=48, workers=1, progress=False)
    assert (tmp_path / "images" / "000002.jpg").read_bytes() == b"mine"


@needs_library
def test_exported_annotations_are_known_again_but_not_those_of_others(data, tmp_path):
    with scrl.Dataset(data) as dataset:
        for _ in range(2):
            dataset.write_coco(tmp_path / "a.json")
        tree = json.loads((tmp_path / "a.json").read_text())
        (tmp_path / "theirs.json").write_text(json.dumps({**tree, "info": {"description": "mine"}}))
        with pytest.raises(scrl.StateError, match="JSON text, and would be lost"):
            dataset.write_coco(tmp_path / "theirs.json")


def test_two_images_of_one_name_are_not_exported_over_each_other(tmp_path):
    class Twins:
        """A dataset whose annotations call two images alike."""

        def write_coco(self, path):
            Path(path).write_text('{"images": [{"file_name": "a.jpg"}, {"file_name": "a.jpg"}]}')

    with pytest.raises(scrl.DataError, match="two images would be written to .*a.jpg"):
        scrl.annotations.to_coco(Twins(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
