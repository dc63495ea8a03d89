"""Benchmark of a training step: random views and boxes, so that only the step is measured.

First one small step of the same network and method is compared with another backend's.
"""

import time
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .bench import (
    Arithmetic, check_apart, config_of, distance, forget_peak, other_backend, peak_bytes,
    random_boxes)
from .config import Config
from .errors import InternalError
from .trainer import Trainer

# The loss: rounding differs by some 1e-4 at layer4 of a fresh ResNet-50 (PyTorch with and without
# oneDNN do), and a mean of 2 · (2 − 2 cos) moves by at most four times that.
LOSS_TOLERANCE = 1e-3
# The updates: a ReLU that falls on the other side of its kink makes the gradient jump. With two
# small images that came to 0.02 at most in ResNet-50; a wrong gradient is some 1 off.
UPDATE_TOLERANCE = 0.1
# bfloat16 rounds operands by 2^-9, which a fresh ResNet-50 with two small images lets grow until
# gradients have little in common with float32's: only the loss is held to a bound (0.09 was seen).
BFLOAT16_LOSS_TOLERANCE = 0.3


def random_views(batch: int, size: int, boxes: int) -> Tuple[np.ndarray, ...]:
    """What step_on() takes: two views (batch,3,size,size) and `boxes` boxes an image in each."""
    rng = np.random.default_rng(0)
    view1, view2 = rng.standard_normal((2, batch, 3, size, size), np.float32)
    return (view1, view2, random_boxes(batch, boxes, size, rng),
            random_boxes(batch, boxes, size, rng))


def _one_step(config: Config) -> Tuple[float, Dict[str, np.ndarray]]:
    """Loss, and how far the step moved each matrix and kernel of the trained networks."""
    inputs = random_views(config["train.batch"], config["views.size"], config["boxes.per_image"])
    with Trainer(config) as trainer:
        before = trainer.state_dict()
        loss = trainer.step_on(*inputs).loss
        after = trainer.state_dict()
    moved = {name: after[name].astype(float) - values for name, values in before.items()
             if values.ndim > 1 and not name.startswith("target.")}
    return loss, moved


def check(config: Config) -> Optional[Dict[str, Any]]:
    """Compares a step of two images with another backend's; None where there is none.

    Returns the backend and the two differences. Raises InternalError when one is too large.
    """
    other = other_backend(config)
    if other is None:
        return None
    small = config.copy()
    size = min(64, config["views.size"])
    for key, value in {
        "train.batch": 2, "views.size": size, "boxes.per_image": 4, "train.warmup_epochs": 0,
        "boxes.min_size": min(config["boxes.min_size"], size // 2), "optimizer.base_lr": 128,
        "optimizer.lr_rule": "linear",
    }.items():
        small[key] = value  # rate 1: updates far above a weight's rounding
    loss, moved = _one_step(small)
    small["compute.backend"], small["compute.precision"] = other, "float32"
    wanted_loss, wanted = _one_step(small)
    loss_difference = abs(loss - wanted_loss)
    update_difference = max(distance(moved[name], step) for name, step in wanted.items()
                            if step.any())
    allowed = (LOSS_TOLERANCE, UPDATE_TOLERANCE)
    if config["compute.precision"] == "bfloat16":
        allowed = (BFLOAT16_LOSS_TOLERANCE, float("inf"))
    if not (loss_difference <= allowed[0] and update_difference <= allowed[1]):
        raise InternalError(
            f"bench step: against {other} the loss is {loss_difference:.2g} off, an update "
            f"{update_difference:.2g}; expected at most {allowed[0]} and {allowed[1]}")
    return {"against": other, "loss_difference": loss_difference,
            "update_difference": update_difference}


def measure(arch: str = "resnet50", batch: int = 16, size: int = 224, boxes: int = 10,
            steps: int = 5, warmup: int = 2, threads: Optional[int] = None,
            preset: Optional[str] = None, settings: Optional[Dict[str, Any]] = None
            ) -> Dict[str, Any]:
    """Checks, then times step_on(); an image is one source image, so both its views.

    preset  None: "scrl-200ep", so the published heads (4096, 256).

    Returns images_per_second, step_seconds (median of `steps` after `warmup`), all_step_seconds,
    gflops (of the convolutions, counted directly), gflops_per_second, gemm_peak_gflops (in the same
    run), fraction_of_gemm_peak, peak_bytes of this process, parts (seconds of the last step),
    checked (None without a second backend), loss and config.
    """
    config = config_of(arch, batch, size, threads, settings, preset,
                       **{"boxes.per_image": boxes, "train.steps": 1000})
    checked = check_apart("bench_step", config)
    arithmetic = Arithmetic(config)
    forget_peak()
    inputs = random_views(batch, size, boxes)
    times: List[float] = []
    with Trainer(config) as trainer:
        for number in range(warmup + steps):
            start = time.perf_counter()
            report = trainer.step_on(*inputs)
            if number >= warmup:
                times.append(time.perf_counter() - start)
        parts = trainer.profile()
    peak = peak_bytes()
    median = float(np.median(times))
    return {
        "images_per_second": batch / median, "step_seconds": median,
        **arithmetic.of(arithmetic.step_flops, median), "peak_bytes": peak,
        "parts": parts, "all_step_seconds": times, "checked": checked, "loss": report.loss,
        "config": {"arch": arch, "batch": batch, "size": size, "boxes": boxes, "steps": steps,
                   "warmup": warmup, **{key: value for key, value in config.items()}},
    }
