"""What a training keeps of its speed on a busy machine: with one more process at work on each CPU."""

import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

WARMUP = 2  # steps before anything is timed
LOOP = "import os, sys; os.sched_setaffinity(0, [int(sys.argv[1])])\nwhile True: pass"


@contextmanager
def busy_cpus() -> Iterator[List["subprocess.Popen[bytes]"]]:
    """One process that never waits on each CPU that this process may use."""
    loops: List["subprocess.Popen[bytes]"] = []
    try:
        for cpu in sorted(os.sched_getaffinity(0)):
            loops.append(subprocess.Popen([sys.executable, "-S", "-c", LOOP, str(cpu)]))
        time.sleep(0.5)  # until all of them are at work
        yield loops
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def rate(step: Callable[[], Any], images: int, seconds: float) -> float:
    """Images a second of steps of so many images, for that long or two steps."""
    start, steps = time.perf_counter(), 0
    while steps < 2 or time.perf_counter() - start < seconds:
        step()
        steps += 1
    return steps * images / (time.perf_counter() - start)


def kept(step: Callable[[], Any], images: int, seconds: float, rounds: int) -> Dict[str, Any]:
    """Times a step in turns alone and beside busy CPUs.

    step     one step of `images` images; of any program, so that peers are measured alike.
    seconds  of each turn; beside busy CPUs twice as long, since they take turns of milliseconds.

    Returns images_per_second alone and busy_images_per_second (medians over the rounds), kept (the
    median of the rounds' ratios, 0 … 1) and all_kept.
    """
    for _ in range(WARMUP):
        step()
    alone, busy = [], []
    for _ in range(rounds):
        alone.append(rate(step, images, seconds))
        with busy_cpus():
            busy.append(rate(step, images, 2 * seconds))
    ratios = [less / full for less, full in zip(busy, alone)]
    return {"images_per_second": statistics.median(alone),
            "busy_images_per_second": statistics.median(busy),
            "kept": statistics.median(ratios), "all_kept": ratios}


def measure(arch: str = "resnet18", batch: int = 32, size: int = 128, boxes: int = 10,
            seconds: float = 5.0, rounds: int = 3, threads: Optional[int] = None,
            settings: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Of a training step of random views; the fields of kept() and config."""
    from .bench import config_of
    from .bench_step import random_views
    from .trainer import Trainer

    config = config_of(arch, batch, size, threads, settings,
                       **{"boxes.per_image": boxes, "train.steps": 1_000_000})
    inputs = random_views(batch, size, boxes)
    with Trainer(config) as trainer:
        found = kept(lambda: trainer.step_on(*inputs), batch, seconds, rounds)
    return {**found, "config": dict(config.items())}
