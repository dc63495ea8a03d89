"""Every word of ctypes: structs, callbacks and functions of scrl.h, and how the library is found.

Order and names are the header's; Tests/Python/test_header.py compares the two. The library is
loaded at the first call, so that `import scrl` and `scrl --help` do without it.
"""

import ctypes
import operator
import os
import warnings
from ctypes import (
    CFUNCTYPE, POINTER, Structure, byref, c_char, c_char_p, c_double, c_float, c_int32, c_int64,
    c_size_t, c_uint8, c_uint32, c_uint64, c_void_p, sizeof,
)
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from .errors import BY_STATUS, ArgumentError, Error, ShapeError, StateError, UnsupportedError

ABI = 0
PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

status = c_int32
floats = POINTER(c_float)
doubles = POINTER(c_double)
ints = POINTER(c_int32)
bytes_ = POINTER(c_uint8)
size_p = POINTER(c_size_t)
buffer = POINTER(c_char)


# Opaque objects: a type each, so that ctypes refuses one in the place of another.
class scrl_config(Structure):
    pass


class scrl_writer(Structure):
    pass


class scrl_dataset(Structure):
    pass


class scrl_model(Structure):
    pass


class scrl_trainer(Structure):
    pass


class scrl_detector(Structure):
    pass


class scrl_detections(Structure):
    pass


config_p = POINTER(scrl_config)
writer_p = POINTER(scrl_writer)
dataset_p = POINTER(scrl_dataset)
model_p = POINTER(scrl_model)
trainer_p = POINTER(scrl_trainer)
detector_p = POINTER(scrl_detector)
detections_p = POINTER(scrl_detections)


class _Sized(Structure):
    """A struct whose first field tells its size to the library."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=sizeof(type(self)), **fields)


class scrl_config_key(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("name", c_char_p), ("type", c_char_p), ("range", c_char_p),
        ("preset", c_char_p), ("meaning", c_char_p), ("fixed", c_char_p),
    ]


class scrl_annotation(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("label", c_int32), ("box_count", c_size_t), ("boxes", floats),
        ("box_labels", ints), ("masks", POINTER(c_char_p)), ("areas", floats),
        ("flags", bytes_),
    ]


class scrl_picture_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("turned", c_size_t), ("not_turned", c_size_t),
        ("truncated", c_size_t), ("encoded", c_size_t), ("hidden", c_size_t),
    ]


class scrl_view_pair(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("view1", floats), ("view2", floats), ("boxes1", floats),
        ("boxes2", floats), ("box_count", c_size_t), ("crop1", c_int32 * 4),
        ("crop2", c_int32 * 4), ("flip1", c_int32), ("flip2", c_int32),
    ]


class scrl_tensor(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("rank", c_int32), ("data", floats), ("shape", c_int64 * 4),
        ("strides", c_int64 * 4),
    ]


class scrl_roi_align_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("output_height", c_int32), ("output_width", c_int32),
        ("spatial_scale", c_float), ("sampling_ratio", c_int32), ("aligned", c_int32),
    ]


class scrl_parameter_info(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("name", c_char_p), ("rank", c_int32), ("shape", c_int64 * 4),
        ("count", c_int64), ("trainable", c_int32),
    ]


class scrl_step_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("did_step", c_int32), ("step", c_uint64),
        ("total_steps", c_uint64), ("epoch", c_uint64), ("loss", c_double),
        ("learning_rate", c_double), ("ema_momentum", c_double), ("boxes", c_uint64),
        ("skipped", c_uint64), ("seconds", c_double), ("wait_seconds", c_double),
        ("steps_skipped", c_uint64), ("probe_loss", c_double), ("accuracy", c_double),
        ("deviation", c_double), ("effective_rank", c_double),
        ("positive_similarity", c_double), ("negative_similarity", c_double),
        ("collapse", c_char_p),
    ]


class scrl_detector_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("did_step", c_int32), ("step", c_uint64),
        ("total_steps", c_uint64), ("epoch", c_uint64), ("loss", c_double),
        ("rpn_objectness", c_double), ("rpn_box", c_double), ("classification", c_double),
        ("box", c_double), ("mask", c_double), ("learning_rate", c_double),
        ("gradient_norm", c_double), ("boxes", c_uint64), ("skipped", c_uint64),
        ("seconds", c_double), ("wait_seconds", c_double),
    ]


class scrl_detection(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("label", c_int32), ("score", c_float), ("box", c_float * 4),
        ("mask", c_char_p),
    ]


# Callbacks. None of ours may raise: ctypes would print the exception and answer 0.
scrl_log_fn = CFUNCTYPE(None, c_char_p, c_void_p)
scrl_note_fn = CFUNCTYPE(None, c_char_p, c_char_p, c_void_p)
scrl_skip_fn = CFUNCTYPE(c_int32, c_char_p, c_char_p, c_int32, c_void_p)
scrl_walk_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_size_t, c_void_p)
scrl_step_fn = CFUNCTYPE(c_int32, POINTER(scrl_step_report), c_void_p)
scrl_linear_fn = CFUNCTYPE(
    c_int32, c_size_t, c_size_t, c_size_t, c_size_t, c_double, c_void_p)
scrl_evaluate_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_void_p)
scrl_measure_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_void_p)
scrl_detector_fn = CFUNCTYPE(c_int32, POINTER(scrl_detector_report), c_void_p)


class scrl_picture_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("orientation", c_int32), ("keep_truncated", c_int32),
        ("note", scrl_note_fn), ("user", c_void_p),
    ]


class scrl_folder_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("labels_from_folders", c_int32), ("skipped", scrl_skip_fn),
        ("progress", scrl_walk_fn), ("user", c_void_p),
    ]


class scrl_coco_issue(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("entry", c_int32), ("action", c_int32), ("id", c_int64),
        ("file", c_char_p), ("reason", c_char_p), ("kind", c_char_p), ("objects", c_size_t),
    ]


scrl_coco_fn = CFUNCTYPE(c_int32, POINTER(scrl_coco_issue), c_void_p)


class scrl_coco_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("refuse", c_int32), ("issue", scrl_coco_fn),
        ("unreadable", scrl_skip_fn), ("progress", scrl_walk_fn), ("user", c_void_p),
    ]


class scrl_coco_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("images", c_size_t), ("changed_images", c_size_t),
        ("skipped_images", c_size_t), ("annotations", c_size_t),
        ("changed_annotations", c_size_t), ("clipped_annotations", c_size_t),
        ("skipped_annotations", c_size_t), ("skipped_categories", c_size_t),
    ]


class scrl_linear_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("epochs", c_int32), ("warmup_epochs", c_int32),
        ("crops", c_int32), ("batch", c_uint64), ("base_lr", c_double),
        ("raw_features", c_int32), ("quirks", c_int32), ("size", c_uint64), ("seed", c_uint64),
        ("view_threads", c_int32), ("progress", scrl_linear_fn), ("user", c_void_p),
    ]


class scrl_linear_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("classes", c_int32), ("accuracy", c_double),
        ("top5", c_double), ("best_accuracy", c_double), ("best_epoch", c_uint64),
        ("train_accuracy", c_double), ("loss", c_double), ("train_images", c_uint64),
        ("test_images", c_uint64), ("left_out", c_uint64), ("unseen", c_uint64),
        ("batch", c_uint64), ("base_lr", c_double), ("seconds", c_double),
        ("matched_by", c_char_p), ("unknown_classes", c_uint64), ("absent_classes", c_uint64),
        ("unknown_names", c_char_p), ("absent_names", c_char_p),
    ]


class scrl_knn_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("neighbours", c_int32), ("temperature", c_double),
        ("size", c_uint64), ("train_images", c_uint64), ("test_images", c_uint64),
        ("seed", c_uint64), ("view_threads", c_int32), ("progress", scrl_evaluate_fn),
        ("user", c_void_p),
    ]


class scrl_knn_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("classes", c_int32), ("accuracy", c_double),
        ("top5", c_double), ("chance", c_double), ("neighbours", c_uint64),
        ("train_images", c_uint64), ("test_images", c_uint64), ("left_out", c_uint64),
        ("unseen", c_uint64), ("seconds", c_double),
        ("matched_by", c_char_p), ("unknown_classes", c_uint64), ("absent_classes", c_uint64),
        ("unknown_names", c_char_p), ("absent_names", c_char_p),
    ]


class scrl_region_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("neighbours", c_int32), ("stage", c_char_p),
        ("size", c_uint64), ("longest", c_uint64), ("train_images", c_uint64),
        ("test_images", c_uint64), ("epochs", c_int32), ("view_threads", c_int32),
        ("batch", c_uint64), ("base_lr", c_double), ("seed", c_uint64),
        ("progress", scrl_evaluate_fn), ("user", c_void_p),
    ]


class scrl_region_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("classes", c_int32), ("linear_accuracy", c_double),
        ("linear_top5", c_double), ("knn_accuracy", c_double), ("knn_top5", c_double),
        ("chance", c_double), ("train_boxes", c_uint64), ("test_boxes", c_uint64),
        ("train_images", c_uint64), ("test_images", c_uint64), ("left_out", c_uint64),
        ("unseen", c_uint64), ("neighbours", c_uint64), ("batch", c_uint64),
        ("base_lr", c_double), ("seconds", c_double),
        ("matched_by", c_char_p), ("unknown_classes", c_uint64), ("absent_classes", c_uint64),
        ("unknown_names", c_char_p), ("absent_names", c_char_p),
    ]


class scrl_retrieval_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("classes", c_int32), ("precision1", c_double),
        ("precision5", c_double), ("precision20", c_double),
        ("mean_average_precision", c_double), ("chance", c_double), ("boxes", c_uint64),
        ("alone", c_uint64), ("images", c_uint64), ("left_out", c_uint64), ("seconds", c_double),
    ]


class scrl_pair_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("view_threads", c_int32), ("stage", c_char_p),
        ("size", c_uint64), ("images", c_uint64), ("seed", c_uint64), ("grid", c_int32),
        ("distort", c_int32), ("rows", c_int32), ("progress", scrl_evaluate_fn),
        ("user", c_void_p),
    ]


class scrl_correspondence_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("mean_error", c_double), ("median_error", c_double),
        ("within_cell", c_double), ("chance_error", c_double), ("chance_within", c_double),
        ("least_error", c_double), ("cells", c_uint64), ("images", c_uint64),
        ("left_out", c_uint64), ("seconds", c_double),
    ]


class scrl_health_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("rank_limit", c_int32), ("deviation", c_double),
        ("effective_rank", c_double), ("positive_similarity", c_double),
        ("negative_similarity", c_double), ("collapse", c_char_p), ("pairs", c_uint64),
        ("features", c_uint64), ("images", c_uint64), ("left_out", c_uint64),
        ("seconds", c_double),
    ]


# COCO metrics
scrl_text_fn = CFUNCTYPE(None, c_char_p, c_size_t, c_void_p)


class scrl_coco_metrics_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("leave_out", c_int32), ("curves", c_int32),
        ("threads", c_int32), ("details", scrl_text_fn), ("user", c_void_p),
        ("max_detections", c_int32 * 3), ("categories", c_char_p), ("category_bytes", c_size_t),
    ]


class scrl_coco_metrics(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("categories", c_int32), ("ap", c_double), ("ap50", c_double),
        ("ap75", c_double), ("ap_small", c_double), ("ap_medium", c_double),
        ("ap_large", c_double), ("ar1", c_double), ("ar10", c_double), ("ar100", c_double),
        ("ar_small", c_double), ("ar_medium", c_double), ("ar_large", c_double),
        ("images", c_uint64), ("objects", c_uint64), ("crowds", c_uint64),
        ("detections", c_uint64), ("left_out_truths", c_uint64),
        ("left_out_detections", c_uint64), ("max_detections", c_int32 * 3),
        ("uncounted", c_uint64), ("matched_by", c_char_p), ("unknown_classes", c_uint64),
        ("unknown_objects", c_uint64), ("absent_classes", c_uint64),
        ("absent_detections", c_uint64), ("unknown_names", c_char_p), ("absent_names", c_char_p),
    ]


class scrl_measure_options(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("max_detections", c_int32 * 3), ("results", c_char_p),
        ("progress", scrl_measure_fn), ("user", c_void_p),
    ]


class scrl_detector_images(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("images", c_uint64), ("empty", c_uint64),
        ("left_out_empty", c_uint64), ("left_out_vague", c_uint64), ("boxes", c_uint64),
        ("masks", c_uint64),
    ]


class scrl_kernel_report(_Sized):
    _fields_ = [
        ("struct_size", c_uint32), ("kernel", c_char_p), ("shape", c_char_p), ("uses", c_uint64),
        ("seconds", c_double), ("flops", c_double), ("bytes", c_double), ("share", c_double),
        ("checked", c_int32),
    ]


scrl_kernel_fn = CFUNCTYPE(c_int32, POINTER(scrl_kernel_report), c_void_p)

tensor_p = POINTER(scrl_tensor)
roi_p = POINTER(scrl_roi_align_options)
annotation_p = POINTER(scrl_annotation)
info_p = POINTER(scrl_parameter_info)
report_p = POINTER(scrl_step_report)
linear_options_p = POINTER(scrl_linear_options)
linear_report_p = POINTER(scrl_linear_report)
knn_options_p = POINTER(scrl_knn_options)
knn_report_p = POINTER(scrl_knn_report)
region_options_p = POINTER(scrl_region_options)
region_report_p = POINTER(scrl_region_report)
retrieval_report_p = POINTER(scrl_retrieval_report)
pair_options_p = POINTER(scrl_pair_options)
health_report_p = POINTER(scrl_health_report)

FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    # library
    "scrl_version": (c_char_p, []),
    "scrl_abi": (c_int32, []),
    "scrl_build_info": (c_char_p, []),
    "scrl_status_name": (c_char_p, [status]),
    "scrl_last_error": (c_char_p, []),
    "scrl_file_describe": (status, [c_char_p, c_char_p, buffer, c_size_t, size_p]),
    "scrl_log_set": (None, [scrl_log_fn, c_void_p]),
    # config
    "scrl_config_new": (status, [c_char_p, POINTER(config_p)]),
    "scrl_config_clone": (status, [config_p, POINTER(config_p)]),
    "scrl_config_set": (status, [config_p, c_char_p, c_char_p]),
    "scrl_config_get": (status, [config_p, c_char_p, buffer, c_size_t, size_p]),
    "scrl_config_check": (status, [config_p]),
    "scrl_config_key_count": (c_size_t, []),
    "scrl_config_key_at": (status, [c_size_t, POINTER(scrl_config_key)]),
    "scrl_config_preset_count": (c_size_t, []),
    "scrl_config_preset_name": (c_char_p, [c_size_t]),
    "scrl_config_free": (None, [config_p]),
    # writer
    "scrl_writer_new": (status, [c_char_p, POINTER(writer_p)]),
    "scrl_writer_set_pictures": (status, [writer_p, POINTER(scrl_picture_options)]),
    "scrl_writer_report_pictures": (status, [writer_p, POINTER(scrl_picture_report)]),
    "scrl_writer_add_class": (status, [writer_p, c_char_p, ints]),
    "scrl_writer_add_jpeg": (status, [writer_p, c_void_p, c_size_t, annotation_p]),
    "scrl_writer_add_file": (status, [writer_p, c_char_p, annotation_p]),
    "scrl_writer_add_rgb": (
        status, [writer_p, bytes_, c_size_t, c_size_t, c_size_t, c_int32, annotation_p]),
    "scrl_writer_add_oriented": (
        status, [writer_p, bytes_, c_size_t, c_size_t, c_size_t, c_int32, c_int32, annotation_p]),
    "scrl_name_is_hidden": (c_int32, [c_char_p]),
    "scrl_writer_add_folder": (
        status, [writer_p, c_char_p, POINTER(scrl_folder_options), size_p, size_p]),
    "scrl_writer_add_coco": (
        status, [writer_p, c_char_p, c_char_p, c_char_p, c_size_t, POINTER(scrl_coco_options),
                 POINTER(scrl_coco_report)]),
    "scrl_writer_count": (status, [writer_p, size_p]),
    "scrl_writer_finish": (status, [writer_p]),
    "scrl_writer_free": (None, [writer_p]),
    # dataset
    "scrl_dataset_open": (status, [c_char_p, POINTER(dataset_p)]),
    "scrl_dataset_count": (status, [dataset_p, size_p]),
    "scrl_dataset_size": (status, [dataset_p, c_size_t, size_p, size_p]),
    "scrl_dataset_read_rgb": (status, [dataset_p, c_size_t, bytes_, c_size_t]),
    "scrl_dataset_read_jpeg": (status, [dataset_p, c_size_t, bytes_, c_size_t, size_p]),
    "scrl_dataset_label": (status, [dataset_p, c_size_t, ints]),
    "scrl_dataset_boxes": (status, [dataset_p, c_size_t, floats, ints, c_size_t, size_p]),
    "scrl_dataset_mask": (status, [dataset_p, c_size_t, c_size_t, buffer, c_size_t, size_p]),
    "scrl_dataset_box_flags": (status, [dataset_p, c_size_t, bytes_, c_size_t, size_p]),
    "scrl_dataset_box_areas": (status, [dataset_p, c_size_t, floats, c_size_t, size_p]),
    "scrl_dataset_image_id": (status, [dataset_p, c_size_t, POINTER(c_int64)]),
    "scrl_dataset_name": (status, [dataset_p, c_size_t, buffer, c_size_t, size_p]),
    "scrl_dataset_class_count": (status, [dataset_p, size_p]),
    "scrl_dataset_class_name": (status, [dataset_p, c_size_t, POINTER(c_char_p)]),
    "scrl_dataset_class_id": (status, [dataset_p, c_size_t, ints]),
    "scrl_dataset_write_coco": (status, [dataset_p, c_char_p]),
    "scrl_dataset_free": (None, [dataset_p]),
    # views
    "scrl_views_make": (
        status, [dataset_p, config_p, c_size_t, c_size_t, POINTER(scrl_view_pair)]),
    # tensors
    "scrl_roi_align": (status, [tensor_p, floats, c_size_t, roi_p, floats, c_size_t]),
    "scrl_roi_align_backward": (
        status, [tensor_p, floats, c_size_t, roi_p, POINTER(c_int64), floats, c_size_t]),
    # model
    "scrl_model_new": (status, [config_p, POINTER(model_p)]),
    "scrl_model_load": (status, [c_char_p, POINTER(model_p)]),
    "scrl_model_save": (status, [model_p, c_char_p]),
    "scrl_model_config": (status, [model_p, POINTER(config_p)]),
    "scrl_model_parameter_count": (status, [model_p, size_p]),
    "scrl_model_parameter_at": (status, [model_p, c_size_t, info_p]),
    "scrl_model_parameter_read": (status, [model_p, c_char_p, floats, c_size_t]),
    "scrl_model_parameter_write": (status, [model_p, c_char_p, floats, c_size_t]),
    "scrl_model_feature_shape": (
        status, [model_p, c_char_p, c_size_t, c_size_t, c_size_t, POINTER(c_int64)]),
    "scrl_model_features": (status, [model_p, tensor_p, c_char_p, floats, c_size_t]),
    "scrl_model_embedding_size": (status, [model_p, size_p]),
    "scrl_model_embed": (status, [model_p, tensor_p, floats, c_size_t]),
    "scrl_model_embed_regions": (
        status, [model_p, tensor_p, floats, c_size_t, floats, c_size_t]),
    "scrl_model_region_size": (status, [model_p, size_p]),
    "scrl_model_free": (None, [model_p]),
    "scrl_image_prepare": (
        status, [bytes_, c_size_t, c_size_t, c_size_t, floats, c_size_t]),
    # trainer
    "scrl_trainer_new": (status, [config_p, dataset_p, c_char_p, POINTER(trainer_p)]),
    "scrl_trainer_resume": (status, [c_char_p, dataset_p, POINTER(trainer_p)]),
    "scrl_trainer_resume_with": (
        status, [c_char_p, dataset_p, POINTER(c_char_p), POINTER(trainer_p)]),
    "scrl_trainer_step": (status, [trainer_p, report_p]),
    "scrl_trainer_step_on": (
        status, [trainer_p, tensor_p, tensor_p, floats, floats, c_size_t, ints, report_p]),
    "scrl_trainer_run": (status, [trainer_p, c_uint64, scrl_step_fn, c_void_p]),
    "scrl_trainer_cancel": (status, [trainer_p]),
    "scrl_trainer_save": (status, [trainer_p, c_char_p]),
    "scrl_trainer_progress": (status, [trainer_p, POINTER(c_uint64), POINTER(c_uint64)]),
    "scrl_trainer_config": (status, [trainer_p, POINTER(config_p)]),
    "scrl_trainer_parameter_count": (status, [trainer_p, size_p]),
    "scrl_trainer_parameter_at": (status, [trainer_p, c_size_t, info_p]),
    "scrl_trainer_parameter_read": (status, [trainer_p, c_char_p, floats, c_size_t]),
    "scrl_trainer_parameter_write": (status, [trainer_p, c_char_p, floats, c_size_t]),
    "scrl_trainer_profile": (status, [trainer_p, buffer, c_size_t, size_p]),
    "scrl_trainer_free": (None, [trainer_p]),
    # evaluate
    "scrl_evaluate_linear": (
        status, [model_p, dataset_p, dataset_p, linear_options_p, linear_report_p]),
    "scrl_evaluate_linear_on": (
        status, [tensor_p, ints, tensor_p, ints, linear_options_p, linear_report_p]),
    # quick judges
    "scrl_evaluate_knn": (status, [model_p, dataset_p, dataset_p, knn_options_p, knn_report_p]),
    "scrl_evaluate_knn_on": (
        status, [tensor_p, ints, tensor_p, ints, knn_options_p, knn_report_p]),
    "scrl_evaluate_regions": (
        status, [model_p, dataset_p, dataset_p, region_options_p, region_report_p]),
    "scrl_evaluate_retrieval": (
        status, [model_p, dataset_p, region_options_p, retrieval_report_p]),
    "scrl_evaluate_retrieval_on": (
        status, [tensor_p, ints, ints, region_options_p, retrieval_report_p]),
    "scrl_evaluate_correspondence": (
        status, [model_p, dataset_p, pair_options_p, POINTER(scrl_correspondence_report)]),
    "scrl_evaluate_health": (status, [model_p, dataset_p, pair_options_p, health_report_p]),
    "scrl_evaluate_health_on": (status, [tensor_p, tensor_p, health_report_p]),
    # COCO metrics
    "scrl_coco_evaluate": (
        status, [c_char_p, c_size_t, c_char_p, c_size_t, c_int32,
                 POINTER(scrl_coco_metrics_options), POINTER(scrl_coco_metrics)]),
    # detector
    "scrl_detector_new": (
        status, [config_p, dataset_p, c_char_p, c_char_p, POINTER(detector_p)]),
    "scrl_detector_resume": (status, [c_char_p, dataset_p, POINTER(detector_p)]),
    "scrl_detector_resume_with": (
        status, [c_char_p, dataset_p, POINTER(c_char_p), POINTER(detector_p)]),
    "scrl_detector_load": (status, [c_char_p, POINTER(detector_p)]),
    "scrl_detector_step": (status, [detector_p, POINTER(scrl_detector_report)]),
    "scrl_detector_run": (status, [detector_p, c_uint64, scrl_detector_fn, c_void_p]),
    "scrl_detector_cancel": (status, [detector_p]),
    "scrl_detector_save": (status, [detector_p, c_char_p]),
    "scrl_detector_progress": (status, [detector_p, POINTER(c_uint64), POINTER(c_uint64)]),
    "scrl_detector_config": (status, [detector_p, POINTER(config_p)]),
    "scrl_detector_class_count": (status, [detector_p, size_p]),
    "scrl_detector_class_at": (
        status, [detector_p, c_size_t, POINTER(c_char_p), POINTER(c_int64)]),
    "scrl_detector_predict": (
        status, [detector_p, bytes_, c_size_t, c_size_t, c_size_t, POINTER(detections_p)]),
    "scrl_detections_count": (status, [detections_p, size_p]),
    "scrl_detections_at": (status, [detections_p, c_size_t, POINTER(scrl_detection)]),
    "scrl_detections_free": (None, [detections_p]),
    "scrl_detector_measure": (
        status, [detector_p, dataset_p, POINTER(scrl_measure_options),
                 POINTER(scrl_coco_metrics), POINTER(scrl_coco_metrics)]),
    "scrl_detector_match_classes": (
        status, [detector_p, dataset_p, ints, POINTER(c_int64), c_size_t, size_p]),
    "scrl_detector_count_images": (status, [detector_p, POINTER(scrl_detector_images)]),
    "scrl_detector_parameter_count": (status, [detector_p, size_p]),
    "scrl_detector_parameter_at": (status, [detector_p, c_size_t, info_p]),
    "scrl_detector_parameter_read": (status, [detector_p, c_char_p, floats, c_size_t]),
    "scrl_detector_parameter_write": (status, [detector_p, c_char_p, floats, c_size_t]),
    "scrl_detector_free": (None, [detector_p]),
    # bench
    "scrl_bench_flops": (status, [config_p, doubles, doubles]),
    "scrl_bench_gemm": (status, [config_p, doubles]),
    "scrl_bench_kernels": (status, [config_p, c_int32, scrl_kernel_fn, c_void_p]),
}


# ------------------------------------------------------------------ loading

def candidates() -> List[str]:
    """Where the library is looked for, in order."""
    named = os.environ.get("SCRL_LIBRARY")
    if named:
        return [named]
    here = Path(__file__).resolve().parent
    places = [here / "_lib" / "libscrl.so.0"]
    if len(here.parents) > 2:
        places.append(here.parents[2] / "build" / "lib" / "libscrl.so.0")
    return [str(place) for place in places if place.is_file()] + ["libscrl.so.0"]


def _load() -> ctypes.CDLL:
    problems = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            problems.append(f"{path}: {error}")
            continue
        try:
            for name, (result, arguments) in FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise UnsupportedError(f"load: {path} is another libscrl: {error}") from None
        found = library.scrl_abi()
        if found != ABI:
            raise UnsupportedError(f"load: {path} has ABI {found}, this package needs {ABI}")
        return library
    raise UnsupportedError(
        "load: libscrl.so.0 was not found; run `make build`, or set SCRL_LIBRARY to it ("
        + "; ".join(problems) + ")"
    )


class _Library:
    """The functions of FUNCTIONS as attributes; the first use loads the library."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        library = _load()
        for each in FUNCTIONS:
            setattr(self, each, getattr(library, each))
        return self.__dict__[name]


lib = _Library()


def check(code: int) -> None:
    """Raises the exception of a status that is not SCRL_OK, with the library's text."""
    if code == 0:
        return
    message = (lib.scrl_last_error() or b"").decode("utf-8", "replace")
    kind = BY_STATUS.get(code, Error)
    raise kind(message or f"libscrl answered {code}")


# ------------------------------------------------------------------ values

def path_bytes(path: PathLike) -> bytes:
    """A path as the system spells it; str, bytes or PathLike."""
    try:
        raw = os.fsencode(path)
    except TypeError:
        raise ArgumentError(f"path: got {type(path).__name__}, expected str, bytes or a path; a file "
                            "that is open has its own as .name") from None
    except UnicodeEncodeError:
        raise ArgumentError(f"path: {path!r} cannot be spelt in the file system's encoding") from None
    if b"\0" in raw:
        raise ArgumentError(f"path: {raw!r} holds a NUL byte")
    return raw


def described(path: PathLike, wanted: Optional[str] = None) -> str:
    """What a file is: "is a PNG picture"; with `wanted` also what is expected, and the cure.

    wanted  "dataset", "checkpoint", "weights" or "annotations". Raises StorageError.
    """
    raw, word = path_bytes(path), None if wanted is None else wanted.encode()
    return read_text(lambda room, capacity, length: lib.scrl_file_describe(
        raw, word, room, capacity, length))


def text_bytes(text: Any, what: str) -> bytes:
    """UTF-8 of a text without NUL."""
    raw = str(text).encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        raise ArgumentError(f"{what}: the text holds a NUL byte")
    return raw


def count_of(value: Any, what: str) -> int:
    """A whole number ≥ 0 that fits a size_t."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{what}: {value!r} is not a whole number") from None
    if not 0 <= number < 2 ** 63:
        raise ArgumentError(f"{what}: {number} is out of range")
    return number


def int32_of(value: Any, what: str) -> int:
    """A whole number that fits an int32_t."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"{what}: {value!r} is not a whole number") from None
    if not -2 ** 31 <= number < 2 ** 31:
        raise ArgumentError(f"{what}: {number} is out of range")
    return number


def float_array(values: Any, what: str) -> np.ndarray:
    """Anything array-like as a float32 array; numpy's own refusal becomes an ArgumentError."""
    if hasattr(values, "detach"):  # a torch tensor that may require gradients
        values = values.detach()
    try:
        return np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{what}: not an array of numbers: {error}") from None


def float_pointer(array: np.ndarray) -> Any:
    return array.ctypes.data_as(floats)


def borrow(values: Any, rank: int, what: str) -> Tuple[scrl_tensor, np.ndarray]:
    """A scrl_tensor over a float32 array and the array that must outlive it.

    Strided arrays are passed as they are; reversed, broadcast or unaligned ones are copied.
    """
    array = float_array(values, what)
    if array.ndim != rank:
        raise ShapeError(f"{what}: the array has shape {array.shape}, expected {rank} dimensions")
    size = array.itemsize
    plain = array.flags.aligned and all(
        step > 0 and step % size == 0 for step, n in zip(array.strides, array.shape) if n > 1)
    if not plain or array.size == 0:
        array = np.ascontiguousarray(array)
    tensor = scrl_tensor(rank=rank, data=float_pointer(array))
    tensor.shape[:rank] = array.shape
    if not array.flags.c_contiguous:
        tensor.strides[:rank] = [step // size for step in array.strides]
    return tensor, array


def is_hidden(name: Union[str, bytes]) -> bool:
    """Whether walks of folders leave out a file or folder of this name."""
    return bool(lib.scrl_name_is_hidden(os.fsencode(name)))


def borrow_pictures(values: Any, what: str) -> Tuple[scrl_tensor, np.ndarray]:
    """borrow() of pictures (N,3,H,W); integers are no normalised pixels. Values that are bytes divided
    by 255, or seem so, are warned of; the library refuses those that cannot be normalised."""
    if hasattr(values, "detach"):
        values = values.detach()
    try:
        kind = np.asarray(values).dtype
    except (TypeError, ValueError):
        kind = np.dtype(object)  # borrow() says what is wrong with it
    if kind.kind in "uib":
        raise ArgumentError(
            f"{what}: pixels are {kind}, expected floats normalised by ImageNet's mean and deviation: "
            "scrl.prepare(picture, size) makes them of (H, W, 3) bytes")
    tensor, array = borrow(values, 4, what)
    if array.size and array.min() >= 0 and array.max() <= 1 and array.min() < array.max():
        warnings.warn(f"{what}: all pixels lie in 0 … 1; if they were only divided by 255, normalise "
                      "them by ImageNet's mean and deviation, as scrl.prepare() does", stacklevel=3)
    return tensor, array


def boxes_array(boxes: Any, columns: int, what: str) -> np.ndarray:
    """Boxes as a contiguous float32 (K, columns); an empty list is (0, columns)."""
    array = float_array(boxes, what)
    if array.size == 0 and array.ndim <= 2:
        array = array.reshape(0, columns)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ShapeError(f"{what}: boxes have shape {array.shape}, expected (K, {columns})")
    return np.ascontiguousarray(array)


def read_text(call: Callable[[Any, int, Any], int]) -> str:
    """Text of a call that takes (buffer, capacity, length)."""
    length = c_size_t()
    check(call(None, 0, byref(length)))
    room = ctypes.create_string_buffer(length.value + 1)
    check(call(room, len(room), byref(length)))
    return room.value.decode("utf-8", "replace")


def read_size(function: Callable[..., int], *arguments: Any) -> int:
    """The size_t that is a call's last result."""
    value = c_size_t()
    check(function(*arguments, byref(value)))
    return value.value


class Handle:
    """Base of every class that owns an object of the library.

    close() frees it, `with` closes it, a forgotten one is freed by the garbage collector.
    """

    _pointer: Optional[Any] = None
    _release: Optional[Callable[[Any], None]] = None
    _instead = "make another one where it is needed"  # what to do where a copy is wanted

    def _own(self, pointer: Any, release: Callable[[Any], None]) -> None:
        self._pointer, self._release = pointer, release

    @property
    def _handle(self) -> Any:
        if not self._pointer:
            raise StateError(f"{type(self).__name__}: used after close()")
        return self._pointer

    @property
    def closed(self) -> bool:
        """True once the object is freed."""
        return not self._pointer

    def close(self) -> None:
        """Frees the object; a second call does nothing."""
        pointer, release = self._pointer, self._release
        self._pointer = self._release = None
        if pointer and release is not None:
            release(pointer)

    def __reduce__(self) -> Any:
        raise StateError(f"{type(self).__name__}: cannot be pickled or copied: {self._instead}")

    def __enter__(self):
        self._handle
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:  # the interpreter is going down: the system frees everything
            pass


def parameter_table(handle: Any, noun: str) -> List[Tuple[str, Tuple[int, ...], bool]]:
    """(name, shape, trainable) of each parameter; noun is "model" or "trainer"."""
    at = getattr(lib, f"scrl_{noun}_parameter_at")
    count = read_size(getattr(lib, f"scrl_{noun}_parameter_count"), handle)
    table = []
    for index in range(count):
        info = scrl_parameter_info()
        check(at(handle, index, byref(info)))
        table.append((info.name.decode(), tuple(info.shape[:info.rank]), bool(info.trainable)))
    return table


def parameter_read(handle: Any, noun: str, name: str, shape: Sequence[int]) -> np.ndarray:
    array = np.empty(shape, np.float32)
    check(getattr(lib, f"scrl_{noun}_parameter_read")(
        handle, name.encode(), float_pointer(array), array.size))
    return array


def parameter_write(handle: Any, noun: str, name: str, array: np.ndarray) -> None:
    check(getattr(lib, f"scrl_{noun}_parameter_write")(
        handle, name.encode(), float_pointer(array), array.size))


_log_callback: Optional[Any] = None


def set_log(sink: Optional[Callable[[str], None]]) -> None:
    """Sends the library's notes to `sink` (called with one line, from any thread); None stops."""
    global _log_callback

    def line(raw: Optional[bytes], _user: Any) -> None:
        try:
            sink((raw or b"").decode("utf-8", "replace"))
        except BaseException:  # nobody stands above us here
            pass

    callback = scrl_log_fn(line) if sink is not None else scrl_log_fn()
    lib.scrl_log_set(callback, None)
    _log_callback = callback  # kept alive for as long as the library may call it
