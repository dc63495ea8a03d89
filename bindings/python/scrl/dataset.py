"""Datasets: pack() makes one HDF5 file of a folder of images, Dataset reads it.

JPEG streams go in as they are. What the library cannot use by itself is opened with Pillow (PNG,
BMP, TIFF, WebP, …) and stored as JPEG quality 95: first frame, alpha composited on white, 16 bits
scaled to 8. EXIF orientation is not applied, neither for JPEG nor for the rest: pixels are as stored.
"""

import ctypes
import os
import stat
from ctypes import byref, c_char_p, c_int32, c_size_t
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _ffi, coco, progress as bars
from ._ffi import PathLike, lib
from .errors import ArgumentError, DataError, StorageError

Skipped = Tuple[str, str]


class PackReport(NamedTuple):
    """What pack() did: images added, and (path, reason) of what could not be used."""

    added: int
    skipped: List[Skipped]


# ------------------------------------------------------------------ writing

def _annotation(label: int = -1, picture: Optional[coco.Picture] = None) -> Any:
    """A scrl_annotation; what it points to lives in its `keep`."""
    note = _ffi.scrl_annotation(label=label)
    if picture is not None and len(picture.boxes):
        boxes = np.ascontiguousarray(picture.boxes, np.float32)
        labels = np.ascontiguousarray(picture.labels, np.int32)
        masks = (c_char_p * len(boxes))(
            *(None if mask is None else mask.encode("ascii") for mask in picture.masks))
        note.box_count = len(boxes)
        note.boxes = _ffi.float_pointer(boxes)
        note.box_labels = labels.ctypes.data_as(_ffi.ints)
        note.masks = ctypes.cast(masks, ctypes.POINTER(c_char_p))
        note.keep = (boxes, labels, masks)
    return note


class _Writer(_ffi.Handle):
    """scrl_writer; the file appears at finish()."""

    def __init__(self, path: PathLike) -> None:
        pointer = _ffi.writer_p()
        _ffi.check(lib.scrl_writer_new(_ffi.path_bytes(path), byref(pointer)))
        self._own(pointer, lib.scrl_writer_free)

    def add_class(self, name: str) -> int:
        number = c_int32()
        _ffi.check(lib.scrl_writer_add_class(
            self._handle, _ffi.text_bytes(name, "class"), byref(number)))
        return number.value

    def add_file(self, path: PathLike, note: Any) -> None:
        _ffi.check(lib.scrl_writer_add_file(
            self._handle, _ffi.path_bytes(path), byref(note)))

    def add_rgb(self, pixels: np.ndarray, note: Any) -> None:
        height, width, _ = pixels.shape
        _ffi.check(lib.scrl_writer_add_rgb(
            self._handle, pixels.ctypes.data_as(_ffi.bytes_), height, width, 0, 0, byref(note)))

    def finish(self) -> None:
        _ffi.check(lib.scrl_writer_finish(self._handle))


def _rgb(path: bytes, reason: str) -> np.ndarray:
    """(H,W,3) uint8 of a picture that is no JPEG; DataError says why it cannot be had."""
    from PIL import Image, UnidentifiedImageError

    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(reason)
        with open(path, "rb") as file:
            if file.read(2) == b"\xff\xd8":
                raise DataError(reason)  # a JPEG that the library has refused
            file.seek(0)
            with Image.open(file) as image:
                if image.mode == "F":
                    raise DataError("pixels are floating point, their range is unknown")
                if image.mode.startswith("I"):
                    values = np.asarray(image)
                    if image.mode.startswith("I;16") or values.max(initial=0) > 255:
                        values = np.clip(values, 0, 65535) // 257
                    gray = np.clip(values, 0, 255).astype(np.uint8)
                    return np.ascontiguousarray(np.repeat(gray[:, :, None], 3, axis=2))
                if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
                    front = image.convert("RGBA")
                    back = Image.new("RGBA", front.size, (255, 255, 255, 255))
                    image = Image.alpha_composite(back, front)
                return np.ascontiguousarray(image.convert("RGB"))
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(reason) from None
    except MemoryError:
        raise DataError("too large to decode") from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise DataError(f"cannot be decoded: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _add_any(writer: _Writer, path: bytes, note: Any, skipped: List[Skipped]) -> int:
    """Adds a file of any kind; 1 when it is in, 0 when it went to `skipped`."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError("not a regular file")
        try:
            writer.add_file(path, note)
        except (DataError, StorageError) as error:
            writer.add_rgb(_rgb(path, _one_line(error)), note)
        return 1
    except (DataError, OSError) as error:
        if isinstance(error, StorageError) and os.access(path, os.R_OK):
            raise  # the file is fine: it is the disk that refuses
        skipped.append((os.fsdecode(path), _one_line(error)))
        return 0


def _add_folder(writer: _Writer, folder: PathLike, from_folders: bool,
                bar: Callable[[int, int], None], skipped: List[Skipped]) -> None:
    """Walks a folder in the library; its callbacks keep every exception for after the call."""
    failure: List[BaseException] = []

    def on_skip(path: bytes, reason: bytes, label: int, _user: Any) -> int:
        try:
            text = (reason or b"").decode("utf-8", "replace")
            try:
                pixels = _rgb(path, text)
                writer.add_rgb(pixels, _annotation(label))
                return 1
            except DataError as error:
                skipped.append((os.fsdecode(path), _one_line(error)))
                return 0
        except BaseException as error:
            failure.append(error)
            return -1

    def on_progress(added: int, seen: int, total: int, _user: Any) -> int:
        try:
            bar(seen, total)
            return 0
        except BaseException as error:
            failure.append(error)
            return 1

    options = _ffi.scrl_folder_options(
        labels_from_folders=int(from_folders), skipped=_ffi.scrl_skip_fn(on_skip),
        progress=_ffi.scrl_walk_fn(on_progress))
    code = lib.scrl_writer_add_folder(
        writer._handle, _ffi.path_bytes(folder), byref(options), None, None)
    if failure:
        raise failure[0]
    _ffi.check(code)


def _add_annotated(writer: _Writer, folder: PathLike, annotations: PathLike,
                   bar: Callable[[int, int], None], skipped: List[Skipped]) -> None:
    """Adds the pictures that a COCO file lists, with their boxes, in its order."""
    names, pictures = coco.read(os.fsdecode(annotations))
    for name in names:
        writer.add_class(name)
    root = os.fsencode(folder)
    listed = list(pictures)
    for seen, picture in enumerate(listed, 1):
        path = os.path.join(root, os.fsencode(picture.file))
        if not os.path.exists(path):
            path = os.path.join(root, b"images", os.fsencode(picture.file))
        _add_any(writer, path, _annotation(-1, picture), skipped)
        bar(seen, len(listed))


def pack(source: Union[PathLike, Sequence[PathLike]], out: PathLike,
         labels: Optional[str] = None, progress: bool = True,
         annotations: Optional[PathLike] = None) -> PackReport:
    """Packs images into one dataset file; bad files are reported, never fatal.

    source       a folder (walked in the byte order of its paths) or a list of files.
    out          the HDF5 file; an older one is replaced when all is written.
    labels       "folders": the first folder below the root names an image's class; None: no labels.
    progress     a bar with rate and time left, on a terminal.
    annotations  a COCO file whose pictures, boxes and masks are packed; paths relative to `source`.

    Raises StorageError (folder, disk), ArgumentError, StateError when no image could be used.
    """
    if labels not in (None, "folders"):
        raise ArgumentError(f"pack: labels is {labels!r}, expected 'folders' or None")
    if labels and annotations is not None:
        raise ArgumentError("pack: labels='folders' and annotations exclude each other")
    skipped: List[Skipped] = []
    is_list = not isinstance(source, (str, bytes, os.PathLike))
    if is_list and (labels or annotations is not None):
        raise ArgumentError("pack: labels and annotations need a folder as source")
    with _Writer(out) as writer, bars.counter("packing", "images", progress) as bar:
        if is_list:
            files = [_ffi.path_bytes(each) for each in source]
            for seen, each in enumerate(files, 1):
                _add_any(writer, each, _annotation(), skipped)
                bar(seen, len(files))
        elif annotations is not None:
            _add_annotated(writer, source, annotations, bar, skipped)
        else:
            _add_folder(writer, source, labels == "folders", bar, skipped)
        added = _ffi.read_size(lib.scrl_writer_count, writer._handle)
        if not added:
            why = f"; first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
            raise DataError(
                f"pack: no image to pack ({len(skipped)} files could not be used{why})")
        writer.finish()
    return PackReport(added, skipped)


# ------------------------------------------------------------------ reading

class Dataset(_ffi.Handle):
    """A dataset file: len(ds), ds[i] (H,W,3) uint8, ds.labels, ds.boxes(i), iteration.

    Only the index is read at opening. Several threads may read at once.
    """

    def __init__(self, path: PathLike) -> None:
        pointer = _ffi.dataset_p()
        self.path = os.path.abspath(os.fsdecode(path))
        _ffi.check(lib.scrl_dataset_open(_ffi.path_bytes(path), byref(pointer)))
        self._own(pointer, lib.scrl_dataset_free)
        self._count = _ffi.read_size(lib.scrl_dataset_count, self._handle)
        self._labels: Optional[np.ndarray] = None

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
        _ffi.check(lib.scrl_dataset_size(
            self._handle, self._index(index), byref(height), byref(width)))
        return height.value, width.value

    def __getitem__(self, index: int) -> np.ndarray:
        place = self._index(index)
        height, width = self.size(place)
        pixels = np.empty((height, width, 3), np.uint8)
        _ffi.check(lib.scrl_dataset_read_rgb(
            self._handle, place, pixels.ctypes.data_as(_ffi.bytes_), pixels.size))
        return pixels

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))

    def jpeg(self, index: int) -> bytes:
        """The stored JPEG stream of an image."""
        place = self._index(index)
        count = c_size_t()
        _ffi.check(lib.scrl_dataset_read_jpeg(self._handle, place, None, 0, byref(count)))
        room = (ctypes.c_uint8 * count.value)()
        _ffi.check(lib.scrl_dataset_read_jpeg(self._handle, place, room, count.value, byref(count)))
        return bytes(room)

    @property
    def labels(self) -> Optional[np.ndarray]:
        """(n) int32 classes of whole images, −1 where there is none; None when no image has one."""
        if self._labels is None:
            values = np.empty(len(self), np.int32)
            label = c_int32()
            for index in range(len(self)):
                _ffi.check(lib.scrl_dataset_label(self._handle, index, byref(label)))
                values[index] = label.value
            self._labels = values
        return None if (self._labels < 0).all() else self._labels.copy()

    def _boxes(self, index: int) -> Tuple[np.ndarray, np.ndarray]:
        place = self._index(index)
        count = c_size_t()
        _ffi.check(lib.scrl_dataset_boxes(self._handle, place, None, None, 0, byref(count)))
        boxes = np.empty((count.value, 4), np.float32)
        labels = np.full(count.value, -1, np.int32)
        if count.value:
            _ffi.check(lib.scrl_dataset_boxes(
                self._handle, place, _ffi.float_pointer(boxes),
                labels.ctypes.data_as(_ffi.ints), count.value, byref(count)))
        return boxes, labels

    def boxes(self, index: int) -> np.ndarray:
        """(n,4) float32: x0, y0, x1, y1 in pixels of the image's boxes."""
        return self._boxes(index)[0]

    def box_labels(self, index: int) -> np.ndarray:
        """(n) int32 classes of the image's boxes, −1: none."""
        return self._boxes(index)[1]

    def mask(self, index: int, box: int) -> Optional[str]:
        """The mask of a box as COCO compressed RLE text of the image's size; None without one."""
        place, box = self._index(index), _ffi.count_of(box, "box")
        text = _ffi.read_text(
            lambda room, capacity, length: lib.scrl_dataset_mask(
                self._handle, place, box, room, capacity, length))
        return text or None

    @property
    def classes(self) -> List[str]:
        """The class names, by number."""
        name = c_char_p()
        names = []
        for number in range(_ffi.read_size(lib.scrl_dataset_class_count, self._handle)):
            _ffi.check(lib.scrl_dataset_class_name(self._handle, number, byref(name)))
            names.append((name.value or b"").decode("utf-8", "replace"))
        return names

    def __reduce__(self) -> Any:
        return Dataset, (self.path,)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._count} images"
        return f"Dataset({self.path!r}, {state})"


def prepare(pixels: Any, size: int) -> np.ndarray:
    """(3,S,S) float32 for a model: shorter side to size + 32, centre crop, ImageNet-normalised.

    pixels (H,W,3) uint8.
    """
    array = np.ascontiguousarray(pixels, np.uint8)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ArgumentError(f"prepare: pixels have shape {array.shape}, expected (H, W, 3)")
    size = _ffi.count_of(size, "size")
    image = np.empty((3, size, size), np.float32)
    _ffi.check(lib.scrl_image_prepare(
        array.ctypes.data_as(_ffi.bytes_), array.shape[0], array.shape[1], size,
        _ffi.float_pointer(image), image.size))
    return image
