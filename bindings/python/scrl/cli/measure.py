"""`scrl bench step` and `scrl bench views`."""

from pathlib import Path
from typing import List, Optional

import typer

from .output import emit, say, table
from .train import settings


def step(
    arch: str = typer.Option("resnet50", "--arch", help="model.arch."),
    batch: int = typer.Option(16, "--batch", help="Images a step.", min=1),
    size: int = typer.Option(224, "--size", help="Side of a view in pixels.", min=16),
    boxes: int = typer.Option(10, "--boxes", help="Box pairs per image.", min=1),
    steps: int = typer.Option(5, "--steps", help="Timed steps; the median counts.", min=1),
    warmup: int = typer.Option(2, "--warmup", help="Steps before them, not timed.", min=0),
    threads: Optional[int] = typer.Option(None, "--threads", help="Compute threads.", min=1),
    set_: Optional[List[str]] = typer.Option(None, "--set", help="KEY=VALUE, as often as wanted."),
    json_lines: bool = typer.Option(False, "--json", help="The last line is one JSON object."),
) -> None:
    """Times one training step on random views: forward of both networks, backward, update.

    An image is one source image, so both of its views: 16 images a step are 32 views through the
    online network and 32 through the target network. Decoding and augmentation are not in it.
    step_seconds is the median; peak_bytes is the process's largest resident memory (VmHWM).

    Examples:

    `scrl bench step`

    `scrl bench step --arch resnet18 --batch 32 --size 128 --json`
    """
    from ..bench import step as measure

    result = measure(arch, batch, size, boxes, steps, warmup, threads, settings=settings(set_))
    if json_lines:
        emit(**result)
        return
    say(f"{arch}, {batch} images of {size}², {boxes} boxes each: "
        f"{result['images_per_second']:.2f} images/s, {result['step_seconds']:.3f} s a step, "
        f"peak {result['peak_bytes'] / 2**20:.0f} MiB")
    table("", ["part", "seconds"], [[k, f"{v:.4f}"] for k, v in result["parts"].items()])


def views(
    data: Optional[Path] = typer.Option(
        None, "--data", help="A dataset file; without it, photo-like JPEGs are made."),
    size: int = typer.Option(224, "--size", help="Side of a view in pixels.", min=32, max=2048),
    seconds: float = typer.Option(5.0, "--seconds", help="How long to measure.", min=0.01),
    json_lines: bool = typer.Option(False, "--json", help="The last line is one JSON object."),
) -> None:
    """Times what a loader thread does: decode a JPEG, make both augmented views and their boxes.

    One thread works; training runs `loader.threads` of them. First some views without colours
    are compared with Pillow's crop and resize, byte for byte, so that what is timed is right.

    images_per_second is by the clock, images_per_cpu_second by this process's CPU time, which
    other programs disturb less. decode_share is the part of it that JPEG decoding takes. A step of
    B images in T seconds needs B / T images a second: see `scrl bench step`.

    Examples:

    `scrl bench views`

    `scrl bench views --data photos.h5 --size 160 --json`
    """
    from ..bench_views import measure

    result = measure(None if data is None else str(data), size, seconds)
    if json_lines:
        emit(**result)
        return
    checked = result["checked"]
    say("views not compared: Pillow is not installed" if checked is None
        else f"{checked} views equal Pillow's crop and resize")
    say(f"two views of {size}²: {result['images_per_second']:.0f} images/s by the clock, "
        f"{result['images_per_cpu_second']:.0f} per CPU second, {result['decode_share']:.0%} of it "
        f"decoding, peak {result['peak_bytes'] / 2**20:.0f} MiB")
