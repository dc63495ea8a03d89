"""Demo: made scenes → dataset → SCRL pretraining within a time budget → judged, on one HTML page."""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from . import Config, DataError, Dataset, Error, Trainer, pack, report, synth

PRESET = "scrl-small"
# What suits small objects and few minutes: cells of 16 pixels instead of 32, smaller views.
SETTINGS = {"roi.stage": "layer3", "views.size": "96", "boxes.min_size": "16"}
TIMED_STEPS = 5
MARK = "demo.txt"  # in a folder that a demo may clear


def _choose_steps(values: Dict[str, Any], dataset: Dataset, seconds: float) -> int:
    """Steps that fit the time, by timing a trainer that is thrown away."""
    with Trainer(Config.from_dict({**values, "train.steps": 1000}, PRESET), dataset) as trainer:
        trainer.step()  # the first one also prepares
        start = time.perf_counter()
        for _ in range(TIMED_STEPS):
            trainer.step()
        each = (time.perf_counter() - start) / TIMED_STEPS
    steps = max(20, int(seconds / each))
    print(f"one step takes {each:.2f} s, so {steps} steps fit {seconds / 60:.1f} minutes")
    return steps


def _settings(pairs: List[str]) -> Dict[str, str]:
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SystemExit(f"demo: --set {pair!r}: expected KEY=VALUE")
        values[key] = value
    return values


def _clear(out: Path) -> None:
    """Makes the folder. What an earlier demo left is removed; a folder of anything else is refused."""
    mark = out / MARK
    if mark.exists():
        shutil.rmtree(out / "scenes", ignore_errors=True)
        for old in [*out.glob("checkpoint*.h5"), out / "metrics.jsonl", out / "scenes.h5",
                    out / "report.html"]:
            old.unlink(missing_ok=True)
    elif out.exists() and any(out.iterdir()):
        raise DataError(f"{out} holds what no demo has made; expected a new folder (--out)")
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text("made by scrl's demo, which removes its files here when it runs again\n", "utf-8")


def run(out: Path, minutes: float, count: int, seed: int, settings: Dict[str, Any],
        steps: Optional[int] = None) -> bool:
    """Runs everything into a folder; True when the loss fell."""
    scenes, data = out / "scenes", out / "scenes.h5"
    _clear(out)
    print(f"rendering {count} scenes")
    annotations = synth.write(scenes, count, seed)
    packed = pack(scenes, data, annotations=annotations)
    print(f"packed {packed.added} images, {os.path.getsize(data) / 1e6:.1f} MB; "
          f"{len(packed.skipped)} skipped")
    values: Dict[str, Any] = {"seed": seed, **SETTINGS, **settings}
    with Dataset(data) as dataset:
        values["train.steps"] = steps or _choose_steps(values, dataset, 60 * minutes)
        with Trainer(Config.from_dict(values, PRESET), dataset, out) as trainer:
            trainer.fit()
        print("judging and writing the report")
        facts = report.write(out, out / "report.html", dataset)
    return _conclude(out, facts)


def _conclude(out: Path, facts: Dict[str, Any]) -> bool:
    first, last = facts["loss_first"], facts["loss_last"]
    if first is None:
        print("no step had a loss")
        return False
    print(f"loss {first:.4f} → {last:.4f} in {facts['steps']} steps, "
          f"{facts['images_per_second']:.1f} images/s")
    before, after = facts["before"]["regions"], facts["after"]["regions"]
    if before and after:
        print(f"regions named rightly: k-NN {before['knn']:.3f} → {after['knn']:.3f}, linear "
              f"{before['linear']:.3f} → {after['linear']:.3f} (chance {after['chance']:.3f})")
    before, after = facts["before"]["correspondence"], facts["after"]["correspondence"]
    if before and after:
        print(f"places found again in another crop, within a cell: {before['within_cell']:.3f} → "
              f"{after['within_cell']:.3f} (chance {after['chance_within']:.3f})")
    health = facts["after"]["health"]
    if health:
        sign = health["collapse"]
        print("no sign of collapse" if sign is None else f"a sign of collapse: {sign}")
    print(f"report: {out / 'report.html'}")
    return last < first


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line of the demo; 0 when the loss fell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder")
    parser.add_argument("--minutes", type=float, default=4, help="training time")
    parser.add_argument("--count", type=int, default=1500, help="scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="steps, instead of --minutes")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="an option of the run, as often as wanted")
    given = parser.parse_args(arguments)
    try:
        fell = run(given.out, given.minutes, given.count, given.seed, _settings(given.set),
                   given.steps)
    except KeyboardInterrupt:
        has_run = any(given.out.glob("checkpoint*.h5"))
        print(f"stopped; `scrl resume {given.out}` goes on" if has_run else "stopped",
              file=sys.stderr)
        return 130
    except (Error, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if not fell:
        print("demo: the loss did not fall", file=sys.stderr)
    return 0 if fell else 1
