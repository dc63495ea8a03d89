"""Files of torch.save, without torch: the saved value, and its tensors as arrays when asked for.

Two layouts. Zip (torch ≥ 1.6): NAME/data.pkl, NAME/byteorder, NAME/version, and the bytes of each
storage in NAME/data/KEY. Legacy (torch ≤ 1.5): the pickles of a magic number, a protocol number,
facts about the machine, the value and the list of keys, then for each key a count (int64) and its
storage. A tensor is a strided view of a storage: (storage, offset, size, stride), in elements.

Bytes of a storage are read when array() needs them; an optimizer's state is never read. Every error
is a FormatError without the file's path, or the system's OSError.
"""

import math
import os
import stat
import struct
from typing import Any, BinaryIO, Dict, Optional, Tuple

import numpy as np

from . import pickled, stored_zip
from .errors import FormatError
from .pickled import Inert, Stream, shown

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
LAST_ZIP_VERSION = 10
_FLOATS = {"Float": "<f4", "Double": "<f8", "Half": "<f2", "BFloat16": "<u2"}
_WIDTHS = {"Float": 4, "Double": 8, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2,
           "Char": 1, "Byte": 1, "Bool": 1, "ComplexFloat": 8, "ComplexDouble": 16,
           "QInt8": 1, "QUInt8": 1, "QInt32": 4}
_KINDS = {f"torch.{kind}Storage": kind for kind in _WIDTHS}


class Storage:
    """`count` elements from element `shift` of the file's storage `key`."""

    __slots__ = ("kind", "key", "count", "shift")

    def __init__(self, kind: str, key: str, count: int, shift: int) -> None:
        self.kind, self.key, self.count, self.shift = kind, key, count, shift


class Tensor(Inert):
    """A view of a storage as the file has it, unchecked until TorchFile.array()."""

    __slots__ = ("view",)

    def __init__(self, view: Any = ()) -> None:
        super().__init__("tensor")
        self.view = view  # (storage, offset, size, stride, …)

    def set_state(self, state: Any) -> None:
        if not self.view:  # torch < 0.4: torch.FloatTensor() first, then its view
            self.view = state


def _parameter(arguments: tuple) -> Any:
    return arguments[0] if arguments else Inert("parameter")


_CALLS = {
    "torch._utils._rebuild_tensor": Tensor,
    "torch._utils._rebuild_tensor_v2": Tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    **{f"torch.{kind}Tensor": lambda _: Tensor() for kind in _WIDTHS},
}


def begins(path: Any) -> bytes:
    """The first bytes of a regular file; b"" for anything else that is there. Raises OSError."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its writer
        return b""
    with open(path, "rb") as file:
        return file.read(8)


def looks_like(head: bytes) -> bool:
    """Whether a file that begins so is a zip or a binary pickle."""
    return head.startswith((b"PK\3\4", b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"))


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


class TorchFile:
    """An open file: `value` is what was saved, with a Tensor for each tensor."""

    def __init__(self, path: Any) -> None:
        self._roots: Dict[str, Tuple[str, int]] = {}   # key → kind, count
        self._places: Dict[str, Tuple[int, int]] = {}  # key → start, byte count
        self._file: BinaryIO = open(path, "rb")
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            # Tensors may share bytes, but not so that a small file fills the memory.
            self._budget = 4 * self._size
            zipped = self._file.read(4) == b"PK\3\4"
            self.value = self._read_zip() if zipped else self._read_legacy()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "TorchFile":
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def _bytes(self, entry: Tuple[int, int], limit: int) -> bytes:
        self._file.seek(entry[0])
        return self._file.read(min(entry[1], limit))

    def _read_zip(self) -> Any:
        found = stored_zip.entries(self._file, self._size)
        roots = [name[:-len("data.pkl")] for name in found
                 if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(roots) != 1:
            raise FormatError(f"the zip has {len(roots)} entries */data.pkl, expected one")
        root = roots[0]
        order = self._bytes(found.get(root + "byteorder", (0, 0)), 8)
        if order not in (b"", b"little"):
            raise FormatError(f"the zip's byte order is {shown(order)}, expected 'little'")
        version = self._bytes(found.get(root + "version", (0, 0)), 8).strip() or b"1"
        if not version.isdigit() or not 1 <= int(version) <= LAST_ZIP_VERSION:
            raise FormatError(f"the zip's format version is {shown(version)}, "
                              f"expected 1 … {LAST_ZIP_VERSION}")
        self._places = {name[len(root) + 5:]: entry for name, entry in found.items()
                        if name.startswith(root + "data/")}
        start, length = found[root + "data.pkl"]
        return pickled.load(Stream(self._file, start, start + length), _CALLS, self._storage)

    def _read_legacy(self) -> Any:
        stream = Stream(self._file, 0, self._size)
        magic = pickled.load(stream)
        if type(magic) is not int or magic != MAGIC:
            raise FormatError("the file is a pickle, expected one of torch.save")
        protocol = pickled.load(stream)
        if type(protocol) is not int or protocol != PROTOCOL:
            raise FormatError(f"the file's protocol is {shown(protocol)}, expected {PROTOCOL}")
        machine = pickled.load(stream)
        if type(machine) is not dict or machine.get("little_endian") is not True:
            raise FormatError("the file's machine is not little-endian, expected one that is")
        value = pickled.load(stream, _CALLS, self._storage)
        keys = pickled.load(stream)
        if type(keys) is not list:
            raise FormatError(f"the file's keys are a {type(keys).__name__}, expected a list")
        self._walk(keys, stream.tell())
        return value

    def _walk(self, keys: list, at: int) -> None:
        """Notes where each storage of a legacy file lies."""
        for key in keys:
            if type(key) is not str or key not in self._roots or key in self._places:
                raise FormatError(f"storage {shown(key)} is unknown or there twice, "
                                  "expected each of the pickle's once")
            kind, count = self._roots[key]
            self._file.seek(at)
            head = self._file.read(8)
            width = _WIDTHS.get(kind)
            if width is None or len(head) != 8 or struct.unpack("<q", head)[0] != count:
                raise FormatError(f"storage {shown(key)} at byte {at} is not of {count} "
                                  f"{shown(kind)} elements, expected that")
            self._places[key] = at + 8, count * width
            at += 8 + count * width
            if at > self._size:
                raise FormatError(f"storage {shown(key)} ends at byte {at}, expected at most "
                                  f"{self._size}: is the file cut off?")

    def _storage(self, identity: Any) -> Any:
        """("storage", class, key, device, count) as a Storage; legacy files add a view of it."""
        if type(identity) is not tuple or identity[:1] != ("storage",):
            return Inert("persistent")
        if len(identity) not in (5, 6) or type(identity[1]) is not pickled.Global \
                or type(identity[2]) is not str or not _whole(identity[4]):
            raise FormatError("a storage's identity has parts of wrong types, expected "
                              "class, key, device and count")
        kind = _KINDS.get(identity[1].name, identity[1].name)
        key, count, shift = identity[2], identity[4], 0
        if self._roots.setdefault(key, (kind, count)) != (kind, count):
            raise FormatError(f"storage {shown(key)} has two types or sizes, expected one")
        view = identity[5] if len(identity) == 6 else None
        if view is not None:  # (key, offset, count)
            if type(view) is not tuple or len(view) != 3 or not _whole(view[1]) \
                    or not _whole(view[2]) or view[1] + view[2] > count:
                raise FormatError(f"a view of storage {shown(key)} is out of its {count} elements")
            shift, count = view[1], view[2]
        return Storage(kind, key, count, shift)

    def array(self, tensor: Tensor, name: str) -> np.ndarray:
        """The tensor's values, copied: float32, contiguous, of the tensor's shape.

        Raises FormatError naming `name`: not floating point, or a view that its storage or the file
        does not hold, or whose elements overlap.
        """
        view = tensor.view
        if type(view) is not tuple or len(view) < 4 or type(view[0]) is not Storage:
            raise FormatError(f"{name} is no view of a storage, expected one")
        storage, offset, size, stride = view[:4]
        if type(size) is not tuple or type(stride) is not tuple or len(size) != len(stride) \
                or len(size) > 32 or not all(map(_whole, (offset, *size, *stride))) or 0 in size:
            raise FormatError(f"{name} has size {shown(size)}, stride {shown(stride)} and offset "
                              f"{shown(offset)}, expected whole numbers and at least one value")
        span = 1 + sum((n - 1) * step for n, step in zip(size, stride))
        if offset + span > storage.count or math.prod(size) > span:
            raise FormatError(f"{name} has size {shown(size)}, stride {shown(stride)} and offset "
                              f"{shown(offset)}, expected distinct elements of a storage of "
                              f"{shown(storage.count)}")
        flat = self._elements(storage, offset, span, name)
        steps = [step * flat.itemsize if n > 1 else 0 for n, step in zip(size, stride)]
        strided = np.lib.stride_tricks.as_strided(flat, size, steps)
        with np.errstate(over="ignore", invalid="ignore"):  # float64 beyond float32 becomes inf
            return np.asarray(strided, np.float32, order="C")

    def _elements(self, storage: Storage, offset: int, count: int, name: str) -> np.ndarray:
        """(count) elements of a storage from `offset`, float16, float32 or float64."""
        form: Optional[str] = _FLOATS.get(storage.kind)
        if form is None:
            raise FormatError(f"{name} is of type {shown(storage.kind)}, expected one of "
                              + ", ".join(_FLOATS))
        width = _WIDTHS[storage.kind]
        start, length = self._places.get(storage.key, (0, -1))
        if length != self._roots[storage.key][1] * width:
            raise FormatError(f"{name}: storage {shown(storage.key)} has "
                              f"{length if length >= 0 else 'no'} bytes, expected "
                              f"{shown(self._roots[storage.key][1] * width)}")
        self._budget -= count * width
        if self._budget < 0:
            raise FormatError(f"{name}: tensors share bytes so often that they are larger than 4 "
                              "times the file, expected fewer")
        flat = np.empty(count, form)
        self._file.seek(start + (storage.shift + offset) * width)
        if self._file.readinto(memoryview(flat).cast("B")) != count * width:  # type: ignore
            raise FormatError(f"{name}: the file ended while it was read")
        return (flat.astype("<u4") << 16).view("<f4") if storage.kind == "BFloat16" else flat
