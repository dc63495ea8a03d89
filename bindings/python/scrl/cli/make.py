"""`scrl synth` and `scrl pack`: from nothing or a folder to a dataset."""

import os
import time
from typing import Any, List, Optional, Tuple

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


def _annotations(folder: str, path: Optional[str], voc: bool, cityscapes: bool,
                 split: Optional[str], on_bad: str) -> Tuple[Any, List[Tuple[str, str]]]:
    """What pack() takes as annotations, and the annotation files that could not be read."""
    if not (voc or cityscapes):
        return path, []
    from ..annotations import from_cityscapes, from_voc

    unusable: List[Tuple[str, str]] = []
    told = None if on_bad == "refuse" else unusable
    if voc:
        return from_voc(folder, split, told), unusable
    return from_cityscapes(folder, split or "train", told), unusable


def picture_rules(command: str, orientation: str, on_truncated: str, bits: Optional[int]) -> Any:
    """The Rules of these options; a value that is none of theirs is a usage error."""
    from ..errors import ArgumentError
    from ..reading import Rules

    try:
        return Rules(orientation, on_truncated, bits).checked(command)
    except ArgumentError as error:
        raise Failure(str(error), 2) from None


def pack(
    folder: str = typer.Argument(..., help="Folder of pictures, walked with its subfolders."),
    out: str = typer.Option(..., "--out", help="Dataset file to write (HDF5)."),
    labels: Optional[str] = typer.Option(
        None, "--labels", help="folders: the first folder below FOLDER names a picture's class."),
    annotations: Optional[str] = typer.Option(
        None, "--annotations", help="COCO file: packs its pictures with boxes and masks."),
    voc: bool = typer.Option(
        False, "--voc", help="FOLDER is a Pascal VOC folder: packs its pictures with boxes and masks."),
    cityscapes: bool = typer.Option(
        False, "--cityscapes", help="FOLDER is a Cityscapes folder: the same."),
    split: Optional[str] = typer.Option(
        None, "--split", help="Part of a VOC or Cityscapes folder, such as train or val."),
    on_bad: str = typer.Option(
        "skip", "--on-bad", help="Annotations that cannot be used: skip (and list), or refuse."),
    orientation: str = typer.Option(
        "apply", "--orientation", help="Pictures with an EXIF orientation: apply it (turn them as they "
        "are shown), ignore it, or refuse (skip) them."),
    on_truncated: str = typer.Option(
        "skip", "--on-truncated", help="Files that end early: skip, or keep what is there."),
    bits: Optional[int] = typer.Option(
        None, "--bits", help="Bits that 16-bit files really hold, 8 to 16; without it by each file."),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Packs a folder of pictures into one dataset file. Bad files are listed, never fatal; hidden files
    and folders are left out.

    Examples:

    `scrl pack photos/ --out d.h5`

    `scrl pack photos/ --out d.h5 --labels folders`

    `scrl pack scenes/ --out d.h5 --annotations scenes/annotations.json`

    `scrl pack VOC2012/ --out voc.h5 --voc --split train`
    """
    from ..packing import pack as pack_files

    if labels not in (None, "folders"):
        raise Failure(f"--labels is {labels!r}, expected folders", 2)
    if [bool(labels), annotations is not None, voc, cityscapes].count(True) > 1:
        raise Failure("--labels, --annotations, --voc and --cityscapes exclude each other", 2)
    if split is not None and not (voc or cityscapes):
        raise Failure("--split needs --voc or --cityscapes", 2)
    if on_bad not in ("skip", "refuse"):
        raise Failure(f"--on-bad is {on_bad!r}, expected skip or refuse", 2)
    rules = picture_rules("pack", orientation, on_truncated, bits)
    collect_notes()
    start = time.perf_counter()
    notes, unusable = _annotations(folder, annotations, voc, cityscapes, split, on_bad)
    report = pack_files(
        folder, out, labels, progress=not json_lines, annotations=notes, on_bad=on_bad,
        **rules._asdict())
    skipped = unusable + list(report.skipped)
    seconds = time.perf_counter() - start
    if json_lines:
        for path, reason in skipped:
            emit(event="skipped", path=path, reason=reason)
        for issue in report.issues:
            emit(event="issue", **issue._asdict())
        for note in report.notes:
            emit(event="note", **note._asdict())
        emit(event="packed", added=report.added, skipped=len(skipped), issues=len(report.issues),
             turned=report.turned, not_turned=report.not_turned, truncated=report.truncated,
             several=report.several, hidden=report.hidden, depths=dict(report.depths), out=out, bytes=os.path.getsize(out), seconds=seconds)
        return
    lines = [f"skipped {path}: {reason}" for path, reason in skipped]
    lines += [f"{each.action} {each.entry}{'' if each.id is None else f' {each.id}'}"
              f"{f' of {each.file}' if each.file else ''}: {each.reason}" for each in report.issues]
    lines += [f"note {each.file}: {each.note}" for each in report.notes]
    for line in lines[:50]:
        say(line)
    if len(lines) > 50:
        say(f"{len(lines) - 50} more (all of them with --json)")
    say(f"{report.added} images, {os.path.getsize(out) / 1e6:.1f} MB in {out}; "
        f"{len(skipped)} skipped; " + "".join(f"{part}; " for part in report.told())
        + f"{report.added / seconds:.0f} images/s")
