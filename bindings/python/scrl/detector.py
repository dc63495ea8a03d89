"""Detector: object detection and instance segmentation on our backbones, trained and used."""

import os
import tempfile
from ctypes import POINTER, byref, c_char_p, c_int64, c_uint64
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _abi, checkpoints, coco, evaluating, progress as bars, runs, weights as weight_tables
from ._abi import PathLike, lib
from .config import Config
from .errors import ArgumentError, FormatError
from .model import Model
from .trainer import as_dataset

PRESET = "detect-small"


class DetectorReport(NamedTuple):
    """What one training step of a detector did. Losses are those of this step's images."""

    step: int              # steps done, this one included
    loss: float            # the sum of the five below
    lr: float              # learning rate, as used in this step
    rpn_objectness: float  # proposals: object or not
    rpn_box: float         # proposals: where
    classification: float  # regions: which class
    box: float             # regions: where
    mask: float            # regions: which pixels; 0 with detect.kind=faster
    gradient_norm: float   # over all weights that are trained, before detect.clip
    boxes: int             # annotated boxes in this step's images
    skipped: int           # images that could not be read, or kept no box when resized
    seconds: float         # duration, waiting for data included
    wait_seconds: float    # of it, waiting for data
    epoch: int             # of this step's first sample, from 0
    total_steps: int       # of the whole schedule
    did_step: bool         # False: no image could be used, nothing was changed


def _report(raw: Any) -> DetectorReport:
    return DetectorReport(
        raw.step, raw.loss, raw.learning_rate, raw.rpn_objectness, raw.rpn_box,
        raw.classification, raw.box, raw.mask, raw.gradient_norm, raw.boxes, raw.skipped,
        raw.seconds, raw.wait_seconds, raw.epoch, raw.total_steps, bool(raw.did_step))


def _words(report: DetectorReport) -> str:
    """What a progress line says of a step."""
    return (f"loss {report.loss:.4f} (proposals {report.rpn_objectness + report.rpn_box:.3f}, classes "
            f"{report.classification:.3f}, boxes {report.box:.3f}, masks {report.mask:.3f})  "
            f"lr {report.lr:.3g}")


@dataclass(frozen=True, eq=False)
class Detections:
    """What was seen in one picture, the highest score first."""

    boxes: np.ndarray   # (K,4) float32: x0, y0, x1, y1 in pixels of the picture
    labels: np.ndarray  # (K) int32, classes from 0
    scores: np.ndarray  # (K) float32, 0 … 1
    masks: Optional[List[Dict[str, Any]]]  # COCO's {"size": [H, W], "counts": text}; None: no masks

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, score: float) -> "Detections":
        """Those of this score or more."""
        count = int((self.scores >= score).sum())
        return Detections(self.boxes[:count], self.labels[:count], self.scores[:count],
                          None if self.masks is None else self.masks[:count])

    def mask(self, index: int) -> np.ndarray:
        """(H,W) bool: the mask of one of them."""
        if self.masks is None:
            raise ArgumentError("mask: a detector with detect.kind=faster makes no masks")
        return coco.decode_mask(self.masks[index])


class TrainingImages(NamedTuple):
    """The images that a detector is trained on."""

    images: int          # that it learns from
    empty: int           # of them, without any box: background (detect.empty)
    left_out_empty: int  # without any box, left out: see detect.empty
    left_out_vague: int  # left out: their boxes are all crowds, difficult, or without a class
    boxes: int           # that it learns from
    masks: int           # that these have


class Figures(NamedTuple):
    """COCO's figures: shares in 0 … 1, −1 where there is no object of the kind.

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
    images: int
    objects: int  # without crowds
    crowds: int
    detections: int
    left_out: int  # images that could not be read, and whose objects are not counted
    max_detections: Tuple[int, int, int]  # of an image and class that count, as used
    uncounted: int              # detections beyond the third of them
    matched_by: Optional[str]   # classes by "names", "ids" or "numbers"
    unknown_classes: List[str]  # of the dataset, that the detector lacks
    unknown_objects: int        # their objects, without crowds: left out
    absent_classes: List[str]   # of the detector, that the dataset lacks
    absent_detections: int      # of those: left out


class Detector(_abi.Handle):
    """Faster R-CNN or Mask R-CNN with a feature pyramid, by Detectron2's definitions.

    config   a Config, a mapping of keys, or None: the preset "detect-small"; the keys are detect.*
             with model.*, seed, threads, compute.*, loader.* and checkpoint.*.
    dataset  a Dataset with boxes, or a path to one. Learnt from are boxes with a class that are
             neither crowds nor marked difficult. Images without any box are left out, or with
             detect.empty=True learnt from as background; those whose boxes are all crowds, difficult
             or without a class are left out. images() tells how many, and so does the log.
    out      run folder for checkpoints and metrics.jsonl, as of Trainer; None: nowhere.
    weights  what to start from: a checkpoint or run folder of pretraining or of a detector, a Model,
             or a file that load_weights() reads; None: fresh weights. What a detector's predictors
             know of a class goes by the class's name; of others they are fresh. Unless config is a Config or
             sets model.arch, the architecture is that of the weights.
    A loaded one pickles and copies; one in training does not (StateError).
    Raises ConfigError, DataError (no boxes, no masks for detect.kind=mask, more classes than
    detect.classes), ArgumentError and ShapeError (weights that are not those of model.arch), StateError
    (a run in the folder, or one that works there), StorageError, FormatError, OutOfMemoryError.
    """

    _instead = "it is training; save() it, and load() or resume() from that"

    def __init__(self, config: Any = None, dataset: Any = None, out: Optional[PathLike] = None,
                 weights: Any = None) -> None:
        if dataset is None:
            raise ArgumentError("Detector: dataset is None, expected a Dataset with boxes; "
                                "Detector.load() gives one for inference")
        state, start = _start(weights)
        config = _config(config, weights, state)
        if state is not None:  # what does not fit is refused before the run folder is made
            with Model(config) as backbone:
                backbone.load_state_dict(state)
                state = _encoder(backbone.state_dict())
        data = as_dataset(dataset)
        pointer = _abi.detector_p()
        _abi.check(lib.scrl_detector_new(
            config._handle, data._handle, start, None if out is None else _abi.path_bytes(out),
            byref(pointer)))
        self._own(pointer, lib.scrl_detector_free)
        self._go_on = None if out is None else "Detector.resume()"
        if state is not None:
            self.load_state_dict(state, strict=False)

    @classmethod
    def _adopt(cls, pointer: Any, has_folder: bool = False) -> "Detector":
        detector = cls.__new__(cls)
        detector._own(pointer, lib.scrl_detector_free)
        detector._go_on = "Detector.resume()" if has_folder else None
        return detector

    @classmethod
    def resume(cls, path: PathLike, dataset: Any = None, **settings: Any) -> "Detector":
        """Goes on where a training stopped; every later byte is as if it had not.

        path      a run folder (its newest whole checkpoint) or a checkpoint file.
        dataset   None: the one named in the checkpoint.
        settings  keys to go on with instead, such as **{"detect.steps": 2000}; see Trainer.resume().
        Raises DataError where images, boxes or the name of a class are other ones.
        """
        pointer = _abi.detector_p()
        data = as_dataset(dataset)
        _abi.check(lib.scrl_detector_resume_with(
            _abi.path_bytes(path), data._handle if data is not None else None,
            runs.changes(settings), byref(pointer)))
        return cls._adopt(pointer, os.path.isdir(path))

    @classmethod
    def load(cls, path: PathLike) -> "Detector":
        """The detector of a checkpoint, for inference: a file, or a run folder's newest whole one."""
        pointer = _abi.detector_p()
        _abi.check(lib.scrl_detector_load(_abi.path_bytes(path), byref(pointer)))
        return cls._adopt(pointer)

    def __reduce__(self) -> Any:
        if self.progress() != (0, 0):
            return super().__reduce__()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "detector.h5")
            self.save(path)
            with open(path, "rb") as file:
                return _restored, (file.read(),)

    @property
    def config(self) -> Config:
        """A copy of the detector's config, detect.classes settled."""
        pointer = _abi.config_p()
        _abi.check(lib.scrl_detector_config(self._handle, byref(pointer)))
        return Config._adopt(pointer)

    def _class_at(self, number: int) -> Tuple[str, int]:
        name, category = c_char_p(), c_int64()
        _abi.check(lib.scrl_detector_class_at(
            self._handle, number, byref(name), byref(category)))
        return (name.value or b"").decode("utf-8", "replace"), category.value

    @property
    def classes(self) -> List[str]:
        """The class names, by label; "" where the dataset had none."""
        count = _abi.read_size(lib.scrl_detector_class_count, self._handle)
        return [self._class_at(number)[0] for number in range(count)]

    @property
    def category_ids(self) -> List[int]:
        """COCO's category ids, by label; the first free one from 1 where the dataset had none."""
        count = _abi.read_size(lib.scrl_detector_class_count, self._handle)
        return [self._class_at(number)[1] for number in range(count)]

    def images(self) -> TrainingImages:
        """How many images of the dataset it learns from, and how many not; zeroes when loaded."""
        raw = _abi.header.scrl_detector_images()
        _abi.check(lib.scrl_detector_count_images(self._handle, byref(raw)))
        return TrainingImages(*(getattr(raw, name) for name in TrainingImages._fields))

    def match_classes(self, dataset: Any) -> Tuple[List[int], List[int]]:
        """Which classes of a dataset the detector's are, by name as evaluate() matches them.

        Returns (labels, category ids), a number for each of the detector's classes: the dataset's
        label, and its COCO id where the dataset is written as a COCO file; −1: it has no such class.
        Raises DataError for files that share no class.
        """
        data = as_dataset(dataset)
        count = _abi.read_size(lib.scrl_detector_class_count, self._handle)
        labels, ids = np.empty(count, np.int32), np.empty(count, np.int64)
        _abi.check(lib.scrl_detector_match_classes(
            self._handle, data._handle, labels.ctypes.data_as(_abi.ints),
            ids.ctypes.data_as(POINTER(c_int64)), count, None))
        return labels.tolist(), ids.tolist()

    def progress(self) -> Tuple[int, int]:
        """(steps done, steps of the whole schedule); (0, 0) of a loaded detector."""
        done, total = c_uint64(), c_uint64()
        _abi.check(lib.scrl_detector_progress(self._handle, byref(done), byref(total)))
        return done.value, total.value

    def step(self) -> DetectorReport:
        """One optimisation step on the dataset's next batch.

        Raises DivergedError (weights are those of before), StateError for a loaded detector or
        after the last step.
        """
        raw = _abi.header.scrl_detector_report()
        _abi.check(lib.scrl_detector_step(self._handle, byref(raw)))
        return _report(raw)

    def fit(self, callback: Optional[Callable[[DetectorReport], Any]] = None,
            progress: bool = True, steps: Optional[int] = None) -> Optional[DetectorReport]:
        """Trains to the end of the schedule, or at most `steps` steps; saves when it ends or stops.

        callback  hears of every step; a true answer stops the run after it (saved, no exception). An
                  exception in it stops the run too and is raised when all is saved.
        progress  losses, rate, images/s and time left on stderr: a bar on a terminal, elsewhere a
                  line every ten seconds.
        Returns the last step's report, None when there was nothing to do.
        Raises KeyboardInterrupt after Ctrl-C and CancelledError after cancel(), both with all saved;
        DivergedError; StorageError; StateError for a loaded detector. Signals as in Trainer.fit().
        """
        done, total = self.progress()
        return runs.fit(
            lambda most, hear: lib.scrl_detector_run(
                self._handle, most, _abi.header.scrl_detector_fn(hear), None),
            _report, _words, done, total, int(self.config["detect.batch"]), callback, progress,
            steps, self._go_on)

    def cancel(self) -> None:
        """Asks fit() to stop: a running one after its step, else the next one before its first. Any
        thread, at any time."""
        runs.cancel(lib.scrl_detector_cancel, self._handle)

    def save(self, path: PathLike) -> None:
        """Saves a checkpoint, whole or not at all; of a training one, resume() can go on from it. An older
        checkpoint of that name is replaced, any other file is a StateError."""
        _abi.check(lib.scrl_detector_save(self._handle, _abi.path_bytes(path)))

    def predict(self, image: Any) -> Detections:
        """What is seen in a picture (H,W,3) uint8 of any size; boxes and masks in its pixels."""
        array = np.ascontiguousarray(image)
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
            raise ArgumentError(
                f"predict: image is {array.dtype} {array.shape}, expected uint8 (H, W, 3)")
        pointer = _abi.detections_p()
        height, width = array.shape[:2]
        _abi.check(lib.scrl_detector_predict(
            self._handle, array.ctypes.data_as(_abi.bytes_), height, width, 0, byref(pointer)))
        with _Found(pointer) as found:
            return found.read([height, width], self.config["detect.kind"] == "mask")

    def evaluate(self, dataset: Any, kind: Optional[str] = None,
                 results: Optional[PathLike] = None, progress: bool = True,
                 max_detections: Sequence[int] = (1, 10, 100)) -> Dict[str, Figures]:
        """COCO's figures on a dataset: {"bbox": Figures, "segm": Figures}.

        Classes go by name; by number only where the dataset or the detector has no names. Objects of
        classes that the detector lacks leave the figures, and so do its detections of classes that the
        dataset lacks: both are counted and told in the log. Boxes without a class are no objects.

        kind     "bbox" or "segm": only that; None: both where the detector makes masks and the
                 dataset has them.
        results  where the detections go as a COCO results file; None: nowhere. Its ids of images and
                 categories are those of dataset.write_coco().
        max_detections  how many detections of an image and class count: COCO's maxDets, three rising
                 numbers, the first two for AR1 and AR10 alone. detect.max_detections is what the
                 detector gives of an image.
        progress rate and time left on stderr.
        Raises DataError (no objects, no class in common; no masks for "segm"), StateError ("segm" of
        a detector with detect.kind=faster, or `results` is a file of another kind), StorageError,
        ArgumentError; KeyboardInterrupt after Ctrl-C.
        """
        if kind not in (None, "bbox", "segm"):
            raise ArgumentError(f"evaluate: kind is {kind!r}, expected 'bbox', 'segm' or None")
        data = as_dataset(dataset)
        masks = kind == "segm" or (
            kind is None and self.config["detect.kind"] == "mask" and _has_masks(data))
        boxes, segments = _abi.header.scrl_coco_metrics(), _abi.header.scrl_coco_metrics()
        options = _abi.header.scrl_measure_options(
            max_detections=evaluating.limits(max_detections, "evaluate"),
            results=None if results is None else _abi.path_bytes(results))

        def measure(hear: Any) -> int:
            options.progress = _abi.header.scrl_measure_fn(hear)
            return lib.scrl_detector_measure(
                self._handle, data._handle, byref(options), byref(boxes),
                byref(segments) if masks else None)

        with bars.counter("measuring", "images", progress) as show:
            evaluating.run(measure, show, None, "measuring")
        found = {} if kind == "segm" else {"bbox": _figures(boxes)}
        return {**found, "segm": _figures(segments)} if masks else found

    def state_dict(self) -> Dict[str, np.ndarray]:
        """Weights and running statistics by name, copied: encoder.*, fpn.*, rpn.*, box_head.*, …"""
        return weight_tables.read(self._handle, "detector")

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copies weights in, all or none. The optimiser's momentum stays as it is.

        strict: missing and unknown names raise ArgumentError.
        """
        weight_tables.write(self._handle, "detector", state, strict)


def _restored(checkpoint: bytes) -> Detector:
    """The detector that was pickled or copied."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "detector.h5")
        with open(path, "wb") as file:
            file.write(checkpoint)
        return Detector.load(path)


def _figures(raw: Any) -> Figures:
    matched_by, unknown, absent = evaluating.matched(raw)
    return Figures(
        raw.ap, raw.ap50, raw.ap75, raw.ap_small, raw.ap_medium, raw.ap_large, raw.ar1, raw.ar10,
        raw.ar100, raw.ar_small, raw.ar_medium, raw.ar_large, raw.images, raw.objects, raw.crowds,
        raw.detections, raw.left_out_truths, tuple(raw.max_detections), raw.uncounted, matched_by,
        unknown, raw.unknown_objects, absent, raw.absent_detections)


def _has_masks(data: Any) -> bool:
    """Whether every box with a class has a mask."""
    return all(data.mask(index, box) is not None for index in range(len(data))
               for box, label in enumerate(data.box_labels(index)) if label >= 0)


class _Found(_abi.Handle):
    """scrl_detections."""

    def __init__(self, pointer: Any) -> None:
        self._own(pointer, lib.scrl_detections_free)

    def read(self, size: List[int], with_masks: bool) -> Detections:
        count = _abi.read_size(lib.scrl_detections_count, self._handle)
        boxes, labels = np.empty((count, 4), np.float32), np.empty(count, np.int32)
        scores, masks = np.empty(count, np.float32), []
        for index in range(count):
            raw = _abi.header.scrl_detection()
            _abi.check(lib.scrl_detections_at(self._handle, index, byref(raw)))
            boxes[index], labels[index], scores[index] = raw.box[:], raw.label, raw.score
            masks.append({"size": list(size), "counts": (raw.mask or b"").decode("ascii")})
        return Detections(boxes, labels, scores, masks if with_masks else None)


def results_of(found: Detections, image_id: int, category_ids: List[int]) -> List[Dict[str, Any]]:
    """Detections as the entries of a COCO results file."""
    entries = []
    for index in range(len(found)):
        x0, y0, x1, y1 = (float(side) for side in found.boxes[index])
        entry = {"image_id": image_id, "category_id": category_ids[found.labels[index]],
                 "bbox": [x0, y0, x1 - x0, y1 - y0], "score": float(found.scores[index])}
        if found.masks is not None:
            entry["segmentation"] = found.masks[index]
        entries.append(entry)
    return entries


# ------------------------------------------------------------------ starting weights

def _start(weights: Any) -> Tuple[Optional[Mapping[str, Any]], Optional[bytes]]:
    """Weights as values to copy in, or as a path for the library."""
    if weights is None:
        return None, None
    if isinstance(weights, Model):
        return weights.state_dict(), None
    if checkpoints.is_foreign(weights):
        return checkpoints.load_foreign(weights), None
    return None, _abi.path_bytes(weights)


def _config(config: Any, weights: Any, state: Any) -> Config:
    """A Config as it is; of anything else the backbone is that of the weights, unless it is told."""
    if isinstance(config, Config):
        return config
    values = dict(config or {}) if not isinstance(config, str) else {}
    made = Config(config if isinstance(config, str) else PRESET, **values)
    if weights is None or "model.arch" in values:
        return made
    for key, value in backbone_of(weights, state).items():
        made[key] = value
    return made


def backbone_of(weights: Any, state: Any = None) -> Dict[str, Any]:
    """model.arch and model.stem of weights: a Model, a checkpoint, or a foreign file."""
    if state is None:
        state, _ = _start(weights)
    if isinstance(weights, Model):
        known = weights.config
    elif state is not None:
        if state.arch is None:
            raise FormatError(f"Detector: {os.fsdecode(weights)} is of no ResNet that is known here")
        return {"model.arch": state.arch, "model.stem": "imagenet"}
    else:
        try:
            with Model.load(weights) as model:
                known = model.config
        except FormatError:
            with Detector.load(weights) as detector:
                known = detector.config
    return {key: known[key] for key in ("model.arch", "model.stem")}


def _encoder(state: Mapping[str, Any]) -> Dict[str, Any]:
    """A backbone's weights under a detector's names."""
    prefix = weight_tables.PREFIX
    return {"encoder." + name[len(prefix):]: values for name, values in state.items()
            if name.startswith(prefix)}
