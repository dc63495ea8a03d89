"""Stages that judge a pretrained backbone. Each sees the run folder of one method and seed."""

import math
import shutil
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import scrl

from . import pretrain
from .flow import Stage, Stopped, Work
from .settings import Detection, Linear, Quick, Regions, Settings, as_json


def stages(settings: Settings, method: str, seed: int) -> List[Stage]:
    """All judges of one method and seed."""
    sets = settings.pictures

    def judge(kind: str, how: Any, data: Tuple[str, ...], work: float, unit: str,
              run: Callable[..., Dict[str, Any]], **more: Any) -> Stage:
        model = f"pretrain.{method}.{seed}"

        def call(job: Work) -> Dict[str, Any]:
            paths = [job.folders[f"pictures.{name}"] / "data.h5" for name in data]
            return run(job, pretrain.run_folder(job.folders[model]), paths, how)

        return Stage(f"{kind}.{method}.{seed}", {"how": as_json(how)},
                     (model, *(f"pictures.{name}" for name in data)), work, unit, kind, call,
                     **more)

    def count(*names: str) -> int:
        return sum(sets[name].count for name in names)

    tuned = settings.detection
    batch = int(tuned.config["detect.batch"])
    return [
        judge("linear", settings.linear, ("objects_train", "objects_test"),
              sets["objects_train"].count * settings.linear.crops + count("objects_test"),
              "images", linear),
        judge("regions", settings.regions, ("scenes_train", "scenes_test"),
              count("scenes_train", "scenes_test"), "images", regions),
        judge("few", settings.regions, ("scenes_few", "scenes_test"),
              count("scenes_few", "scenes_test"), "images", regions),
        judge("quick", settings.quick, ("scenes_test",),
              2 * min(settings.quick.images, count("scenes_test")), "images", quick),
        judge("detection", {"seed": seed, **as_json(tuned)}, ("scenes_few", "scenes_test"),
              # An image of the test costs about half of what one costs in a step.
              tuned.steps * batch + 0.5 * count("scenes_test"), "images",
              partial(detection, tuned=tuned, seed=seed),
              begun=partial(_share_trained, tuned.steps)),
    ]


def _hears(work: Work) -> Callable[..., bool]:
    """What the judges call; they are short, so they are never stopped for the time."""
    def hear(*progress: Any) -> bool:
        done, total = progress[-2:] if len(progress) == 2 else progress[2:4]
        work.tell(done / max(total, 1), f"{done}/{total}")
        return False

    return hear


def linear(work: Work, model: Path, data: List[Path], how: Linear) -> Dict[str, Any]:
    """One linear layer on pooled features learns the class of the centred object."""
    found = scrl.evaluate.linear(
        model, *data, crops=how.crops, epochs=how.epochs, base_lr=how.base_lr, seed=0,
        progress=False, callback=_hears(work))
    return {"accuracy": found.accuracy, "top5": found.top5,
            "train_accuracy": found.train_accuracy, "test_images": found.test_images}


def regions(work: Work, model: Path, data: List[Path], how: Regions) -> Dict[str, Any]:
    """One linear layer, and k-NN, name ground-truth boxes of scenes."""
    found = scrl.evaluate.regions(
        model, *data, neighbours=how.neighbours, epochs=how.epochs, base_lr=how.base_lr, seed=0,
        progress=False, callback=_hears(work))
    return {"linear": found.linear, "knn": found.knn, "chance": found.chance,
            "train_boxes": found.train_boxes, "test_boxes": found.test_boxes}


def quick(work: Work, model: Path, data: List[Path], how: Quick) -> Dict[str, Any]:
    """Does a place find itself in another crop, and are the features alive?"""
    place = scrl.evaluate.correspondence(
        model, data[0], grid=how.grid, images=how.images, seed=0, progress=False,
        callback=_hears(work))
    alive = scrl.evaluate.health(model, data[0], rows="regions", images=how.images, seed=0,
                                 progress=False)
    return {"within_cell": place.within_cell, "chance": place.chance_within,
            "mean_error": place.mean_error, "deviation": alive.deviation,
            "effective_rank": None if math.isnan(alive.effective_rank) else alive.effective_rank,
            "collapse": alive.collapse}


# ------------------------------------------------------------------ detection

def _share_trained(steps: int, folder: Path) -> float:
    return 0.9 * pretrain.share_done(steps, folder)


def detection(work: Work, model: Path, data: List[Path], how: Any, tuned: Detection, seed: int
              ) -> Dict[str, Any]:
    """A detector learns from few labelled scenes, beginning with the backbone, and is measured."""
    train, test = data
    folder = pretrain.run_folder(work.folder)
    if list(folder.glob("checkpoint*.h5")):
        detector = scrl.Detector.resume(folder, train)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        values = {**tuned.config, "detect.steps": tuned.steps, "seed": seed,
                  "checkpoint.every": 200, "checkpoint.keep": 1}
        detector = scrl.Detector(values, train, folder, weights=model)
    with detector:
        def on_step(step: Any) -> bool:
            work.tell(0.9 * step.step / step.total_steps,
                      f"step {step.step}/{step.total_steps}, loss {step.loss:.3f}")
            return work.should_stop()

        detector.fit(on_step, progress=False)
        done, total = detector.progress()
        if done < total:
            raise Stopped
        found = detector.evaluate(test, progress=False)
    return {f"{name}_{key}": float(getattr(found[kind], key.upper()))
            for kind, name in (("bbox", "box"), ("segm", "mask")) for key in ("ap", "ap50", "ap75")}
