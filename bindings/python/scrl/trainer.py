"""Trainer: pretraining, step by step or as a run that can be stopped and resumed exactly."""

import json
import math
import os
from ctypes import byref, c_uint64
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from . import _abi, runs, weights
from ._abi import PathLike, lib
from .config import Config, as_config
from .dataset import Dataset
from .errors import ShapeError
from .evaluating import numbers


class StepReport(NamedTuple):
    """What one step did."""

    step: int            # steps done, this one included
    loss: float          # mean over the box pairs, in [0, 8]; supervised: cross entropy
    lr: float            # learning rate, as used in this step
    ema_momentum: float  # as used in this step
    boxes: int           # pairs in the loss: boxes (SCRL), images (BYOL), labelled images
    skipped: int         # images without boxes or labels, or that could not be read
    seconds: float       # duration, waiting for data included
    wait_seconds: float  # of it, waiting for data
    epoch: int           # of this step's samples, from 0
    total_steps: int     # of the whole schedule
    did_step: bool       # False: no image gave a box or label, nothing was changed
    steps_skipped: int   # steps of the run so far without did_step
    probe_loss: float    # cross entropy of the online probe; 0 without one
    accuracy: float      # of probe or classifier on this step's views, 0 … 1; NaN without labels
    deviation: float     # of the projections, each health.every steps: 1 healthy, 0 collapsed; else NaN
    effective_rank: float       # of at most 256 of them
    positive_similarity: float  # mean cosine of matched regions or views
    negative_similarity: float  # of those of different images
    collapse: Optional[str]     # the sign of collapse that this step saw; None: none, or it did not look


def _report(raw: Any) -> StepReport:
    return StepReport(
        raw.step, raw.loss, raw.learning_rate, raw.ema_momentum, raw.boxes, raw.skipped,
        raw.seconds, raw.wait_seconds, raw.epoch, raw.total_steps, bool(raw.did_step),
        raw.steps_skipped, raw.probe_loss, raw.accuracy, raw.deviation, raw.effective_rank,
        raw.positive_similarity, raw.negative_similarity,
        None if raw.collapse is None else raw.collapse.decode())


class _Words:
    """What a progress line says of steps; remembers the newest look for signs of collapse."""

    def __init__(self) -> None:
        self.sign = ""

    def __call__(self, report: StepReport) -> str:
        if not math.isnan(report.deviation):  # it looked
            self.sign = f"  collapse? {report.collapse.split(':')[0]}" if report.collapse else ""
        accuracy = "" if math.isnan(report.accuracy) else f"  accuracy {report.accuracy:.3f}"
        return f"loss {report.loss:.4f}  lr {report.lr:.3g}{accuracy}{self.sign}"


class Trainer(_abi.Handle):
    """Pretraining: SCRL and BYOL teach a network to predict its own moving average, method=supervised
    teaches it the images' labels.

    dataset  a Dataset (or a path to one); None: only step_on() works, and an epoch of
             the schedule is one step: set train.steps to the steps you mean to do.
    out      run folder for checkpoints and metrics.jsonl, made when missing; None: nowhere. A folder
             that holds a checkpoint is refused: use Trainer.resume(). One whose run ended before its
             first is begun anew, its metrics.jsonl set aside as metrics-1.jsonl. No other trainer, of
             any process, gets the folder until this one is closed or its process ends.
    Raises ConfigError, StorageError, StateError (a run in the folder, or one that works there),
    DataError (dataset smaller than a batch, or without the labels that method=supervised and
    probe.online need), OutOfMemoryError.
    """

    _instead = "save() it, and resume() from that"

    def __init__(self, config: Any = None, dataset: Any = None,
                 out: Optional[PathLike] = None) -> None:
        pointer = _abi.trainer_p()
        config = as_config(config)
        data = as_dataset(dataset)
        _abi.check(lib.scrl_trainer_new(
            config._handle, data._handle if data is not None else None,
            None if out is None else _abi.path_bytes(out), byref(pointer)))
        self._adopt_pointer(pointer, out is not None)

    def _adopt_pointer(self, pointer: Any, has_folder: bool) -> None:
        self._own(pointer, lib.scrl_trainer_free)
        self._go_on = "Trainer.resume()" if has_folder else None
        self._batch = int(self.config["train.batch"])

    @classmethod
    def resume(cls, path: PathLike, dataset: Any = None, **settings: Any) -> "Trainer":
        """Goes on where a run stopped; every later byte is as if it had not.

        path      a run folder (its newest whole checkpoint) or a checkpoint file.
        dataset   None: the one named in the checkpoint.
        settings  keys to go on with instead, such as **{"train.epochs": 200}: length, rate, threads,
                  loader.*, checkpoint.*, … (those whose scrl.config.Key has fixed None). Schedules are
                  made anew over the whole new length.
        Raises ConfigError naming a key that cannot change, and why; StateError for a folder that
        another trainer works in; StorageError for one without a checkpoint yet (begin it again with
        Trainer(…, out=path)) and for a dataset that is no longer there; FormatError; DataError.
        """
        pointer = _abi.trainer_p()
        data = as_dataset(dataset)
        _abi.check(lib.scrl_trainer_resume_with(
            _abi.path_bytes(path), data._handle if data is not None else None,
            runs.changes(settings), byref(pointer)))
        trainer = cls.__new__(cls)
        trainer._adopt_pointer(pointer, os.path.isdir(path))
        return trainer

    @property
    def config(self) -> Config:
        """A copy of the trainer's config."""
        pointer = _abi.config_p()
        _abi.check(lib.scrl_trainer_config(self._handle, byref(pointer)))
        return Config._adopt(pointer)

    def progress(self) -> Tuple[int, int]:
        """(steps done, steps of the whole schedule)."""
        done, total = c_uint64(), c_uint64()
        _abi.check(lib.scrl_trainer_progress(self._handle, byref(done), byref(total)))
        return done.value, total.value

    def step(self) -> StepReport:
        """One optimisation step on the dataset's next batch.

        Raises DivergedError (weights are those of before), StateError without a dataset or after
        the last step.
        """
        raw = _abi.header.scrl_step_report()
        _abi.check(lib.scrl_trainer_step(self._handle, byref(raw)))
        return _report(raw)

    def step_on(self, view1: Any, view2: Any, boxes1: Any = None, boxes2: Any = None,
                labels: Any = None) -> StepReport:
        """One step on views that the caller made.

        view1, view2    (N,3,S,S) float32, normalised.
        boxes1, boxes2  (K,5): image index in 0 … N−1, x0, y0, x1, y1 in view pixels; row k of both is
                        the same region. Only method=scrl reads them.
        labels          (N) classes in 0 … train.classes−1, −1: none. Only method=supervised and
                        probe.online read them.
        """
        first, keep1 = _abi.borrow_pictures(view1, "step_on: view1")
        second, _keep2 = _abi.borrow_pictures(view2, "step_on: view2")
        none = np.empty((0, 5), np.float32)
        boxes1 = _abi.boxes_array(none if boxes1 is None else boxes1, 5, "step_on: boxes1")
        boxes2 = _abi.boxes_array(none if boxes2 is None else boxes2, 5, "step_on: boxes2")
        if len(boxes1) != len(boxes2):
            raise ShapeError(
                f"step_on: {len(boxes1)} boxes in view 1 and {len(boxes2)} in view 2")
        classes = None
        if labels is not None:
            classes = numbers(labels, keep1.shape[0], "step_on: labels", -1)
        raw = _abi.header.scrl_step_report()
        _abi.check(lib.scrl_trainer_step_on(
            self._handle, byref(first), byref(second), _abi.float_pointer(boxes1),
            _abi.float_pointer(boxes2), len(boxes1),
            None if classes is None else classes.ctypes.data_as(_abi.ints), byref(raw)))
        return _report(raw)

    def fit(self, callback: Optional[Callable[[StepReport], Any]] = None, progress: bool = True,
            steps: Optional[int] = None) -> Optional[StepReport]:
        """Trains to the end of the schedule, or at most `steps` steps; saves when it ends or stops,
        every checkpoint.every steps, every checkpoint.minutes, and within a run's first minute.

        callback  hears of every step; a true answer stops the run after it (saved, no exception). An
                  exception in it stops the run too and is raised when all is saved.
        progress  loss, rate, images/s and time left on stderr: a bar on a terminal, elsewhere a line
                  every ten seconds.
        Returns the last step's report, None when there was nothing to do.
        What is saved goes into the run folder; a trainer without one saves nothing by itself.
        Raises KeyboardInterrupt after Ctrl-C and CancelledError after cancel(), both with all saved;
        DivergedError; StorageError. In the main thread SIGTERM and SIGHUP stop it too: all is saved,
        then the signal does what it does without us, it ends the process. Handlers of your own are
        called during the step's callback, and what they raise arrives when all is saved.
        """
        done, total = self.progress()
        return runs.fit(
            lambda most, hear: lib.scrl_trainer_run(
                self._handle, most, _abi.header.scrl_step_fn(hear), None),
            _report, _Words(), done, total, self._batch, callback, progress, steps, self._go_on)

    def cancel(self) -> None:
        """Asks fit() to stop: a running one after its step, else the next one before its first. Any
        thread, at any time."""
        runs.cancel(lib.scrl_trainer_cancel, self._handle)

    def save(self, path: PathLike) -> None:
        """Saves a checkpoint, whole or not at all. An older checkpoint of that name is replaced, any other
        file is a StateError."""
        _abi.check(lib.scrl_trainer_save(self._handle, _abi.path_bytes(path)))

    def profile(self) -> Dict[str, float]:
        """Seconds of the last step by part: wait, online_forward, target_forward, backward, …"""
        return json.loads(_abi.read_text(
            lambda room, capacity, length: lib.scrl_trainer_profile(
                self._handle, room, capacity, length)))

    def state_dict(self) -> Dict[str, np.ndarray]:
        """Weights and running statistics by name, copied.

        online., target., predictor. (and probe.); supervised: online.encoder., classifier.
        """
        return weights.read(self._handle, "trainer")

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copies weights in, all or none. The optimiser's momentum stays as it is.

        strict: missing and unknown names raise ArgumentError; load_weights(path) wants it False.
        """
        weights.write(self._handle, "trainer", state, strict)


def as_dataset(dataset: Any) -> Optional[Dataset]:
    if dataset is None or isinstance(dataset, Dataset):
        return dataset
    return Dataset(dataset)
