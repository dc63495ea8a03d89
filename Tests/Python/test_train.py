"""Trainer: steps, runs, resuming, failures."""

import json
import threading

import numpy as np
import pytest

import scrl
from conftest import needs_library, python, small
from scrl.bench import random_boxes

pytestmark = needs_library


def views_and_boxes(images=4, side=64, seed=0):
    rng = np.random.default_rng(seed)
    views = rng.standard_normal((2, images, 3, side, side)).astype(np.float32)
    boxes = random_boxes(images, 3, side, rng)
    return views[0], views[1], boxes, boxes.copy()


def test_step_on_reports_and_learns():
    given = views_and_boxes()
    with scrl.Trainer(small(**{"optimizer.base_lr": 2.0})) as trainer:
        reports = [trainer.step_on(*given) for _ in range(8)]
    assert [r.step for r in reports] == list(range(1, 9))
    assert all(0 <= r.loss <= 8 and r.boxes == 12 and r.did_step for r in reports)
    assert all(r.seconds > 0 and 0 <= r.ema_momentum <= 1 for r in reports)
    assert reports[-1].loss < reports[0].loss


def test_step_on_ignores_strides():
    one, two, boxes1, boxes2 = views_and_boxes()
    losses = []
    for view in (one, np.ascontiguousarray(one.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)):
        with scrl.Trainer(small()) as trainer:
            losses.append(trainer.step_on(view, two, boxes1, boxes2).loss)
    assert losses[0] == losses[1]


def test_byol_needs_no_boxes():
    one, two, _, _ = views_and_boxes()
    with scrl.Trainer(small(method="byol")) as trainer:
        assert 0 <= trainer.step_on(one, two).loss <= 8


def test_wrong_steps_are_refused():
    one, two, boxes1, boxes2 = views_and_boxes()
    with scrl.Trainer(small()) as trainer:
        with pytest.raises(scrl.ShapeError):
            trainer.step_on(one, two, boxes1, boxes2[:-1])
        with pytest.raises(scrl.Error):
            trainer.step_on(one, two[:3], boxes1, boxes2)
        wrong = boxes1.copy()
        wrong[0, 0] = 4
        with pytest.raises(scrl.Error):
            trainer.step_on(one, two, wrong, boxes2)
        with pytest.raises(scrl.StateError):
            trainer.step()  # no dataset
        assert trainer.step_on(one, two, boxes1, boxes2).loss > 0


def test_a_batch_without_boxes_changes_nothing():
    one, two, _, _ = views_and_boxes()
    with scrl.Trainer(small()) as trainer:
        before = trainer.state_dict()
        report = trainer.step_on(one, two, [], [])
        assert not report.did_step and report.boxes == 0
        for name, value in trainer.state_dict().items():
            np.testing.assert_array_equal(value, before[name])


def test_divergence_is_told_and_undone():
    one, two, boxes1, boxes2 = views_and_boxes()
    with scrl.Trainer(small()) as trainer:
        trainer.step_on(one, two, boxes1, boxes2)
        before = trainer.state_dict()
        bad = one.copy()
        bad[0, 0, 0, 0] = np.nan
        with pytest.raises(scrl.DivergedError):
            trainer.step_on(bad, two, boxes1, boxes2)
        for name, value in trainer.state_dict().items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)
        assert np.isfinite(trainer.step_on(one, two, boxes1, boxes2).loss)


def test_state_dict_goes_from_one_trainer_to_another():
    given = views_and_boxes()
    with scrl.Trainer(small()) as one, scrl.Trainer(small(seed=9)) as two:
        state = one.state_dict()
        assert {name.split(".")[0] for name in state} == {"online", "target", "predictor"}
        two.load_state_dict(state)
        assert one.step_on(*given).loss == two.step_on(*given).loss
        state.pop("predictor.fc1.weight")
        with pytest.raises(scrl.ArgumentError, match=r"predictor\.fc1\.weight"):
            two.load_state_dict(state)


def test_profile_has_the_parts():
    with scrl.Trainer(small()) as trainer:
        trainer.step_on(*views_and_boxes())
        parts = trainer.profile()
    assert {"online_forward", "target_forward", "backward", "update"} <= set(parts)
    assert all(value >= 0 for value in parts.values())


# ------------------------------------------------------------------ runs

def test_run_folder_and_callback(data, tmp_path):
    heard = []
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(**{"train.steps": 5}), dataset, tmp_path / "run") as trainer:
            last = trainer.fit(lambda report: heard.append(report.step), progress=False)
            assert last.step == 5 == last.total_steps and heard == [1, 2, 3, 4, 5]
            assert trainer.progress() == (5, 5)
            assert trainer.fit(progress=False) is None
            with pytest.raises(scrl.StateError):
                trainer.step()
        lines = [json.loads(x) for x in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
        assert (tmp_path / "run" / "checkpoint.h5").is_file()
        with pytest.raises(scrl.Error):
            scrl.Trainer(small(), dataset, tmp_path / "run")  # already holds a run
    with scrl.Model.load(tmp_path / "run") as one, scrl.Model.load(
            tmp_path / "run" / "checkpoint.h5") as two:
        x = np.ones((1, 3, 64, 64), np.float32)
        np.testing.assert_array_equal(one.embed(x), two.embed(x))


def datasets_of(path):
    """Every dataset and attribute of an HDF5 file as bytes, the number of threads aside."""
    h5py = pytest.importorskip("h5py")
    found = {}
    with h5py.File(path, "r") as file:
        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                found[name] = (item.shape, np.asarray(item[()]).tobytes())
        file.visititems(visit)
    return found


@pytest.mark.parametrize("loaders", [1, 2])
def test_resumed_run_equals_the_unbroken_one(data, tmp_path, loaders):
    config = small(**{"loader.threads": loaders})
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(config, dataset, tmp_path / "whole") as trainer:
            trainer.fit(progress=False)
        with scrl.Trainer(config, dataset, tmp_path / "parts") as trainer:
            trainer.fit(progress=False, steps=20)
        with scrl.Trainer.resume(tmp_path / "parts", dataset) as trainer:
            assert trainer.progress() == (20, 40)
            trainer.fit(progress=False)
    whole = datasets_of(tmp_path / "whole" / "checkpoint.h5")
    parts = datasets_of(tmp_path / "parts" / "checkpoint.h5")
    assert whole.keys() == parts.keys() and len(whole) > 100
    assert [name for name in whole if whole[name] != parts[name]] == []


def test_loader_threads_do_not_change_the_result(data, tmp_path):
    losses = []
    with scrl.Dataset(data) as dataset:
        for threads in (1, 3):
            with scrl.Trainer(small(**{"loader.threads": threads}), dataset) as trainer:
                losses.append([trainer.step().loss for _ in range(4)])
    assert losses[0] == losses[1]


def test_resume_finds_its_dataset_and_refuses_another(data, tmp_path, scenes):
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(), dataset, tmp_path / "run") as trainer:
            trainer.fit(progress=False, steps=2)
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.step().step == 3
    files = sorted((scenes / "images").iterdir())[:8]
    scrl.pack(files, tmp_path / "other.h5", progress=False)
    with pytest.raises(scrl.DataError):
        scrl.Trainer.resume(tmp_path / "run", tmp_path / "other.h5")
    with pytest.raises(scrl.Error):
        scrl.Trainer.resume(tmp_path / "nowhere")


def test_a_torn_newest_checkpoint_is_passed_over(data, tmp_path):
    with scrl.Dataset(data) as dataset:
        config = small(**{"checkpoint.every": 2, "checkpoint.keep": 3})
        with scrl.Trainer(config, dataset, tmp_path / "run") as trainer:
            trainer.fit(progress=False, steps=6)
        newest = sorted((tmp_path / "run").glob("checkpoint-*.h5"))[-1]
        for path in (newest, tmp_path / "run" / "checkpoint.h5"):
            raw = bytearray(path.read_bytes())
            path.unlink()
            path.write_bytes(raw[:len(raw) // 2])
        notes = []
        scrl.set_log(notes.append)
        try:
            with scrl.Trainer.resume(tmp_path / "run", dataset) as trainer:
                assert trainer.progress()[0] == 4
        finally:
            scrl.set_log(None)
        assert notes


def test_a_true_answer_of_the_callback_stops_the_run(data, tmp_path):
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(), dataset, tmp_path / "run") as trainer:
            assert trainer.fit(lambda report: report.step == 3, progress=False).step == 3
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.progress()[0] == 3


def test_an_exception_of_the_callback_arrives_after_saving(data, tmp_path):
    def fail(report):
        raise RuntimeError("mine")

    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(), dataset, tmp_path / "run") as trainer:
            with pytest.raises(RuntimeError, match="mine"):
                trainer.fit(fail, progress=False)
    assert (tmp_path / "run" / "checkpoint.h5").is_file()


def test_cancel_from_another_thread(data, tmp_path):
    with scrl.Dataset(data) as dataset:
        with scrl.Trainer(small(**{"train.steps": 100000}), dataset, tmp_path / "run") as trainer:
            begun = threading.Event()

            def later():
                begun.wait(30)
                trainer.cancel()

            thread = threading.Thread(target=later)
            thread.start()
            with pytest.raises(scrl.CancelledError):
                trainer.fit(lambda report: begun.set(), progress=False)
            thread.join()
            assert 1 <= trainer.progress()[0] < 100000
    assert (tmp_path / "run" / "checkpoint.h5").is_file()


def test_interrupt_saves_and_arrives(data, tmp_path):
    program = """
import os, signal, sys, scrl
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
cfg = scrl.Config(**eval(sys.argv[3]))
trainer = scrl.Trainer(cfg, sys.argv[1], sys.argv[2])
try:
    trainer.fit(lambda r: os.kill(os.getpid(), signal.SIGINT) if r.step == 2 else None,
                progress=False)
except KeyboardInterrupt:
    print("interrupted", trainer.progress()[0])
"""
    from conftest import SMALL

    done = python("-c", program, str(data), str(tmp_path / "run"), repr(SMALL))
    assert done.stdout.split()[0] == "interrupted" and 2 <= int(done.stdout.split()[1]) <= 3
    assert (tmp_path / "run" / "checkpoint.h5").is_file()


def test_small_dataset_and_contradictions_are_refused(data):
    with scrl.Dataset(data) as dataset:
        with pytest.raises(scrl.DataError, match="train.batch"):
            scrl.Trainer(small(**{"train.batch": 25}), dataset)
        with pytest.raises(scrl.ConfigError):
            scrl.Trainer(small(**{"boxes.min_size": 100}), dataset)


def test_forked_child_gets_an_error_not_a_hang(data):
    program = """
import os, sys, scrl, numpy as np
cfg = scrl.Config(**eval(sys.argv[2]))
ds = scrl.Dataset(sys.argv[1])
trainer = scrl.Trainer(cfg, ds)
trainer.step()
child = os.fork()
if child == 0:
    code = 1
    try:
        trainer.step()
    except scrl.ForkedError:
        try:
            trainer.close(); ds.close()
            with scrl.Dataset(sys.argv[1]) as again, scrl.Trainer(cfg.__class__(**eval(sys.argv[2])),
                                                                   again) as mine:
                code = 0 if np.isfinite(mine.step().loss) else 3
        except BaseException as error:
            print("child", repr(error), file=sys.stderr)
            code = 2
    except BaseException as error:
        print("child", repr(error), file=sys.stderr)
    os._exit(code)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), trainer.step().step)
"""
    from conftest import SMALL

    done = python("-c", program, str(data), repr(SMALL), timeout=60)
    assert done.stdout.split() == ["0", "2"], done.stderr


def test_objects_left_open_end_with_the_process(data):
    from conftest import SMALL

    done = python("-c", f"import scrl; t = scrl.Trainer(scrl.Config(**{SMALL!r}), {str(data)!r}); "
                        "t.step(); m = scrl.Model('scrl-small')")
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.skipif(not scrl.build_info()["bfloat16"], reason="this CPU multiplies no bfloat16")
def test_training_in_bfloat16_learns_and_resumes_exactly(data, tmp_path):
    cfg = small(**{"compute.precision": "bfloat16", "train.steps": 6})
    with scrl.Trainer(cfg, dataset=data) as whole:
        losses = [whole.step().loss for _ in range(4)]
        expected = whole.state_dict()
    with scrl.Trainer(cfg, dataset=data) as first:
        assert [first.step().loss for _ in range(2)] == losses[:2]
        first.save(tmp_path / "half.h5")
    with scrl.Trainer.resume(tmp_path / "half.h5", dataset=data) as second:
        assert [second.step().loss for _ in range(2)] == losses[2:]
        got = second.state_dict()
    assert all(np.array_equal(got[name], values) for name, values in expected.items())


def test_bfloat16_needs_onednn(data):
    cfg = small(**{"compute.precision": "bfloat16", "compute.backend": "openblas"})
    with pytest.raises(scrl.UnsupportedError, match="compute.precision"):
        scrl.Trainer(cfg, dataset=data)
