"""pack() makes one HDF5 file of a folder of images, with the boxes and masks of an annotation file.

JPEG streams go in as they are. What the library cannot use by itself is opened with Pillow (PNG,
BMP, TIFF, WebP, …) and stored as JPEG quality 95: first frame, alpha composited on white, 16 bits
scaled to 8. EXIF orientation is not applied, neither for JPEG nor for the rest: pixels are as stored.
"""

import json
import os
import stat
from ctypes import byref, c_int32
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _ffi, progress as bars
from ._ffi import PathLike, lib
from .errors import ArgumentError, DataError, StorageError
from .interrupts import interrupt_into

Skipped = Tuple[str, str]
Annotations = Union[PathLike, Dict[str, Any]]
ENTRIES, ACTIONS = ("image", "category", "annotation"), ("skipped", "clipped")  # SCRL_COCO_…


class AnnotationIssue(NamedTuple):
    """An entry of an annotation file that did not pass as it stands."""

    entry: str          # "category" or "annotation"
    id: Optional[int]   # None: it has none that could be read
    file: str           # the image's file_name, "": none
    action: str         # "skipped", or "clipped" to the image
    reason: str


class PackReport(NamedTuple):
    """What pack() did: images added, (path, reason) of what could not be used, and the entries of
    an annotation file that were skipped or clipped."""

    added: int
    skipped: List[Skipped]
    issues: Sequence[AnnotationIssue] = ()


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

    def add_file(self, path: PathLike, note: Optional[Any] = None) -> None:
        _ffi.check(lib.scrl_writer_add_file(
            self._handle, _ffi.path_bytes(path), None if note is None else byref(note)))

    def add_rgb(self, pixels: np.ndarray, note: Optional[Any] = None) -> None:
        height, width, _ = pixels.shape
        _ffi.check(lib.scrl_writer_add_rgb(
            self._handle, pixels.ctypes.data_as(_ffi.bytes_), height, width, 0, 0,
            None if note is None else byref(note)))

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


def _add_any(writer: _Writer, path: bytes, skipped: List[Skipped]) -> None:
    """Adds a file of any kind, or tells in `skipped` why not."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError("not a regular file")
        try:
            writer.add_file(path)
        except (DataError, StorageError) as error:
            writer.add_rgb(_rgb(path, _one_line(error)))
    except (DataError, OSError) as error:
        if isinstance(error, StorageError) and os.access(path, os.R_OK):
            raise  # the file is fine: it is the disk that refuses
        skipped.append((os.fsdecode(path), _one_line(error)))


def _add_folder(writer: _Writer, folder: PathLike, from_folders: bool,
                bar: Callable[[int, int], None], skipped: List[Skipped]) -> None:
    """Walks a folder in the library; its callbacks keep every exception for after the call."""
    failure: List[BaseException] = []
    stops: List[str] = []

    def on_skip(path: bytes, reason: bytes, label: int, _user: Any) -> int:
        try:
            text = (reason or b"").decode("utf-8", "replace")
            try:
                pixels = _rgb(path, text)
                writer.add_rgb(pixels, _ffi.scrl_annotation(label=label))
                return 1
            except DataError as error:
                skipped.append((os.fsdecode(path), _one_line(error)))
                return 0
        except BaseException as error:
            failure.append(error)
            return -1

    def on_progress(added: int, seen: int, total: int, _user: Any) -> int:
        try:
            caught.heed()
            bar(seen, total)
            return len(stops)
        except BaseException as error:
            failure.append(error)
            return 1

    options = _ffi.scrl_folder_options(
        labels_from_folders=int(from_folders), skipped=_ffi.scrl_skip_fn(on_skip),
        progress=_ffi.scrl_walk_fn(on_progress))
    with interrupt_into(stops) as caught:
        code = lib.scrl_writer_add_folder(
            writer._handle, _ffi.path_bytes(folder), byref(options), None, None)
    caught.deliver(code, "packing stopped", failure)
    _ffi.check(code)


def _coco_text(annotations: Annotations) -> Optional[bytes]:
    """The JSON of a dict; None for a path. Numbers that are not finite pass, to be told by the import."""
    if not isinstance(annotations, dict):
        return None
    try:
        return json.dumps(annotations, default=lambda value: value.tolist()).encode("utf-8")
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArgumentError(f"pack: annotations are not JSON: {_one_line(error)}") from None


def _add_coco(writer: _Writer, folder: PathLike, annotations: Annotations, on_bad: str,
              bar: Callable[[int, int], None], skipped: List[Skipped]) -> List[AnnotationIssue]:
    """Imports a COCO file in the library; its callbacks keep every exception for after the call."""
    failure: List[BaseException] = []
    stops: List[str] = []
    issues: List[AnnotationIssue] = []
    reasons: Dict[str, str] = {}  # Pillow's, of the picture in work

    def on_unreadable(path: bytes, reason: bytes, _label: int, _user: Any) -> int:
        try:
            try:
                writer.add_rgb(_rgb(path, (reason or b"").decode("utf-8", "replace")))
                return 1
            except DataError as error:
                reasons["last"] = _one_line(error)
                return 0
        except BaseException as error:
            failure.append(error)
            return -1

    def on_issue(raw: Any, _user: Any) -> int:
        try:
            told = raw.contents
            file = (told.file or b"").decode("utf-8", "replace")
            reason = (told.reason or b"").decode("utf-8", "replace")
            number = None if told.id < 0 else told.id
            if ENTRIES[told.entry] == "image":
                path = os.path.join(os.fsdecode(folder), file) if file else f"image {number}"
                skipped.append((path, reasons.pop("last", reason)))
            else:
                issues.append(AnnotationIssue(
                    ENTRIES[told.entry], number, file, ACTIONS[told.action], reason))
            return 0
        except BaseException as error:
            failure.append(error)
            return 1

    def on_progress(_added: int, seen: int, total: int, _user: Any) -> int:
        try:
            caught.heed()
            reasons.clear()
            bar(seen, total)
            return len(stops)
        except BaseException as error:
            failure.append(error)
            return 1

    options = _ffi.scrl_coco_options(
        refuse=int(on_bad == "refuse"), issue=_ffi.scrl_coco_fn(on_issue),
        unreadable=_ffi.scrl_skip_fn(on_unreadable), progress=_ffi.scrl_walk_fn(on_progress))
    text = _coco_text(annotations)
    path = None if text is not None else _ffi.path_bytes(annotations)  # type: ignore[arg-type]
    with interrupt_into(stops) as caught:
        code = lib.scrl_writer_add_coco(
            writer._handle, _ffi.path_bytes(folder), path, text, len(text or b""), byref(options),
            None)
    caught.deliver(code, "packing stopped", failure)
    _ffi.check(code)
    return issues


def pack(source: Union[PathLike, Sequence[PathLike]], out: PathLike,
         labels: Optional[str] = None, progress: bool = True,
         annotations: Optional[Annotations] = None, on_bad: str = "skip") -> PackReport:
    """Packs images into one dataset file; bad files are reported, never fatal.

    source       a folder (walked in the byte order of its paths) or a list of files.
    out          the HDF5 file; an older one is replaced when all is written.
    labels       "folders": the first folder below the root names an image's class; None: no labels.
    progress     rate and time left on stderr: a bar on a terminal, elsewhere a line every ten seconds.
    annotations  a COCO file, or a dict of its form (scrl.annotations makes one of other data sets),
                 whose pictures, boxes and masks are packed; paths relative to `source`.
    on_bad       what is done about annotations that cannot be used: "skip" leaves them out (or clips
                 them to the image) and lists them in the report; "refuse" raises DataError.

    Raises StorageError (folder, disk), ArgumentError, FormatError (annotations that are no COCO),
    DataError when no image could be used, and for on_bad="refuse".
    """
    if labels not in (None, "folders"):
        raise ArgumentError(f"pack: labels is {labels!r}, expected 'folders' or None")
    if labels and annotations is not None:
        raise ArgumentError("pack: labels='folders' and annotations exclude each other")
    if on_bad not in ("skip", "refuse"):
        raise ArgumentError(f"pack: on_bad is {on_bad!r}, expected 'skip' or 'refuse'")
    skipped: List[Skipped] = []
    issues: List[AnnotationIssue] = []
    is_list = not isinstance(source, (str, bytes, os.PathLike))
    if is_list and (labels or annotations is not None):
        raise ArgumentError("pack: labels and annotations need a folder as source")
    with _Writer(out) as writer, bars.counter("packing", "images", progress) as bar:
        if is_list:
            files = [_ffi.path_bytes(each) for each in source]
            for seen, each in enumerate(files, 1):
                _add_any(writer, each, skipped)
                bar(seen, len(files))
        elif annotations is not None:
            issues = _add_coco(writer, source, annotations, on_bad, bar, skipped)
        else:
            _add_folder(writer, source, labels == "folders", bar, skipped)
        added = _ffi.read_size(lib.scrl_writer_count, writer._handle)
        if not added:
            why = f"; first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
            raise DataError(
                f"pack: no image to pack ({len(skipped)} files could not be used{why})")
        writer.finish()
    return PackReport(added, skipped, issues)
