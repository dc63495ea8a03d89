"""Stages that pretrain: one run folder each, which goes on where it stopped."""

import shutil
from pathlib import Path
from typing import Any, Dict, List, Mapping

import numpy as np

import scrl
from scrl import report

from .flow import Stopped, Work

PRESETS = {"random": "scrl-small", "scrl": "scrl-small", "byol": "byol-small",
           "supervised": "supervised-small"}
CURVE_POINTS = 200


def config_of(method: str, seed: int, steps: int, values: Mapping[str, Any]) -> Dict[str, Any]:
    """All values of a run's config. Random weights go through steps of rate 0, so that their
    BatchNorm has the statistics of the pictures, as those of the others have."""
    own = dict(values)
    if method == "random":
        own["optimizer.base_lr"] = 0.0
    return {**own, "seed": seed, "train.steps": steps}


def run_folder(folder: Path) -> Path:
    return folder / "run"


def share_done(steps: int, folder: Path) -> float:
    """Of a run that stopped, by its last checkpoint's metrics."""
    lines = report.read_metrics(run_folder(folder))
    return min(1.0, lines[-1]["step"] / steps) if lines else 0.0


def run(work: Work, method: str, values: Mapping[str, Any], data: Path) -> Dict[str, Any]:
    """Trains to the end of the schedule, from the newest checkpoint when there is one."""
    folder = run_folder(work.folder)
    if list(folder.glob("checkpoint*.h5")):
        trainer = scrl.Trainer.resume(folder, data)
    else:
        shutil.rmtree(folder, ignore_errors=True)  # killed before its first checkpoint
        trainer = scrl.Trainer(scrl.Config.from_dict(values, PRESETS[method]), data, folder)
    with trainer:
        def on_step(step: Any) -> bool:
            work.tell(step.step / step.total_steps,
                      f"step {step.step}/{step.total_steps}, loss {step.loss:.3f}, "
                      f"{int(values['train.batch']) / max(step.seconds, 1e-9):.1f} images/s")
            return work.should_stop()

        trainer.fit(on_step, progress=False)
        done, total = trainer.progress()
    if done < total:
        raise Stopped
    return facts(report.read_metrics(folder), int(values["train.batch"]))


def facts(metrics: List[Dict[str, Any]], batch: int) -> Dict[str, Any]:
    """Numbers and the curve of a finished run; a step that was done twice counts once."""
    lines = list({line["step"]: line for line in metrics}.values())
    numbers = report.summary(lines, batch)
    every = max(1, len(lines) // CURVE_POINTS)
    curve = [[part[-1]["step"], float(np.mean([line["loss"] for line in part]))]
             for part in (lines[at:at + every] for at in range(0, len(lines), every))
             if all(report.is_number(line.get("loss")) for line in part)]
    return {
        "steps": numbers["steps"], "images": numbers["steps"] * batch,
        "step_seconds": numbers["seconds"], "images_per_second": numbers["images_per_second"],
        "loss_first": numbers["loss_first"], "loss_last": numbers["loss_last"],
        "accuracy_last": numbers["accuracy_last"], "curve": curve,
    }
