"""Evaluations of a trained backbone on labelled data.

    scrl.evaluate.linear(model, "train.h5", "test.h5").accuracy
    scrl.evaluate.detection("run/", "train.h5", "test.h5").boxes.AP
"""

from contextlib import ExitStack
from ctypes import byref
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

import numpy as np

from . import _ffi, progress as bars
from ._ffi import lib
from .dataset import Dataset
from .errors import ArgumentError, CancelledError, ShapeError
from .finetune import DetectionReport, detection
from .interrupts import interrupt_into
from .model import Model

QUIRKS = {None: 0, "corrected": 1, "official": 2}


class LinearReport(NamedTuple):
    """What a linear evaluation found. Accuracies are shares in 0 … 1."""

    accuracy: float        # of the test images after the last epoch
    top5: float            # test images whose class is among the five largest outputs
    best_accuracy: float   # the best of every fifth epoch and the last
    best_epoch: int        # the first that reached it, from 1
    train_accuracy: float  # of the last epoch's batches, each before its step
    loss: float            # cross entropy of the same
    classes: int           # distinct classes of the train images
    train_images: int
    test_images: int
    seconds: float
    left_out: int          # images of both without a label, or that cannot be read
    unseen: int            # test images of a class that train lacks: counted as wrong
    batch: int             # as used
    base_lr: float         # as used


def linear(model: Any, train: Any, test: Any = None, *, crops: int = 0, epochs: int = 80,
           warmup_epochs: Optional[int] = None, batch: Optional[int] = None,
           base_lr: Optional[float] = None, standardise: bool = True,
           quirks: Optional[str] = None, size: Optional[int] = None, seed: int = 0,
           progress: bool = True, view_threads: Optional[int] = None,
           callback: Optional[Callable[[int, int, int, int, float], Any]] = None) -> LinearReport:
    """Linear evaluation: one linear layer on the frozen backbone's embeddings learns the labels.

    The recipe is the published one (Roh et al. 2021): SGD with Nesterov momentum 0.9, no weight
    decay, linear warm-up then cosine, random crops and mirroring in training, centre crops in
    testing. On small sets that underfits, so unless told otherwise features lose their means over
    the train images and are divided by the root mean square of all (one number, at most six times
    their deviation), small sets have small batches, and the layer starts at zero. The letter:
    quirks="official", standardise=False, batch=128.

    model   a Model, or a path that Model.load() reads. None when train and test are features.
    train   a Dataset, a path, or a pair of features (N,F) and labels (N). A label of −1 leaves an
            image out.
    test    the same kind; None: a fifth of train is held out, class by class, chosen by the seed.
    crops   0: a fresh random crop of every image in every epoch, as published. n: n random crops of
            every image, embedded once. −1: the centre crop, embedded once.
            The cost is the images through the backbone: train × (epochs + 1) + test with crops=0,
            train × n + test with n, train + test with −1. ResNet-18 at 128 pixels does about
            100 a second on two cores: for 2,000 images half an hour, 20 seconds × n, 20 seconds.
    warmup_epochs  None: 5, or epochs − 1 when that is less.
    batch   None: 256, less for fewer than 4096 images.
    base_lr learning rate at batch 256, scaled linearly; None: 0.2, for a BYOL model 0.05.
    quirks  "corrected" or "official" (SGD inside LARS, random start); None: the model's.
    size    side of a view in pixels; None: the model's views.size.
    progress  a bar with rate and time left, on a terminal.
    callback  hears (epoch, epochs, done, total, loss): images through the backbone so far and in
            all (rows through the layer when features were given), the epoch's mean loss. A true
            answer stops with CancelledError.

    The same seed gives the same report, seconds aside, whatever view_threads.
    Raises DataError (no labels, one class, fewer images than a batch), ArgumentError, ConfigError,
    ShapeError, DivergedError, CancelledError; KeyboardInterrupt after Ctrl-C.
    """
    if quirks not in QUIRKS:
        raise ArgumentError(f"linear: quirks is {quirks!r}, expected 'corrected' or 'official'")
    options = _ffi.scrl_linear_options(
        epochs=_one_or_more(epochs, "epochs"), crops=_ffi.int32_of(crops, "crops"),
        warmup_epochs=_warmup(warmup_epochs), raw_features=int(not standardise),
        quirks=QUIRKS[quirks], seed=_ffi.count_of(seed, "seed"),
        batch=0 if batch is None else _one_or_more(batch, "batch"),
        base_lr=0 if base_lr is None else _rate(base_lr),
        size=0 if size is None else _one_or_more(size, "size"),
        view_threads=0 if view_threads is None else _one_or_more(view_threads, "view_threads"))
    has_features = isinstance(train, (tuple, list))
    if test is not None and isinstance(test, (tuple, list)) != has_features:
        raise ArgumentError("linear: train and test are of different kinds, expected two datasets "
                            "or two pairs (features, labels)")
    raw = _ffi.scrl_linear_report()

    with ExitStack() as stack:
        if has_features:
            if model is not None:
                raise ArgumentError("linear: got a model and features, expected None and features")
            x, y, _keep = _pair(train, "train")
            xt, yt, _keep_test = _pair(test, "test") if test is not None else (None, None, None)

            def call() -> int:
                return lib.scrl_evaluate_linear_on(
                    byref(x), y.ctypes.data_as(_ffi.ints), None if xt is None else byref(xt),
                    None if yt is None else yt.ctypes.data_as(_ffi.ints), byref(options),
                    byref(raw))
        else:
            if model is None:
                raise ArgumentError("linear: model is None, expected a Model or a path")
            loaded = model if isinstance(model, Model) else stack.enter_context(Model.load(model))
            learnt = _dataset(train, stack)
            tested = None if test is None else _dataset(test, stack)

            def call() -> int:
                return lib.scrl_evaluate_linear(
                    loaded._handle, learnt._handle, None if tested is None else tested._handle,
                    byref(options), byref(raw))
        _run(call, options, "rows" if has_features else "images", progress, callback)
    return LinearReport(
        raw.accuracy, raw.top5, raw.best_accuracy, raw.best_epoch, raw.train_accuracy, raw.loss,
        raw.classes, raw.train_images, raw.test_images, raw.seconds, raw.left_out, raw.unseen,
        raw.batch, raw.base_lr)


def _run(call: Callable[[], int], options: Any, unit: str, progress: bool,
         callback: Optional[Callable[..., Any]]) -> None:
    """Calls the library with a listener; what stops it is raised when it has ended."""
    failure: List[BaseException] = []
    stops: List[str] = []
    with bars.evaluation(unit, progress) as show:
        def on_progress(epoch: int, epochs: int, done: int, total: int, loss: float,
                        _user: Any) -> int:
            try:
                show(epoch, epochs, done, total, loss)
                if callback is not None and callback(epoch, epochs, done, total, loss):
                    stops.append("callback")
            except BaseException as error:
                failure.append(error)
            return 1 if stops or failure else 0

        options.progress = _ffi.scrl_linear_fn(on_progress)
        with interrupt_into(stops):
            code = call()
    if failure:
        raise failure[0]
    if "interrupt" in stops and code in (0, CancelledError.status):
        raise KeyboardInterrupt("linear evaluation stopped")
    _ffi.check(code)


def _one_or_more(value: Any, what: str) -> int:
    number = _ffi.int32_of(value, what)
    if number < 1:
        raise ArgumentError(f"linear: {what} is {number}, expected 1 or more")
    return number


def _warmup(value: Any) -> int:
    """As the option struct has it: 0 means the default, −1 none."""
    if value is None:
        return 0
    number = _ffi.int32_of(value, "warmup_epochs")
    if number < 0:
        raise ArgumentError(f"linear: warmup_epochs is {number}, expected 0 or more")
    return number or -1


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"linear: base_lr is {value!r}, expected a number") from None
    if not rate > 0:
        raise ArgumentError(f"linear: base_lr is {rate}, expected more than 0")
    return rate


def _pair(pair: Any, what: str) -> Tuple[Any, np.ndarray, np.ndarray]:
    """A scrl_tensor over features, the labels, and the array that must outlive the tensor."""
    if len(pair) != 2:
        raise ArgumentError(f"linear: {what} has {len(pair)} parts, expected (features, labels)")
    tensor, array = _ffi.borrow(pair[0], 2, f"linear: {what} features")
    labels = np.asarray(pair[1])
    if labels.shape != array.shape[:1]:
        raise ShapeError(
            f"linear: {what} labels have shape {labels.shape}, expected ({array.shape[0]},)")
    if labels.dtype.kind not in "iu" or (
            labels.size and (labels.max() >= 2 ** 31 or labels.min() < -1)):
        raise ArgumentError(
            f"linear: {what} labels are {labels.dtype}, expected whole numbers in −1 … 2³¹ − 1")
    return tensor, np.ascontiguousarray(labels, np.int32), array


def _dataset(data: Any, stack: ExitStack) -> Dataset:
    return data if isinstance(data, Dataset) else stack.enter_context(Dataset(data))
