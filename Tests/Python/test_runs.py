"""Every way to stop is a stop, through real processes; a run folder is never a dead end."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

import scrl
from conftest import PACKAGE_PARENT, SMALL, needs_library, python, small

pytestmark = needs_library

ENVIRONMENT = {**os.environ, "PYTHONPATH": PACKAGE_PARENT}
LONG = {**SMALL, "train.steps": 100000}
DETECTOR = {
    "model.arch": "resnet18", "detect.channels": 16, "detect.fc": 32, "detect.mask_channels": 16,
    "detect.min_size": 96, "detect.test_size": 96, "detect.max_size": 128, "detect.batch": 2,
    "detect.anchor_size": 8, "detect.steps": 100000, "detect.kind": "faster", "threads": 1,
    "detect.proposals": 50, "detect.region_samples": 16,
}


def sets(values):
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def start(*arguments, before=None, **more):
    """A process of this interpreter, its streams as text."""
    return subprocess.Popen([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, preexec_fn=before,
                            **more)


def scrl_shell(*arguments, **more):
    return start("-m", "scrl", *arguments, **more)


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for(condition, process, seconds=60):
    end = time.time() + seconds
    while not condition():
        assert process.poll() is None and time.time() < end, process.communicate()
        time.sleep(0.02)


def default_signals():
    """A shell's background jobs ignore SIGINT, and so would these."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def pretrain(data, run, **values):
    return scrl_shell("pretrain", "--data", data, "--out", run, *sets({**LONG, **values}),
                      before=default_signals)


def begun(data, run):
    """A run with a checkpoint at step 2."""
    with scrl.Trainer(small(**{"train.steps": 100000}), data, run) as trainer:
        trainer.fit(progress=False, steps=2)
    return run


def begun_detector(data, run):
    with scrl.Detector(DETECTOR, data, run) as detector:
        detector.fit(progress=False, steps=1)
    return run


# ------------------------------------------------------------------ signals: the shell

TRAININGS = {
    "pretrain": lambda data, run: pretrain(data, run),
    "resume": lambda data, run: scrl_shell("resume", begun(data, run), before=default_signals),
    "detect train": lambda data, run: scrl_shell(
        "detect", "train", "--data", data, "--out", run, *sets(DETECTOR), before=default_signals),
    "detect train --resume": lambda data, run: scrl_shell(
        "detect", "train", "--out", begun_detector(data, run), "--resume", before=default_signals),
}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("command", TRAININGS)
def test_a_signal_saves_a_training_of_the_shell(command, number, data, tmp_path):
    run = tmp_path / "run"
    process = TRAININGS[command](data, run)
    begun_at = lines_of(run / "metrics.jsonl")
    wait_for(lambda: lines_of(run / "metrics.jsonl") > begun_at, process)
    for _ in range(3):  # impatient hands, and a supervisor that repeats itself
        process.send_signal(number)
        time.sleep(0.01)
    _, told = process.communicate(timeout=60)
    assert process.returncode == SIGNALS[number], told
    last = told.strip().splitlines()[-1]
    assert last.startswith("scrl: stopped after step ") and "all is saved, go on with" in last
    assert "Traceback" not in told
    kind = scrl.Detector if "detect" in command else scrl.Trainer
    with kind.resume(run) as again:
        assert again.progress()[0] == int(last.split()[4]) == lines_of(run / "metrics.jsonl")
        again.step()
    assert sorted(path.name for path in run.iterdir() if path.name.startswith(".")) == []


def test_nohup_goes_on(data, tmp_path):
    def as_nohup():
        default_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    run = tmp_path / "run"
    process = scrl_shell("pretrain", "--data", data, "--out", run, *sets(LONG), before=as_nohup)
    wait_for(lambda: lines_of(run / "metrics.jsonl") > 0, process)
    process.send_signal(signal.SIGHUP)
    there = lines_of(run / "metrics.jsonl")
    wait_for(lambda: lines_of(run / "metrics.jsonl") > there + 3, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_a_signal_at_any_moment_of_the_start_ends_sanely(delay, data, tmp_path):
    run = tmp_path / "run"
    process = pretrain(data, run)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (143, -signal.SIGTERM), told  # by default before Python has begun
    again = pretrain(data, run, **{"train.steps": 2})
    _, told = again.communicate(timeout=60)
    if again.returncode:  # it had saved
        assert "holds a run already" in told
        with scrl.Trainer.resume(run) as trainer:
            assert trainer.step()
    else:
        assert lines_of(run / "metrics.jsonl") == 2


OTHERS = {
    "pack": ["pack", "{many}", "--out", "{out}/packed.h5"],
    "pack --annotations": ["pack", "{many}", "--annotations", "{many}.json", "--out", "{out}/packed.h5"],
    "synth": ["synth", "--out", "{out}/more", "--count", "5000"],
    "features": ["features", "--checkpoint", "{run}", "--data", "{big}", "--out", "{out}/f.npy"],
    "eval knn": ["eval", "knn", "--checkpoint", "{run}", "--train", "{big}"],
    "eval linear": ["eval", "linear", "--checkpoint", "{run}", "--train", "{big}"],
    "eval health": ["eval", "health", "--checkpoint", "{run}", "--data", "{big}", "--images", "4000"],
    "detect eval": ["detect", "eval", "--checkpoint", "{detector}", "--data", "{boxed}",
                    "--results", "{out}/r.json"],
    "detect predict": ["detect", "predict", "--checkpoint", "{detector}", "{many}", "--out",
                       "{out}/r.json"],
    "bench step": ["bench", "step", "--steps", "100000", "--batch", "2", "--size", "64"],
}


@pytest.fixture(scope="module")
def places(data, scenes, tmp_path_factory):
    """A run, a detector, and so many pictures that every command has much to do."""
    folder = tmp_path_factory.mktemp("places")
    known = json.loads((scenes / "annotations.json").read_text())
    many, images, objects = folder / "many", [], []
    for copy in range(300):
        (many / f"{copy % 2}").mkdir(parents=True, exist_ok=True)
        for image in known["images"]:
            name = f"{copy % 2}/{copy}-{os.path.basename(image['file_name'])}"
            os.link(scenes / image["file_name"], many / name)
            images.append({**image, "id": len(images) + 1, "file_name": name})
            objects += [{**each, "id": len(objects) + 1 + i, "image_id": len(images)} for i, each in
                        enumerate(e for e in known["annotations"] if e["image_id"] == image["id"])]
    (folder / "many.json").write_text(json.dumps({**known, "images": images, "annotations": objects}))
    few = {**known, "images": images[:2000], "annotations": [e for e in objects if e["image_id"] <= 2000]}
    scrl.pack(many, folder / "big.h5", labels="folders", progress=False)
    scrl.pack(many, folder / "boxed.h5", annotations=few, progress=False)
    return {"run": begun(data, folder / "run"), "detector": begun_detector(data, folder / "det"),
            "many": many, "big": folder / "big.h5", "boxed": folder / "boxed.h5"}


def listens(process):
    """Whether the process has a handler for SIGTERM: the command has begun."""
    with open(f"/proc/{process.pid}/status") as file:
        caught = next(line for line in file if line.startswith("SigCgt")).split()[1]
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


@pytest.mark.parametrize("command", OTHERS)
def test_a_signal_ends_other_commands_and_leaves_nothing_half_done(command, places, tmp_path):
    arguments = [each.format(**places, out=tmp_path) for each in OTHERS[command]]
    process = scrl_shell(*arguments, before=default_signals)
    wait_for(lambda: listens(process), process)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert told.strip().splitlines()[-1] == "scrl: terminated"
    assert "Traceback" not in told and "Exception ignored" not in told
    left = [path.name for path in tmp_path.iterdir() if path.name != "more"]
    if left == ["packed.h5"]:  # it came while the whole file was given its name
        with scrl.Dataset(tmp_path / "packed.h5") as dataset:
            assert len(dataset) == 7200
    else:
        assert left == []


# ------------------------------------------------------------------ signals: a host in Python

HOST = """
import os, signal, sys, scrl
{handlers}
trainer = scrl.Trainer(scrl.Config(**eval(sys.argv[3])), sys.argv[1], sys.argv[2])
try:
    trainer.fit(lambda r: print(r.step, flush=True), progress=False)
finally:
    print("unwound", flush=True)
"""
OWN = """
def stop(number, frame): {body}
signal.signal(signal.SIGTERM, stop)
"""


def host(data, run, handlers=""):
    return start("-c", HOST.format(handlers=handlers), data, run, repr(LONG), before=default_signals)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_fit_saves_and_then_the_signal_ends_the_process(number, data, tmp_path):
    process = host(data, tmp_path / "run")
    process.stdout.readline()
    process.send_signal(number)
    said, told = process.communicate(timeout=60)
    assert process.returncode == -number and "unwound" not in said and told == ""
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.progress()[0] == lines_of(tmp_path / "run" / "metrics.jsonl")


def test_fit_raises_keyboard_interrupt(data, tmp_path):
    process = host(data, tmp_path / "run")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said, told = process.communicate(timeout=60)
    assert "unwound" in said and "KeyboardInterrupt: stopped; all is saved" in told
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.progress()[0] >= 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_hosts_own_handler_stops_a_fit(number, data, tmp_path):
    own = OWN.format(body="raise SystemExit(7)").replace("SIGTERM", number.name)
    process = host(data, tmp_path / "run", own)
    process.stdout.readline()
    process.send_signal(number)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 7 and "unwound" in said and told == ""
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.progress()[0] >= 1


def test_a_hosts_own_handler_may_cancel_or_let_it_go_on(data, tmp_path):
    own = OWN.format(body="trainer.cancel()")
    process = host(data, tmp_path / "run", own)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "CancelledError" in told

    process = host(data, tmp_path / "more", OWN.format(body="print('heard', flush=True)"))
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert any("heard" in process.stdout.readline() for _ in range(50))
    assert process.stdout.readline().strip().isdigit()
    process.kill()
    process.communicate()


def test_a_child_forked_in_the_callback_keeps_the_default(data):
    def fork(report):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(1)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        ends.append(os.waitpid(child, 0)[1])

    ends = []
    with scrl.Trainer(small(), data) as trainer:
        assert trainer.fit(fork, progress=False, steps=1).step == 1
    assert ends == [signal.SIGTERM]  # died by it


def test_handlers_are_as_before_when_a_fit_has_ended(data):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(number) for number in SIGNALS]
    with scrl.Trainer(small(), data) as trainer:
        trainer.fit(progress=False, steps=1)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_cancel_between_two_fits_is_not_lost(data):
    with scrl.Trainer(small(), data) as trainer:
        trainer.fit(progress=False, steps=1)
        trainer.cancel()
        with pytest.raises(scrl.CancelledError):
            trainer.fit(progress=False)
        assert trainer.progress()[0] == 1
        assert trainer.fit(progress=False, steps=1).step == 2
    with pytest.raises(scrl.StateError):
        trainer.cancel()


# ------------------------------------------------------------------ killed

def test_a_run_killed_before_its_first_checkpoint_is_begun_again(data, tmp_path):
    run = tmp_path / "run"
    process = pretrain(data, run)
    wait_for(lambda: lines_of(run / "metrics.jsonl") > 1, process)
    process.kill()
    process.communicate()
    before = lines_of(run / "metrics.jsonl")
    assert not list(run.glob("*.h5"))

    process = scrl_shell("resume", run)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "no checkpoint yet" in told and "begun again" in told
    process = pretrain(data, run, **{"train.steps": 3})
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0 and "metrics-1.jsonl" in told, told
    assert lines_of(run / "metrics.jsonl") == 3 and lines_of(run / "metrics-1.jsonl") == before


def test_the_clock_writes_checkpoints_that_a_killed_run_goes_on_from_exactly(data, tmp_path):
    # Without algorithms chosen by time: two runs of their own are compared.
    values = {"checkpoint.minutes": 0.02, "train.steps": 60, "compute.winograd": "off"}
    run = tmp_path / "run"
    process = pretrain(data, run, **values)
    wait_for(lambda: (run / "checkpoint.h5").exists() and lines_of(run / "metrics.jsonl") > 20,
             process)
    process.kill()
    process.communicate()
    assert [path.name for path in run.glob("checkpoint*.h5")] == ["checkpoint.h5"]
    with scrl.Trainer.resume(run) as trainer:
        assert 0 < trainer.progress()[0] < 60
        trainer.fit(progress=False)
    assert lines_of(run / "metrics.jsonl") == 60
    with scrl.Trainer(small(**values), data, tmp_path / "whole") as trainer:
        trainer.fit(progress=False)
    names = ("checkpoint.h5", "checkpoint-00000060.h5")
    assert all((run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
               for name in names)


def test_numbered_checkpoints_are_those_asked_for_by_step(data, tmp_path):
    values = {"checkpoint.minutes": 1e-5, "checkpoint.every": 4, "checkpoint.keep": 2}
    with scrl.Trainer(small(**values), data, tmp_path / "run") as trainer:
        trainer.fit(progress=False, steps=11)
        assert (tmp_path / "run" / ".lock").exists()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "checkpoint-00000008.h5", "checkpoint-00000011.h5", "checkpoint.h5", "metrics.jsonl"]


def test_a_folder_of_torn_checkpoints_says_the_way_out(data, tmp_path):
    run = begun(data, tmp_path / "run")
    for path in run.glob("*.h5"):
        path.unlink()
        path.write_bytes(b"torn")
    with pytest.raises(scrl.FormatError, match="none of its checkpoints is whole.*move them away"):
        scrl.Trainer.resume(run)
    for path in run.glob("*.h5"):
        path.rename(tmp_path / path.name)
    with scrl.Trainer(small(), data, run) as trainer:
        assert trainer.fit(progress=False, steps=1).step == 1


def test_a_full_disk_leaves_nothing_and_the_run_begins_again(data, tmp_path):
    def small_files():
        default_signals()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    run = tmp_path / "run"
    process = scrl_shell("pretrain", "--data", data, "--out", run,
                         *sets({**SMALL, "train.steps": 2}), before=small_files)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "scrl: write " in told and len(told.splitlines()) == 1
    assert [path.name for path in run.iterdir()] == ["metrics.jsonl"]
    process = pretrain(data, run, **{"train.steps": 2})
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told


def test_a_checkpoint_file_goes_on_in_its_folder(data, tmp_path):
    run = begun(data, tmp_path / "run")
    for file, code in (("checkpoint.h5", 0), ("checkpoint-00000002.h5", 2)):
        process = scrl_shell("resume", run / file, "--steps", 1)
        _, told = process.communicate(timeout=60)
        assert process.returncode == code and (code == 0 or "expected the folder" in told), told
    assert lines_of(run / "metrics.jsonl") == 3  # as the folder itself
    alone = tmp_path / "alone"
    alone.mkdir()
    os.link(run / "checkpoint-00000002.h5", alone / "c.h5")
    process = scrl_shell("resume", alone / "c.h5", before=default_signals)
    time.sleep(6)  # until it trains: a file of its own shows nothing that one could wait for
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143 and "all is saved" in told, told
    with scrl.Trainer.resume(alone) as trainer:
        assert trainer.progress()[0] > 2


def test_a_fit_without_a_folder_does_not_say_that_it_has_saved(data):
    with scrl.Trainer(small(), data) as trainer:
        with pytest.raises(KeyboardInterrupt, match="no run folder: nothing is saved"):
            trainer.fit(lambda report: os.kill(os.getpid(), signal.SIGINT), progress=False)
        assert trainer.progress()[0] == 1


# ------------------------------------------------------------------ one run a folder

@pytest.mark.parametrize("door", ["Trainer", "Trainer.resume", "Detector", "pretrain", "resume"])
def test_a_second_run_in_a_folder_is_refused(door, data, tmp_path):
    run = begun(data, tmp_path / "run")
    with scrl.Trainer.resume(run):
        if door in ("pretrain", "resume"):
            arguments = (["--data", data, "--out", run, *sets(SMALL)] if door == "pretrain"
                         else [run])
            process = scrl_shell(door, *arguments)
            _, told = process.communicate(timeout=60)
            assert process.returncode == 1 and f"in use by process {os.getpid()} on " in told
            return
        with pytest.raises(scrl.StateError, match="in use by a trainer of this process"):
            {"Trainer": lambda: scrl.Trainer(small(), data, run),
             "Trainer.resume": lambda: scrl.Trainer.resume(run),
             "Detector": lambda: scrl.Detector(DETECTOR, data, run)}[door]()
    with scrl.Trainer.resume(run) as trainer:
        trainer.step()


def test_a_run_that_was_let_go_leaves_the_folder_free(data, tmp_path):
    process = start("-c", "import os, sys, scrl; t = scrl.Trainer.resume(sys.argv[1]); os._exit(0)",
                    begun(data, tmp_path / "run"))
    process.communicate(timeout=60)
    assert (tmp_path / "run" / ".lock").exists()  # it means nothing without its holder
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        trainer.step()


# ------------------------------------------------------------------ metrics.jsonl

def test_other_lines_in_the_metrics_are_kept_and_the_report_reads_past_them(data, tmp_path):
    run = begun(data, tmp_path / "run")
    metrics = run / "metrics.jsonl"
    metrics.write_bytes(b"\xef\xbb\xbf" + metrics.read_bytes().replace(b"\n", b"\r\n")
                        + b"// mine\n{\"step\": 99, \"accuracy\": 0.5}\n\x00\x01\n[1]")
    with scrl.Trainer.resume(run) as trainer:
        trainer.fit(progress=False, steps=1)
    text = metrics.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf{\"step\": 1,") and text.count(b"\r\n") == 2
    assert b"// mine\n{\"step\": 99, \"accuracy\": 0.5}\n[1]\n{\"step\": 3, " in text
    assert (run / "metrics-foreign.jsonl").read_bytes() == b"\x00\x01\n"
    from scrl.report import read_metrics

    assert [line["step"] for line in read_metrics(run)] == [1, 2, 3]


# ------------------------------------------------------------------ changes on resume

def test_a_longer_schedule_is_that_of_the_whole_new_length(data, tmp_path):
    run = begun(data, tmp_path / "run")
    with scrl.Trainer.resume(run, **{"train.steps": 6, "optimizer.base_lr": 0.2,
                                     "checkpoint.every": 2}) as trainer:
        rates = []
        trainer.fit(lambda report: rates.append(report.lr), progress=False)
        assert trainer.progress() == (6, 6) and trainer.config["optimizer.base_lr"] == 0.2
    with scrl.Trainer(small(**{"train.steps": 6, "optimizer.base_lr": 0.2}), data) as fresh:
        expected = []
        fresh.fit(lambda report: expected.append(report.lr), progress=False)
    assert rates == expected[2:]
    with scrl.Trainer.resume(run) as again:  # what was changed is what is saved
        assert again.config["train.steps"] == 6 and again.config["checkpoint.every"] == 2


@pytest.mark.parametrize("key,value,why", [
    ("model.arch", "resnet50", "the weights have its form"),
    ("train.batch", 8, "steps are counted"),
    ("views.size", 96, "decides what each step computes"),
    ("seed", 3, "drawn from it"),
    ("detect.steps", 7, "means nothing to pretraining"),
    ("train.epoch", 7, "did you mean 'train.epochs'"),
])
def test_what_cannot_change_is_refused_by_name(key, value, why, data, tmp_path):
    run = begun(data, tmp_path / "run")
    with pytest.raises(scrl.ConfigError, match=key) as caught:
        scrl.Trainer.resume(run, **{key: value})
    assert why in str(caught.value)
    process = scrl_shell("resume", run, "--set", f"{key}={value}")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and key in told and why in told


def test_the_shell_changes_a_run(data, tmp_path):
    run = begun(data, tmp_path / "run")
    process = scrl_shell("resume", run, "--set", "train.steps=4", "--set", "loader.threads=2", "--json")
    said, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert json.loads(said.splitlines()[-1])["total_steps"] == 4

    det = begun_detector(data, tmp_path / "det")
    process = scrl_shell("detect", "train", "--out", det / "checkpoint.h5", "--resume", "--set",
                         "detect.steps=2", "--json")  # its folder is meant
    said, told = process.communicate(timeout=60)
    assert process.returncode == 0 and json.loads(said.splitlines()[-1])["step"] == 2, told
    with pytest.raises(scrl.ConfigError, match="detect.batch"):
        scrl.Detector.resume(det, **{"detect.batch": 4})
    with pytest.raises(scrl.ConfigError, match="train.steps means nothing to a detector"):
        scrl.Detector.resume(det, **{"train.steps": 4})
    with scrl.Detector.resume(det, **{"detect.steps": 3, "detect.kind": "faster"}) as detector:
        assert detector.fit(progress=False).step == 3


def test_keys_tell_whether_they_may_change():
    keys = scrl.Config().describe()
    assert keys["train.epochs"].fixed is None and keys["checkpoint.minutes"].fixed is None
    assert keys["model.arch"].fixed == "the weights have its form"
    process = scrl_shell("config", "checkpoint", "--json")
    said, _ = process.communicate(timeout=60)
    assert all(json.loads(line)["fixed"] is None for line in said.splitlines())


# ------------------------------------------------------------------ paths

def test_a_working_directory_may_change(data, tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    os.link(data, tmp_path / "a" / "d.h5")
    monkeypatch.chdir(tmp_path / "a")
    with scrl.Trainer(small(), "d.h5", "run") as trainer:
        monkeypatch.chdir(tmp_path / "b")
        trainer.fit(progress=False, steps=1)
    with scrl.Trainer.resume("../a/run") as trainer:
        monkeypatch.chdir(tmp_path)
        trainer.fit(progress=False, steps=1)
    assert lines_of(tmp_path / "a" / "run" / "metrics.jsonl") == 2
    assert not (tmp_path / "b" / "run").exists() and not (tmp_path / "run").exists()


def test_a_dataset_that_has_moved_is_asked_for(data, tmp_path):
    moved = tmp_path / "moved.h5"
    os.link(data, moved)
    run = begun(moved, tmp_path / "run")
    moved.unlink()
    with pytest.raises(scrl.StorageError, match=r"moved\.h5.*--data PATH"):
        scrl.Trainer.resume(run)
    process = scrl_shell("resume", run, "--data", data, "--steps", "1")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told


@pytest.mark.parametrize("name", ["checkpoint-00000004.h5", "checkpoint.h5"])
@pytest.mark.parametrize("content", ["foreign", "damaged"])
def test_what_stands_under_a_checkpoints_name_is_set_aside(data, tmp_path, name, content):
    """No step is lost for it, and neither is the file."""
    with scrl.Trainer(small(**{"train.steps": 2}), data, tmp_path / "run") as trainer:
        trainer.fit(progress=False)
    whole = (tmp_path / "run" / "checkpoint-00000002.h5").read_bytes()
    strange = b"precious" if content == "foreign" else whole[:len(whole) // 2]
    target = tmp_path / "run" / name
    target.unlink(missing_ok=True)
    target.write_bytes(strange)
    with scrl.Trainer.resume(tmp_path / "run", **{"train.steps": 4}) as trainer:
        trainer.fit(progress=False)
    assert (tmp_path / "run" / f"{name}.other-1").read_bytes() == strange
    with scrl.Trainer.resume(tmp_path / "run") as trainer:
        assert trainer.progress() == (4, 4)


def test_a_length_below_what_is_done_is_refused(data, tmp_path):
    with scrl.Trainer(small(**{"train.steps": 3}), data, tmp_path / "run") as trainer:
        trainer.fit(progress=False)
    with pytest.raises(scrl.ConfigError, match="train.steps the run has 2 steps, and 3 are done"):
        scrl.Trainer.resume(tmp_path / "run", **{"train.steps": 2})
    done = python("-m", "scrl", "resume", str(tmp_path / "run"), "--set", "train.steps=2")
    assert done.returncode == 1 and "3 are done" in done.stderr


def test_a_folder_without_a_run_is_called_that(scenes):
    with pytest.raises(scrl.StorageError, match="neither checkpoints nor metrics.jsonl"):
        scrl.Trainer.resume(scenes)
