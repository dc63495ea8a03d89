"""A dataset as YOLO text labels: images/<split>, labels/<split>, data.yaml."""

import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import label_maps
from ._abi import PathLike
from .cityscapes import _largest_part
from .dataset import Dataset
from .errors import DataError
from .small_yaml import read_yaml


def _shares(values: Any, width: int, height: int) -> str:
    """x, y, x, y, … in pixels as shares; nine digits tell a float32 apart."""
    return " ".join(f"{float(value) / (width, height)[place % 2]:.9g}"
                    for place, value in enumerate(values))


def _line(dataset: Dataset, index: int, box: int, masks: bool, left_out: List[Tuple[str, str]], stem: str
          ) -> Optional[str]:
    """What follows the class; None for a mask without a pixel."""
    height, width = dataset.size(index)
    x0, y0, x1, y1 = (float(side) for side in dataset.boxes(index)[box])
    if not masks:
        return _shares([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0], width, height)
    mask = label_maps.mask_of(dataset, index, box)
    if mask is None:
        left_out.append((stem, f"box {box} has no mask: its rectangle stands for it"))
        return _shares([x0, y0, x1, y0, x1, y1, x0, y1], width, height)
    # Twice as large, so that the outline runs along the pixels' edges and has three corners or more.
    outline, parts = _largest_part(np.kron(mask, np.ones((2, 2), bool)))
    if not outline:
        return None
    if parts > 1:
        left_out.append((stem, f"box {box}: the polygon is one of its {parts} parts"))
    return _shares([(side + 0.5) / 2 for corner in outline for side in corner], width, height)


def _write_names(path: str, names: List[str], split: str) -> None:
    """data.yaml, or the split added to the one that is there."""
    splits: Dict[str, str] = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            known = read_yaml(file.read())
        if known.get("names") != names:
            raise DataError(f"export: {path} has other class names; choose another folder")
        splits = {key: value for key, value in known.items() if key in ("train", "val", "test")}
    splits[split] = f"images/{split}"
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{key}: {value}\n" for key, value in splits.items()))
        quoted = ["'" + name.replace("'", "''") + "'" for name in names]
        file.write(f"nc: {len(names)}\nnames: [{', '.join(quoted)}]\n")


def to_yolo(dataset: Dataset, folder: PathLike, split: str = "train", masks: bool = False
            ) -> label_maps.Exported:
    """Writes a dataset's JPEG streams to images/<split>, its boxes to labels/<split>, its names to
    data.yaml.

    masks   True: lines are polygons, each the outline of a mask's largest part without its holes.

    YOLO has no crowd regions, no difficult objects and none without a class: they are left out, and
    told. Several splits may go into one folder; a file that is there already is a DataError.
    """
    base = os.fsdecode(folder)
    left_out: List[Tuple[str, str]] = []
    stems, written = label_maps.stems(dataset), 0
    images, labels = (os.path.join(base, kind, split) for kind in ("images", "labels"))
    label_maps.refuse_existing(
        os.path.join(place, stem + ending) for stem in stems
        for place, ending in ((images, ".jpg"), (labels, ".txt")))
    for place in (images, labels):
        os.makedirs(place, exist_ok=True)
    _write_names(os.path.join(base, "data.yaml"), list(dataset.classes), split)
    for index, stem in enumerate(stems):
        lines = []
        crowd, difficult = dataset.crowd(index), dataset.difficult(index)
        for box, label in enumerate(dataset.box_labels(index).tolist()):
            if crowd[box] or difficult[box] or label < 0:
                reason = ("is a crowd region" if crowd[box] else
                          "is marked difficult" if difficult[box] else "has no class")
                left_out.append((stem, f"box {box} {reason}"))
                continue
            line = _line(dataset, index, box, masks, left_out, stem)
            if line is None:
                left_out.append((stem, f"box {box}: its mask is empty"))
                continue
            lines.append(f"{label} {line}\n")
        with open(os.path.join(labels, stem + ".txt"), "w", encoding="utf-8") as file:
            file.write("".join(lines))
        with open(os.path.join(images, stem + ".jpg"), "wb") as file:
            file.write(dataset.jpeg(index))
        written += len(lines)
    return label_maps.Exported(len(stems), written, left_out)
