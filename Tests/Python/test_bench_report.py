"""bench/run.py without any peer: summaries, pages and thresholds, its plan, and going on."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import PACKAGE_PARENT, REPOSITORY

RUN = REPOSITORY / "bench" / "run.py"
STORED = REPOSITORY / "docs" / "benchmarks"


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
            "run.require_current(Path(sys.argv[2]), Path(sys.argv[3]))")

    def complaint(loaded, expected):
        done = subprocess.run([sys.executable, "-c", code, str(RUN.parent), str(loaded),
                               str(expected)], capture_output=True, text=True, timeout=60)
        return done.stderr

    other.write_bytes(b"old")
    assert "make bench" in complaint(other, built) and str(other) in complaint(other, built)
    other.write_bytes(b"new")
    assert complaint(other, built) == ""
    assert complaint(other, tmp_path / "none") == ""  # an installed package alone


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


@pytest.fixture()
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(RUN.parent))
    import pages
    import report
    import summary

    return pages, report, summary


def reported(data, modules):
    _, report, summary = modules
    found = {each["key"]: summary.summarise(data, each) for each in data["sections"]}
    return report.page("cpu", {key: each for key, each in found.items() if each})


@pytest.fixture()
def text(modules):
    return reported(canned(), modules)


def test_report_has_medians_spread_and_memory(text):
    assert "| scrl | 4.50 | 3.00 … 6.00 | 4.000 s | 3.00 GiB |" in text
    assert "| P fp32 | 1.75 | 1.50 … 2.00 |" in text


def test_report_takes_ratios_within_a_round(text):
    assert "best fp32 peer, P fp32: **2.50** (2.00 … 3.00)" in text
    assert "best peer of all, P bf16: **2.00** (2.00 … 2.00)" in text


def test_report_compares_once_where_the_best_of_all_is_an_fp32_peer(modules):
    data = canned()
    data["runs"] = [run for run in data["runs"] if run["program"] != "P bf16"]
    text = reported(data, modules)
    assert "best peer of all, P fp32: **2.50**" in text and "best fp32 peer" not in text


def test_report_says_why_a_peer_is_missing(text):
    assert "| P gone | not measured: ModuleNotFoundError: No module named 'gone' |" in text


def test_report_names_machine_and_commands_without_paths(text):
    assert "bf16 arithmetic: yes (avx512_bf16)" in text and "A CPU, 2 CPUs used" in text
    assert "torch 9.9" in text and "python bench/p.py P fp32" in text and "/opt/" not in text


def test_report_shows_where_our_time_goes(text):
    assert "| backward | 3.0000 | 75.0% |" in text and "70% of the GEMM peak of 300" in text
    assert "- scrl, 2 threads against one: **1.90**" in text
    assert "Not run" not in text


def ratios_of(modules, keys, ours, title="new"):
    """Summaries of sections in which scrl is `ours` times as fast as its peer."""
    _, _, summary = modules
    data = canned()
    section = {"title": title, "rate": "images_per_second", "programs": [
        program("scrl", "ours"), program("P fp32", "fp32")]}
    data["runs"] = [ran(name, 1, rate, key) for key in keys
                    for name, rate in (("scrl", ours), ("P fp32", 1.0))]
    return {key: summary.summarise(data, {**section, "key": key}) for key in keys}


@pytest.fixture()
def committed(tmp_path, modules):
    """Two CPUs' pages; least ratios of two sections on the first and none on the second."""
    claims = [{"claim": f"{key} over P", "section": key, "program": "scrl", "against": "fp32",
               "least": {"one": least}} for key, least in (("step50", 2.0), ("views", 3.0))]
    (tmp_path / "thresholds.json").write_text(json.dumps({"claims": claims}))

    def opened():
        return modules[0].Pages(tmp_path / "pages", tmp_path / "B.md",
                                tmp_path / "thresholds.json")

    pages = opened()
    for cpu in ("one", "two"):
        pages.merge(cpu, ratios_of(modules, ("views", "step50"), 3.5, "old"), ["step50", "views"])
    pages.write()
    return opened


def test_a_part_that_is_run_again_replaces_its_own_section_alone(committed, modules, tmp_path):
    before = committed().pages
    other = (tmp_path / "pages" / "two.md").read_bytes()
    pages = committed()
    pages.merge("one", ratios_of(modules, ("views",), 4.0), ["step50", "views"])
    pages.write()
    after = committed().pages
    assert after["two"] == before["two"] and (tmp_path / "pages" / "two.md").read_bytes() == other
    assert after["one"]["step50"] == before["one"]["step50"]
    assert after["one"]["views"]["ratios"][0]["ratio"] == [4.0, 4.0, 4.0]
    assert list(after["one"]) == ["step50", "views"]
    overview = (tmp_path / "B.md").read_text()
    row = next(line for line in overview.splitlines() if line.startswith("| views"))
    assert "**4.00** (4.00 … 4.00), 2026-01-02; at least 3.00 | **3.50**" in row
    assert "python bench/run.py --part views" in row and "(docs/benchmarks/two.md)" in overview


def test_a_planted_slow_result_fails(committed, modules):
    pages = committed()
    assert pages.failures("one") == [] and pages.failures("two") == []
    pages.merge("one", ratios_of(modules, ("views",), 2.9), ["step50", "views"])
    assert pages.failures("one", {"step50"}) == []
    assert pages.failures("one", {"views"}) == [
        "one, views, views over P: got 2.90 · expected 3.00 or more"]
    assert pages.unbounded("two", {"views"}) == ["views over P"]
    del pages.pages["one"]["step50"]
    assert "got no ratio" in pages.failures("one")[0]


def test_check_passes_as_committed_and_fails_on_a_planted_slow_result(tmp_path):
    folder = shutil.copytree(STORED, tmp_path / "pages")
    assert bench("--check", "--pages", folder).returncode == 0
    slow = folder / "avx2-zen3.json"
    data = json.loads(slow.read_text())
    data["views"]["ratios"][0]["ratio"][0] = 1.2
    slow.write_text(json.dumps(data))
    refused = bench("--check", "--pages", folder)
    assert refused.returncode == 1 and "got 1.20" in refused.stdout
    slow.unlink()
    assert "no ratio" in bench("--check", "--pages", folder).stdout


def test_committed_pages_are_what_their_results_give(tmp_path):
    folder = shutil.copytree(STORED, tmp_path / "pages")
    for page in folder.glob("*.md"):
        page.unlink()
    done = bench("--report", "--pages", folder, "--out", tmp_path / "B.md")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "B.md").read_text() == (REPOSITORY / "BENCHMARKS.md").read_text()
    pages = sorted(path.name for path in STORED.glob("*.md"))
    assert pages and pages == sorted(path.name for path in folder.glob("*.md"))
    for name in pages:
        assert (folder / name).read_text() == (STORED / name).read_text()


def test_a_fresh_part_is_measured_merged_and_compared(tmp_path):
    """Programs that answer at once stand in for libscrl and its peer."""
    code = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import run
from plan import Program, Section
place, rate = Path(sys.argv[2]), sys.argv[3]
def printing(name, kind, rate):
    result = json.dumps({"images_per_second": float(rate)})
    return Program(name, kind, [sys.executable, "-c", f"print({result!r})"])
run.peers.python = lambda root: sys.executable
run.facts = lambda ours: {"date": "2026-01-02", "machine": {}, "versions": {}}
run.Plan.sections = lambda plan: [Section("step50", "Steps", [
    printing("scrl", "ours", rate), printing("P fp32", "fp32", 1)])]
claim = {"claim": "a step", "section": "step50", "program": "scrl", "against": "fp32"}
(place / "t.json").write_text(json.dumps({"claims": [{**claim, "least": {run.CPU: 2.0}}]}))
sys.argv = ["run.py", "--part", "step50", "--rounds", "2", "--fresh",
            "--results", str(place / "raw.json"), "--pages", str(place / "pages"),
            "--out", str(place / "B.md"), "--thresholds", str(place / "t.json")]
sys.exit(run.main())
"""
    for rate, status in ((3, 0), (1.5, 1)):
        done = subprocess.run([sys.executable, "-c", code, str(RUN.parent), str(tmp_path),
                               str(rate)], capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stderr
        assert f"**{rate:.2f}**" in (tmp_path / "B.md").read_text()
    assert "too slow" in done.stdout and "expected 2.00" in done.stdout


@pytest.mark.parametrize("fields, name", [
    ({"vendor_id": "AuthenticAMD", "cpu family": 25, "model": 1, "flags": "fma avx2"},
     "avx2-zen3"),
    ({"vendor_id": "AuthenticAMD", "cpu family": 25, "model": 17, "flags": "avx2 avx512f"},
     "avx512-zen4"),
    ({"vendor_id": "GenuineIntel", "cpu family": 6, "model": 143, "flags": "avx2 avx512f"},
     "avx512-sapphirerapids"),
    ({"vendor_id": "GenuineIntel", "cpu family": 6, "model": 3, "flags": "sse"},
     "scalar-family6-model3"),
    ({"CPU part": "0xd40", "Features": "asimd sve"}, "sve-part0xd40")])
def test_a_page_is_named_after_instructions_and_family(fields, name, modules):
    import machine

    text = "".join(f"{key}\t: {value}\n" for key, value in fields.items())
    assert machine.cpu_class(text) == name
    assert re.fullmatch(r"[a-z0-9-]+", machine.cpu_class())


def test_results_that_cannot_be_read_are_one_line(tmp_path):
    done = bench("--report", "--thresholds", tmp_path / "none.json")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_list_names_every_program_and_wrong_sections_are_refused():
    done = bench("--list", "--part", "step50,features")
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
