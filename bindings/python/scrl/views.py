"""Views: the two views of one image and the matched boxes, as training sees them."""

from ctypes import byref
from typing import NamedTuple, Tuple

import numpy as np

from . import _abi
from ._abi import lib
from .config import Config, as_config
from .dataset import Dataset

Crop = Tuple[int, int, int, int]


class ViewPair(NamedTuple):
    """S is views.size, B boxes.per_image (0 boxes when the views overlap too little)."""

    view1: np.ndarray   # (3,S,S) float32, normalised by ImageNet's mean and deviation
    view2: np.ndarray   # (3,S,S) float32
    boxes1: np.ndarray  # (B,4) float32: x0, y0, x1, y1 in pixels of view 1
    boxes2: np.ndarray  # (B,4) float32: the same regions in view 2
    crop1: Crop         # y, x, height, width in source pixels
    crop2: Crop
    flip1: bool         # mirrored
    flip2: bool


def views(dataset: Dataset, config: Config, epoch: int, index: int) -> ViewPair:
    """The views that training makes of image `index` in `epoch` under the config's seed.

    Raises IndexError, DataError for an image that cannot be used, ArgumentError.
    """
    config = as_config(config)
    index = dataset._index(index)
    epoch = _abi.count_of(epoch, "epoch")
    side, room = int(config["views.size"]), int(config["boxes.per_image"])
    view1, view2 = np.empty((2, 3, side, side), np.float32)
    boxes1, boxes2 = np.zeros((2, room, 4), np.float32)
    pair = _abi.header.scrl_view_pair(
        view1=_abi.float_pointer(view1), view2=_abi.float_pointer(view2),
        boxes1=_abi.float_pointer(boxes1), boxes2=_abi.float_pointer(boxes2))
    _abi.check(lib.scrl_views_make(dataset._handle, config._handle, epoch, index, byref(pair)))
    count = int(pair.box_count)
    return ViewPair(
        view1, view2, boxes1[:count], boxes2[:count], tuple(pair.crop1), tuple(pair.crop2),
        bool(pair.flip1), bool(pair.flip2))
