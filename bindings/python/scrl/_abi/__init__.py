"""The C interface by ctypes: header.py is written from scrl.h by scripts/abi, the rest by hand."""

from . import header
from .handle import Handle, State
from .library import candidates, check, lib, set_log
from .pointers import (
    bytes_, config_p, dataset_p, detections_p, detector_p, ints, model_p, trainer_p, writer_p,
)
from .values import (
    PathLike, borrow, borrow_pictures, boxes_array, count_of, described, float_array,
    float_pointer, int32_of, is_hidden, path_bytes, read_size, read_text, text_bytes,
)

__all__ = [
    "Handle", "PathLike", "State", "borrow", "borrow_pictures", "boxes_array", "bytes_", "candidates",
    "check", "config_p", "count_of", "dataset_p", "described", "detections_p", "detector_p",
    "float_array", "float_pointer", "header", "int32_of", "ints", "is_hidden", "lib", "model_p",
    "path_bytes", "read_size",
    "read_text", "set_log", "text_bytes", "trainer_p", "writer_p",
]
