"""Stages that judge a pretrained backbone. Each sees the run folder of one method and seed."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Tuple

import scrl

from . import pretrain
from .flow import Stage, Work
from .settings import Linear, Settings, as_json


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

    linear_work = sets["objects_train"].count * settings.linear.crops + sets["objects_test"].count
    return [judge("linear", settings.linear, ("objects_train", "objects_test"), linear_work,
                  "images", linear)]


def linear(work: Work, model: Path, data: List[Path], how: Linear) -> Dict[str, Any]:
    """One linear layer on pooled features learns the class of the centred object."""
    train, test = data

    def hear(epoch: int, epochs: int, done: int, total: int, loss: float) -> bool:
        work.tell(done / max(total, 1), f"{done}/{total} images")
        return False

    found = scrl.evaluate.linear(
        model, train, test, crops=how.crops, epochs=how.epochs, base_lr=how.base_lr, seed=0,
        progress=False, callback=hear)
    return {"accuracy": found.accuracy, "top5": found.top5,
            "train_accuracy": found.train_accuracy, "test_images": found.test_images}
