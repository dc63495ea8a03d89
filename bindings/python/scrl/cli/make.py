"""`scrl synth` and `scrl pack`: from nothing or a folder to a dataset."""

import os
import time
from typing import Optional

import typer

from .output import Failure, collect_notes, emit, say


def synth(
    out: str = typer.Option(..., "--out", help="Folder to write into."),
    count: int = typer.Option(1000, "--count", help="Pictures.", min=1),
    seed: int = typer.Option(0, "--seed", help="Same seed, same pictures.", min=0),
    mode: str = typer.Option(
        "scenes", "--mode", help="scenes: several objects each; objects: one, a folder per class."),
    size: int = typer.Option(160, "--size", help="Side in pixels, 32 to 2048."),
    workers: Optional[int] = typer.Option(None, "--workers", help="Processes.", min=1),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Makes labelled pictures: objects of ten surface patterns, with boxes and masks (COCO).

    Examples:

    `scrl synth --out scenes --count 2000`, then
    `scrl pack scenes --annotations scenes/annotations.json --out d.h5`

    `scrl synth --out things --mode objects`, then
    `scrl pack things --labels folders --out d.h5`
    """
    from ..synth import write

    if mode not in ("scenes", "objects"):
        raise Failure(f"--mode is {mode!r}, expected scenes or objects", 2)
    if not 32 <= size <= 2048:
        raise Failure(f"--size is {size}, expected 32 to 2048", 2)
    start = time.perf_counter()
    target = write(out, count, seed, mode, size, workers, progress=not json_lines)
    seconds = time.perf_counter() - start
    if json_lines:
        emit(images=count, annotations=str(target), seconds=seconds)
    else:
        say(f"{count} pictures in {out}, {count / seconds:.0f} a second; labels in {target}")


def pack(
    folder: str = typer.Argument(..., help="Folder of pictures, walked with its subfolders."),
    out: str = typer.Option(..., "--out", help="Dataset file to write (HDF5)."),
    labels: Optional[str] = typer.Option(
        None, "--labels", help="folders: the first folder below DIR names a picture's class."),
    annotations: Optional[str] = typer.Option(
        None, "--annotations", help="COCO file: packs its pictures with boxes and masks."),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Packs a folder of pictures into one dataset file. Bad files are listed, never fatal.

    Examples:

    `scrl pack photos/ --out d.h5`

    `scrl pack photos/ --out d.h5 --labels folders`

    `scrl pack scenes/ --out d.h5 --annotations scenes/annotations.json`
    """
    from ..packing import pack as pack_files

    if labels not in (None, "folders"):
        raise Failure(f"--labels is {labels!r}, expected folders", 2)
    if labels and annotations:
        raise Failure("--labels and --annotations exclude each other", 2)
    collect_notes()
    start = time.perf_counter()
    report = pack_files(folder, out, labels, progress=not json_lines, annotations=annotations)
    seconds = time.perf_counter() - start
    if json_lines:
        for path, reason in report.skipped:
            emit(event="skipped", path=path, reason=reason)
        emit(event="packed", added=report.added, skipped=len(report.skipped), out=out,
             bytes=os.path.getsize(out), seconds=seconds)
        return
    for path, reason in report.skipped[:50]:
        say(f"skipped {path}: {reason}")
    if len(report.skipped) > 50:
        say(f"skipped {len(report.skipped) - 50} more (all of them with --json)")
    say(f"{report.added} images, {os.path.getsize(out) / 1e6:.1f} MB in {out}; "
        f"{len(report.skipped)} skipped; {report.added / seconds:.0f} images/s")
