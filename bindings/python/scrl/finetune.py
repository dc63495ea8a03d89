"""Detection as a judgement of a backbone: fine-tune a detector on it, measure that on other images."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence

from . import detector as detectors, evaluating
from ._abi import PathLike
from .detector import Figures


class DetectionReport(NamedTuple):
    """What a detector that began with the weights reached."""

    boxes: Figures             # COCO's figures on the test images
    masks: Optional[Figures]   # None with detect.kind=faster
    loss: float                # of the last step
    steps: int
    train_seconds: float
    seconds: float             # measuring included


def detection(weights: Any, train: Any, test: Any, config: Any = None, *,
              out: Optional[PathLike] = None, progress: bool = True,
              callback: Optional[Callable[[Any], Any]] = None,
              max_detections: Sequence[int] = (1, 10, 100)) -> DetectionReport:
    """Fine-tunes a detector from weights on `train` and measures it on `test`.

    weights  a run folder, checkpoint, Model or .pth file; None: fresh weights, to compare with.
    train    a Dataset with boxes, or a path to one.
    test     the same kind; its classes are those of train by name, as Detector.evaluate() has it.
    config   a Config, a mapping of keys (detect.steps, detect.norm, seed, …), or None: the preset
             "detect-small". Unless it is a Config or sets model.arch, the backbone is that of weights.
    out      run folder to keep; None: only the figures are kept.
    callback hears of every training step; a true answer ends the training early.
    max_detections  how many detections of an image and class count, as in Detector.evaluate().

    The same weights, data, config and threads give the same figures. Compare backbones with the same
    config and more than one seed: small sets leave differences of a few points between seeds.
    Raises as Detector, fit() and evaluate() do.
    """
    import time

    start = time.perf_counter()
    evaluating.limits(max_detections, "detection")  # before the training, not after it
    with detectors.Detector(config, train, out, weights) as detector:
        last = detector.fit(callback, progress)
        trained = time.perf_counter()
        figures: Dict[str, Figures] = detector.evaluate(test, progress=progress,
                                                        max_detections=max_detections)
        return DetectionReport(
            figures["bbox"], figures.get("segm"), float("nan") if last is None else last.loss,
            detector.progress()[0], trained - start, time.perf_counter() - start)
