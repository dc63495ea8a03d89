"""`scrl bench`: each command compares, then times, then ends with one JSON object."""

import json

import numpy as np
import pytest

import scrl
from conftest import needs_library
from scrl import bench, bench_step
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
