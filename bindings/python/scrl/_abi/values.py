"""Python's values as C takes them: paths, texts, numbers, arrays; and texts that C gives back."""

import ctypes
import operator
import os
import warnings
from ctypes import POINTER, byref, c_float, c_size_t
from typing import Any, Callable, Optional, Tuple, Union

import numpy as np

from ..errors import ArgumentError, ShapeError
from . import header
from .library import check, lib

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]


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
    return array.ctypes.data_as(POINTER(c_float))


def borrow(values: Any, rank: int, what: str) -> Tuple[header.scrl_tensor, np.ndarray]:
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
    tensor = header.scrl_tensor(rank=rank, data=float_pointer(array))
    tensor.shape[:rank] = array.shape
    if not array.flags.c_contiguous:
        tensor.strides[:rank] = [step // size for step in array.strides]
    return tensor, array


def is_hidden(name: Union[str, bytes]) -> bool:
    """Whether walks of folders leave out a file or folder of this name."""
    return bool(lib.scrl_name_is_hidden(os.fsencode(name)))


def borrow_pictures(values: Any, what: str) -> Tuple[header.scrl_tensor, np.ndarray]:
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
