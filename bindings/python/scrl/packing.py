"""pack() makes one HDF5 file of a folder of images, with the boxes and masks of an annotation file.

JPEG streams go in as they are. What the library cannot use by itself is opened with Pillow (PNG,
BMP, TIFF, WebP, …) and stored as JPEG quality 95: first frame, alpha composited on white, more than
8 bits scaled to 8 (reading.py). Pictures that their file says are to be shown turned are turned.
"""

import json
import os
import stat
import warnings
from collections import Counter
from ctypes import byref
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from . import _abi, progress as bars
from ._abi import PathLike, lib
from .coco_metrics import plain_json
from .errors import ArgumentError, DataError, StorageError
from .interrupts import interrupt_into
from .pack_report import (
    ACTIONS, ENTRIES, AnnotationIssue, LossWarning, PackReport, PictureNote, Skipped, Told,
)
from .reading import Rules, means_picture, one_line as _one_line, read

Annotations = Union[PathLike, Dict[str, Any]]


class _Writer(_abi.Handle):
    """scrl_writer; the file appears at finish()."""

    def __init__(self, path: PathLike, rules: Rules = Rules()) -> None:
        self.rules = rules
        self.path = b""  # of the picture in work
        self.notes: List[PictureNote] = []
        self.depths: "Counter[int]" = Counter()
        self.truncated = self.several = 0  # of Pillow's; the library counts its own

        def on_note(path: bytes, note: bytes, _user: Any) -> None:
            self.notes.append(PictureNote(
                os.fsdecode(path or self.path), (note or b"").decode("utf-8", "replace")))

        self._options = _abi.header.scrl_picture_options(
            orientation=("apply", "ignore", "refuse").index(rules.orientation),
            keep_truncated=int(rules.on_truncated == "keep"), note=_abi.header.scrl_note_fn(on_note))
        pointer = _abi.writer_p()
        _abi.check(lib.scrl_writer_new(_abi.path_bytes(path), byref(pointer)))
        self._own(pointer, lib.scrl_writer_free)
        _abi.check(lib.scrl_writer_set_pictures(self._handle, byref(self._options)))

    def add_file(self, path: PathLike, note: Optional[Any] = None) -> None:
        _abi.check(lib.scrl_writer_add_file(
            self._handle, _abi.path_bytes(path), None if note is None else byref(note)))

    def add_picture(self, path: bytes, reason: str, note: Optional[Any] = None) -> None:
        """Adds what Pillow makes of a file that the library has refused for that reason."""
        self.path = path
        picture = read(path, reason, self.rules)
        height, width, _ = picture.pixels.shape
        _abi.check(lib.scrl_writer_add_oriented(
            self._handle, picture.pixels.ctypes.data_as(_abi.bytes_), height, width, 0, 0,
            picture.orientation, None if note is None else byref(note)))
        self.notes += [PictureNote(os.fsdecode(path), each) for each in picture.notes]
        self.truncated += picture.truncated
        self.several += picture.several
        if picture.bits is not None:
            self.depths[picture.bits] += 1

    def told(self) -> Dict[str, Any]:
        """The fields of a PackReport that concern pictures."""
        raw = _abi.header.scrl_picture_report()
        _abi.check(lib.scrl_writer_report_pictures(self._handle, byref(raw)))
        return {
            "notes": self.notes, "turned": raw.turned, "not_turned": raw.not_turned,
            "truncated": raw.truncated + self.truncated, "encoded": raw.encoded, "several": self.several,
            "hidden": raw.hidden, "depths": dict(sorted(self.depths.items())),
        }

    def finish(self) -> None:
        _abi.check(lib.scrl_writer_finish(self._handle))


def _add_any(writer: _Writer, path: bytes, skipped: List[Skipped]) -> None:
    """Adds a file of any kind, or tells in `skipped` why not."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError("not a regular file")
        try:
            writer.add_file(path)
        except (DataError, StorageError) as error:
            writer.add_picture(path, _one_line(error))
    except (DataError, OSError) as error:
        if isinstance(error, StorageError) and os.access(path, os.R_OK):
            raise  # the file is fine: it is the disk that refuses
        skipped.append((os.fsdecode(path), _one_line(error)))


def _add_folder(writer: _Writer, folder: PathLike, from_folders: bool,
                bar: Callable[[int, int], None], told: Told) -> None:
    """Walks a folder in the library; its callbacks keep every exception for after the call."""
    failure: List[BaseException] = []
    stops: List[str] = []

    def on_skip(path: bytes, reason: bytes, label: int, _user: Any) -> int:
        try:
            text = (reason or b"").decode("utf-8", "replace")
            try:
                writer.add_picture(path, text, _abi.header.scrl_annotation(label=label))
                return 1
            except DataError as error:
                told.image(os.fsdecode(path), _one_line(error))
                told.others += not means_picture(path)
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

    options = _abi.header.scrl_folder_options(
        labels_from_folders=int(from_folders), skipped=_abi.header.scrl_skip_fn(on_skip),
        progress=_abi.header.scrl_walk_fn(on_progress))
    with interrupt_into(stops) as caught:
        code = lib.scrl_writer_add_folder(
            writer._handle, _abi.path_bytes(folder), byref(options), None, None)
    caught.deliver(code, "packing stopped", failure)
    _abi.check(code)


def _coco_text(annotations: Annotations) -> Optional[bytes]:
    """The JSON of a dict; None for a path. Numbers that are not finite pass, to be told by the import."""
    if not isinstance(annotations, dict):
        return None
    try:
        listed = {name: part for name, part in annotations.items() if name != "issues"}
        return json.dumps(listed, default=plain_json).encode("utf-8")
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArgumentError(f"pack: annotations are not JSON: {_one_line(error)}") from None


def _add_coco(writer: _Writer, folder: PathLike, annotations: Annotations, on_bad: str,
              bar: Callable[[int, int], None], told: Told) -> None:
    """Imports a COCO file in the library; its callbacks keep every exception for after the call."""
    failure: List[BaseException] = []
    stops: List[str] = []
    reasons: Dict[str, str] = {}  # Pillow's, of the picture in work
    if isinstance(annotations, dict):
        told.earlier(annotations.get("issues") or ())
        for issue in told.issues:
            if on_bad == "refuse" and issue.action != "noted":
                raise DataError(f"pack: {issue}")

    def on_unreadable(path: bytes, reason: bytes, _label: int, _user: Any) -> int:
        try:
            try:
                writer.add_picture(path, (reason or b"").decode("utf-8", "replace"))
                return 1
            except DataError as error:
                reasons["last"] = _one_line(error)
                return 0
        except BaseException as error:
            failure.append(error)
            return -1

    def on_issue(raw: Any, _user: Any) -> int:
        try:
            issue = raw.contents
            file, reason, kind = ((text or b"").decode("utf-8", "replace")
                                  for text in (issue.file, issue.reason, issue.kind))
            number = None if issue.id < 0 else issue.id
            entry, action = ENTRIES[issue.entry], ACTIONS[issue.action]
            if (entry, action) == ("image", "skipped"):
                path = os.path.join(os.fsdecode(folder), file) if file else f"image {number}"
                told.image(path, reasons.pop("last", reason), kind, issue.objects)
            else:
                told.issue(AnnotationIssue(entry, number, file, action, reason, kind), issue.objects)
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

    options = _abi.header.scrl_coco_options(
        refuse=int(on_bad == "refuse"), issue=_abi.header.scrl_coco_fn(on_issue),
        unreadable=_abi.header.scrl_skip_fn(on_unreadable), progress=_abi.header.scrl_walk_fn(on_progress))
    text = _coco_text(annotations)
    path = None if text is not None else _abi.path_bytes(annotations)  # type: ignore[arg-type]
    report = _abi.header.scrl_coco_report()
    with interrupt_into(stops) as caught:
        code = lib.scrl_writer_add_coco(
            writer._handle, _abi.path_bytes(folder), path, text, len(text or b""), byref(options),
            byref(report))
    caught.deliver(code, "packing stopped", failure)
    _abi.check(code)
    told.objects = report.annotations
    told.changed += report.changed_annotations


def pack(source: Union[PathLike, Sequence[PathLike]], out: PathLike,
         labels: Optional[str] = None, progress: bool = True,
         annotations: Optional[Annotations] = None, on_bad: str = "skip",
         allow_loss: bool = False, orientation: str = "apply", on_truncated: str = "skip",
         bits: Optional[int] = None) -> PackReport:
    """Packs images into one dataset file; bad files are reported, never fatal.

    source       a folder (walked in the byte order of its paths, hidden files and folders left out) or
                 a list of files.
    out          the HDF5 file; an older one is replaced when all is written.
    labels       "folders": the first folder below the root names an image's class; None: no labels.
    progress     rate and time left on stderr: a bar on a terminal, elsewhere a line every ten seconds.
    annotations  a COCO file, or a dict of its form (scrl.annotations makes one of other data sets),
                 whose pictures, boxes and masks are packed; paths relative to `source`.
    on_bad       what is done about annotations that cannot be used as they are: "skip" leaves them
                 out, clips them to the image, or ignores the part that is of no use, and lists them in
                 the report; "refuse" raises DataError. Neither concerns notes (report.issues with
                 action "noted": a byte order mark, ids that are text, classes of one name, …), by
                 which nothing is lost. What an annotation needs and what is optional is told at
                 scrl_writer_add_coco() in scrl.h.
    allow_loss   False: where more than a tenth of the images or objects is lost, LossWarning says so
                 (the file is written all the same); True: it does not. report.summary is that line.
    orientation  pictures with an EXIF orientation: "apply" turns them as they are shown (where a COCO
                 file tells sizes of the stored pixels, it leaves them); "ignore" takes the pixels as
                 stored; "refuse" skips them.
    on_truncated files that end early: "skip", or "keep" what is there (a lost end marker costs
                 nothing, rows that are missing are gray or black).
    bits         bits that samples of 16-bit files really hold, 8 … 16; None: by each file's own
                 largest value and tags, which the report tells.

    Raises StorageError (folder, disk), ArgumentError, FormatError (annotations that are no COCO),
    DataError when no image could be used, and for on_bad="refuse".
    """
    if labels not in (None, "folders"):
        raise ArgumentError(f"pack: labels is {labels!r}, expected 'folders' or None")
    if labels and annotations is not None:
        raise ArgumentError("pack: labels='folders' and annotations exclude each other")
    if on_bad not in ("skip", "refuse"):
        raise ArgumentError(f"pack: on_bad is {on_bad!r}, expected 'skip' or 'refuse'")
    rules = Rules(orientation, on_truncated, bits).checked("pack")
    told = Told()
    skipped = told.skipped
    is_list = not isinstance(source, (str, bytes, os.PathLike))
    if is_list and (labels or annotations is not None):
        raise ArgumentError("pack: labels and annotations need a folder as source")
    with _Writer(out, rules) as writer, bars.counter("packing", "images", progress) as bar:
        if is_list:
            files = [_abi.path_bytes(each) for each in source]
            for seen, each in enumerate(files, 1):
                _add_any(writer, each, skipped)
                bar(seen, len(files))
        elif annotations is not None:
            _add_coco(writer, source, annotations, on_bad, bar, told)
        else:
            _add_folder(writer, source, labels == "folders", bar, told)
        added = _abi.read_size(lib.scrl_writer_count, writer._handle)
        if not added:
            why = f"; first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
            raise DataError(
                f"pack: no image to pack ({len(skipped)} files could not be used{why})")
        writer.finish()
        report = told.report(added, annotations is not None)._replace(**writer.told())
    if report.is_lossy and not allow_loss:
        warnings.warn(
            f"pack: {report.summary} · more than a tenth is lost: see the report's skipped and issues, "
            "or give allow_loss=True", LossWarning, stacklevel=2)
    return report
