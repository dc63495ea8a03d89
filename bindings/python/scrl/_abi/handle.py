"""Objects of the library that a Python object owns, and the parameters that they hold."""

from ctypes import byref
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np

from ..errors import StateError
from . import header
from .library import check, lib
from .values import float_pointer, read_size


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
        info = header.scrl_parameter_info()
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
