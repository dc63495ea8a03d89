"""`scrl export`: what a dataset holds, in the forms of other programs."""

import os
from typing import Any, Callable

import typer

from .output import Failure, emit, say

DATA = typer.Option(..., "--data", help="Dataset file (HDF5).")
JSON = typer.Option(False, "--json", help="Machine-readable output.")


def _run(data: str, out: str, json_lines: bool, write: Callable[[Any], Any]) -> None:
    from ..dataset import Dataset

    with Dataset(data) as dataset:
        report = write(dataset)
    if json_lines:
        for image, reason in report.left_out:
            emit(event="left_out", image=image, reason=reason)
        emit(event="exported", images=report.images, boxes=report.boxes,
             left_out=len(report.left_out), out=out)
        return
    for image, reason in report.left_out[:50]:
        say(f"left out: {image}: {reason}")
    if len(report.left_out) > 50:
        say(f"{len(report.left_out) - 50} more (all of them with --json)")
    say(f"{report.images} images and {report.boxes} boxes in {out}")


def coco(
    data: str = DATA,
    out: str = typer.Option(
        ..., "--out", help="Folder for annotations.json and images; or a .json file for that alone."),
    json_lines: bool = JSON,
) -> None:
    """Writes a dataset in COCO's form.

    Example: `scrl export coco --data d.h5 --out exported/`
    """
    from ..annotations import Exported, to_coco

    def write(dataset: Any) -> Any:
        if not out.endswith(".json"):
            return to_coco(dataset, out)
        dataset.write_coco(out)
        boxes = sum(len(dataset.box_labels(index)) for index in range(len(dataset)))
        return Exported(len(dataset), boxes, [])

    _run(data, out, json_lines, write)


def voc(
    data: str = DATA,
    out: str = typer.Option(..., "--out", help="Folder to write into."),
    split: str = typer.Option("trainval", "--split", help="Name of the list in ImageSets."),
    json_lines: bool = JSON,
) -> None:
    """Writes a dataset in Pascal VOC's form; what that cannot hold is listed.

    Example: `scrl export voc --data d.h5 --out exported/`
    """
    from ..annotations import to_voc

    name = _split(split)
    _run(data, out, json_lines, lambda dataset: to_voc(dataset, out, name))


def cityscapes(
    data: str = DATA,
    out: str = typer.Option(..., "--out", help="Folder to write into."),
    split: str = typer.Option("train", "--split", help="train, val or test."),
    json_lines: bool = JSON,
) -> None:
    """Writes a dataset in Cityscapes' form; what that cannot hold is listed.

    Example: `scrl export cityscapes --data d.h5 --out exported/`
    """
    from ..annotations import to_cityscapes

    name = _split(split)
    _run(data, out, json_lines, lambda dataset: to_cityscapes(dataset, out, name))


def yolo(
    data: str = DATA,
    out: str = typer.Option(..., "--out", help="Folder to write into."),
    split: str = typer.Option("train", "--split", help="Name of the folders in images and labels."),
    masks: bool = typer.Option(False, "--masks", help="Write polygons in place of boxes."),
    json_lines: bool = JSON,
) -> None:
    """Writes a dataset as YOLO text labels; what they cannot hold is listed.

    Example: `scrl export yolo --data d.h5 --out exported/`
    """
    from ..annotations import to_yolo

    name = _split(split)
    _run(data, out, json_lines, lambda dataset: to_yolo(dataset, out, name, masks))


def _split(name: str) -> str:
    if not name or os.sep in name or name.startswith("."):
        raise Failure(f"--split is {name!r}, expected a name", 2)
    return name
