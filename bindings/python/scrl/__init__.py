"""SCRL: self-supervised pretraining of backbones that localise, on the CPU.

    import scrl
    scrl.pack("images/", "data.h5")
    cfg = scrl.Config(preset="scrl-small")
    scrl.Trainer(cfg, scrl.Dataset("data.h5"), out="run/").fit()
    model = scrl.Model.load("run/")

    weights = scrl.load_weights("scrl_200ep.pth")  # official or torchvision's, without torch

Images are RGB. Boxes are x0, y0, x1, y1 in pixels. Tensors are float32 (N,C,H,W) numpy arrays.
Every failure of the library is a scrl.Error.
"""

from typing import Any, Dict

from . import annotations, coco, evaluate, ops
from .checkpoints import Weights
from .config import Config, Key, describe, presets
from .dataset import Dataset, prepare
from .detector import Detections, Detector, DetectorReport
from .errors import (
    ArgumentError, CancelledError, ConfigError, DataError, DivergedError, Error, ForkedError,
    FormatError, InternalError, OutOfMemoryError, ShapeError, StateError, StorageError,
    UnsupportedError,
)
from .loading import load_weights
from .model import Model
from .pack_report import AnnotationIssue, LossWarning, PackReport
from .packing import pack
from .trainer import StepReport, Trainer
from .views import ViewPair, views

__version__ = "0.1.0"


def build_info() -> Dict[str, Any]:
    """How the library was built and what it found: version, abi, backends, blas, simd, cpus."""
    import json

    from ._abi import lib

    return json.loads(lib.scrl_build_info().decode("utf-8"))


def set_log(sink: Any) -> None:
    """Sends the library's notes (a skipped image, a checkpoint passed over) to sink(line).

    It may be called from any thread. None stops it.
    """
    from . import _abi

    _abi.set_log(sink)


__all__ = [
    "AnnotationIssue", "ArgumentError", "CancelledError", "Config", "ConfigError", "DataError",
    "Dataset", "Detections", "Detector", "DetectorReport", "DivergedError", "Error", "ForkedError",
    "FormatError", "InternalError", "Key", "LossWarning", "Model", "OutOfMemoryError",
    "PackReport", "ShapeError", "StateError", "StepReport", "StorageError", "Trainer", "UnsupportedError",
    "ViewPair", "Weights", "annotations", "build_info", "coco", "describe", "evaluate",
    "load_weights", "ops", "pack", "prepare", "presets", "set_log", "views",
]
