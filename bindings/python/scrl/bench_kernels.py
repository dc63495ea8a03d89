"""Benchmark of the kernels of a training step, each on each of its shapes.

Convolutions are compared with another backend's before they are timed, the rest with themselves
on another memory order, which the tests hold against float64 definitions.
"""

from typing import Any, Callable, Dict, List, Optional

from . import _abi
from ._abi import lib
from .bench import Arithmetic, config_of, peak_bytes
from .interrupts import interrupt_into


def _run(config: Any, repeats: int, hear: Callable[[Any], None]) -> None:
    """Calls the library; hear() gets every report, and what it raises ends the run."""
    failure: List[BaseException] = []
    stops: List[str] = []

    def on_kernel(report: Any, _user: Any) -> int:
        try:
            caught.heed()
            hear(report.contents)
        except BaseException as error:
            failure.append(error)
        return 1 if stops or failure else 0

    callback = _abi.header.scrl_kernel_fn(on_kernel)
    with interrupt_into(stops) as caught:
        code = lib.scrl_bench_kernels(config._handle, _abi.int32_of(repeats, "repeats"), callback,
                                      None)
    caught.deliver(code, "bench kernels stopped", failure)
    _abi.check(code)


def _row(report: Any) -> Dict[str, Any]:
    speed = (report.flops + report.bytes) / report.seconds / 1e9
    return {"kernel": report.kernel.decode(), "shape": report.shape.decode(), "uses": report.uses,
            "ms": report.seconds * 1e3,
            "gflops_per_second" if report.flops else "gb_per_second": speed,
            "fraction": report.share, "checked": bool(report.checked)}


def measure(arch: str = "resnet50", batch: int = 16, size: int = 224, boxes: int = 10,
            repeats: int = 5, threads: Optional[int] = None,
            settings: Optional[Dict[str, Any]] = None,
            hear: Optional[Callable[[Dict[str, Any]], Any]] = None) -> Dict[str, Any]:
    """Checks and times every kernel of a step of `batch` images, so on 2 · batch views of size².

    hear  gets each kernel's row as it is measured.

    Returns kernels (kernel, shape, uses in a step, ms of one run, gflops_per_second or
    gb_per_second, fraction of the GEMM's or the copy's speed, checked), parts (seconds of a step by
    kernel) and their sum kernel_seconds, images_per_second if a step were no more than that, gflops
    of the convolutions, gflops_per_second while they run, gemm_peak_gflops, fraction_of_gemm_peak,
    copy_gb_per_second, peak_bytes of this process, checked (kernels compared) and config.
    """
    config = config_of(arch, batch, size, threads, settings, **{"boxes.per_image": boxes})
    arithmetic = Arithmetic(config)
    rows: List[Dict[str, Any]] = []

    def keep(report: Any) -> None:
        rows.append(_row(report))
        if hear is not None:
            hear(rows[-1])

    _run(config, repeats, keep)
    yardsticks = {row["kernel"]: row for row in rows[:2]}
    parts: Dict[str, float] = {}
    for row in rows[2:]:
        parts[row["kernel"]] = parts.get(row["kernel"], 0.0) + row["uses"] * row["ms"] / 1e3
    seconds = sum(parts.values())
    convolving = sum(part for kernel, part in parts.items() if kernel.startswith("convolution"))
    return {
        "images_per_second": batch / seconds, "kernel_seconds": seconds,
        **arithmetic.of(arithmetic.step_flops, convolving),
        "copy_gb_per_second": yardsticks["copy"]["gb_per_second"], "peak_bytes": peak_bytes(),
        "parts": parts, "kernels": rows, "checked": sum(row["checked"] for row in rows[2:]),
        "config": {"arch": arch, "batch": batch, "size": size, "boxes": boxes,
                   "repeats": repeats, **{key: value for key, value in config.items()}},
    }
