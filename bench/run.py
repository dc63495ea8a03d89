"""Measures libscrl beside PyTorch, ONNX Runtime and OpenVINO and checks it against thresholds.

    python bench/run.py                        # everything; hours
    python bench/run.py --part step50,views    # some sections
    python bench/run.py --report               # the pages again, from the committed results
    python bench/run.py --check                # the committed results against the thresholds

Programs take turns, so that a change of the machine's speed meets all of them. Raw results are kept
after every run: an interrupted bench goes on where it stopped. What was measured replaces its
sections in docs/benchmarks, on the page of this CPU, and BENCHMARKS.md follows. The status is 1
where a ratio is below its threshold in bench/thresholds.json. The peers run in .venv-bench, made
when it is missing, or in the Python that PEER_PYTHON names. This Python needs the package scrl.
"""

import argparse
import dataclasses
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import peers
import report
from pages import THRESHOLDS, Pages
from plan import Plan, Sizes
from store import Store
from summary import command_text, summarise

ROOT = Path(__file__).resolve().parent.parent
CPU = machine.cpu_class()


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    # The figures of "busy" name the command that measured them, with --only.
    parser.add_argument("--part", "--only", default="", help="sections, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="timed runs of a process")
    parser.add_argument("--warmup", type=int, default=1, help="runs before them")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tiny", action="store_true", help="sizes that try the tool alone")
    parser.add_argument("--list", action="store_true", help="only print the commands")
    parser.add_argument("--report", action="store_true", help="only write the pages")
    parser.add_argument("--check", action="store_true", help="only compare with the thresholds")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--results", default=str(ROOT / "build" / "bench" / f"{CPU}.json"),
                        help="raw results")
    parser.add_argument("--pages", default=str(ROOT / "docs" / "benchmarks"), help="their folder")
    parser.add_argument("--out", default=str(ROOT / "BENCHMARKS.md"), help="the overview")
    parser.add_argument("--thresholds", default=str(THRESHOLDS))
    asked = parser.parse_args()
    if min(asked.rounds, asked.steps, asked.threads) < 1 or asked.warmup < 0:
        parser.error("--rounds, --steps and --threads are 1 or more, --warmup 0 or more")
    return asked


def chosen(sections, only):
    """The sections named, all without names."""
    names = [name for name in only.split(",") if name]
    unknown = set(names) - {section.key for section in sections}
    if unknown:
        raise SystemExit(f"no section {', '.join(sorted(unknown))}; there are "
                         + ", ".join(section.key for section in sections))
    return [section for section in sections if not names or section.key in names]


def run(command):
    """The JSON object of a process's last line, or why there is none; its memory by the system."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        try:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err)
        except OSError as error:
            return {"error": str(error)}
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            process.kill()
            raise
        out.seek(0)
        err.seek(0)
        lines, complaints = out.read().splitlines(), err.read().strip().splitlines()
    if status == 0 and lines:
        try:
            result = json.loads(lines[-1])
        except ValueError:
            return {"error": "its last line is no JSON"}
        return {"result": {"peak_bytes": usage.ru_maxrss * 1024, **result}}
    if not complaints:
        return {"error": f"ended with status {os.waitstatus_to_exitcode(status)}"}
    reason = complaints[-1].replace(command[0], "python").replace(f"{ROOT}/", "")
    return {"error": reason[:200]}


def time_left(queue, seconds):
    """Of what is still to run, by what each program took before; a guess for the others."""
    known = {key: sum(all_) / len(all_) for key, all_ in seconds.items()}
    guess = sum(known.values()) / len(known) if known else 0
    total = sum(known.get(key, guess) for key in queue)
    return f"{total / 60:.0f} min left" if total >= 90 else f"{total:.0f} s left"


def versions_of(result):
    """What a program reports of its libraries."""
    if "runtime" in result:
        return {result["runtime"]: result.get("version", "?")}
    return result.get("versions", {})


def measure(store, sections, rounds):
    queue = [(turn, section, program) for section in sections for turn in range(1, rounds + 1)
             for program in section.programs
             if not store.has(section.key, program.name, turn)]
    seconds, broken = {}, set()
    for done, (turn, section, program) in enumerate(queue):
        key = (section.key, program.name)
        if key in broken:
            continue
        start = time.monotonic()
        outcome = run(program.command)
        took = time.monotonic() - start
        seconds.setdefault(key, []).append(took)
        store.data["facts"].setdefault("versions", {}).update(
            versions_of(outcome.get("result", {})))
        store.add(section.key, program.name, turn, took, **outcome)
        if "error" in outcome:
            broken.add(key)
            shown = f"failed: {outcome['error']}"
        else:
            shown = f"{outcome['result'][section.rate]:.2f} {section.rate.replace('_', ' ')}"
        left = [(s.key, p.name) for _, s, p in queue[done + 1:] if (s.key, p.name) not in broken]
        print(f"[{done + 1}/{len(queue)}] {section.key}, round {turn}: {program.name}: {shown} "
              f"({took:.0f} s; {time_left(left, seconds)})", flush=True)


def require_current(loaded, built):
    """A package that was installed before the last build would be measured instead of it."""
    if loaded.is_file() and built.is_file() and loaded.read_bytes() != built.read_bytes():
        raise SystemExit(f"bench: got the library {loaded} · expected the one in {built.parent}: "
                         "`make bench` installs it; SCRL_LIBRARY names another one to measure")


BUILD_FACTS = """
import json, scrl
from scrl._abi import candidates
print(json.dumps([scrl.build_info(), candidates()[0]]))
"""


def facts(ours):
    """Machine, date and libscrl's own versions."""
    done = subprocess.run([ours, "-c", BUILD_FACTS], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{ours} cannot use the package scrl: {done.stderr.strip()[-300:]}")
    built, library = json.loads(done.stdout)
    if not os.environ.get("SCRL_LIBRARY"):
        require_current(Path(library), ROOT / "build" / "lib" / "libscrl.so.0")
    return {"machine": machine.describe(), "date": datetime.date.today().isoformat(),
            "versions": {"libscrl": f"{built['version']} ({built['simd']})",
                         "oneDNN": built["onednn"] or "none",
                         "OpenBLAS kernels": built["blas_core"]}}


def compared(pages, cpu, keys=None):
    """Prints what the thresholds say of the stored ratios; the process's status."""
    failures = pages.failures(cpu, keys)
    for line in failures:
        print(f"too slow: {line}")
    for claim in pages.unbounded(cpu, keys or ()):
        print(f"no threshold for {cpu}: {claim}")
    return 1 if failures else 0


def measured(asked, sizes, sections, pages):
    """Runs the sections, replaces them on this CPU's page and compares them; the status."""
    part, ours = chosen(sections, asked.part), sys.executable
    store = Store(asked.results, dataclasses.asdict(sizes), asked.fresh)
    store.data["rounds"] = asked.rounds
    for key, value in facts(ours).items():
        known = store.data["facts"].get(key)
        store.data["facts"][key] = {**known, **value} if key == "versions" and known else value
    store.data["sections"] = [dataclasses.asdict(section) for section in sections]
    if any(section.key == "views" for section in part):
        subprocess.run([ours, "bench/make_photos.py", photos(asked)], check=True, cwd=ROOT)
    measure(store, part, asked.rounds)
    summaries = ((section.key, summarise(store.data, dataclasses.asdict(section)))
                 for section in part)
    found = {key: summary for key, summary in summaries if summary}
    if asked.tiny:
        print(report.page("tiny sizes, which try the tool and measure nothing", found))
        return 0
    pages.merge(CPU, found, [section.key for section in sections])
    pages.write()
    print(f"wrote {asked.out} and {asked.pages}/{CPU}.md; raw results: {asked.results}")
    return compared(pages, CPU, set(found))


def photos(asked):
    return os.path.relpath(Path(asked.results).resolve().parent / "photos", ROOT)


def main():
    asked = options()
    pages = Pages(asked.pages, asked.out, asked.thresholds)
    if asked.report:
        pages.write()
        print(f"wrote {asked.out} and {len(pages.pages)} pages in {asked.pages}")
    if asked.check:
        return max((compared(pages, cpu) for cpu in pages.bounded()), default=0)
    if asked.report:
        return 0
    sizes = Sizes(asked.threads, asked.steps, asked.warmup, 0.5 if asked.tiny else 5.0, asked.tiny,
                  "avx512_bf16" in machine.describe()["instructions"])
    peer = "python" if asked.list else peers.python(ROOT)
    sections = Plan(sizes, sys.executable, peer, photos(asked)).sections()
    if asked.list:
        for section in chosen(sections, asked.part):
            print(f"{section.key}: {section.title}")
            for program in section.programs:
                print("  " + command_text(program.command))
        return 0
    return measured(asked, sizes, sections, pages)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
