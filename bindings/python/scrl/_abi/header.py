# Written by scripts/abi from include/scrl.h: do not edit.
"""Constants, structs, callbacks and functions of scrl.h, in its order."""

from ctypes import (
    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t,
    c_uint8, c_uint32, c_uint64, c_void_p,
)
from typing import Any, Dict, List, Tuple

from .sized import Sized

SCRL_VERSION = "0.1.0"
SCRL_ABI = 0
SCRL_OK = 0
SCRL_E_ARGUMENT = -1
SCRL_E_CONFIG = -2
SCRL_E_SHAPE = -3
SCRL_E_IO = -4
SCRL_E_FORMAT = -5
SCRL_E_DATA = -6
SCRL_E_MEMORY = -7
SCRL_E_DIVERGED = -8
SCRL_E_CANCELLED = -9
SCRL_E_STATE = -10
SCRL_E_FORKED = -11
SCRL_E_UNSUPPORTED = -12
SCRL_E_INTERNAL = -13
scrl_log_fn = CFUNCTYPE(None, c_char_p, c_void_p)


class scrl_config(Structure):
    pass


class scrl_config_key(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("name", c_char_p),
        ("type", c_char_p),
        ("range", c_char_p),
        ("preset", c_char_p),
        ("meaning", c_char_p),
        ("fixed", c_char_p),
    ]


class scrl_writer(Structure):
    pass


class scrl_annotation(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("label", c_int32),
        ("box_count", c_size_t),
        ("boxes", POINTER(c_float)),
        ("box_labels", POINTER(c_int32)),
        ("masks", POINTER(c_char_p)),
        ("areas", POINTER(c_float)),
        ("flags", POINTER(c_uint8)),
    ]


SCRL_BOX_CROWD = 1
SCRL_BOX_DIFFICULT = 2
SCRL_ORIENTATION_APPLY = 0
SCRL_ORIENTATION_IGNORE = 1
SCRL_ORIENTATION_REFUSE = 2
scrl_note_fn = CFUNCTYPE(None, c_char_p, c_char_p, c_void_p)


class scrl_picture_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("orientation", c_int32),
        ("keep_truncated", c_int32),
        ("note", scrl_note_fn),
        ("user", c_void_p),
    ]


class scrl_picture_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("turned", c_size_t),
        ("not_turned", c_size_t),
        ("truncated", c_size_t),
        ("encoded", c_size_t),
        ("hidden", c_size_t),
    ]


scrl_skip_fn = CFUNCTYPE(c_int32, c_char_p, c_char_p, c_int32, c_void_p)
scrl_walk_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_size_t, c_void_p)


class scrl_folder_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("labels_from_folders", c_int32),
        ("skipped", scrl_skip_fn),
        ("progress", scrl_walk_fn),
        ("user", c_void_p),
    ]


SCRL_COCO_IMAGE = 0
SCRL_COCO_CATEGORY = 1
SCRL_COCO_ANNOTATION = 2
SCRL_COCO_FILE = 3
SCRL_COCO_SKIPPED = 0
SCRL_COCO_CLIPPED = 1
SCRL_COCO_CHANGED = 2
SCRL_COCO_NOTED = 3


class scrl_coco_issue(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("entry", c_int32),
        ("action", c_int32),
        ("id", c_int64),
        ("file", c_char_p),
        ("reason", c_char_p),
        ("kind", c_char_p),
        ("objects", c_size_t),
    ]


scrl_coco_fn = CFUNCTYPE(c_int32, POINTER(scrl_coco_issue), c_void_p)


class scrl_coco_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("refuse", c_int32),
        ("issue", scrl_coco_fn),
        ("unreadable", scrl_skip_fn),
        ("progress", scrl_walk_fn),
        ("user", c_void_p),
    ]


class scrl_coco_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("images", c_size_t),
        ("changed_images", c_size_t),
        ("skipped_images", c_size_t),
        ("annotations", c_size_t),
        ("changed_annotations", c_size_t),
        ("clipped_annotations", c_size_t),
        ("skipped_annotations", c_size_t),
        ("skipped_categories", c_size_t),
    ]


class scrl_dataset(Structure):
    pass


class scrl_view_pair(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("view1", POINTER(c_float)),
        ("view2", POINTER(c_float)),
        ("boxes1", POINTER(c_float)),
        ("boxes2", POINTER(c_float)),
        ("box_count", c_size_t),
        ("crop1", c_int32 * 4),
        ("crop2", c_int32 * 4),
        ("flip1", c_int32),
        ("flip2", c_int32),
    ]


class scrl_tensor(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("rank", c_int32),
        ("data", POINTER(c_float)),
        ("shape", c_int64 * 4),
        ("strides", c_int64 * 4),
    ]


class scrl_roi_align_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("output_height", c_int32),
        ("output_width", c_int32),
        ("spatial_scale", c_float),
        ("sampling_ratio", c_int32),
        ("aligned", c_int32),
    ]


class scrl_state(Structure):
    pass


class scrl_state_info(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("name", c_char_p),
        ("rank", c_int32),
        ("shape", c_int64 * 4),
        ("count", c_int64),
        ("trainable", c_int32),
    ]


class scrl_model(Structure):
    pass


class scrl_trainer(Structure):
    pass


class scrl_step_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("did_step", c_int32),
        ("step", c_uint64),
        ("total_steps", c_uint64),
        ("epoch", c_uint64),
        ("loss", c_double),
        ("learning_rate", c_double),
        ("ema_momentum", c_double),
        ("boxes", c_uint64),
        ("skipped", c_uint64),
        ("seconds", c_double),
        ("wait_seconds", c_double),
        ("steps_skipped", c_uint64),
        ("probe_loss", c_double),
        ("accuracy", c_double),
        ("deviation", c_double),
        ("effective_rank", c_double),
        ("positive_similarity", c_double),
        ("negative_similarity", c_double),
        ("collapse", c_char_p),
    ]


scrl_step_fn = CFUNCTYPE(c_int32, POINTER(scrl_step_report), c_void_p)
scrl_linear_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_size_t, c_size_t, c_double, c_void_p)


class scrl_linear_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("epochs", c_int32),
        ("warmup_epochs", c_int32),
        ("crops", c_int32),
        ("batch", c_uint64),
        ("base_lr", c_double),
        ("raw_features", c_int32),
        ("quirks", c_int32),
        ("size", c_uint64),
        ("seed", c_uint64),
        ("view_threads", c_int32),
        ("progress", scrl_linear_fn),
        ("user", c_void_p),
    ]


class scrl_linear_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("classes", c_int32),
        ("accuracy", c_double),
        ("top5", c_double),
        ("best_accuracy", c_double),
        ("best_epoch", c_uint64),
        ("train_accuracy", c_double),
        ("loss", c_double),
        ("train_images", c_uint64),
        ("test_images", c_uint64),
        ("left_out", c_uint64),
        ("unseen", c_uint64),
        ("batch", c_uint64),
        ("base_lr", c_double),
        ("seconds", c_double),
        ("matched_by", c_char_p),
        ("unknown_classes", c_uint64),
        ("absent_classes", c_uint64),
        ("unknown_names", c_char_p),
        ("absent_names", c_char_p),
    ]


scrl_evaluate_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_void_p)


class scrl_knn_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("neighbours", c_int32),
        ("temperature", c_double),
        ("size", c_uint64),
        ("train_images", c_uint64),
        ("test_images", c_uint64),
        ("seed", c_uint64),
        ("view_threads", c_int32),
        ("progress", scrl_evaluate_fn),
        ("user", c_void_p),
    ]


class scrl_knn_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("classes", c_int32),
        ("accuracy", c_double),
        ("top5", c_double),
        ("chance", c_double),
        ("neighbours", c_uint64),
        ("train_images", c_uint64),
        ("test_images", c_uint64),
        ("left_out", c_uint64),
        ("unseen", c_uint64),
        ("seconds", c_double),
        ("matched_by", c_char_p),
        ("unknown_classes", c_uint64),
        ("absent_classes", c_uint64),
        ("unknown_names", c_char_p),
        ("absent_names", c_char_p),
    ]


class scrl_region_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("neighbours", c_int32),
        ("stage", c_char_p),
        ("size", c_uint64),
        ("longest", c_uint64),
        ("train_images", c_uint64),
        ("test_images", c_uint64),
        ("epochs", c_int32),
        ("view_threads", c_int32),
        ("batch", c_uint64),
        ("base_lr", c_double),
        ("seed", c_uint64),
        ("progress", scrl_evaluate_fn),
        ("user", c_void_p),
    ]


class scrl_region_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("classes", c_int32),
        ("linear_accuracy", c_double),
        ("linear_top5", c_double),
        ("knn_accuracy", c_double),
        ("knn_top5", c_double),
        ("chance", c_double),
        ("train_boxes", c_uint64),
        ("test_boxes", c_uint64),
        ("train_images", c_uint64),
        ("test_images", c_uint64),
        ("left_out", c_uint64),
        ("unseen", c_uint64),
        ("neighbours", c_uint64),
        ("batch", c_uint64),
        ("base_lr", c_double),
        ("seconds", c_double),
        ("matched_by", c_char_p),
        ("unknown_classes", c_uint64),
        ("absent_classes", c_uint64),
        ("unknown_names", c_char_p),
        ("absent_names", c_char_p),
    ]


class scrl_retrieval_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("classes", c_int32),
        ("precision1", c_double),
        ("precision5", c_double),
        ("precision20", c_double),
        ("mean_average_precision", c_double),
        ("chance", c_double),
        ("boxes", c_uint64),
        ("alone", c_uint64),
        ("images", c_uint64),
        ("left_out", c_uint64),
        ("seconds", c_double),
    ]


class scrl_pair_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("view_threads", c_int32),
        ("stage", c_char_p),
        ("size", c_uint64),
        ("images", c_uint64),
        ("seed", c_uint64),
        ("grid", c_int32),
        ("distort", c_int32),
        ("rows", c_int32),
        ("progress", scrl_evaluate_fn),
        ("user", c_void_p),
    ]


class scrl_correspondence_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("mean_error", c_double),
        ("median_error", c_double),
        ("within_cell", c_double),
        ("chance_error", c_double),
        ("chance_within", c_double),
        ("least_error", c_double),
        ("cells", c_uint64),
        ("images", c_uint64),
        ("left_out", c_uint64),
        ("seconds", c_double),
    ]


class scrl_health_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("rank_limit", c_int32),
        ("deviation", c_double),
        ("effective_rank", c_double),
        ("positive_similarity", c_double),
        ("negative_similarity", c_double),
        ("collapse", c_char_p),
        ("pairs", c_uint64),
        ("features", c_uint64),
        ("images", c_uint64),
        ("left_out", c_uint64),
        ("seconds", c_double),
    ]


SCRL_COCO_BBOX = 0
SCRL_COCO_SEGM = 1
scrl_text_fn = CFUNCTYPE(None, c_char_p, c_size_t, c_void_p)


class scrl_coco_metrics_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("leave_out", c_int32),
        ("curves", c_int32),
        ("threads", c_int32),
        ("details", scrl_text_fn),
        ("user", c_void_p),
        ("max_detections", c_int32 * 3),
        ("categories", c_char_p),
        ("category_bytes", c_size_t),
    ]


class scrl_coco_metrics(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("categories", c_int32),
        ("ap", c_double),
        ("ap50", c_double),
        ("ap75", c_double),
        ("ap_small", c_double),
        ("ap_medium", c_double),
        ("ap_large", c_double),
        ("ar1", c_double),
        ("ar10", c_double),
        ("ar100", c_double),
        ("ar_small", c_double),
        ("ar_medium", c_double),
        ("ar_large", c_double),
        ("images", c_uint64),
        ("objects", c_uint64),
        ("crowds", c_uint64),
        ("detections", c_uint64),
        ("left_out_truths", c_uint64),
        ("left_out_detections", c_uint64),
        ("max_detections", c_int32 * 3),
        ("uncounted", c_uint64),
        ("matched_by", c_char_p),
        ("unknown_classes", c_uint64),
        ("unknown_objects", c_uint64),
        ("absent_classes", c_uint64),
        ("absent_detections", c_uint64),
        ("unknown_names", c_char_p),
        ("absent_names", c_char_p),
    ]


class scrl_detector(Structure):
    pass


class scrl_detector_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("did_step", c_int32),
        ("step", c_uint64),
        ("total_steps", c_uint64),
        ("epoch", c_uint64),
        ("loss", c_double),
        ("rpn_objectness", c_double),
        ("rpn_box", c_double),
        ("classification", c_double),
        ("box", c_double),
        ("mask", c_double),
        ("learning_rate", c_double),
        ("gradient_norm", c_double),
        ("boxes", c_uint64),
        ("skipped", c_uint64),
        ("seconds", c_double),
        ("wait_seconds", c_double),
    ]


scrl_detector_fn = CFUNCTYPE(c_int32, POINTER(scrl_detector_report), c_void_p)


class scrl_detections(Structure):
    pass


class scrl_detection(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("label", c_int32),
        ("score", c_float),
        ("box", c_float * 4),
        ("mask", c_char_p),
    ]


scrl_measure_fn = CFUNCTYPE(c_int32, c_size_t, c_size_t, c_void_p)


class scrl_measure_options(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("max_detections", c_int32 * 3),
        ("results", c_char_p),
        ("progress", scrl_measure_fn),
        ("user", c_void_p),
    ]


class scrl_detector_images(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("images", c_uint64),
        ("empty", c_uint64),
        ("left_out_empty", c_uint64),
        ("left_out_vague", c_uint64),
        ("boxes", c_uint64),
        ("masks", c_uint64),
    ]


class scrl_kernel_report(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kernel", c_char_p),
        ("shape", c_char_p),
        ("uses", c_uint64),
        ("seconds", c_double),
        ("flops", c_double),
        ("bytes", c_double),
        ("share", c_double),
        ("checked", c_int32),
    ]


scrl_kernel_fn = CFUNCTYPE(c_int32, POINTER(scrl_kernel_report), c_void_p)

FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "scrl_version": (c_char_p, []),
    "scrl_abi": (c_int32, []),
    "scrl_build_info": (c_char_p, []),
    "scrl_status_name": (c_char_p, [c_int32]),
    "scrl_last_error": (c_char_p, []),
    "scrl_file_describe": (c_int32, [
        c_char_p, c_char_p, POINTER(c_char), c_size_t, POINTER(c_size_t)]),
    "scrl_log_set": (None, [scrl_log_fn, c_void_p]),
    "scrl_config_new": (c_int32, [c_char_p, POINTER(POINTER(scrl_config))]),
    "scrl_config_clone": (c_int32, [POINTER(scrl_config), POINTER(POINTER(scrl_config))]),
    "scrl_config_set": (c_int32, [POINTER(scrl_config), c_char_p, c_char_p]),
    "scrl_config_get": (c_int32, [
        POINTER(scrl_config), c_char_p, POINTER(c_char), c_size_t, POINTER(c_size_t)]),
    "scrl_config_check": (c_int32, [POINTER(scrl_config)]),
    "scrl_config_key_count": (c_size_t, []),
    "scrl_config_key_at": (c_int32, [c_size_t, POINTER(scrl_config_key)]),
    "scrl_config_preset_count": (c_size_t, []),
    "scrl_config_preset_name": (c_char_p, [c_size_t]),
    "scrl_config_free": (None, [POINTER(scrl_config)]),
    "scrl_writer_new": (c_int32, [c_char_p, POINTER(POINTER(scrl_writer))]),
    "scrl_writer_set_pictures": (c_int32, [POINTER(scrl_writer), POINTER(scrl_picture_options)]),
    "scrl_writer_report_pictures": (c_int32, [POINTER(scrl_writer), POINTER(scrl_picture_report)]),
    "scrl_writer_add_class": (c_int32, [POINTER(scrl_writer), c_char_p, POINTER(c_int32)]),
    "scrl_writer_add_jpeg": (c_int32, [
        POINTER(scrl_writer), c_void_p, c_size_t, POINTER(scrl_annotation)]),
    "scrl_writer_add_file": (c_int32, [POINTER(scrl_writer), c_char_p, POINTER(scrl_annotation)]),
    "scrl_writer_add_rgb": (c_int32, [
        POINTER(scrl_writer), POINTER(c_uint8), c_size_t, c_size_t, c_size_t, c_int32,
        POINTER(scrl_annotation)]),
    "scrl_writer_add_oriented": (c_int32, [
        POINTER(scrl_writer), POINTER(c_uint8), c_size_t, c_size_t, c_size_t, c_int32, c_int32,
        POINTER(scrl_annotation)]),
    "scrl_name_is_hidden": (c_int32, [c_char_p]),
    "scrl_writer_add_folder": (c_int32, [
        POINTER(scrl_writer), c_char_p, POINTER(scrl_folder_options), POINTER(c_size_t),
        POINTER(c_size_t)]),
    "scrl_writer_add_coco": (c_int32, [
        POINTER(scrl_writer), c_char_p, c_char_p, c_char_p, c_size_t, POINTER(scrl_coco_options),
        POINTER(scrl_coco_report)]),
    "scrl_writer_count": (c_int32, [POINTER(scrl_writer), POINTER(c_size_t)]),
    "scrl_writer_finish": (c_int32, [POINTER(scrl_writer)]),
    "scrl_writer_free": (None, [POINTER(scrl_writer)]),
    "scrl_dataset_open": (c_int32, [c_char_p, POINTER(POINTER(scrl_dataset))]),
    "scrl_dataset_count": (c_int32, [POINTER(scrl_dataset), POINTER(c_size_t)]),
    "scrl_dataset_size": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_size_t), POINTER(c_size_t)]),
    "scrl_dataset_read_rgb": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_uint8), c_size_t]),
    "scrl_dataset_read_jpeg": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_uint8), c_size_t, POINTER(c_size_t)]),
    "scrl_dataset_label": (c_int32, [POINTER(scrl_dataset), c_size_t, POINTER(c_int32)]),
    "scrl_dataset_boxes": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_float), POINTER(c_int32), c_size_t,
        POINTER(c_size_t)]),
    "scrl_dataset_mask": (c_int32, [
        POINTER(scrl_dataset), c_size_t, c_size_t, POINTER(c_char), c_size_t, POINTER(c_size_t)]),
    "scrl_dataset_box_flags": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_uint8), c_size_t, POINTER(c_size_t)]),
    "scrl_dataset_box_areas": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_float), c_size_t, POINTER(c_size_t)]),
    "scrl_dataset_image_id": (c_int32, [POINTER(scrl_dataset), c_size_t, POINTER(c_int64)]),
    "scrl_dataset_name": (c_int32, [
        POINTER(scrl_dataset), c_size_t, POINTER(c_char), c_size_t, POINTER(c_size_t)]),
    "scrl_dataset_class_count": (c_int32, [POINTER(scrl_dataset), POINTER(c_size_t)]),
    "scrl_dataset_class_name": (c_int32, [POINTER(scrl_dataset), c_size_t, POINTER(c_char_p)]),
    "scrl_dataset_class_id": (c_int32, [POINTER(scrl_dataset), c_size_t, POINTER(c_int32)]),
    "scrl_dataset_write_coco": (c_int32, [POINTER(scrl_dataset), c_char_p]),
    "scrl_dataset_free": (None, [POINTER(scrl_dataset)]),
    "scrl_views_make": (c_int32, [
        POINTER(scrl_dataset), POINTER(scrl_config), c_size_t, c_size_t, POINTER(scrl_view_pair)]),
    "scrl_roi_align": (c_int32, [
        POINTER(scrl_tensor), POINTER(c_float), c_size_t, POINTER(scrl_roi_align_options),
        POINTER(c_float), c_size_t]),
    "scrl_roi_align_backward": (c_int32, [
        POINTER(scrl_tensor), POINTER(c_float), c_size_t, POINTER(scrl_roi_align_options),
        POINTER(c_int64), POINTER(c_float), c_size_t]),
    "scrl_state_count": (c_int32, [POINTER(scrl_state), POINTER(c_size_t)]),
    "scrl_state_at": (c_int32, [POINTER(scrl_state), c_size_t, POINTER(scrl_state_info)]),
    "scrl_state_read": (c_int32, [POINTER(scrl_state), c_char_p, POINTER(c_float), c_size_t]),
    "scrl_state_write": (c_int32, [POINTER(scrl_state), c_char_p, POINTER(c_float), c_size_t]),
    "scrl_state_free": (None, [POINTER(scrl_state)]),
    "scrl_model_new": (c_int32, [POINTER(scrl_config), POINTER(POINTER(scrl_model))]),
    "scrl_model_load": (c_int32, [c_char_p, POINTER(POINTER(scrl_model))]),
    "scrl_model_save": (c_int32, [POINTER(scrl_model), c_char_p]),
    "scrl_model_config": (c_int32, [POINTER(scrl_model), POINTER(POINTER(scrl_config))]),
    "scrl_model_state": (c_int32, [POINTER(scrl_model), POINTER(POINTER(scrl_state))]),
    "scrl_model_feature_shape": (c_int32, [
        POINTER(scrl_model), c_char_p, c_size_t, c_size_t, c_size_t, POINTER(c_int64)]),
    "scrl_model_features": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_tensor), c_char_p, POINTER(c_float), c_size_t]),
    "scrl_model_embedding_size": (c_int32, [POINTER(scrl_model), POINTER(c_size_t)]),
    "scrl_model_embed": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_tensor), POINTER(c_float), c_size_t]),
    "scrl_model_embed_regions": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_tensor), POINTER(c_float), c_size_t, POINTER(c_float),
        c_size_t]),
    "scrl_model_region_size": (c_int32, [POINTER(scrl_model), POINTER(c_size_t)]),
    "scrl_model_free": (None, [POINTER(scrl_model)]),
    "scrl_image_prepare": (c_int32, [
        POINTER(c_uint8), c_size_t, c_size_t, c_size_t, POINTER(c_float), c_size_t]),
    "scrl_trainer_new": (c_int32, [
        POINTER(scrl_config), POINTER(scrl_dataset), c_char_p, POINTER(POINTER(scrl_trainer))]),
    "scrl_trainer_resume": (c_int32, [
        c_char_p, POINTER(scrl_dataset), POINTER(POINTER(scrl_trainer))]),
    "scrl_trainer_resume_with": (c_int32, [
        c_char_p, POINTER(scrl_dataset), POINTER(c_char_p), POINTER(POINTER(scrl_trainer))]),
    "scrl_trainer_step": (c_int32, [POINTER(scrl_trainer), POINTER(scrl_step_report)]),
    "scrl_trainer_step_on": (c_int32, [
        POINTER(scrl_trainer), POINTER(scrl_tensor), POINTER(scrl_tensor), POINTER(c_float),
        POINTER(c_float), c_size_t, POINTER(c_int32), POINTER(scrl_step_report)]),
    "scrl_trainer_run": (c_int32, [POINTER(scrl_trainer), c_uint64, scrl_step_fn, c_void_p]),
    "scrl_trainer_cancel": (c_int32, [POINTER(scrl_trainer)]),
    "scrl_trainer_save": (c_int32, [POINTER(scrl_trainer), c_char_p]),
    "scrl_trainer_progress": (c_int32, [
        POINTER(scrl_trainer), POINTER(c_uint64), POINTER(c_uint64)]),
    "scrl_trainer_config": (c_int32, [POINTER(scrl_trainer), POINTER(POINTER(scrl_config))]),
    "scrl_trainer_state": (c_int32, [POINTER(scrl_trainer), POINTER(POINTER(scrl_state))]),
    "scrl_trainer_profile": (c_int32, [
        POINTER(scrl_trainer), POINTER(c_char), c_size_t, POINTER(c_size_t)]),
    "scrl_trainer_free": (None, [POINTER(scrl_trainer)]),
    "scrl_evaluate_linear": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_dataset),
        POINTER(scrl_linear_options), POINTER(scrl_linear_report)]),
    "scrl_evaluate_linear_on": (c_int32, [
        POINTER(scrl_tensor), POINTER(c_int32), POINTER(scrl_tensor), POINTER(c_int32),
        POINTER(scrl_linear_options), POINTER(scrl_linear_report)]),
    "scrl_evaluate_knn": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_dataset),
        POINTER(scrl_knn_options), POINTER(scrl_knn_report)]),
    "scrl_evaluate_knn_on": (c_int32, [
        POINTER(scrl_tensor), POINTER(c_int32), POINTER(scrl_tensor), POINTER(c_int32),
        POINTER(scrl_knn_options), POINTER(scrl_knn_report)]),
    "scrl_evaluate_regions": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_dataset),
        POINTER(scrl_region_options), POINTER(scrl_region_report)]),
    "scrl_evaluate_retrieval": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_region_options),
        POINTER(scrl_retrieval_report)]),
    "scrl_evaluate_retrieval_on": (c_int32, [
        POINTER(scrl_tensor), POINTER(c_int32), POINTER(c_int32), POINTER(scrl_region_options),
        POINTER(scrl_retrieval_report)]),
    "scrl_evaluate_correspondence": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_pair_options),
        POINTER(scrl_correspondence_report)]),
    "scrl_evaluate_health": (c_int32, [
        POINTER(scrl_model), POINTER(scrl_dataset), POINTER(scrl_pair_options),
        POINTER(scrl_health_report)]),
    "scrl_evaluate_health_on": (c_int32, [
        POINTER(scrl_tensor), POINTER(scrl_tensor), POINTER(scrl_health_report)]),
    "scrl_coco_evaluate": (c_int32, [
        c_char_p, c_size_t, c_char_p, c_size_t, c_int32, POINTER(scrl_coco_metrics_options),
        POINTER(scrl_coco_metrics)]),
    "scrl_detector_new": (c_int32, [
        POINTER(scrl_config), POINTER(scrl_dataset), c_char_p, c_char_p,
        POINTER(POINTER(scrl_detector))]),
    "scrl_detector_resume": (c_int32, [
        c_char_p, POINTER(scrl_dataset), POINTER(POINTER(scrl_detector))]),
    "scrl_detector_resume_with": (c_int32, [
        c_char_p, POINTER(scrl_dataset), POINTER(c_char_p), POINTER(POINTER(scrl_detector))]),
    "scrl_detector_load": (c_int32, [c_char_p, POINTER(POINTER(scrl_detector))]),
    "scrl_detector_step": (c_int32, [POINTER(scrl_detector), POINTER(scrl_detector_report)]),
    "scrl_detector_run": (c_int32, [POINTER(scrl_detector), c_uint64, scrl_detector_fn, c_void_p]),
    "scrl_detector_cancel": (c_int32, [POINTER(scrl_detector)]),
    "scrl_detector_save": (c_int32, [POINTER(scrl_detector), c_char_p]),
    "scrl_detector_progress": (c_int32, [
        POINTER(scrl_detector), POINTER(c_uint64), POINTER(c_uint64)]),
    "scrl_detector_config": (c_int32, [POINTER(scrl_detector), POINTER(POINTER(scrl_config))]),
    "scrl_detector_class_count": (c_int32, [POINTER(scrl_detector), POINTER(c_size_t)]),
    "scrl_detector_class_at": (c_int32, [
        POINTER(scrl_detector), c_size_t, POINTER(c_char_p), POINTER(c_int64)]),
    "scrl_detector_predict": (c_int32, [
        POINTER(scrl_detector), POINTER(c_uint8), c_size_t, c_size_t, c_size_t,
        POINTER(POINTER(scrl_detections))]),
    "scrl_detections_count": (c_int32, [POINTER(scrl_detections), POINTER(c_size_t)]),
    "scrl_detections_at": (c_int32, [POINTER(scrl_detections), c_size_t, POINTER(scrl_detection)]),
    "scrl_detections_free": (None, [POINTER(scrl_detections)]),
    "scrl_detector_measure": (c_int32, [
        POINTER(scrl_detector), POINTER(scrl_dataset), POINTER(scrl_measure_options),
        POINTER(scrl_coco_metrics), POINTER(scrl_coco_metrics)]),
    "scrl_detector_match_classes": (c_int32, [
        POINTER(scrl_detector), POINTER(scrl_dataset), POINTER(c_int32), POINTER(c_int64), c_size_t,
        POINTER(c_size_t)]),
    "scrl_detector_count_images": (c_int32, [
        POINTER(scrl_detector), POINTER(scrl_detector_images)]),
    "scrl_detector_state": (c_int32, [POINTER(scrl_detector), POINTER(POINTER(scrl_state))]),
    "scrl_detector_free": (None, [POINTER(scrl_detector)]),
    "scrl_bench_flops": (c_int32, [POINTER(scrl_config), POINTER(c_double), POINTER(c_double)]),
    "scrl_bench_gemm": (c_int32, [POINTER(scrl_config), POINTER(c_double)]),
    "scrl_bench_kernels": (c_int32, [POINTER(scrl_config), c_int32, scrl_kernel_fn, c_void_p]),
}
