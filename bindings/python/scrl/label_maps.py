"""Label maps: pictures whose pixel values name objects, to run lengths and back; names for files.

A map is (H,W) of whole numbers. Run lengths are COCO's: column-major, zeros first.
"""

import os
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np

from . import coco
from .dataset import Dataset
from .errors import DataError, FormatError


class Exported(NamedTuple):
    """What an export wrote, and (image, reason) of what its format cannot hold."""

    images: int
    boxes: int
    left_out: List[Tuple[str, str]]


def run_lengths(values: np.ndarray) -> Dict[int, List[int]]:
    """The run lengths of every value of a map, found in one pass."""
    flat = np.asarray(values).ravel(order="F")
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    ends = np.concatenate((starts[1:], [flat.size]))
    named = flat[starts]
    result: Dict[int, List[int]] = {}
    for value in np.unique(named).tolist():
        mine = named == value
        edges = np.stack((starts[mine], ends[mine]), 1).ravel()
        counts = np.diff(edges, prepend=0, append=flat.size).tolist()
        result[value] = counts[:-1] if counts[-1] == 0 else counts
    return result


def box_around(counts: List[int], height: int) -> List[int]:
    """x, y, width, height of the pixels of a mask's runs, in whole pixels."""
    edges = np.cumsum(counts)
    starts, ends = edges[0::2][:len(edges) // 2], edges[1::2]
    left, right = int(starts[0]) // height, (int(ends[-1]) - 1) // height
    wrap = starts // height != (ends - 1) // height  # such a run touches both borders
    top = 0 if wrap.any() else int((starts % height).min())
    bottom = height - 1 if wrap.any() else int(((ends - 1) % height).max())
    return [left, top, right - left + 1, bottom - top + 1]


def segmentation(counts: List[int], shape: Tuple[int, ...]) -> Dict[str, Any]:
    """COCO's `segmentation` of run lengths."""
    return {"size": [int(shape[0]), int(shape[1])], "counts": coco.rle_compress(counts)}


def mask_of(dataset: Dataset, index: int, box: int) -> Optional[np.ndarray]:
    """The (H,W) bool mask of a box; None without one."""
    text = dataset.mask(index, box)
    if text is None:
        return None
    return coco.decode_mask({"size": list(dataset.size(index)), "counts": text})


def stems(dataset: Dataset) -> List[str]:
    """A file name without ending for every image, from its own name where it has one; all differ."""
    taken, result = set(), []
    for index in range(len(dataset)):
        name = (dataset.name(index) or f"{index:06d}").replace("\\", "/").rsplit("/", 1)[-1]
        stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
        stem = "".join(c if c.isprintable() and not c.isspace() else "_" for c in stem).lstrip(".")
        stem = stem or f"{index:06d}"
        while stem in taken:
            stem += f"_{index}"
        taken.add(stem)
        result.append(stem)
    return result


def refuse_existing(paths: Iterable[str]) -> None:
    """DataError when one of the files that an export is to write is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise DataError(f"export: {path} exists; choose another folder")


def safe_path(folder: str, name: str) -> str:
    """folder/name for a name that stays below the folder; FormatError for any other."""
    parts = name.split("/")
    if name.startswith("/") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise FormatError(f"export: the image's name {name!r} leads out of the folder")
    path = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path
