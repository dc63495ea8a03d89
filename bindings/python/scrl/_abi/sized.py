"""The base of every struct that tells the library its size."""

from ctypes import Structure, sizeof
from typing import Any


class Sized(Structure):
    """A struct whose first field tells its size to the library."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=sizeof(type(self)), **fields)
