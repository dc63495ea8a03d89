"""The command line: `python examples/experiment --help`."""

import argparse
import fcntl
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional

import scrl

from . import cache, document, flow, machine, runner
from .flow import Stage
from .settings import FULL, REDUCED, VARIANTS, Settings, changed, varied
from .stages import Plan, check, plan_of

ROOT = Path(__file__).resolve().parent.parent.parent
EPILOG = """examples:
  python examples/experiment --plan         what is done, what is left, how long
  python examples/experiment                everything; the same command goes on
  python examples/experiment --minutes 15   for so long
  python examples/experiment --only 0       the first seed of all
  python examples/experiment --variants     and what the difference depends on
  python examples/experiment --records examples/experiment/records.jsonl
                                            what others have measured is not done again
  python examples/experiment --reduced      all of it, small
  python examples/experiment --set pretraining.common.views.size=96 --plan
"""


def options(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="experiment", description=(__import__("experiment").__doc__ or ""), epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="results folder; runs/experiment, and for --reduced "
                        "runs/experiment-reduced")
    parser.add_argument("--reduced", action="store_true",
                        help="small settings, a quarter of an hour")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE",
                        help="changes a number of settings.py; as often as wanted")
    parser.add_argument("--only", default="", metavar="PARTS",
                        help="stages whose names have one of these parts, and what they need: "
                             "'linear', 'scrl', '0', 'regions.byol.1', separated by commas")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)),
                        help="stages at work at a time, one thread each; as many as CPUs. No result "
                             "depends on it")
    parser.add_argument("--minutes", type=float,
                        help="stops after this time; what was done is kept")
    parser.add_argument("--variants", action="store_true",
                        help="then SCRL and BYOL once more in each of settings.py's variants")
    parser.add_argument("--records", type=Path, metavar="FILE",
                        help="results from elsewhere, a JSON line each, which are not made again; "
                             "those made now are added")
    parser.add_argument("--plan", action="store_true",
                        help="only says what is done and what is left")
    parser.add_argument("--report", action="store_true", help="only writes the document")
    parser.add_argument("--document", action="store_true",
                        help="copies the document into the checkout when everything is done")
    asked = parser.parse_args(arguments)
    if asked.out is None:
        asked.out = Path("runs/experiment-reduced" if asked.reduced else "runs/experiment")
    if asked.minutes is not None and not asked.minutes > 0:
        parser.error("--minutes is more than 0")
    if asked.jobs < 1:
        parser.error("--jobs is 1 or more")
    return asked


def settings_of(asked: argparse.Namespace) -> Settings:
    settings = REDUCED if asked.reduced else FULL
    for pair in asked.set:
        path, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set {pair!r}: expected PATH=VALUE")
        settings = changed(settings, path, value)
    if asked.set:
        from dataclasses import replace

        settings = replace(settings, name=f"{settings.name}, with {', '.join(asked.set)}")
    return settings


def command_of(asked: argparse.Namespace) -> str:
    """The command that makes these results, whatever parts it was run in."""
    words = ["python examples/experiment"]
    words += ["--reduced"] if asked.reduced else []
    words += [f"--set {pair}" for pair in asked.set]
    return " ".join(words)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Two experiments in one folder would write over each other."""
    out.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another experiment is at work in {out}") from None
        yield


def work(asked: argparse.Namespace) -> int:
    settings = settings_of(asked)
    known = cache.read_records(asked.records) if asked.records else {}
    base = plan_of(settings, asked.out, known)
    variants = [plan_of(varied(settings, each), asked.out, known)
                for each in VARIANTS if settings.name == FULL.name]
    to_do = [base, *(variants if asked.variants else [])]
    for plan in to_do:
        check(plan.settings)
    if asked.plan:
        for plan in to_do:
            print(f"settings: {plan.settings.name}")
            print(runner.plan(_chosen(asked, plan), plan.cache, settings.expected, asked.jobs))
        return 0
    with alone(asked.out):
        code = 0
        if not asked.report:
            code = _run(asked, to_do)
            if asked.records:
                cache.write_records(asked.records, [
                    record for plan in (base, *variants) for record in plan.records().values()])
        path = document.write(asked.out, base, variants, command_of(asked))
        print(f"table and plots: {path}")
        if asked.document and settings.name != FULL.name:
            print(f"the checkout's document stays as it is: it is of the {FULL.name} settings")
        elif asked.document:
            left = len(base.stages) - len(base.records())
            if left:
                print(f"the checkout's document stays as it is: {left} stages are to do")
            else:
                print(f"wrote {document.copy_to(path, ROOT)}")
    return code


def _chosen(asked: argparse.Namespace, plan: Plan) -> List[Stage]:
    return flow.choose(plan.stages, asked.only.split(","))


def _run(asked: argparse.Namespace, plans: List[Plan]) -> int:
    deadline = None if asked.minutes is None else time.monotonic() + 60 * asked.minutes
    failed: Dict[str, str] = {}
    for plan in plans:
        run = runner.Runner(plan.stages, _chosen(asked, plan), plan.cache, plan.settings.expected,
                            machine.facts(), jobs=asked.jobs)
        if len(plans) > 1 and run.to_do():
            run.teller.line(f"settings: {plan.settings.name}")
        try:
            run.run(deadline)
        except KeyboardInterrupt:
            run.teller.line("stopped; the same command goes on")
            return 130
        failed.update(run.failed)
    for name, why in failed.items():
        print(f"{name}: {why}", file=sys.stderr)
    return 1 if failed else 0


def main(arguments: Optional[List[str]] = None) -> int:
    """Exit code: 0; 1 when a stage failed; 2 for wrong words; 130 after Ctrl-C."""
    try:
        return work(options(arguments))
    except ValueError as error:
        print(f"experiment: {error}", file=sys.stderr)
        return 2
    except (scrl.Error, OSError) as error:
        print(f"experiment: {error}", file=sys.stderr)
        return 1
