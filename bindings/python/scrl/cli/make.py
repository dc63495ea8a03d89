"""`scrl synth` and `scrl pack`: from nothing or a folder to a dataset."""

import os
import time
from typing import Any, List, Optional, Tuple

import typer

from .output import Failure, collect_notes, emit, say

# Of every command that reads picture files.
ON_TRUNCATED = typer.Option(
    "skip", "--on-truncated", help="Files that end early: skip, or keep what is there.")
BITS = typer.Option(
    None, "--bits", help="Bits that 16-bit files really hold, 8 to 16; without it by each file.")


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


def _annotations(folder: str, path: Optional[str], form: Optional[str], split: Optional[str],
                 classes: Optional[List[str]], on_bad: str) -> Tuple[Any, List[Tuple[str, str]]]:
    """What pack() takes as annotations, and the annotation files that could not be read."""
    if form is None:
        return path, []
    from .. import annotations

    unusable: List[Tuple[str, str]] = []
    told = None if on_bad == "refuse" else unusable
    if form == "voc":
        return annotations.from_voc(folder, split, told, classes), unusable
    if form == "yolo":
        return annotations.from_yolo(folder, split, classes, told), unusable
    return annotations.from_cityscapes(folder, split or "train", told), unusable


def _form(voc: bool, cityscapes: bool, yolo: bool, labels: Optional[str], annotations: Optional[str],
          split: Optional[str], classes: Optional[str]) -> Optional[str]:
    """The form of the folder, None for a plain one or a COCO file; options that contradict each other."""
    forms = [name for name, given in (("voc", voc), ("cityscapes", cityscapes), ("yolo", yolo)) if given]
    if labels not in (None, "folders"):
        raise Failure(f"--labels is {labels!r}, expected folders", 2)
    if len(forms) + bool(labels) + (annotations is not None) > 1:
        raise Failure(
            "--labels, --annotations, --voc, --cityscapes and --yolo exclude each other", 2)
    if split is not None and not forms:
        raise Failure("--split needs --voc, --cityscapes or --yolo", 2)
    if classes is not None and not (voc or yolo):
        raise Failure("--classes needs --voc or --yolo", 2)
    return forms[0] if forms else None


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
    yolo: bool = typer.Option(
        False, "--yolo", help="FOLDER has YOLO text labels (labels/ beside images/, or beside the "
        "pictures): the same."),
    split: Optional[str] = typer.Option(
        None, "--split", help="Part of a VOC, Cityscapes or YOLO folder, such as train or val."),
    classes: Optional[str] = typer.Option(
        None, "--classes", help="Class names in their order, with commas between, for --voc (otherwise "
        "those of the whole folder) and --yolo (otherwise those of its data.yaml or classes.txt)."),
    on_bad: str = typer.Option(
        "skip", "--on-bad", help="Annotations that cannot be used as they are: skip (or clip, or ignore "
        "a part; all is listed), or refuse."),
    orientation: str = typer.Option(
        "apply", "--orientation", help="Pictures with an EXIF orientation: apply it (turn them as they "
        "are shown), ignore it, or refuse (skip) them."),
    on_truncated: str = ON_TRUNCATED, bits: Optional[int] = BITS,
    allow_loss: bool = typer.Option(
        False, "--allow-loss", help="Exit with 0 also where more than a tenth of the images or objects "
        "is lost. Without it the exit code is then 1; the file is written either way."),
    json_lines: bool = typer.Option(False, "--json", help="Machine-readable output."),
) -> None:
    """Packs a folder of pictures into one dataset file. Bad files are listed, never fatal; hidden files
    and folders are left out.

    The last line says what was used, changed and dropped, with reasons. What annotations can be
    without (areas, marks, masks, sizes) is ignored where it is of no use, and never costs an object.

    Examples:

    `scrl pack photos/ --out d.h5`

    `scrl pack photos/ --out d.h5 --labels folders`

    `scrl pack scenes/ --out d.h5 --annotations scenes/annotations.json`

    `scrl pack VOC2012/ --out voc.h5 --voc --split train`

    `scrl pack yolo/ --out d.h5 --yolo --split train`
    """
    from ..packing import pack as pack_files

    form = _form(voc, cityscapes, yolo, labels, annotations, split, classes)
    if on_bad not in ("skip", "refuse"):
        raise Failure(f"--on-bad is {on_bad!r}, expected skip or refuse", 2)
    rules = picture_rules("pack", orientation, on_truncated, bits)
    collect_notes()
    start = time.perf_counter()
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    notes, unusable = _annotations(folder, annotations, form, split, names, on_bad)
    if unusable and isinstance(notes, dict) and not notes["images"]:
        raise Failure(f"pack: no image to pack: none of {len(unusable)} annotation files can be read; "
                      f"first: {unusable[0][0]}: {unusable[0][1]}")
    report = pack_files(folder, out, labels, progress=not json_lines, annotations=notes,
                        on_bad=on_bad, allow_loss=True, **rules._asdict()).with_skipped(unusable)
    _tell(report, out, time.perf_counter() - start, json_lines)
    if report.is_lossy and not allow_loss:
        raise Failure(f"{out} is written, but more than a tenth is lost: {report.summary} · "
                      "--allow-loss accepts that")


def _tell(report: Any, out: str, seconds: float, json_lines: bool) -> None:
    """Every issue, and a last line that says what became of images and objects."""
    real = [issue for issue in report.issues if issue.action != "noted"]
    if json_lines:
        for path, reason in report.skipped:
            emit(event="skipped", path=path, reason=reason)
        for issue in report.issues:
            emit(event="note" if issue.action == "noted" else "issue", **issue._asdict())
        for note in report.notes:
            emit(event="picture_note", **note._asdict())
        emit(event="packed", added=report.added, skipped=len(report.skipped), issues=len(real),
             objects=report.objects, objects_changed=report.objects_changed,
             objects_dropped=report.objects_dropped, dropped=dict(report.dropped),
             skipped_kinds=dict(report.skipped_kinds), lost=report.lost, summary=report.summary,
             turned=report.turned, not_turned=report.not_turned, truncated=report.truncated,
             encoded=report.encoded, several=report.several, hidden=report.hidden, others=report.others,
             depths=dict(report.depths), out=out, bytes=os.path.getsize(out), seconds=seconds)
        return
    lines = [f"skipped {path}: {reason}" for path, reason in report.skipped]
    lines += [str(issue) for issue in real]
    for line in lines[:50]:
        say(line)
    if len(lines) > 50:
        say(f"{len(lines) - 50} more (all of them with --json)")
    notes = [issue.reason for issue in report.issues if issue.action == "noted"]
    notes += [f"{each.file}: {each.note}" for each in report.notes]
    for note in notes[:20]:
        say(f"note: {note}")
    if len(notes) > 20:
        say(f"note: and {len(notes) - 20} more (all of them with --json)")
    say(f"{report.summary}; {os.path.getsize(out) / 1e6:.1f} MB in {out}; "
        f"{report.added / seconds:.0f} images/s")
