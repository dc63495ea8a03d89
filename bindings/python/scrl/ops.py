"""Operations on arrays: RoIAlign and its gradient, with torchvision's parameters and defaults."""

from ctypes import byref, c_int64
from typing import Any, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._abi import lib
from .errors import ShapeError


def _options(output_size: Union[int, Sequence[int]], spatial_scale: float, sampling_ratio: int,
             aligned: bool) -> Any:
    size = (output_size, output_size) if np.ndim(output_size) == 0 else tuple(output_size)
    if len(size) != 2:
        raise ShapeError(f"roi_align: output_size is {output_size}, expected P or (P_h, P_w)")
    return _abi.header.scrl_roi_align_options(
        output_height=_abi.int32_of(size[0], "output_size"),
        output_width=_abi.int32_of(size[1], "output_size"),
        spatial_scale=float(spatial_scale),
        sampling_ratio=_abi.int32_of(sampling_ratio, "sampling_ratio"), aligned=int(bool(aligned)))


def roi_align(x: Any, boxes: Any, output_size: Union[int, Tuple[int, int]],
              spatial_scale: float = 1.0, sampling_ratio: int = -1,
              aligned: bool = False) -> np.ndarray:
    """RoIAlign (He et al. 2017): one feature window per box by bilinear sampling.

    x (N,C,H,W); boxes (K,5): image index, x0, y0, x1, y1 in input pixels; spatial_scale: feature
    cells per input pixel; sampling_ratio ≤ 0: adaptive. Returns (K,C,P_h,P_w) float32.
    """
    options = _options(output_size, spatial_scale, sampling_ratio, aligned)
    tensor, array = _abi.borrow(x, 4, "roi_align")
    boxes = _abi.boxes_array(boxes, 5, "roi_align")
    pooled = np.zeros(
        (len(boxes), array.shape[1], max(options.output_height, 0), max(options.output_width, 0)),
        np.float32)
    if len(boxes):
        _abi.check(lib.scrl_roi_align(
            byref(tensor), _abi.float_pointer(boxes), len(boxes), byref(options),
            _abi.float_pointer(pooled), pooled.size))
    return pooled


def roi_align_backward(gradient: Any, boxes: Any, output_size: Union[int, Tuple[int, int]],
                       spatial_scale: float = 1.0, sampling_ratio: int = -1,
                       aligned: bool = False,
                       feature_shape: Sequence[int] = ()) -> np.ndarray:
    """The gradient of roi_align by its features.

    gradient (K,C,P_h,P_w); feature_shape is (N,C,H,W) of x. Returns that shape, float32.
    """
    options = _options(output_size, spatial_scale, sampling_ratio, aligned)
    shape = tuple(_abi.count_of(n, "feature_shape") for n in feature_shape)
    if len(shape) != 4:
        raise ShapeError(f"roi_align_backward: feature_shape is {shape}, expected (N, C, H, W)")
    tensor, array = _abi.borrow(gradient, 4, "roi_align_backward")
    boxes = _abi.boxes_array(boxes, 5, "roi_align_backward")
    if len(boxes) != array.shape[0]:
        raise ShapeError(
            f"roi_align_backward: {array.shape[0]} gradients and {len(boxes)} boxes")
    result = np.zeros(shape, np.float32)
    if len(boxes):
        _abi.check(lib.scrl_roi_align_backward(
            byref(tensor), _abi.float_pointer(boxes), len(boxes), byref(options),
            (c_int64 * 4)(*shape), _abi.float_pointer(result), result.size))
    return result
