"""Benchmark of a training step: random views and boxes, so that only the step is measured."""

import re
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from .config import Config
from .trainer import Trainer


def peak_bytes() -> int:
    """The process's largest resident memory so far, in bytes (VmHWM); 0 where it is not told."""
    try:
        match = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0
    return int(match.group(1)) * 1024 if match else 0


def random_boxes(images: int, each: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """(images · each, 5): image index and boxes of a sixth to all of the view, in pixels."""
    extent = rng.uniform(size / 6, size, (images * each, 2))
    corner = rng.uniform(0, 1, (images * each, 2)) * (size - extent)
    index = np.repeat(np.arange(images), each)[:, None]
    return np.hstack([index, corner, corner + extent]).astype(np.float32)


def step(arch: str = "resnet50", batch: int = 16, size: int = 224, boxes: int = 10,
         steps: int = 5, warmup: int = 2, threads: Optional[int] = None,
         preset: Optional[str] = None, settings: Optional[Dict[str, Any]] = None
         ) -> Dict[str, Any]:
    """Times step_on(); an image is one source image, so both its views.

    preset  None: "scrl-200ep", so the published heads (4096, 256).

    Returns images_per_second, step_seconds (median of `steps` after `warmup`), all step_seconds,
    peak_bytes of this process, parts (seconds of the last step), loss and config.
    """
    values: Dict[str, Any] = {
        "model.arch": arch, "train.batch": batch, "views.size": size, "boxes.per_image": boxes,
        "train.steps": 1000,
    }
    if threads is not None:
        values["threads"] = threads
    values.update(settings or {})
    config = Config(preset or "scrl-200ep", **values)
    rng = np.random.default_rng(0)
    view1, view2 = rng.standard_normal((2, batch, 3, size, size), np.float32)
    boxes1, boxes2 = (random_boxes(batch, boxes, size, rng) for _ in range(2))
    times: List[float] = []
    with Trainer(config) as trainer:
        for number in range(warmup + steps):
            start = time.perf_counter()
            report = trainer.step_on(view1, view2, boxes1, boxes2)
            if number >= warmup:
                times.append(time.perf_counter() - start)
        parts = trainer.profile()
    median = float(np.median(times))
    return {
        "images_per_second": batch / median, "step_seconds": median, "peak_bytes": peak_bytes(),
        "parts": parts, "all_step_seconds": times, "loss": report.loss,
        "config": {"arch": arch, "batch": batch, "size": size, "boxes": boxes, "steps": steps,
                   "warmup": warmup, **{key: value for key, value in config.items()}},
    }
