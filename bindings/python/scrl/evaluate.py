"""Evaluations of a trained backbone.

    scrl.evaluate.linear(model, "train.h5", "test.h5").accuracy    # one linear layer
    scrl.evaluate.knn(model, "train.h5", "test.h5").accuracy       # nothing learnt
    scrl.evaluate.regions(model, "boxes.h5").linear                # labelled boxes
    scrl.evaluate.retrieval(model, "boxes.h5").precision5
    scrl.evaluate.detection(model, "boxes.h5", "test.h5").boxes.AP  # a detector, fine-tuned
    scrl.evaluate.correspondence(model, "photos.h5").median_error  # without labels
    scrl.evaluate.health(model, "photos.h5").collapse
"""

from ctypes import byref
from typing import Any, Callable, List, NamedTuple, Optional

from . import _abi, progress as bars
from ._abi import lib
from .errors import ArgumentError
from .evaluating import matched, one_or_more, opened, pair, positive, run
from .finetune import DetectionReport, detection
from .judges import (
    ROWS, CorrespondenceReport, HealthReport, KNNReport, RegionReport, RetrievalReport, correspondence,
    health, knn, regions, retrieval,
)

__all__ = [
    "ROWS", "CorrespondenceReport", "DetectionReport", "HealthReport", "KNNReport", "LinearReport",
    "RegionReport", "RetrievalReport", "correspondence", "detection", "health", "knn", "linear",
    "regions", "retrieval",
]
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
    matched_by: Optional[str]   # classes of train and test by "names", "ids" or "numbers"; None: one file
    unknown_classes: List[str]  # of test, that train lacks
    absent_classes: List[str]   # of train, that test lacks


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
    test    the same kind; None: a fifth of train is held out, class by class, chosen by the seed. Of
            two datasets classes are matched by name; by COCO category id, or else by number, only
            where one has no names. What one side lacks is in the report and in the log.
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
    progress  rate and time left on stderr: a bar on a terminal, elsewhere a line every ten seconds.
    callback  hears (epoch, epochs, done, total, loss): images through the backbone so far and in
            all (rows through the layer when features were given), the epoch's mean loss. A true
            answer stops with CancelledError.

    The same seed gives the same report, seconds aside, whatever view_threads.
    Raises DataError (no labels, one class, fewer images than a batch, no class in common),
    ArgumentError, ConfigError, ShapeError, DivergedError, CancelledError; KeyboardInterrupt after
    Ctrl-C.
    """
    if quirks not in QUIRKS:
        raise ArgumentError(f"linear: quirks is {quirks!r}, expected 'corrected' or 'official'")
    options = _abi.header.scrl_linear_options(
        epochs=one_or_more(epochs, "epochs", "linear"), crops=_abi.int32_of(crops, "crops"),
        warmup_epochs=_warmup(warmup_epochs), raw_features=int(not standardise),
        quirks=QUIRKS[quirks], seed=_abi.count_of(seed, "seed"),
        batch=0 if batch is None else one_or_more(batch, "batch", "linear"),
        base_lr=0 if base_lr is None else positive(base_lr, "base_lr", "linear"),
        size=0 if size is None else one_or_more(size, "size", "linear"),
        view_threads=0 if view_threads is None else one_or_more(view_threads, "view_threads", "linear"))
    has_features = isinstance(train, (tuple, list))
    if test is not None and isinstance(test, (tuple, list)) != has_features:
        raise ArgumentError("linear: train and test are of different kinds, expected two datasets "
                            "or two pairs (features, labels)")
    raw = _abi.header.scrl_linear_report()

    def listen(call: Callable[[], int], unit: str) -> None:
        def begin(hear: Any) -> int:
            options.progress = _abi.header.scrl_linear_fn(hear)
            return call()

        with bars.counter("linear", unit, progress) as show:
            def tell(epoch: int, epochs: int, done: int, total: int, loss: float) -> None:
                show(done, total, f"epoch {epoch}/{epochs}, loss {loss:.4f}" if epoch else "")

            run(begin, tell, callback, "linear evaluation")

    if has_features:
        if model is not None:
            raise ArgumentError("linear: got a model and features, expected None and features")
        x, y, _keep = pair(train, "linear: train")
        xt, yt, _keep_test = (None, None, None) if test is None else pair(test, "linear: test")

        def on_features() -> int:
            return lib.scrl_evaluate_linear_on(
                byref(x), y.ctypes.data_as(_abi.ints), None if xt is None else byref(xt),
                None if yt is None else yt.ctypes.data_as(_abi.ints), byref(options), byref(raw))

        listen(on_features, "rows")
    else:
        with opened("linear", model, train, test) as (loaded, learnt, tested):
            def on_images() -> int:
                return lib.scrl_evaluate_linear(
                    loaded._handle, learnt._handle, None if tested is None else tested._handle,
                    byref(options), byref(raw))

            listen(on_images, "images")
    return LinearReport(
        raw.accuracy, raw.top5, raw.best_accuracy, raw.best_epoch, raw.train_accuracy, raw.loss,
        raw.classes, raw.train_images, raw.test_images, raw.seconds, raw.left_out, raw.unseen,
        raw.batch, raw.base_lr, *matched(raw))


def _warmup(value: Any) -> int:
    """As the option struct has it: 0 means the default, −1 none."""
    if value is None:
        return 0
    number = _abi.int32_of(value, "warmup_epochs")
    if number < 0:
        raise ArgumentError(f"linear: warmup_epochs is {number}, expected 0 or more")
    return number or -1
