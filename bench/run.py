"""Measures libscrl beside PyTorch, ONNX Runtime and OpenVINO and writes BENCHMARKS.md.

    python bench/run.py                        # everything; hours
    python bench/run.py --only step50,views    # some sections
    python bench/run.py --report               # BENCHMARKS.md again, from the results there are

Programs take turns, so that a change of the machine's speed meets all of them. Raw results are kept
after every run: an interrupted bench goes on where it stopped. The peers run in .venv-bench, made
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
from plan import Plan, Sizes
from store import Store, read

ROOT = Path(__file__).resolve().parent.parent


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="sections, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="timed runs of a process")
    parser.add_argument("--warmup", type=int, default=1, help="runs before them")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tiny", action="store_true", help="sizes that try the tool alone")
    parser.add_argument("--list", action="store_true", help="only print the commands")
    parser.add_argument("--report", action="store_true", help="only write the report")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--results", default=str(ROOT / "build" / "bench" / "results.json"))
    parser.add_argument("--out", default=str(ROOT / "BENCHMARKS.md"))
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
    told = complaints[-1].replace(command[0], "python").replace(f"{ROOT}/", "")
    return {"error": told[:200]}


def time_left(queue, seconds):
    """Of what is still to run, by what each program took before; a guess for the others."""
    known = {key: sum(all_) / len(all_) for key, all_ in seconds.items()}
    guess = sum(known.values()) / len(known) if known else 0
    total = sum(known.get(key, guess) for key in queue)
    return f"{total / 60:.0f} min left" if total >= 90 else f"{total:.0f} s left"


def versions_of(result):
    """What a program tells of its libraries."""
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
            told = f"failed: {outcome['error']}"
        else:
            told = f"{outcome['result'][section.rate]:.2f} {section.rate.replace('_', ' ')}"
        left = [(s.key, p.name) for _, s, p in queue[done + 1:] if (s.key, p.name) not in broken]
        print(f"[{done + 1}/{len(queue)}] {section.key}, round {turn}: {program.name}: {told} "
              f"({took:.0f} s; {time_left(left, seconds)})", flush=True)


def expect_built(loaded, built):
    """A package that was installed before the last build would be measured instead of it."""
    if loaded.is_file() and built.is_file() and loaded.read_bytes() != built.read_bytes():
        raise SystemExit(f"bench: got the library {loaded} · expected the one in {built.parent}: "
                         "`make bench` installs it; SCRL_LIBRARY names another one to measure")


TOLD = """
import json, scrl
from scrl._abi import candidates
print(json.dumps([scrl.build_info(), candidates()[0]]))
"""


def facts(ours):
    """Machine, date and libscrl's own versions."""
    done = subprocess.run([ours, "-c", TOLD], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{ours} cannot use the package scrl: {done.stderr.strip()[-300:]}")
    built, library = json.loads(done.stdout)
    if not os.environ.get("SCRL_LIBRARY"):
        expect_built(Path(library), ROOT / "build" / "lib" / "libscrl.so.0")
    return {"machine": machine.describe(), "date": datetime.date.today().isoformat(),
            "versions": {"libscrl": f"{built['version']} ({built['simd']})",
                         "oneDNN": built["onednn"] or "none",
                         "OpenBLAS kernels": built["blas_core"]}}


def main():
    asked = options()
    if asked.report:
        Path(asked.out).write_text(report.render(read(asked.results)))
        print(f"wrote {asked.out}")
        return
    sizes = Sizes(asked.threads, asked.steps, asked.warmup, 0.5 if asked.tiny else 5.0, asked.tiny,
                  "avx512_bf16" in machine.describe()["instructions"])
    ours = sys.executable
    peer = "python" if asked.list else peers.python(ROOT)
    folder = os.path.relpath(Path(asked.results).resolve().parent / "photos", ROOT)
    sections = Plan(sizes, ours, peer, folder).sections()
    wanted = chosen(sections, asked.only)
    if asked.list:
        for section in wanted:
            print(f"{section.key}: {section.title}")
            for program in section.programs:
                print("  " + report.command_text(program.command))
        return
    store = Store(asked.results, dataclasses.asdict(sizes), asked.fresh)
    store.data["rounds"] = asked.rounds
    for key, value in facts(ours).items():
        known = store.data["facts"].get(key)
        store.data["facts"][key] = {**known, **value} if key == "versions" and known else value
    store.data["sections"] = [dataclasses.asdict(section) for section in sections]
    if any(section.key == "views" for section in wanted):
        subprocess.run([ours, "bench/make_photos.py", folder], check=True, cwd=ROOT)
    measure(store, wanted, asked.rounds)
    Path(asked.out).write_text(report.render(store.data))
    print(f"wrote {asked.out}; raw results: {asked.results}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
