"""Objects in other processes: forked, spawned, pickled, copied."""

import copy
import multiprocessing
import os
import pickle
import shutil
import threading
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import scrl
from conftest import needs_library, python, small

pytestmark = needs_library
TINY = {
    "detect.batch": 2, "detect.steps": 4, "detect.min_size": 96, "detect.test_size": 96,
    "detect.max_size": 128, "detect.channels": 16, "detect.fc": 32, "detect.mask_channels": 16,
    "detect.proposals": 50, "threads": 1, "loader.threads": 1, "seed": 3,
}
PIXELS = np.random.default_rng(1).random((2, 3, 64, 64), np.float32)
PICTURE = np.random.default_rng(2).integers(0, 255, (96, 96, 3), np.uint8)


class Loaded:
    """What a DataLoader keeps in its worker: a dataset in an object of the user's."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index].astype(np.float32).sum(), self.dataset.boxes(index)


def work(job):
    """In the worker: each image's sum."""
    loaded, indices = job
    return [float(loaded[index][0]) for index in indices]


KEPT = {}


def work_on_kept(indices):
    """A forked worker's: the object comes with the memory, nothing is pickled."""
    return [float(KEPT["loaded"][index][0]) for index in indices]


def embedded(model):
    return model.embed(PIXELS)


def seen(detector):
    found = detector.predict(PICTURE)
    return found.boxes, found.scores, found.labels, detector.classes, detector.category_ids


def in_child(body):
    """What a body answers in a forked child."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(body)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("is_used_before", [False, True])
def test_workers_read_a_dataset(data, method, is_used_before, monkeypatch):
    monkeypatch.chdir(data.parent)
    with scrl.Dataset(data.name) as dataset:  # a relative path
        if is_used_before:
            dataset[0]
        loaded = Loaded(dataset)
        expected = [float(loaded[index][0]) for index in range(len(dataset))]
        parts = [range(0, 8), range(8, 16), range(16, 24)]
        monkeypatch.chdir("/")
        with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context(method)) as pool:
            found = list(pool.map(work, [(loaded, part) for part in parts]))
        assert sum(found, []) == expected
        if method == "fork":
            KEPT["loaded"] = loaded
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert sum(pool.map(work_on_kept, parts), []) == expected
        assert float(loaded[3][0]) == expected[3]  # the parent's is as it was


def _threads_in_child():
    found = []
    threads = [threading.Thread(target=lambda: found.append(work_on_kept([0, 1, 2]))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found


def test_threads_of_a_forked_child_open_it_once(data):
    with scrl.Dataset(data) as dataset:
        KEPT["loaded"] = Loaded(dataset)
        expected = work_on_kept([0, 1, 2])
        assert in_child(_threads_in_child) == [expected] * 4


def _grandchild():
    work_on_kept([0])
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(work_on_kept, [0, 5]).result()


def test_a_grandchild_opens_it_again(data):
    with scrl.Dataset(data) as dataset:
        KEPT["loaded"] = Loaded(dataset)
        expected = work_on_kept([0, 5])
        child = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(1, mp_context=child) as pool:
            assert pool.submit(_grandchild).result() == expected


def _told(body):
    try:
        return "nothing", repr(body())
    except Exception as error:
        return type(error).__name__, str(error)


def _told_of_dataset():
    return _told(lambda: KEPT["dataset"][0].shape)


@pytest.mark.parametrize("change", ["replaced", "removed", "written"])
def test_a_child_reads_no_other_file_in_its_place(data, tmp_path, change):
    path = tmp_path / "d.h5"
    shutil.copy(data, path)
    with scrl.Dataset(path) as dataset:
        KEPT["dataset"] = dataset
        if change == "replaced":
            shutil.copy(data, tmp_path / "other")
            os.replace(tmp_path / "other", path)
        elif change == "removed":
            path.unlink()
        else:
            path.write_bytes(data.read_bytes() + b" ")
        name, text = in_child(_told_of_dataset)
    assert name == "ForkedError" and "open it in the worker" in text and str(path) in text


def test_a_closed_dataset_stays_closed_everywhere(data):
    dataset = scrl.Dataset(data)
    KEPT["dataset"] = dataset
    dataset.close()
    assert in_child(_told_of_dataset)[0] == "StateError"
    with pytest.raises(scrl.StateError):
        pickle.dumps(dataset)


def _told_of_all():
    return {name: _told(body) for name, body in KEPT["bodies"].items()}


def test_other_objects_say_open_it_in_the_worker(data):
    with scrl.Model(small()) as model, scrl.Trainer(small()) as trainer, scrl.Config() as config, \
            scrl.Detector(TINY, data) as detector:
        KEPT["bodies"] = {
            "model": lambda: model.embed(PIXELS), "trainer": trainer.progress,
            "config": lambda: config["seed"], "detector": lambda: detector.predict(PICTURE)}
        for name, (kind, text) in in_child(_told_of_all).items():
            assert kind == "ForkedError" and "open it in the worker" in text and name in text


WAYS = {"pickle": lambda value: pickle.loads(pickle.dumps(value)), "copy": copy.copy,
        "deepcopy": copy.deepcopy, "oldest pickle": lambda value: pickle.loads(pickle.dumps(value, 0))}


@pytest.mark.parametrize("way", WAYS)
def test_objects_pickle_and_copy(data, tmp_path, way):
    made = WAYS[way]
    with scrl.Config(**{"train.batch": 7, "views.crop_scale": (0.3, 0.9)}) as config:
        config["train.warmup_epochs"] = 100_000  # a contradiction that nobody has asked about yet
        again = made(config)
        assert again == config and again is not config
        again["train.batch"] = 8
        assert config["train.batch"] == 7
    with scrl.Model(small(seed=9)) as model:
        again = made(model)
        assert again.config == model.config and (embedded(again) == embedded(model)).all()
    assert again.embed(PIXELS).shape == (2, 512)  # its own: the first one is closed
    with scrl.Detector(TINY, data) as detector:
        detector.save(tmp_path / "d.h5")
    with scrl.Detector.load(tmp_path / "d.h5") as detector:
        again = made(detector)
        for one, two in zip(seen(again), seen(detector)):
            assert np.array_equal(one, two)
    with scrl.Dataset(data) as dataset:
        again = made(dataset)
        assert (again[2] == dataset[2]).all()
    assert (again[3] == again[3]).all()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_training_is_not_copied(data, way):
    with scrl.Trainer(small()) as trainer:
        with pytest.raises(scrl.StateError, match=r"save\(\) it, and resume\(\) from that"):
            WAYS[way](trainer)
        assert trainer.progress()[0] == 0
    with scrl.Detector(TINY, data) as detector:
        with pytest.raises(scrl.StateError, match=r"it is training; save\(\)"):
            WAYS[way](detector)
        assert detector.progress()[0] == 0


def test_models_and_detectors_go_to_spawned_workers(data, tmp_path):
    with scrl.Detector(TINY, data) as detector:
        detector.save(tmp_path / "d.h5")
    with scrl.Model(small()) as model, scrl.Detector.load(tmp_path / "d.h5") as detector:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert np.allclose(pool.submit(embedded, model).result(), embedded(model), atol=1e-6)
            for one, two in zip(pool.submit(seen, detector).result(), seen(detector)):
                assert np.array_equal(one, two)


def test_errors_pickle():
    for kind in scrl.errors.BY_STATUS.values():
        again = pickle.loads(pickle.dumps(kind("what\nhappened")))
        assert type(again) is kind and str(again) == "what\\nhappened"


FORK_WHILE_OPENING = """
import os, sys, threading
import scrl
stop = threading.Event()
def open_for_ever():
    while not stop.is_set():
        scrl.Dataset(sys.argv[1]).close()
threads = [threading.Thread(target=open_for_ever) for _ in range(3)]
for each in threads: each.start()
for _ in range(40):
    child = os.fork()
    if child == 0:
        with scrl.Dataset(sys.argv[1]) as dataset:
            os._exit(0 if len(dataset) == 24 else 3)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
stop.set()
for each in threads: each.join()
print("done")
"""


def test_a_child_opens_files_though_the_parent_was_opening_some_when_it_forked(data):
    done = python("-c", FORK_WHILE_OPENING, str(data), timeout=100)
    assert done.stdout.strip() == "done", done.stderr
