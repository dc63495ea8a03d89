"""Files that are written: whole or not at all, and never in the place of one that is not ours.

A file may replace nothing, an empty file, or an older one of its own kind. The library keeps the same
rule for datasets, checkpoints, COCO annotations and results (see scrl.h).
"""

import os
import secrets
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Tuple

from . import _abi
from ._abi import PathLike
from .errors import StateError, StorageError

FEATURES = "libscrl features"    # the attribute `format` of an HDF5 file of features
PAGE = '<meta name="generator" content="scrl report">'
PICTURE = "scrl detect predict"  # the EXIF field Software of a drawn picture
_HEAD = 1 << 16


def _is_results(head: bytes) -> bool:
    """A list that is empty, or whose first entry has an image and a score."""
    text = head.lstrip()
    if text[:1] != b"[":
        return False
    inside = text[1:].lstrip()
    return inside[:1] == b"]" or (
        inside[:1] == b"{" and b'"image_id"' in inside and b'"score"' in inside)


# kind → what errors call it, and how an older one is known by its first bytes
KINDS: Dict[str, Tuple[str, Callable[[bytes], bool]]] = {
    "array": ("a NumPy array (.npy)", lambda head: head.startswith(b"\x93NUMPY")),
    "features": ("HDF5 features of `scrl features`", lambda head: head.startswith(b"\x89HDF")
                 and FEATURES.encode() in head),
    "curves": ("curves of `scrl eval coco`", lambda head: head.startswith(b"PK\3\4")
               and head[30:43] == b"precision.npy"),
    "results": ("a COCO results list", _is_results),
    "page": ("a page of `scrl report`", lambda head: PAGE.encode() in head),
    "picture": ("a picture of `scrl detect predict`", lambda head: head.startswith(b"\xff\xd8")
                and PICTURE.encode() in head),
}


def check(path: PathLike, kind: str, *inputs: Any) -> str:
    """The path as text, when a file of the kind may be written there.

    inputs  files that are read: `path` must be none of them, under whatever name.
    Raises StateError for a file that would be lost, StorageError for a place that cannot hold one.
    """
    text = os.fsdecode(_abi.path_bytes(path))
    folder = os.path.dirname(text) or "."
    if not os.path.isdir(folder):
        reason = "is not a folder" if os.path.exists(folder) else "is not there"
        raise StorageError(f"create {text}: {folder} {reason} · expected a folder")
    if os.path.isdir(text) or not os.path.basename(text):
        raise StorageError(f"create {text}: is a folder · expected the name of a file")
    if not os.path.lexists(text):
        return text
    for each in inputs:
        if os.path.exists(text) and os.path.exists(each) and os.path.samefile(text, each):
            raise StateError(f"create {text}: is read from · expected another name to write to")
    name, fits = KINDS[kind]
    if os.path.exists(text) and not os.path.isfile(text):
        raise StorageError(f"create {text}: is no regular file · expected another name")
    if os.path.isfile(text) and os.path.getsize(text):
        with open(text, "rb") as file:
            head = file.read(_HEAD)
        if not fits(head):
            raise StateError(f"create {text}: the file there {_abi.described(text)}, and would be lost "
                             f"· expected a new name, or one of {name}")
    return text


@contextmanager
def whole_file(path: PathLike, kind: str, *inputs: Any) -> Iterator[str]:
    """Yields a name to write to, which becomes `path` when all went well and is removed when not.

    kind, inputs and errors as in check().
    """
    text = check(path, kind, *inputs)
    folder, name = os.path.split(text)
    stem = name if len(os.fsencode(name)) <= 200 else "scrl"
    part = os.path.join(folder, f".{stem}.{secrets.token_hex(6)}.tmp")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise StorageError(f"create {text}: temporary file beside it: {error.strerror}") from None
    try:
        yield part
        check(path, kind, *inputs)  # much may have happened since the start
        os.replace(part, text)
    except BaseException:
        if os.path.exists(part):
            os.remove(part)
        raise
