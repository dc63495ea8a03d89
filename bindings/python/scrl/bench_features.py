"""Benchmark of feature extraction: Model.embed(), or Model.features() of a stage, on random images.

First two images' features are compared with another backend's.
"""

import time
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from .bench import Arithmetic, config_of, distance, forget_peak, other_backend, peak_bytes
from .config import Config
from .errors import ArgumentError, InternalError
from .model import Model

# Each of up to 100 layers is off by 2⁻²⁴ · √K, at most √4608 · 2⁻²⁴ = 4e-6 of its size; together
# 4e-5 when they add up at random.
TOLERANCE = 1e-4
BFLOAT16_TOLERANCE = 0.1  # 2⁻⁹ where float32 has 2⁻²⁴; a layer adds 2e-3, 50 of them 2e-2
STAGES = ("layer1", "layer2", "layer3", "layer4")


def _work(model: Model, images: np.ndarray, maps: bool, stage: str) -> Callable[[], np.ndarray]:
    return (lambda: model.features(images, stage)) if maps else (lambda: model.embed(images))


def check(config: Config, images: np.ndarray, maps: bool, stage: str) -> Optional[Dict[str, Any]]:
    """Compares the features of images with another backend's; None where there is none."""
    other = other_backend(config)
    if other is None:
        return None
    reference = config.copy()
    reference["compute.backend"], reference["compute.precision"] = other, "float32"
    allowed = BFLOAT16_TOLERANCE if config["compute.precision"] == "bfloat16" else TOLERANCE
    with Model(config) as ours, Model(reference) as theirs:
        difference = distance(_work(ours, images, maps, stage)(),
                              _work(theirs, images, maps, stage)())
    if not difference <= allowed:
        raise InternalError(f"bench features: {difference:.2g} off {other}, expected at most "
                            f"{allowed}")
    return {"against": other, "difference": difference}


def _seconds(work: Callable[[], Any], steps: int, warmup: int) -> List[float]:
    times = []
    for number in range(warmup + steps):
        start = time.perf_counter()
        work()
        if number >= warmup:
            times.append(time.perf_counter() - start)
    return times


def measure(arch: str = "resnet50", batch: int = 32, size: int = 224, stage: Optional[str] = None,
            steps: int = 5, warmup: int = 2, threads: Optional[int] = None,
            settings: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Checks, then times calls of embed() on `batch` images of size².

    stage  "layer1" … "layer4": the feature maps of that stage instead, by features().

    Returns images_per_second, call_seconds (median of `steps` after `warmup`), all_call_seconds,
    gflops (of a call's convolutions, counted directly), gflops_per_second, gemm_peak_gflops (in the
    same run), fraction_of_gemm_peak, peak_bytes of this process since the comparison, parts
    (seconds of each stage, from embeddings that end there; the stem is in layer1, pooling or
    copying in the last), checked and config.
    """
    if stage is not None and stage not in STAGES:
        raise ArgumentError(f"bench features: stage is {stage!r}, expected one of {STAGES}")
    maps, last = stage is not None, stage or "layer4"

    def ending(at: str) -> Config:
        return config_of(arch, batch, size, threads, {
            "boxes.min_size": min(32, size // 2), **(settings or {}),
            "method": "scrl", "roi.stage": at})

    config = ending(last)
    images = np.random.default_rng(0).standard_normal((batch, 3, size, size), np.float32)
    checked = check(config, images[:2], maps, last)
    arithmetic = Arithmetic(config)
    forget_peak()
    with Model(config) as model:
        times = _seconds(_work(model, images, maps, last), steps, warmup)
    peak = peak_bytes()
    median = float(np.median(times))
    parts: Dict[str, float] = {}
    for at in STAGES[:STAGES.index(last)]:
        with Model(ending(at)) as shorter:
            until = float(np.median(_seconds(lambda: shorter.embed(images), steps, 1)))
        parts[at] = max(0.0, until - sum(parts.values()))
    parts[last] = max(0.0, median - sum(parts.values()))
    return {
        "images_per_second": batch / median, "call_seconds": median,
        **arithmetic.of(arithmetic.image_flops * batch, median), "peak_bytes": peak,
        "parts": parts, "all_call_seconds": times, "checked": checked,
        "config": {"arch": arch, "batch": batch, "size": size, "stage": stage, "steps": steps,
                   "warmup": warmup, **{key: value for key, value in config.items()}},
    }
