"""`scrl bench step`, `views`, `features`, `kernels` and `busy`: compare, time, print."""

from pathlib import Path
from typing import Any, Dict, List, Optional

import typer

from .output import emit, say, table
from .train import settings

ARCH = typer.Option("resnet50", "--arch", help="model.arch.")
SIZE = typer.Option(224, "--size", help="Side of a view in pixels.", min=16)
BOXES = typer.Option(10, "--boxes", help="Box pairs per image.", min=1)
STEPS = typer.Option(5, "--steps", help="Timed runs; the median counts.", min=1)
WARMUP = typer.Option(2, "--warmup", help="Runs before them, not timed.", min=0)
THREADS = typer.Option(None, "--threads", help="Compute threads.", min=1)
SET = typer.Option(None, "--set", help="KEY=VALUE, as often as wanted.")
JSON = typer.Option(False, "--json", help="The last line is one JSON object.")


def _say_checked(checked: Any, equal: str) -> None:
    """What was compared; `equal` names what equals the other backend's."""
    if checked is None:
        say("not compared: there is no second backend here")
        return
    differences = ", ".join(f"{key.replace('_', ' ')} {value:.1e}"
                            for key, value in checked.items() if key != "against")
    say(f"{equal} of {checked['against']}: {differences}")


def _say_arithmetic(result: Dict[str, Any], what: str) -> None:
    say(f"{what}: {result['gflops']:.1f} GFLOP, {result['gflops_per_second']:.0f} GFLOP/s, "
        f"{result['fraction_of_gemm_peak']:.0%} of the GEMM peak of "
        f"{result['gemm_peak_gflops']:.0f}; peak memory {result['peak_bytes'] / 2**20:.0f} MiB")


def _show_parts(parts: Dict[str, float]) -> None:
    whole = parts.get("total") or sum(parts.values()) or 1.0
    table("", ["part", "seconds", "share"],
          [[name, f"{seconds:.4f}", f"{seconds / whole:.1%}"] for name, seconds in parts.items()])


def step(
    arch: str = ARCH,
    batch: int = typer.Option(16, "--batch", help="Images a step.", min=1),
    size: int = SIZE, boxes: int = BOXES, steps: int = STEPS, warmup: int = WARMUP,
    threads: Optional[int] = THREADS, set_: Optional[List[str]] = SET, json_lines: bool = JSON,
) -> None:
    """Times one training step on random views: forward of both networks, backward, update.

    First a small step of the same network and method is compared with the other backend's
    (`compute.backend`): its loss, and how far it moves each weight.

    An image is one source image, so both of its views: 16 images a step are 32 views through the
    online network and 32 through the target network. Decoding and augmentation are not in it.
    step_seconds is the median; peak_bytes is the largest resident memory (VmHWM) since the
    comparison. GFLOP are those of the convolutions, counted directly; the GEMM peak is measured in
    the same run.

    Examples:

    `scrl bench step`

    `scrl bench step --arch resnet18 --batch 32 --size 128 --json`
    """
    from ..bench_step import measure

    result = measure(arch, batch, size, boxes, steps, warmup, threads, settings=settings(set_))
    if json_lines:
        emit(**result)
        return
    _say_checked(result["checked"], "a small step equals that")
    say(f"{arch}, {batch} images of {size}², {boxes} boxes each: "
        f"{result['images_per_second']:.2f} images/s, {result['step_seconds']:.3f} s a step")
    _say_arithmetic(result, "convolutions")
    _show_parts(result["parts"])


def views(
    data: Optional[Path] = typer.Option(
        None, "--data", help="A dataset file; without it, photo-like JPEGs are made."),
    size: int = typer.Option(224, "--size", help="Side of a view in pixels.", min=32, max=2048),
    seconds: float = typer.Option(5.0, "--seconds", help="How long to measure.", min=0.01),
    json_lines: bool = JSON,
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


def features(
    arch: str = ARCH,
    batch: int = typer.Option(32, "--batch", help="Images a call.", min=1),
    size: int = SIZE,
    stage: Optional[str] = typer.Option(
        None, "--stage", help="layer1 … layer4: feature maps of it, instead of embeddings."),
    steps: int = STEPS, warmup: int = WARMUP, threads: Optional[int] = THREADS,
    set_: Optional[List[str]] = SET, json_lines: bool = JSON,
) -> None:
    """Times feature extraction: embeddings of random images, or feature maps with --stage.

    First two images' features are compared with the other backend's (`compute.backend`). The time
    by part is that of the stages, from embeddings that end there. GFLOP are those of the
    convolutions, counted directly; the GEMM peak is measured in the same run.

    Examples:

    `scrl bench features`

    `scrl bench features --arch resnet18 --batch 8 --stage layer3 --json`
    """
    from ..bench_features import measure

    result = measure(arch, batch, size, stage, steps, warmup, threads, settings(set_))
    if json_lines:
        emit(**result)
        return
    _say_checked(result["checked"], "features equal those")
    say(f"{arch}, {batch} images of {size}², {stage or 'embeddings'}: "
        f"{result['images_per_second']:.2f} images/s, {result['call_seconds']:.3f} s a call")
    _say_arithmetic(result, "convolutions")
    _show_parts(result["parts"])


def kernels(
    arch: str = ARCH,
    batch: int = typer.Option(16, "--batch", help="Images a step; both views of each.", min=1),
    size: int = SIZE, boxes: int = BOXES,
    repeats: int = typer.Option(5, "--repeats", help="Timed runs; the fastest counts.", min=1,
                                max=1000),
    threads: Optional[int] = THREADS, set_: Optional[List[str]] = SET, json_lines: bool = JSON,
) -> None:
    """Times every kernel of a training step, each on each of its shapes.

    Convolutions (forward, gradient of the data, gradient of the weights) are shown against a
    product of large matrices in the same run, the kernels that move bytes against a copy. Before a
    convolution is timed it is compared with the other backend's on the same extents; the others
    with themselves on another memory order.

    The table by part is seconds times how often a step runs the kernel. A step takes longer: heads
    are not in it, and its operands come from one another.

    Examples:

    `scrl bench kernels`

    `scrl bench kernels --arch resnet18 --batch 4 --size 128 --json`
    """
    from ..bench_kernels import measure

    def show(row: Dict[str, Any]) -> None:
        speed = row.get("gflops_per_second") or row.get("gb_per_second")
        unit = "GFLOP/s" if "gflops_per_second" in row else "GB/s"
        say(f"{row['kernel']:<30} {row['shape']:<32} {row['ms']:>9.3f} ms {speed:>7.1f} {unit:<7} "
            f"{row['fraction']:>5.0%}  × {row['uses']}{'' if row['checked'] else '  not compared'}")

    result = measure(arch, batch, size, boxes, repeats, threads, settings(set_),
                     None if json_lines else show)
    if json_lines:
        emit(**result)
        return
    say(f"{result['checked']} kernels compared; copy {result['copy_gb_per_second']:.1f} GB/s")
    _say_arithmetic(result, "convolutions of a step")
    _show_parts(result["parts"])


def busy(
    arch: str = typer.Option("resnet18", "--arch", help="model.arch."),
    batch: int = typer.Option(32, "--batch", help="Images a step.", min=1),
    size: int = typer.Option(128, "--size", help="Side of a view in pixels.", min=16),
    boxes: int = BOXES,
    seconds: float = typer.Option(5.0, "--seconds", help="Of a turn alone; a busy one takes two.",
                                  min=0.01),
    rounds: int = typer.Option(3, "--rounds", help="Turns of each; the median counts.", min=1),
    threads: Optional[int] = THREADS, set_: Optional[List[str]] = SET, json_lines: bool = JSON,
) -> None:
    """What a training keeps of its speed when one more process works on each CPU.

    Half would be a fair share. Steps on random views take turns: alone, then beside a busy loop on
    every CPU that this process may use. Whatever else runs here disturbs both.

    `python bench/torch_busy.py` asks the same of PyTorch.

    Examples:

    `scrl bench busy`

    `scrl bench busy --arch resnet50 --batch 16 --size 224 --json`
    """
    from ..bench_busy import measure

    result = measure(arch, batch, size, boxes, seconds, rounds, threads, settings(set_))
    if json_lines:
        emit(**result)
        return
    say(f"{arch}, {batch} images of {size}²: alone {result['images_per_second']:.2f} images/s, with "
        f"every CPU busy {result['busy_images_per_second']:.2f}")
    spread = f"{min(result['all_kept']):.2f} … {max(result['all_kept']):.2f}"
    say(f"kept: {result['kept']:.2f} of its speed ({spread} in {rounds} rounds)")
