"""The shell command: what it prints, and its one-line failures."""

import json

import numpy as np
import pytest

import scrl
from conftest import SMALL, needs_library, python

SETTINGS = [part for key, value in SMALL.items() if key != "train.steps"
            for part in ("--set", f"{key}={value}")]


def command(*arguments, timeout=120):
    return python("-m", "scrl", *map(str, arguments), timeout=timeout)


def failed(done, code):
    """A failure is one line `scrl: …` on stderr."""
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("scrl: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["", "synth", "pack", "pretrain", "resume", "features", "info",
                                  "report", "config", "bench", "bench step",
                                  "bench views", "bench features", "bench kernels", "eval", "eval linear",
                                  "eval knn", "eval regions", "eval retrieval",
                                  "eval correspondence", "eval health",
                                  "eval coco", "export", "export coco", "export voc",
                                  "export cityscapes", "detect", "detect train",
                                  "detect predict", "detect eval"])
def test_help_needs_no_library(name):
    done = command(*name.split(), "--help")
    assert done.returncode == 0 and "Usage" in done.stdout
    if name and name not in ("bench", "detect", "eval", "export"):
        assert "Example" in done.stdout


def test_version():
    assert command("--version").stdout.strip() == f"scrl {scrl.__version__}"


@pytest.mark.parametrize("arguments", [
    ["nosuch"], ["pack"], ["pack", "x", "--nosuch"], ["pack", "x", "--out", "y", "--labels", "z"],
    ["pretrain", "--data", "x", "--out", "y", "--set", "novalue"], ["synth", "--out"],
    ["bench", "step", "--batch", "many"], ["bench", "views", "--size", "1"],
    ["bench", "features", "--steps", "0"], ["bench", "kernels", "--repeats", "0"],
    ["synth", "--out", "x", "--count", "0"], ["pack", "x", "--out", "y", "--split", "train"],
    ["pack", "x", "--out", "y", "--voc", "--cityscapes"], ["export", "coco"],
    ["pack", "x", "--out", "y", "--annotations", "z", "--on-bad", "perhaps"],
    ["pack", "x", "--out", "y", "--orientation", "perhaps"], ["pack", "x", "--out", "y", "--bits", "7"],
    ["pack", "x", "--out", "y", "--on-truncated", "z"],
    ["detect", "predict", "x", "--checkpoint", "y", "--orientation", "z"],
    ["export", "voc", "--data", "x", "--out", "y", "--split", "../z"],
])
def test_usage_errors_are_one_line(arguments):
    failed(command(*arguments), 2)


def test_synth(tmp_path):
    done = command("synth", "--out", tmp_path / "s", "--count", 4, "--size", 48, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["images"] == 4
    assert len(list((tmp_path / "s" / "images").iterdir())) == 4
    assert "exists" in failed(command("synth", "--out", tmp_path / "s", "--count", 4), 1)


@needs_library
def test_failures_are_one_line(tmp_path, data):
    (tmp_path / "junk").write_bytes(b"junk")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "o.h5"
    failed(command("pack", tmp_path / "nowhere", "--out", out), 1)
    failed(command("pack", tmp_path / "empty", "--out", out), 1)
    failed(command("info", tmp_path / "junk"), 1)
    failed(command("info", tmp_path / "none"), 1)
    failed(command("info", tmp_path / "empty"), 1)
    failed(command("resume", tmp_path / "empty"), 1)
    failed(command("report", tmp_path / "empty"), 1)
    failed(command("features", "--checkpoint", tmp_path / "none", "--data", data, "--out", "f.npy"), 1)
    assert "vgg" in failed(command("pretrain", "--data", data, "--out", tmp_path / "r", "--set",
                                   "model.arch=vgg"), 1)
    assert not out.exists() and not (tmp_path / "r").exists()


@needs_library
def test_from_pictures_to_features(scenes, tmp_path):
    data, run = tmp_path / "d.h5", tmp_path / "run"
    done = command("pack", scenes, "--out", data, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["added"] == 24
    assert [line["path"].endswith("annotations.json") for line in lines[:-1]] in ([True], [])

    done = command("pretrain", "--data", data, "--out", run, *SETTINGS, "--steps", 4, "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["step"] * 4 + ["end"]
    assert lines[-1]["step"] == 4
    assert (run / "checkpoint.h5").is_file() and (run / "metrics.jsonl").is_file()
    failed(command("pretrain", "--data", data, "--out", run, *SETTINGS, "--steps", 4), 1)

    assert "nothing to do" in command("resume", run).stdout
    assert json.loads(command("info", data, "--json").stdout)["images"] == 24
    assert json.loads(command("info", run, "--json").stdout)["config"]["train.steps"] == 4
    assert command("info", run / "checkpoint.h5").returncode == 0

    done = command("features", "--checkpoint", run, "--data", data, "--out", tmp_path / "f.npy")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "f.npy").shape == (24, 512)
    done = command("features", "--checkpoint", run, "--data", data, "--out", tmp_path / "f.h5",
                   "--stage", "layer2", "--json")
    assert json.loads(done.stdout)["shape"] == [24, 128, 8, 8]


@needs_library
def test_resume_goes_on_for_so_many_steps(data, tmp_path):
    run = tmp_path / "run"
    with scrl.Dataset(data) as dataset, scrl.Trainer(
            scrl.Config(**{**SMALL, "train.steps": 6}), dataset, run) as trainer:
        trainer.fit(progress=False, steps=2)
    done = command("resume", run, "--steps", 3, "--json")
    assert json.loads(done.stdout.splitlines()[-1])["step"] == 5


@needs_library
def test_resume_finds_a_dataset_that_was_named_from_another_folder(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.chdir(data.parent)
    with scrl.Trainer(scrl.Config(**{**SMALL, "train.steps": 2}), data.name, run) as trainer:
        trainer.fit(progress=False, steps=1)
    monkeypatch.chdir(tmp_path)
    assert json.loads(command("resume", run, "--json").stdout.splitlines()[-1])["step"] == 2


@needs_library
def test_config_lists_every_key():
    done = command("config", "--json")
    keys = [json.loads(line)["key"] for line in done.stdout.splitlines()]
    assert keys == scrl.Config().keys()
    assert "optimizer.base_lr" in command("config", "optimizer").stdout
    failed(command("config", "--preset", "nosuch"), 1)
