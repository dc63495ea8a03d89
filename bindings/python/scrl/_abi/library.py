"""Finds the library, loads it at the first call, and raises the exception of a status.

`import scrl` and `scrl --help` do without the library.
"""

import ctypes
import os
from pathlib import Path
from typing import Any, Callable, List, Optional

from ..errors import BY_STATUS, Error, UnsupportedError
from . import header
from .header import FUNCTIONS, SCRL_ABI, SCRL_OK


def candidates() -> List[str]:
    """Where the library is looked for, in order."""
    named = os.environ.get("SCRL_LIBRARY")
    if named:
        return [named]
    here = Path(__file__).resolve().parents[1]
    places = [here / "_lib" / "libscrl.so.0"]
    if len(here.parents) > 2:
        places.append(here.parents[2] / "build" / "lib" / "libscrl.so.0")
    return [str(place) for place in places if place.is_file()] + ["libscrl.so.0"]


def _load() -> ctypes.CDLL:
    problems = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            problems.append(f"{path}: {error}")
            continue
        try:
            for name, (result, arguments) in FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise UnsupportedError(f"load: {path} is another libscrl: {error}") from None
        found = library.scrl_abi()
        if found != SCRL_ABI:
            raise UnsupportedError(f"load: {path} has ABI {found}, this package needs {SCRL_ABI}")
        return library
    raise UnsupportedError(
        "load: libscrl.so.0 was not found; run `make build`, or set SCRL_LIBRARY to it ("
        + "; ".join(problems) + ")"
    )


class _Library:
    """The functions of FUNCTIONS as attributes; the first use loads the library."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        library = _load()
        for each in FUNCTIONS:
            setattr(self, each, getattr(library, each))
        return self.__dict__[name]


lib = _Library()


def check(code: int) -> None:
    """Raises the exception of a status that is not SCRL_OK, with the library's text."""
    if code == SCRL_OK:
        return
    message = (lib.scrl_last_error() or b"").decode("utf-8", "replace")
    kind = BY_STATUS.get(code, Error)
    raise kind(message or f"libscrl answered {code}")


_log_callback: Optional[Any] = None


def set_log(sink: Optional[Callable[[str], None]]) -> None:
    """Sends the library's notes to `sink` (called with one line, from any thread); None stops."""
    global _log_callback

    def line(raw: Optional[bytes], _user: Any) -> None:
        try:
            sink((raw or b"").decode("utf-8", "replace"))
        except BaseException:  # nobody stands above us here
            pass

    callback = header.scrl_log_fn(line) if sink is not None else header.scrl_log_fn()
    lib.scrl_log_set(callback, None)
    _log_callback = callback  # kept alive for as long as the library may call it
