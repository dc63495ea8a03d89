"""COCO's run lengths: masks as lists of runs and as compressed text.

Compressed RLE: run lengths of 0, 1, 0, … in column-major order; from the third on as differences to
the run two before; 5 bits a character, bit 6 says that more follow, 48 is added (pycocotools' maskApi).
"""

import operator
from typing import Any, Dict, Iterable, List

import numpy as np

from .coco_metrics import FIGURES, ClassMetrics, CocoMetrics, LeftOut, evaluate
from .errors import FormatError, ShapeError

__all__ = [
    "FIGURES", "ClassMetrics", "CocoMetrics", "LeftOut", "decode_mask", "encode_mask", "evaluate",
    "rle_compress", "rle_counts", "rle_decompress",
]


def rle_counts(mask: np.ndarray) -> List[int]:
    """Run lengths of a (H,W) mask in column-major order, beginning with zeros."""
    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate(([0], edges, [flat.size]))
    counts = np.diff(bounds).tolist()
    return [0] + counts if flat.size and flat[0] else counts


def rle_compress(counts: Iterable[int]) -> str:
    """Run lengths as COCO's compressed text."""
    counts = list(counts)
    text = []
    for place, run in enumerate(counts):
        rest = run - counts[place - 2] if place > 2 else run
        while True:
            chunk, rest = rest & 31, rest >> 5
            last = rest == (-1 if chunk & 16 else 0)
            text.append(chr(48 + (chunk if last else chunk | 32)))
            if last:
                break
    return "".join(text)


def rle_decompress(text: str) -> List[int]:
    """The run lengths of COCO's compressed text. Raises FormatError for what is none."""
    counts: List[int] = []
    value = shift = 0
    for letter in text:
        chunk = ord(letter) - 48
        if not 0 <= chunk < 64 or shift > 60:
            raise FormatError(f"RLE: {letter!r} in run {len(counts)}, expected COCO's compressed text")
        value |= (chunk & 31) << shift
        shift += 5
        if not chunk & 32:
            if chunk & 16:
                value |= -1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise FormatError(f"RLE: run {len(counts)} is not finished")
    return counts


def encode_mask(mask: np.ndarray) -> Dict[str, Any]:
    """A (H,W) mask as {"size": [H, W], "counts": text}; what is not 0 is the object."""
    array = np.asarray(mask)
    if array.ndim != 2:
        raise ShapeError(f"encode_mask: the mask has shape {array.shape}, expected (H, W)")
    return {"size": list(array.shape), "counts": rle_compress(rle_counts(array))}


def decode_mask(rle: Dict[str, Any]) -> np.ndarray:
    """The (H,W) bool mask of encode_mask(); counts may be text, bytes or a list.

    Raises FormatError for anything else, before memory is taken.
    """
    try:
        height, width = (operator.index(side) for side in rle["size"])
        counts = rle["counts"]
        if isinstance(counts, bytes):
            counts = counts.decode("ascii")
        runs = rle_decompress(counts) if isinstance(counts, str) else [
            operator.index(run) for run in counts]
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError('RLE: expected {"size": [height, width], "counts": runs}') from None
    if min(height, width, *runs, 0) < 0 or sum(runs) != height * width:
        raise FormatError(f"RLE: {sum(runs)} pixels in runs from {min(runs, default=0)}, expected "
                          f"{height}×{width} in runs of 0 and more")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return flat.reshape((height, width), order="F")
