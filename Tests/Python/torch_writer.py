"""Writes files as torch.save does, without torch: for tests that need large or hostile ones.

The pickles are the standard library's own; its pure Python pickler lets globals be written that
cannot be imported here.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np


class Named:
    """A global, written by its name."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *_):
        raise AssertionError("only written, never called")


class Storage:
    def __init__(self, key, array, kind=None, count=None):
        kinds = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long"}
        self.key, self.array = key, np.asarray(array, order="C")
        self.kind = Named("torch", (kind or kinds[self.array.dtype.name]) + "Storage")
        self.count = self.array.size if count is None else count


REBUILD = Named("torch._utils", "_rebuild_tensor_v2")


class Tensor:
    """A tensor of a storage; size and stride are the storage's whole array unless given."""

    def __init__(self, storage, size=None, stride=None, offset=0):
        array = storage.array
        self.storage, self.offset = storage, offset
        self.size = array.shape if size is None else size
        steps = tuple(step // array.itemsize for step in array.strides)
        self.stride = steps if stride is None else stride

    def __reduce_ex__(self, protocol):
        return REBUILD, (self.storage, self.offset, self.size, self.stride, False, OrderedDict())


class _Pickler(pickle._Pickler):
    dispatch = dict(pickle._Pickler.dispatch)

    def save_named(self, named):
        self.write(f"c{named.module}\n{named.name}\n".encode())
        self.memoize(named)

    dispatch[Named] = save_named

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        self.storages[value.key] = value
        return "storage", value.kind, value.key, "cpu", value.count


def pickled(value):
    """(bytes of the value's pickle, its storages by key)"""
    file = io.BytesIO()
    writer = _Pickler(file, 2)
    writer.storages = {}
    writer.dump(value)
    return file.getvalue(), writer.storages


def tensors(arrays):
    """A state dict of arrays by name, each with a storage of its own; one array, one storage."""
    made = {}
    for array in arrays.values():
        made.setdefault(id(array), Tensor(Storage(str(len(made)), array)))
    return OrderedDict((name, made[id(array)]) for name, array in arrays.items())


def write_zip(path, value, **changes):
    """The zip format. changes: raw bytes in the place of an entry; None leaves it out."""
    data, storages = pickled(value)
    entries = {"data.pkl": data, "byteorder": b"little"}
    entries.update((f"data/{key}", storage.array.tobytes()) for key, storage in storages.items())
    entries["version"] = b"3\n"
    entries.update((name.replace("_pkl", ".pkl"), raw) for name, raw in changes.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            if content is not None:
                archive.writestr("archive/" + name, content)
    return path


def write_legacy(path, value=None, data=None, storages=(), machine=None):
    """The format of torch <= 1.5: of a value, or of its pickle and storages."""
    if data is None:
        data, found = pickled(value)
        storages = list(found.values())
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps(
        machine or {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)]
    parts += [data, pickle.dumps([storage.key for storage in storages], 2)]
    for storage in storages:
        parts += [struct.pack("<q", storage.array.size), storage.array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path
