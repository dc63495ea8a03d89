"""Dataset: reads the HDF5 file that pack() made; prepare() makes a picture ready for a model."""

import ctypes
import os
import threading
from ctypes import byref, c_char_p, c_int32, c_int64, c_size_t
from typing import Any, Iterator, List, Optional, Tuple

import numpy as np

from . import _abi
from ._abi import PathLike, lib
from .errors import ArgumentError, ForkedError

CROWD, DIFFICULT = 1, 2  # SCRL_BOX_…


_reopening = threading.Lock()


def _after_fork() -> None:
    """A thread of the parent may have held the lock."""
    global _reopening
    _reopening = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def _identity(path: str) -> Tuple[int, int, int, int]:
    """What changes when a file is replaced or written to."""
    facts = os.stat(path)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


class Dataset(_abi.Handle):
    """A dataset file: len(ds), ds[i] (H,W,3) uint8, ds.labels, ds.boxes(i), iteration.

    Only the index is read at opening. Several threads may read at once. In a worker process it opens
    its file again, by the absolute path: one that is forked (at its first use there, ForkedError if
    the file has changed since) and one that it is sent to (pickle).
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.path.abspath(os.fsdecode(_abi.path_bytes(path)))
        self._open(path)
        self._identity = _identity(self.path)
        self._count = _abi.read_size(lib.scrl_dataset_count, self._handle)
        self._labels: Optional[np.ndarray] = None

    def _open(self, path: PathLike) -> None:
        pointer = _abi.dataset_p()
        _abi.check(lib.scrl_dataset_open(_abi.path_bytes(path), byref(pointer)))
        self._own(pointer, lib.scrl_dataset_free)
        self._process = os.getpid()

    @property
    def _handle(self) -> Any:
        if self._pointer and self._process != os.getpid():
            with _reopening:
                if self._process != os.getpid():
                    self._reopen()
        return super()._handle

    def _reopen(self) -> None:
        """In a forked child, where the parent's handle is of no use."""
        try:
            same = _identity(self.path) == self._identity
        except OSError:
            same = False
        if not same:
            raise ForkedError(f"Dataset: {self.path} has been replaced, changed or moved since the parent "
                              "process opened it · open it in the worker")
        self._open(self.path)

    def __len__(self) -> int:
        self._handle
        return self._count

    def _index(self, index: Any) -> int:
        try:
            place = index.__index__()
        except AttributeError:
            raise TypeError(f"Dataset: index {index!r} is not a whole number") from None
        count = len(self)
        if not -count <= place < count:
            raise IndexError(f"Dataset: index {place} is out of range for {count} images")
        return place % count

    def size(self, index: int) -> Tuple[int, int]:
        """(height, width) of an image in pixels, without decoding it."""
        height, width = c_size_t(), c_size_t()
        _abi.check(lib.scrl_dataset_size(
            self._handle, self._index(index), byref(height), byref(width)))
        return height.value, width.value

    def __getitem__(self, index: int) -> np.ndarray:
        place = self._index(index)
        height, width = self.size(place)
        pixels = np.empty((height, width, 3), np.uint8)
        _abi.check(lib.scrl_dataset_read_rgb(
            self._handle, place, pixels.ctypes.data_as(_abi.bytes_), pixels.size))
        return pixels

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def jpeg(self, index: int) -> bytes:
        """The stored JPEG stream of an image."""
        place = self._index(index)
        count = c_size_t()
        _abi.check(lib.scrl_dataset_read_jpeg(self._handle, place, None, 0, byref(count)))
        room = (ctypes.c_uint8 * count.value)()
        _abi.check(lib.scrl_dataset_read_jpeg(self._handle, place, room, count.value, byref(count)))
        return bytes(room)

    @property
    def labels(self) -> Optional[np.ndarray]:
        """(n) int32 classes of whole images, −1 where there is none; None when no image has one."""
        if self._labels is None:
            values = np.empty(len(self), np.int32)
            label = c_int32()
            for index in range(len(self)):
                _abi.check(lib.scrl_dataset_label(self._handle, index, byref(label)))
                values[index] = label.value
            self._labels = values
        return None if (self._labels < 0).all() else self._labels.copy()

    def _boxes(self, index: int) -> Tuple[np.ndarray, np.ndarray]:
        place = self._index(index)
        count = c_size_t()
        _abi.check(lib.scrl_dataset_boxes(self._handle, place, None, None, 0, byref(count)))
        boxes = np.empty((count.value, 4), np.float32)
        labels = np.full(count.value, -1, np.int32)
        if count.value:
            _abi.check(lib.scrl_dataset_boxes(
                self._handle, place, _abi.float_pointer(boxes),
                labels.ctypes.data_as(_abi.ints), count.value, byref(count)))
        return boxes, labels

    def boxes(self, index: int) -> np.ndarray:
        """(n,4) float32: x0, y0, x1, y1 in pixels of the image's boxes."""
        return self._boxes(index)[0]

    def box_labels(self, index: int) -> np.ndarray:
        """(n) int32 classes of the image's boxes, −1: none."""
        return self._boxes(index)[1]

    def mask(self, index: int, box: int) -> Optional[str]:
        """The mask of a box as COCO compressed RLE text of the image's size; None without one."""
        place, box = self._index(index), _abi.count_of(box, "box")
        text = _abi.read_text(
            lambda room, capacity, length: lib.scrl_dataset_mask(
                self._handle, place, box, room, capacity, length))
        return text or None

    def _flags(self, index: int) -> np.ndarray:
        place = self._index(index)
        flags = np.zeros(len(self._boxes(place)[1]), np.uint8)
        if flags.size:
            _abi.check(lib.scrl_dataset_box_flags(
                self._handle, place, flags.ctypes.data_as(_abi.bytes_), flags.size, None))
        return flags

    def crowd(self, index: int) -> np.ndarray:
        """(n) bool: boxes that hold many things (COCO's iscrowd); no targets for training."""
        return self._flags(index) & CROWD > 0

    def difficult(self, index: int) -> np.ndarray:
        """(n) bool: boxes whose thing is hard to recognise (Pascal VOC's difficult)."""
        return self._flags(index) & DIFFICULT > 0

    def areas(self, index: int) -> np.ndarray:
        """(n) float32 areas in pixels: as annotated, else the mask's, else the box's."""
        place = self._index(index)
        areas = np.zeros(len(self._boxes(place)[1]), np.float32)
        if areas.size:
            _abi.check(lib.scrl_dataset_box_areas(
                self._handle, place, _abi.float_pointer(areas), areas.size, None))
        return areas

    def image_id(self, index: int) -> Optional[int]:
        """The COCO id of an image; None without one."""
        number = c_int64()
        _abi.check(lib.scrl_dataset_image_id(self._handle, self._index(index), byref(number)))
        return None if number.value < 0 else number.value

    def name(self, index: int) -> Optional[str]:
        """The file name by which its annotations called an image; None without one."""
        place = self._index(index)
        text = _abi.read_text(
            lambda room, capacity, length: lib.scrl_dataset_name(
                self._handle, place, room, capacity, length))
        return text or None

    @property
    def class_ids(self) -> Optional[np.ndarray]:
        """(c) int32 COCO category ids by class number, −1: none; None when no class has one."""
        ids = np.empty(_abi.read_size(lib.scrl_dataset_class_count, self._handle), np.int32)
        number = c_int32()
        for place in range(len(ids)):
            _abi.check(lib.scrl_dataset_class_id(self._handle, place, byref(number)))
            ids[place] = number.value
        return ids if (ids >= 0).any() else None

    def write_coco(self, path: PathLike) -> None:
        """Writes the boxes as a COCO annotation file; see scrl.annotations.to_coco() for images too.

        Raises StorageError, DataError for a box without a class, StateError where a file stands that
        libscrl has not written in this way.
        """
        _abi.check(lib.scrl_dataset_write_coco(self._handle, _abi.path_bytes(path)))

    @property
    def classes(self) -> List[str]:
        """The class names, by number."""
        name = c_char_p()
        names = []
        for number in range(_abi.read_size(lib.scrl_dataset_class_count, self._handle)):
            _abi.check(lib.scrl_dataset_class_name(self._handle, number, byref(name)))
            names.append((name.value or b"").decode("utf-8", "replace"))
        return names

    def __reduce__(self) -> Any:
        self._handle  # a closed one has nothing to be opened again
        return Dataset, (self.path,)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._count} images"
        return f"Dataset({self.path!r}, {state})"


def prepare(pixels: Any, size: int) -> np.ndarray:
    """(3,S,S) float32 for a model: shorter side to size + 32, centre crop, ImageNet-normalised.

    pixels (H,W,3) uint8; size in pixels. Raises ArgumentError for anything else: floats in 0 … 1 would
    become a black picture.
    """
    array = np.ascontiguousarray(pixels)
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ArgumentError(
            f"prepare: pixels are {array.dtype} {array.shape}, expected uint8 (H, W, 3)")
    size = _abi.count_of(size, "size")
    image = np.empty((3, size, size), np.float32)
    _abi.check(lib.scrl_image_prepare(
        array.ctypes.data_as(_abi.bytes_), array.shape[0], array.shape[1], size,
        _abi.float_pointer(image), image.size))
    return image
