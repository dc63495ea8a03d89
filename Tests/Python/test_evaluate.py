"""Linear evaluation: what it finds, what it refuses, how it is stopped, the shell command."""

import json
import signal
import threading
import time

import numpy as np
import pytest

import scrl
from conftest import REPOSITORY, needs_library, python, small
from scrl.evaluate import linear

pytestmark = needs_library


@pytest.fixture(scope="module")
def fixture():
    """A labelled set and what scikit-learn reaches on it (Tests/Fixtures/make_linear.py)."""
    return dict(np.load(REPOSITORY / "Tests" / "Fixtures" / "linear" / "features.npz"))


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """40 labelled pictures in two classes: bright and dark noise."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("things"), np.random.default_rng(3)
    for number in range(40):
        name = folder / ("dark", "bright")[number % 2]
        name.mkdir(exist_ok=True)
        pixels = rng.integers(0, 90, (40, 48, 3)) + 140 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(name / f"{number:02d}.jpg")
    out = tmp_path_factory.mktemp("packed") / "things.h5"
    scrl.pack(folder, out, labels="folders", progress=False)
    return out


@pytest.fixture(scope="module")
def model():
    with scrl.Model(small(**{"views.size": 32, "boxes.min_size": 8})) as made:
        yield made


def blobs(rows, seed=0, classes=3):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    return rng.standard_normal((rows, 8)) + 9 + 4 * np.eye(8)[labels], labels


def test_reaches_what_logistic_regression_reaches(fixture):
    report = linear(None, (fixture["train"], fixture["train_labels"]),
                    (fixture["test"], fixture["test_labels"]))
    # "Within one point"; scikit-learn on the same features, C = 1.
    assert report.accuracy >= fixture["raw"] - 0.01
    assert report.accuracy >= fixture["standardised"] - 0.01
    assert report.top5 >= report.accuracy and report.best_accuracy >= report.accuracy
    assert (report.classes, report.train_images, report.test_images) == (6, 350, 450)


@pytest.mark.parametrize("batch", [8, 64, 256])
def test_holds_for_every_batch(fixture, batch):
    report = linear(None, (fixture["train"], fixture["train_labels"]),
                    (fixture["test"], fixture["test_labels"]), batch=batch)
    assert report.accuracy >= fixture["raw"] - 0.02 and report.batch == batch


def test_same_seed_same_report():
    train = blobs(60)
    first, again = linear(None, train, seed=4), linear(None, train, seed=4)
    assert first._replace(seconds=0) == again._replace(seconds=0)
    assert (first.train_images, first.test_images, first.accuracy) == (48, 12, 1)
    assert linear(None, train, seed=5).loss != first.loss


def test_labels_that_are_missing_or_unseen_are_counted():
    (x, y), (xt, yt) = blobs(60), blobs(30, 1, classes=4)
    y[:6] = -1
    report = linear(None, (x, y), (xt, yt))
    assert report.left_out == 6 and report.train_images == 54
    assert report.unseen == 7 and report.accuracy == 23 / 30


@pytest.mark.parametrize("crops, passes", [(0, 4), (2, 2), (-1, 1)])
def test_images(model, things, crops, passes):
    heard = []
    report = linear(model, things, crops=crops, epochs=3, view_threads=1, progress=False,
                    callback=lambda *state: heard.append(state))
    assert (report.train_images, report.test_images, report.classes) == (32, 8, 2)
    assert report.accuracy == 1 and report.seconds > 0
    epoch, epochs, done, total, loss = heard[-1]
    assert (epoch, epochs) == (3, 3) and done == total == 32 * passes + 8
    assert loss == pytest.approx(report.loss)
    threaded = linear(model, things, crops=crops, epochs=3, view_threads=3, progress=False)
    assert threaded._replace(seconds=0) == report._replace(seconds=0)


def test_centre_crops_are_what_embed_gives(model, things):
    with scrl.Dataset(things) as data:
        labels = data.labels
        features = model.embed(np.stack([scrl.prepare(image, 32) for image in data]))
        images = linear(model, data, data, crops=-1, epochs=6)
    rows = linear(None, (features, labels), (features, labels), epochs=6)
    # Images go through the backbone in other groups: float32 sums may differ in the last digit.
    assert images.loss == pytest.approx(rows.loss, rel=1e-4)


def test_byol_has_its_own_rate(things):
    config = {"views.size": 32, "boxes.min_size": 8, "method": "byol"}
    with scrl.Model(small(**config)) as made:
        assert linear(made, things, crops=-1, epochs=2).base_lr == 0.05


def test_a_true_answer_and_an_exception_stop_it():
    with pytest.raises(scrl.CancelledError):
        linear(None, blobs(60), callback=lambda epoch, *_: epoch == 2)

    def fail(*_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        linear(None, blobs(60), callback=fail)


def test_ctrl_c_stops_it(model, things):
    # A shell's background jobs start with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    last = time.monotonic() + 60
    try:
        with pytest.raises(KeyboardInterrupt):
            linear(model, things, epochs=100_000, callback=lambda *_: time.monotonic() > last)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("options", [
    {"epochs": -1}, {"epochs": 0}, {"epochs": 1.5}, {"crops": -2}, {"crops": 1001}, {"batch": 0},
    {"batch": 2 ** 40}, {"base_lr": float("nan")}, {"base_lr": float("inf")}, {"base_lr": -1},
    {"base_lr": 0}, {"base_lr": "fast"}, {"quirks": "both"}, {"size": 0}, {"size": 5000},
    {"seed": -1}, {"warmup_epochs": -1}, {"view_threads": 0},
])
def test_options_out_of_range(options):
    with pytest.raises(scrl.ArgumentError):
        linear(None, blobs(60), **options)


def test_options_that_contradict_each_other_or_the_data():
    with pytest.raises(scrl.ConfigError, match="warm-up"):
        linear(None, blobs(60), warmup_epochs=5, epochs=5)
    with pytest.raises(scrl.DataError, match="batch"):
        linear(None, blobs(60), batch=64)


def test_data_that_cannot_be_used(model, data, things, tmp_path):
    x, y = blobs(30)
    bad = x.copy()
    bad[7, 2] = np.nan
    for train in [(bad, y), (x, y - 2), (x, y.astype(float)), (x, y + 2 ** 31), (x,), 7]:
        with pytest.raises((scrl.ArgumentError, TypeError)):
            linear(None, train)
    for train, test in [((x, y[:-1]), None), (x[0:0], y[0:0]), ((x, y), (x[:, :5], y))]:
        with pytest.raises(scrl.Error):
            linear(None, train, test)
    with pytest.raises(scrl.DataError, match="two classes"):
        linear(None, (x, 0 * y))
    with pytest.raises(scrl.DataError, match="label"):
        linear(None, (x, 0 * y - 1))
    with pytest.raises(scrl.DataError, match="label"):
        linear(model, data)  # scenes have boxes, but no class of their own
    with pytest.raises(scrl.ArgumentError):
        linear(None, things)
    with pytest.raises(scrl.ArgumentError):
        linear(model, (x, y))
    with pytest.raises(scrl.ArgumentError):
        linear(model, things, (x, y))
    with pytest.raises(scrl.StorageError):
        linear(model, tmp_path / "none.h5")


def test_shell(model, things, tmp_path):
    checkpoint = tmp_path / "m.h5"
    model.save(checkpoint)

    def command(*arguments):
        return python("-m", "scrl", "eval", "linear", *map(str, arguments))

    done = command("--checkpoint", checkpoint, "--train", things, "--crops", -1, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["accuracy"] == 1 and report["train_images"] == 32
    done = command("--checkpoint", checkpoint, "--train", things, "--test", things, "--crops", 1,
                   "--epochs", 2)
    assert "test accuracy" in done.stdout and "40, 40" in done.stdout
    done = command("--checkpoint", checkpoint, "--train", tmp_path / "none.h5")
    assert done.returncode == 1 and done.stderr.startswith("scrl: ")
    assert done.stderr.count("\n") == 1
    assert command("--checkpoint", checkpoint, "--train", things, "--quirks", "no").returncode == 2
