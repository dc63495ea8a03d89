"""Progress on stderr: a bar on a terminal, lines elsewhere; never in the way of the work."""

from types import SimpleNamespace

import numpy as np
import pytest

import scrl
from conftest import needs_library, small
from scrl import progress
from test_detection_report import SMALL


def test_lines_tell_how_far_how_fast_and_how_long(capsys, monkeypatch):
    moments = iter([0.0, 4.0, 12.0, 13.0, 30.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with progress.counter("training", "images", True, begun=10, each=8) as show:
        show(12, 100)                 # after 4 seconds: too early
        show(16, 100, "loss 0.5")     # 6 steps in 12 seconds
        show(17, 100)                 # a second later
        show(20, 0)                   # nobody knows how many there are
    assert capsys.readouterr().err == (
        "training 16/100  loss 0.5  4 images/s  2:48 left\ntraining 20/?  2.67 images/s\n")


def test_nothing_is_said_unless_wanted_or_when_all_is_done(capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0)
    with progress.counter("packing", "images", False) as show:
        show(1, 2, "text")
    with progress.counter("packing", "images", True) as show:
        show(2, 2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seconds, text", [
    (None, "–"), (-1, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")])
def test_durations(seconds, text):
    assert progress.duration(seconds) == text


@needs_library
@pytest.mark.parametrize("is_terminal", [False, True])
def test_every_long_call_tells_its_progress(data, tmp_path, capsys, monkeypatch, rng, is_terminal):
    monkeypatch.setattr(progress, "EVERY", 0)
    if is_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    with scrl.Trainer(small(**{"train.steps": 3, "health.every": 1}), data) as trainer:
        trainer.fit()
    with scrl.Detector(SMALL, data, tmp_path / "det") as detector:
        detector.fit()
        detector.evaluate(data)
    rows = rng.random((64, 8), np.float32), np.arange(64) % 4
    scrl.evaluate.linear(None, rows, rows, epochs=9)
    with scrl.Model(small()) as model:
        scrl.evaluate.health(model, data, images=8)
    told = capsys.readouterr().err
    for word in ("training", "loss", "proposals", "measuring", "linear", "epoch"):
        assert word in told, word
    assert ("health" in told) == is_terminal  # all of it is one portion: nothing for a log to tell
