"""Pointer types that callers make: to numbers, and to the objects of the library."""

from ctypes import POINTER, c_int32, c_uint8

from . import header

ints = POINTER(c_int32)
bytes_ = POINTER(c_uint8)
config_p = POINTER(header.scrl_config)
writer_p = POINTER(header.scrl_writer)
dataset_p = POINTER(header.scrl_dataset)
model_p = POINTER(header.scrl_model)
trainer_p = POINTER(header.scrl_trainer)
detector_p = POINTER(header.scrl_detector)
detections_p = POINTER(header.scrl_detections)
