"""COCO's detection metrics, computed by the library as pycocotools computes them."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _abi, evaluating
from ._abi import lib
from .errors import ArgumentError, FormatError

KINDS = {"bbox": 0, "segm": 1}
FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl",
           "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


class ClassMetrics(NamedTuple):
    """The figures of one class; −1 where it has no object."""

    id: int
    name: str
    objects: int     # without crowds
    crowds: int
    detections: int
    AP: float
    AP50: float
    AP75: float
    APs: float
    APm: float
    APl: float
    AR1: float
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float


class LeftOut(NamedTuple):
    """An entry that could not be used; list is images, categories, annotations or detections."""

    list: str
    entry: str
    reason: str


class CocoMetrics(NamedTuple):
    """COCO's twelve figures, shares in 0 … 1; −1: there is no object to find.

    AR1, AR10 and AR100 are recalls with the first, second and third of max_detections and keep their
    names whatever those are; all other figures are with the third.
    """

    AP: float     # average precision, mean over overlaps 0.50, 0.55, … 0.95
    AP50: float   # at overlap 0.50
    AP75: float
    APs: float    # objects of up to 32² pixels
    APm: float    # 32² … 96²
    APl: float
    AR1: float    # recall, mean over the overlaps, with one detection an image and class
    AR10: float
    AR100: float
    ARs: float
    ARm: float
    ARl: float
    kind: str
    images: int
    objects: int     # without crowds
    crowds: int
    detections: int
    per_class: List[ClassMetrics]  # by id
    left_out: List[LeftOut]
    notes: List[str]
    thresholds: np.ndarray  # (T) overlaps
    recalls: np.ndarray     # (R)
    precision: Optional[np.ndarray]  # (K,T,R) with curves=True, −1 for classes without an object
    max_detections: Tuple[int, int, int]  # of an image and class that count, as used
    uncounted: int              # detections beyond the third of them
    matched_by: Optional[str]   # classes by "names", or by "ids"
    unknown_classes: List[str]  # of the ground truth with objects, that the detections' categories lack
    unknown_objects: int        # their objects, without crowds: left out
    absent_classes: List[str]   # of the detections, that the ground truth lacks
    absent_detections: int      # of those: left out


def evaluate(ground_truth: Any, detections: Any, kind: str = "bbox", *, curves: bool = False,
             leave_out: bool = False, threads: Optional[int] = None, categories: Any = None,
             max_detections: Sequence[int] = (1, 10, 100)) -> CocoMetrics:
    """COCO's metrics of detections, equal to pycocotools' COCOeval.

    ground_truth  a COCO annotation file, its dict, a Dataset or the path of one. Images of a
                  Dataset have the ids that they came with, else 1, 2, … in their order, and so have
                  its classes; each of its boxes needs one (see Dataset.write_coco).
    detections    a COCO results file or its list: dicts of image_id, category_id, score, and bbox
                  (x, y, width, height) or segmentation (RLE or polygons). May be empty. Or a dict
                  (or file) with that list as "annotations" and its own "categories".
    kind          "bbox" or "segm": what is laid over each other. For segm, leave bbox out of the
                  detections, as COCO's servers do: with it areas are those of the boxes.
    curves        True: precision over recall of every class, for plots.
    leave_out     False: the first entry that cannot be used is a DataError. True: such entries are
                  left out and listed in left_out: unknown images or classes, numbers that are not
                  finite, broken masks, a missing score, …
    threads       None: all CPUs. No result depends on it.
    categories    what the detections' category ids mean: {id: name}, a list of COCO categories, a
                  COCO file or dict, a Detector, a Dataset or the path of either. None: what the
                  detections bring along; a plain list goes by the ground truth's ids, as COCO has it.
                  Otherwise classes are matched by name (by id where one side has no names); objects
                  of classes that the categories lack, and detections of classes that the ground truth
                  lacks, leave the figures, are counted, and told in notes.
    max_detections  how many detections of an image and class count, three rising numbers: COCO's
                  maxDets. The first two are for AR1 and AR10 alone. What counts no more is told.

    Raises FormatError (no JSON, with line and column; not COCO), DataError naming the entry,
    ArgumentError, OSError.
    """
    if kind not in KINDS:
        raise ArgumentError(f"coco: kind is {kind!r}, expected 'bbox' or 'segm'")
    truth = _truth_text(ground_truth)
    with_categories = isinstance(detections, dict) and "annotations" in detections
    found = _text(detections, (dict,) if with_categories else (list, tuple), "detections")
    meant = None if categories is None else _categories_text(categories)
    told: List[bytes] = []
    options = _abi.header.scrl_coco_metrics_options(
        leave_out=int(leave_out), curves=int(curves),
        threads=0 if threads is None else _abi.int32_of(threads, "threads"),
        max_detections=evaluating.limits(max_detections, "coco"),
        categories=meant, category_bytes=0 if meant is None else len(meant),
        details=_abi.header.scrl_text_fn(lambda text, _count, _user: told.append(text)))
    code = lib.scrl_coco_evaluate(truth, len(truth), found, len(found), KINDS[kind], options, None)
    try:
        _abi.check(code)
    except FormatError as error:
        raise _of_files(error, {"ground truth": ground_truth, "detections": detections,
                                "categories": categories}) from None
    return _metrics(json.loads(told[0]), curves)


def _of_files(error: FormatError, sources: Dict[str, Any]) -> FormatError:
    """The error with the path of the file that it is about, where it was one."""
    for what, source in sources.items():
        text = str(error)
        if isinstance(source, (str, bytes, os.PathLike)) and text.startswith(f"read {what}:"):
            return FormatError(f"read {what} {os.fsdecode(source)}{text[len(f'read {what}'):]}")
    return error


def _metrics(tree: Dict[str, Any], curves: bool) -> CocoMetrics:
    classes = tree["categories"]
    return CocoMetrics(
        *(tree[name] for name in FIGURES), tree["kind"], tree["images"], tree["objects"],
        tree["crowds"], tree["detections"],
        [ClassMetrics(*(each[name] for name in ClassMetrics._fields)) for each in classes],
        [LeftOut(*(each[name] for name in LeftOut._fields)) for each in tree["left_out"]],
        tree["notes"], np.array(tree["thresholds"]), np.array(tree["recalls"]),
        np.array([each["precision"] for each in classes]).reshape(
            len(classes), len(tree["thresholds"]), len(tree["recalls"])) if curves else None,
        tuple(tree["max_detections"]), tree["uncounted"], tree["matched_by"],
        tree["unknown_classes"], tree["unknown_objects"], tree["absent_classes"],
        tree["absent_detections"])


def _categories_text(source: Any) -> bytes:
    """JSON that tells what category ids mean."""
    from .dataset import Dataset
    from .detector import Detector

    if isinstance(source, Detector):
        pairs = zip(source.category_ids, source.classes)
        return _text([{"id": number, "name": name} for number, name in pairs], (list,), "categories")
    if isinstance(source, (str, bytes, os.PathLike)) and (os.path.isdir(source) or _is_hdf5(source)):
        if os.path.isfile(source):
            try:
                with Dataset(source) as dataset:
                    return _truth_text(dataset)
            except FormatError:  # a checkpoint
                pass
        with Detector.load(source) as detector:
            return _categories_text(detector)
    if isinstance(source, Dataset):
        return _truth_text(source)
    if isinstance(source, Mapping) and "categories" not in source:
        source = [{"id": number, "name": name} for number, name in source.items()]
    return _text(source, (list, tuple, dict), "categories")


def _is_hdf5(path: Any) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x89HDF"


def _truth_text(source: Any) -> bytes:
    from .dataset import Dataset  # it needs this package's coco itself

    if isinstance(source, Dataset):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "annotations.json")
            source.write_coco(path)
            return Path(path).read_bytes()
    if isinstance(source, (str, bytes, os.PathLike)) and _is_hdf5(source):
        with Dataset(source) as dataset:
            return _truth_text(dataset)
    return _text(source, (dict,), "ground truth")


def _text(source: Any, kinds: Any, what: str) -> bytes:
    """JSON of a path, or of a value of the kinds; NaN is written as Python writes it."""
    if isinstance(source, (str, bytes, os.PathLike)):
        return Path(os.fsdecode(source)).read_bytes()
    if not isinstance(source, kinds):
        raise ArgumentError(
            f"coco: {what} are {type(source).__name__}, expected a path or a {kinds[0].__name__}")
    try:
        return json.dumps(source, default=plain_json).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"coco: {what} cannot be written as JSON: {error}") from None


def plain_json(value: Any) -> Any:
    """What json does not know: numpy's and torch's numbers and arrays, pycocotools' bytes."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
