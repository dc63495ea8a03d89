"""bench/run.py without any peer: its report from raw results, its plan, and going on."""

import json
import os
import subprocess
import sys

import pytest

from conftest import PACKAGE_PARENT, REPOSITORY

RUN = REPOSITORY / "bench" / "run.py"


def bench(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(RUN), *map(str, arguments)], capture_output=True, text=True,
        timeout=120, env={**os.environ, "PYTHONPATH": PACKAGE_PARENT, **environment})


def test_a_library_older_than_the_build_is_refused(tmp_path):
    """Installed, not built again: what is measured would not be what the tree says."""
    built = tmp_path / "libscrl.so.0"
    built.write_bytes(b"new")
    other = tmp_path / "installed.so"
    code = ("import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import run; "
            "run.expect_built(Path(sys.argv[2]), Path(sys.argv[3]))")

    def told(loaded, expected):
        done = subprocess.run([sys.executable, "-c", code, str(RUN.parent), str(loaded),
                               str(expected)], capture_output=True, text=True, timeout=60)
        return done.stderr

    other.write_bytes(b"old")
    assert "make bench" in told(other, built) and str(other) in told(other, built)
    other.write_bytes(b"new")
    assert told(other, built) == ""
    assert told(other, tmp_path / "none") == ""  # nothing was built: an installed package alone


def program(name, kind):
    return {"name": name, "kind": kind, "command": ["/opt/x/bin/python", "bench/p.py", name]}


def ran(name, turn, rate, section="step50", **more):
    result = {"images_per_second": rate, "step_seconds": 16 / rate, "peak_bytes": 3 << 30, **more}
    return {"section": section, "program": name, "round": turn, "seconds": 9, "result": result}


def canned():
    """Two rounds, of which the second is on a machine half as fast; one peer is missing."""
    ours = {"parts": {"wait": 0.0, "backward": 3.0, "update": 1.0, "total": 4.0}, "gflops": 1040.0,
            "gflops_per_second": 210.0, "gemm_peak_gflops": 300.0, "fraction_of_gemm_peak": 0.7}
    return {
        "setting": {"threads": 2, "steps": 3, "warmup": 1, "seconds": 5.0, "tiny": False},
        "rounds": 2,
        "facts": {"date": "2026-01-02", "versions": {"torch": "9.9"}, "machine": {
            "cpu": "A CPU", "cpus": 2, "memory_gib": 16, "system": "Linux 6",
            "instructions": ["avx2", "avx512_bf16"], "bf16": ["avx512_bf16"]}},
        "sections": [
            {"key": "step50", "title": "Steps", "rate": "images_per_second", "programs": [
                program("scrl", "ours"), program("P fp32", "fp32"), program("P slow", "fp32"),
                program("P bf16", "bf16"), program("P gone", "fp32")]},
            {"key": "threads", "title": "Threads", "rate": "images_per_second", "programs": [
                program("scrl, 1", "ours"), program("scrl, 2", "ours")]},
            {"key": "views", "title": "Not run", "rate": "images_per_second", "programs": [
                program("scrl", "ours")]}],
        "runs": [
            ran("scrl", 1, 6.0, **ours), ran("P fp32", 1, 2.0), ran("P slow", 1, 1.0),
            ran("P bf16", 1, 3.0),
            ran("scrl", 2, 3.0, **ours), ran("P fp32", 2, 1.5), ran("P slow", 2, 0.5),
            ran("P bf16", 2, 1.5),
            {"section": "step50", "program": "P gone", "round": 1, "seconds": 0.1,
             "error": "ModuleNotFoundError: No module named 'gone'"},
            ran("scrl, 1", 1, 2.0, "threads"), ran("scrl, 2", 1, 3.8, "threads")],
    }


def reported(data, tmp_path):
    (tmp_path / "raw.json").write_text(json.dumps(data))
    done = bench("--report", "--results", tmp_path / "raw.json", "--out", tmp_path / "B.md")
    assert done.returncode == 0, done.stderr
    return (tmp_path / "B.md").read_text()


@pytest.fixture()
def text(tmp_path):
    return reported(canned(), tmp_path)


def test_report_has_medians_spread_and_memory(text):
    assert "| scrl | 4.50 | 3.00 … 6.00 | 4.000 s | 3.00 GiB |" in text
    assert "| P fp32 | 1.75 | 1.50 … 2.00 |" in text


def test_report_takes_ratios_within_a_round(text):
    assert "best fp32 peer, P fp32: **2.50** (2.00 … 3.00)" in text
    assert "best peer of all, P bf16: **2.00** (2.00 … 2.00)" in text


def test_report_compares_once_where_the_best_of_all_is_an_fp32_peer(tmp_path):
    data = canned()
    data["runs"] = [run for run in data["runs"] if run["program"] != "P bf16"]
    text = reported(data, tmp_path)
    assert "best peer of all, P fp32: **2.50**" in text and "best fp32 peer" not in text


def test_report_says_why_a_peer_is_missing(text):
    assert "| P gone | not measured: ModuleNotFoundError: No module named 'gone' |" in text


def test_report_tells_machine_and_commands_without_paths(text):
    assert "bf16 arithmetic: yes (avx512_bf16)" in text and "A CPU, 2 CPUs used" in text
    assert "torch 9.9" in text and "python bench/p.py P fp32" in text and "/opt/" not in text


def test_report_shows_where_our_time_goes(text):
    assert "| backward | 3.0000 | 75.0% |" in text and "70% of the GEMM peak of 300" in text
    assert "- scrl, 2 threads against one: **1.90**" in text
    assert "Not run" not in text


def test_report_of_no_results_is_one_line(tmp_path):
    done = bench("--report", "--results", tmp_path / "none.json")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_list_names_every_program_and_wrong_sections_are_refused():
    done = bench("--list", "--only", "step50,features")
    assert done.returncode == 0 and done.stdout.count("torch_step.py") == 6
    assert "--runtime openvino" in done.stdout and "scrl bench views" not in done.stdout
    refused = bench("--list", "--only", "nosuch")
    assert refused.returncode == 1 and "step50" in refused.stderr


def test_an_interrupted_bench_goes_on(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "bench"))
    from store import Store

    path = tmp_path / "raw.json"
    first = Store(path, {"steps": 3})
    first.add("views", "scrl", 1, 2.0, result={"images_per_second": 5})
    first.add("views", "peer", 1, 2.0, error="no such module")
    again = Store(path, {"steps": 3})
    assert again.has("views", "scrl", 1)
    assert not again.has("views", "scrl", 2)
    assert not again.has("views", "peer", 1)  # what failed is tried again
    again.add("views", "peer", 1, 2.0, result={"images_per_second": 4})
    assert len(again.data["runs"]) == 2
    with pytest.raises(SystemExit, match="fresh"):
        Store(path, {"steps": 4})
    assert not Store(path, {"steps": 4}, fresh=True).has("views", "scrl", 1)
