"""Objects of the library that a Python object owns, and the parameters that they hold."""

from ctypes import POINTER, byref
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


class State(Handle):
    """A view of the named tensors of a model, a trainer or a detector; noun says which it is."""

    def __init__(self, owner: Any, noun: str) -> None:
        pointer = POINTER(header.scrl_state)()
        check(getattr(lib, f"scrl_{noun}_state")(owner, byref(pointer)))
        self._own(pointer, lib.scrl_state_free)

    def table(self) -> List[Tuple[str, Tuple[int, ...], bool]]:
        """(name, shape, trainable) of each tensor."""
        found = []
        for index in range(read_size(lib.scrl_state_count, self._handle)):
            info = header.scrl_state_info()
            check(lib.scrl_state_at(self._handle, index, byref(info)))
            found.append((info.name.decode(), tuple(info.shape[:info.rank]), bool(info.trainable)))
        return found

    def read(self, name: str, shape: Sequence[int]) -> np.ndarray:
        array = np.empty(shape, np.float32)
        check(lib.scrl_state_read(
            self._handle, name.encode(), float_pointer(array), array.size))
        return array

    def write(self, name: str, array: np.ndarray) -> None:
        check(lib.scrl_state_write(
            self._handle, name.encode(), float_pointer(array), array.size))
