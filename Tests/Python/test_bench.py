"""`scrl bench`: each command compares, then times, then ends with one JSON object."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import scrl
from conftest import PACKAGE_PARENT, needs_library
from scrl import bench, bench_busy, bench_step
from test_cli import command, failed

pytestmark = needs_library

TINY = ("--arch", "resnet18", "--threads", 1)
COMMON = {"gflops", "gflops_per_second", "gemm_peak_gflops", "fraction_of_gemm_peak",
          "images_per_second", "peak_bytes", "parts", "checked", "config"}
several = pytest.mark.skipif("onednn" not in scrl.build_info()["backends"],
                             reason="one backend cannot be compared")


def measured(*arguments):
    """The last line's object."""
    done = command("bench", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["images_per_second"] > 0 and result["peak_bytes"] > 1 << 20
    assert sum(result["parts"].values()) > 0
    return result


def test_step_compares_then_times():
    result = measured("step", *TINY, "--batch", 2, "--size", 64, "--boxes", 2, "--steps", 2,
                      "--warmup", 1, "--set", "head.hidden=64", "--set", "boxes.min_size=16")
    assert COMMON <= result.keys() and len(result["all_step_seconds"]) == 2
    assert result["step_seconds"] == pytest.approx(np.median(result["all_step_seconds"]))
    # ResNet-18 at 64²: 1.81 G multiply-adds · (64 / 224)²; 4 views, almost 4 passes.
    assert result["gflops"] == pytest.approx(2 * 1.81 * (64 / 224) ** 2 * 16, rel=0.03)
    assert 0 < result["fraction_of_gemm_peak"] and np.isfinite(result["loss"])
    if result["checked"]:
        assert result["checked"]["loss_difference"] <= bench_step.LOSS_TOLERANCE


def test_busy_tells_what_is_kept():
    done = command("bench", "busy", *TINY, "--batch", 2, "--size", 64, "--boxes", 2, "--seconds", 0.05,
                   "--rounds", 2, "--set", "head.hidden=64", "--set", "boxes.min_size=16", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert len(result["all_kept"]) == 2 and 0 < result["kept"] < 1.5
    assert result["busy_images_per_second"] > 0 and result["config"]["train.batch"] == 2


def test_busy_processes_end_with_the_measurement():
    with bench_busy.busy_cpus() as loops:
        assert len(loops) == len(os.sched_getaffinity(0))
        assert all(loop.poll() is None for loop in loops)
    assert all(loop.poll() is not None for loop in loops)


AFFINITY = """
import numpy as np
from pathlib import Path
import scrl
from scrl.bench_busy import busy_cpus
from scrl.bench_step import random_views

def allowed():
    lines = [(task / "status").read_text().splitlines() for task in Path("/proc/self/task").iterdir()]
    return {line for each in lines for line in each if line.startswith("Cpus_allowed_list")}

before = allowed()
views = random_views(4, 64, 2)
config = scrl.Config(**{"train.batch": 4, "views.size": 64, "boxes.min_size": 16,
                        "boxes.per_image": 2, "train.steps": 1000})
with scrl.Trainer(config) as trainer, busy_cpus():
    for _ in range(10):
        trainer.step_on(*views)
    assert allowed() == before, (allowed(), before)
"""


def test_threads_that_made_room_may_still_go_anywhere():
    """On busy CPUs threads of a team move away from each other; none of them stays bound."""
    done = subprocess.run([sys.executable, "-c", AFFINITY], text=True, capture_output=True,
                          timeout=120, env={**os.environ, "PYTHONPATH": PACKAGE_PARENT})
    assert done.returncode == 0, done.stderr


SPINS = """
import os
before = dict(os.environ)
import scrl
scrl.build_info()
import ctypes
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print(libc.getenv(b"GOMP_SPINCOUNT"), libc.getenv(b"OMP_WAIT_POLICY"), dict(os.environ) == before)
"""


@several
@pytest.mark.parametrize("name, value", [
    (None, None), ("GOMP_SPINCOUNT", "7"), ("OMP_WAIT_POLICY", "passive")])
def test_the_environment_is_as_it_was(name, value):
    """Opening oneDNN shows its runtime one more variable, and nobody else."""
    environment = {key: each for key, each in os.environ.items()
                   if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    if name:
        environment[name] = value
    done = subprocess.run([sys.executable, "-c", SPINS], text=True,
                          capture_output=True, timeout=120,
                          env={**environment, "PYTHONPATH": PACKAGE_PARENT})
    assert done.returncode == 0, done.stderr
    told = {"GOMP_SPINCOUNT": None, "OMP_WAIT_POLICY": None, name: (value or "").encode()}
    assert done.stdout.split() == [
        str(told["GOMP_SPINCOUNT"]), str(told["OMP_WAIT_POLICY"]), "True"]


@several
def test_waiting_threads_sleep_soon():
    """libgomp shows its settings when it is loaded: some 40 µs of spinning, as the user likes it else."""
    def shown(**settings):
        environment = {key: each for key, each in os.environ.items()
                       if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        done = subprocess.run(
            [sys.executable, "-c", "import scrl; scrl.build_info()"], capture_output=True, text=True,
            timeout=120, env={**environment, "PYTHONPATH": PACKAGE_PARENT,
                              "OMP_DISPLAY_ENV": "VERBOSE", **settings})
        return re.search(r"GOMP_SPINCOUNT = '(\w+)'", done.stderr).group(1)

    assert shown() == "4000"
    assert shown(GOMP_SPINCOUNT="123") == "123"
    assert shown(OMP_WAIT_POLICY="passive") == "0"


def test_features_compare_then_time():
    result = measured("features", *TINY, "--batch", 2, "--size", 32, "--steps", 1, "--warmup", 0,
                      "--stage", "layer2")
    assert COMMON | {"call_seconds", "all_call_seconds"} <= result.keys()
    assert list(result["parts"]) == ["layer1", "layer2"]


def test_kernels_compare_then_time():
    result = measured("kernels", *TINY, "--batch", 1, "--size", 32, "--repeats", 1,
                      "--set", "roi.stage=layer1", "--set", "boxes.min_size=8")
    assert COMMON | {"kernels", "kernel_seconds", "copy_gb_per_second"} <= result.keys()
    rows = result["kernels"]
    assert [row["kernel"] for row in rows[:2]] == ["gemm", "copy"]
    assert all(row["ms"] > 0 and row["fraction"] > 0 for row in rows)
    done = [row for row in rows if row["kernel"].startswith("convolution")]
    total = sum(row["gflops_per_second"] * row["ms"] * row["uses"] / 1e3 for row in done)
    assert total == pytest.approx(result["gflops"])
    assert sum(result["parts"].values()) == pytest.approx(result["kernel_seconds"])


def test_tables_are_for_people():
    done = command("bench", "features", *TINY, "--batch", 1, "--size", 32, "--steps", 1,
                   "--stage", "layer1")
    assert done.returncode == 0, done.stderr
    assert "images/s" in done.stdout and "GEMM peak" in done.stdout and "layer1" in done.stdout


@pytest.mark.parametrize("arguments", [
    ("step", "--arch", "resnet51"), ("step", "--size", 16), ("features", "--stage", "layer5"),
    ("kernels", "--arch", "resnet51"), ("kernels", "--set", "no.key=1")])
def test_wrong_input_is_one_line(arguments):
    failed(command("bench", *arguments), 1)


@pytest.mark.parametrize("own", [True, False])
def test_views_compare_then_time(data, own):
    source = ("--data", data) if own else ()
    result = measured("views", *source, "--size", 64, "--seconds", 0.2)
    assert result["images_per_cpu_second"] > 0
    assert 0 < result["decode_share"] < 2  # two noisy clocks
    assert result["checked"] > 4 and result["config"]["images"] == 24


def test_views_say_what_is_wrong_with_their_data(tmp_path):
    (tmp_path / "no.h5").write_bytes(b"junk")
    failed(command("bench", "views", "--data", tmp_path / "no.h5"), 1)
    failed(command("bench", "views", "--data", tmp_path / "none.h5"), 1)


@several
def test_a_wrong_step_is_noticed(monkeypatch):
    """Another seed's networks stand for a wrong gradient."""
    real, calls = bench_step._one_step, []

    def twisted(config):
        calls.append(config["compute.backend"])
        if len(calls) == 2:
            config["seed"] = 1
        return real(config)

    monkeypatch.setattr(bench_step, "_one_step", twisted)
    config = bench.config_of("resnet18", 2, 64, 1, {"head.hidden": 64, "boxes.min_size": 16})
    with pytest.raises(scrl.InternalError, match="loss"):
        bench_step.check(config)
    assert calls == ["auto", "openblas"]


@several
def test_the_reference_is_compared_with_the_other():
    assert bench.other_backend(scrl.Config(**{"compute.backend": "openblas"})) == "onednn"
    assert bench.other_backend(scrl.Config()) == "openblas"
