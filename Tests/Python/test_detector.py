"""Detectors from Python and the shell: train, resume, predict, measure, and what is refused."""

import json
import threading

import numpy as np
import pytest

import scrl
from scrl import coco, synth
from conftest import needs_library, python
from scrl.detector import results_of
from scrl.drawing import draw
from scrl.synth import CLASSES

pytestmark = needs_library

TINY = {
    "detect.batch": 2, "detect.steps": 4, "detect.min_size": 96, "detect.test_size": 96,
    "detect.max_size": 128, "detect.channels": 16, "detect.fc": 32, "detect.mask_channels": 16,
    "detect.proposals": 50, "threads": 1, "loader.threads": 1, "seed": 3,
}


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A run of four steps, its folder."""
    out = tmp_path_factory.mktemp("detector") / "det"
    with scrl.Detector(TINY, data, out) as detector:
        reports = []
        last = detector.fit(reports.append, progress=False)
        assert last == reports[-1] and [each.step for each in reports] == [1, 2, 3, 4]
        assert detector.progress() == (4, 4)
        for each in reports:
            parts = each.rpn_objectness + each.rpn_box + each.classification + each.box + each.mask
            assert each.loss == pytest.approx(parts) and each.did_step and each.boxes > 0
    return out


def test_a_detector_has_the_datasets_classes_and_a_full_config(trained):
    with scrl.Detector.load(trained) as detector:
        assert detector.classes == list(CLASSES)
        assert detector.category_ids == list(range(1, 11))
        config = detector.config
        assert config["detect.classes"] == 10 and config["detect.min_size"] == (96,)
        assert config["detect.milestones"] == (pytest.approx(2 / 3), pytest.approx(8 / 9))
        with pytest.raises(scrl.StateError):
            detector.step()


def test_resuming_is_exact(data, tmp_path):
    with scrl.Detector(TINY, data, tmp_path / "whole") as detector:
        detector.fit(progress=False)
        whole = detector.state_dict()
    with scrl.Detector(TINY, data, tmp_path / "parts") as detector:
        detector.fit(progress=False, steps=2)
    with scrl.Detector.resume(tmp_path / "parts") as detector:
        assert detector.progress() == (2, 4)
        detector.fit(progress=False)
        parts = detector.state_dict()
    assert whole.keys() == parts.keys()
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    assert ((tmp_path / "whole" / "checkpoint.h5").read_bytes()
            == (tmp_path / "parts" / "checkpoint.h5").read_bytes())


def test_a_callback_or_another_thread_stops_a_run(data, tmp_path):
    config = {**TINY, "detect.steps": 5000}
    with scrl.Detector(config, data, tmp_path / "stopped") as detector:
        assert detector.fit(lambda report: report.step == 2, progress=False).step == 2
        with pytest.raises(ZeroDivisionError):
            detector.fit(lambda report: 1 / 0, progress=False)
        seen = threading.Event()
        threading.Thread(target=lambda: (seen.wait(), detector.cancel())).start()
        with pytest.raises(scrl.CancelledError):
            detector.fit(lambda report: seen.set(), progress=False)
    assert (tmp_path / "stopped" / "checkpoint.h5").exists()


def test_predictions_are_in_pixels_of_the_picture(trained, data):
    with scrl.Detector.load(trained) as detector:
        for image in (scrl.Dataset(data)[0], np.zeros((50, 130, 3), np.uint8)):
            found = detector.predict(image)
            height, width = image.shape[:2]
            assert found.boxes.shape == (len(found), 4) and found.boxes.dtype == np.float32
            assert (np.diff(found.scores) <= 0).all()
            assert (found.boxes[:, 0::2] <= width).all() and (found.boxes[:, 1::2] <= height).all()
            assert (found.boxes >= 0).all()
            for index in range(min(len(found), 3)):
                assert found.mask(index).shape == (height, width)
        for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), 7):
            with pytest.raises(scrl.ArgumentError):
                detector.predict(bad)


def test_drawing_and_results_show_what_was_found():
    masks = [coco.encode_mask(np.pad(np.ones((4, 6), bool), ((2, 14), (3, 11))))]
    found = scrl.Detections(np.array([[3, 2, 9, 6]], np.float32), np.array([1], np.int32),
                            np.array([0.75], np.float32), masks)
    picture = np.asarray(draw(np.full((20, 20, 3), 100, np.uint8), found, ["a", "b"]))
    assert (picture[3:5, 4:8] != 100).all() and (picture[18:, 18:] == 100).all()
    assert results_of(found, 7, [4, 9]) == [
        {"image_id": 7, "category_id": 9, "bbox": [3.0, 2.0, 6.0, 4.0], "score": 0.75,
         "segmentation": masks[0]}]
    assert len(found.above(0.8)) == 0 and len(found.above(0.75)) == 1


def test_weights_of_a_backbone_start_a_detector(data):
    with scrl.Model({"seed": 9, "model.arch": "resnet34"}) as model:
        with scrl.Detector(TINY, data, weights=model) as detector:
            assert detector.config["model.arch"] == "resnet34"
            mine = detector.state_dict()["encoder.layer3.5.conv2.weight"]
            assert np.array_equal(mine, model.state_dict()["layer3.5.conv2.weight"])
        with pytest.raises(scrl.ArgumentError):
            scrl.Detector({**TINY, "model.arch": "resnet18"}, data, weights=model)


def test_a_checkpoint_of_pretraining_starts_a_detector(data, tmp_path):
    with scrl.Model({"seed": 9}) as model:
        model.save(tmp_path / "model.h5")
        conv = model.state_dict()["layer2.0.conv1.weight"]
    with scrl.Detector(TINY, data, weights=tmp_path / "model.h5") as detector:
        assert np.array_equal(detector.state_dict()["encoder.layer2.0.conv1.weight"], conv)
    with pytest.raises(scrl.ConfigError, match="model.arch"):
        scrl.Detector({**TINY, "model.arch": "resnet50"}, data, weights=tmp_path / "model.h5")


def test_weights_go_in_by_name(trained):
    with scrl.Detector.load(trained) as detector:
        state = detector.state_dict()
        assert state["box_predictor.scores.weight"].shape == (11, 32)
        assert state["mask_head.predictor.weight"].shape[0] == 10
        state["fpn.output3.bias"] = np.full_like(state["fpn.output3.bias"], 0.25)
        detector.load_state_dict(state)
        assert (detector.state_dict()["fpn.output3.bias"] == 0.25).all()
        with pytest.raises(scrl.ArgumentError):
            detector.load_state_dict({"fpn.output9.bias": state["fpn.output3.bias"]})


def test_what_cannot_be_trained_is_refused(scenes, data, tmp_path):
    with pytest.raises(scrl.ArgumentError):
        scrl.Detector(TINY)
    scrl.pack(scenes / "images", tmp_path / "bare.h5", progress=False)
    with pytest.raises(scrl.DataError, match="box"):
        scrl.Detector(TINY, tmp_path / "bare.h5")
    with pytest.raises(scrl.DataError, match="classes"):
        scrl.Detector({**TINY, "detect.classes": 2}, data)
    with pytest.raises(scrl.ConfigError, match="detect.min_size"):
        scrl.Detector({**TINY, "detect.min_size": "4:5"}, data)
    with pytest.raises(scrl.FormatError):
        scrl.Detector.load(data)


def test_measuring_agrees_with_the_results_that_it_writes(trained, data, scenes, tmp_path):
    with scrl.Detector.load(trained) as detector:
        figures = detector.evaluate(data, results=tmp_path / "results.json", progress=False)
        assert set(figures) == {"bbox", "segm"}
        only = detector.evaluate(data, kind="bbox", progress=False)
    results = json.loads((tmp_path / "results.json").read_text())
    assert only["bbox"] == figures["bbox"]
    for kind, mine in figures.items():
        judged = [{key: value for key, value in each.items() if kind == "bbox" or key != "bbox"}
                  for each in results]
        other = coco.evaluate(scenes / "annotations.json", judged, kind=kind)
        # Scores and sides are written in full; ties fall in the order of the images.
        for name in ("AP", "AP50", "AR100"):
            assert getattr(mine, name) == pytest.approx(getattr(other, name), abs=1e-9)


def test_fine_tuning_judges_a_backbone(data):
    report = scrl.evaluate.detection(None, data, data, TINY, progress=False)
    assert report.steps == 4 and report.loss > 0 and report.seconds > report.train_seconds > 0
    assert 0 <= report.boxes.AP <= 1 and 0 <= report.masks.AP50 <= 1


def test_a_detector_finds_what_it_has_learnt(tmp_path):
    """Six scenes of 96², a minute on two shared cores. The whole test, 20 scenes of 160² to AP50 above
    0.95 for both, takes four: overfit_detector.py."""
    synth.write(tmp_path / "s", 6, seed=3, size=96, workers=1, progress=False)
    scrl.pack(tmp_path / "s", tmp_path / "d.h5", annotations=tmp_path / "s" / "annotations.json",
              progress=False)
    config = {"detect.steps": 250, "detect.batch": 3, "detect.base_lr": 0.08,
              "detect.min_size": 96, "detect.test_size": 96, "threads": 2}
    with scrl.Detector(config, tmp_path / "d.h5") as detector:
        first = detector.step()
        last = detector.fit(progress=False)
        figures = detector.evaluate(tmp_path / "d.h5", progress=False)
    assert last.loss < 0.4 * first.loss
    # Other CPUs round otherwise and so end elsewhere, as other seeds do: of eight, boxes ended at 1.00
    # each time and masks at 0.80 to 0.90; another CPU missed boxes to 0.93. A class has two or three
    # things here, and ten classes share the mean: two things missed cost about 0.1.
    assert figures["bbox"].AP50 > 0.85 and figures["segm"].AP50 > 0.7


# ------------------------------------------------------------------ the shell

def shell(*arguments, **more):
    return python("-m", "scrl", *map(str, arguments), timeout=300, **more)


def test_the_shell_trains_resumes_predicts_and_measures(data, scenes, tmp_path):
    sets = [part for key, value in TINY.items() if key != "detect.steps"
            for part in ("--set", f"{key}={value}")]
    done = shell("detect", "train", "--data", data, "--out", tmp_path / "det", "--steps", 2,
                 "--json", *sets)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["step", "step", "end"]
    assert lines[-1]["step"] == 2 and (tmp_path / "det" / "metrics.jsonl").exists()
    again = shell("detect", "train", "--out", tmp_path / "det", "--resume")
    assert again.returncode == 0 and "nothing to do" in again.stdout

    told = shell("info", tmp_path / "det", "--json")
    facts = json.loads(told.stdout.splitlines()[-1])
    assert facts["kind"] == "detector's run" and facts["classes"] == list(CLASSES)
    refused = shell("resume", tmp_path / "det")
    assert refused.returncode == 1 and "detector" in refused.stderr

    pictures = sorted((scenes / "images").iterdir())[:2]
    found = shell("detect", "predict", "--checkpoint", tmp_path / "det", *pictures, "--out",
                  tmp_path / "results.json", "--pictures", tmp_path / "drawn", "--threshold", 0)
    assert found.returncode == 0, found.stderr
    assert len(list((tmp_path / "drawn").iterdir())) == 2
    for each in json.loads((tmp_path / "results.json").read_text()):
        assert each["image_id"] in (1, 2) and len(each["bbox"]) == 4
        assert each["file_name"] == str(pictures[each["image_id"] - 1])

    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    told = shell("detect", "predict", "--checkpoint", tmp_path / "det", bad, pictures[0], "--json")
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    assert lines[0]["event"] == "left_out" and lines[0]["file_name"] == str(bad)
    assert lines[1]["file_name"] == str(pictures[0])
    none = shell("detect", "predict", "--checkpoint", tmp_path / "det", bad, "--out",
                 tmp_path / "results.json")
    assert none.returncode == 1 and "none of 1 pictures could be read" in none.stderr
    assert len(json.loads((tmp_path / "results.json").read_text()))  # the older one is still there

    judged = shell("detect", "eval", "--checkpoint", tmp_path / "det", "--data", data, "--json")
    assert judged.returncode == 0, judged.stderr
    figures = json.loads(judged.stdout.splitlines()[-1])
    assert set(figures) == {"bbox", "segm", "seconds"} and figures["bbox"]["AP"] >= 0


@pytest.mark.parametrize("arguments, code, text", [
    (["train", "--out", "x"], 2, "--data"),
    (["predict", "--checkpoint", "x"], 2, "pictures"),
    (["eval", "--checkpoint", "no-such-run", "--data", "x"], 1, "no-such-run"),
    (["train", "--data", "no-such.h5", "--out", "x"], 1, "no-such.h5"),
    (["train", "--out", "x", "--resume", "--steps", "9"], 2, "leave out"),
])
def test_a_failure_is_one_line(arguments, code, text, tmp_path):
    done = shell("detect", *arguments, cwd=tmp_path)
    assert done.returncode == code and text in done.stderr
    assert done.stderr.startswith("scrl: ") and done.stderr.count("\n") == 1


def test_a_refused_start_leaves_no_run_behind(data, tmp_path):
    with scrl.Model(scrl.Config(**{"model.arch": "resnet34"})) as other:
        with pytest.raises(scrl.Error) as caught:
            scrl.Detector({**TINY, "model.arch": "resnet18"}, data, tmp_path / "det", other)
    assert isinstance(caught.value, (scrl.ArgumentError, scrl.ShapeError))
    assert not (tmp_path / "det").exists()


@pytest.mark.parametrize("command", ["train", "predict", "eval"])
def test_help_has_examples(command):
    done = shell("detect", command, "--help")
    assert done.returncode == 0 and f"scrl detect {command}" in done.stdout
