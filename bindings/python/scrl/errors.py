"""Exceptions: one class per status code of scrl.h, all of them scrl.Error; texts on one line."""

import unicodedata
from itertools import islice
from typing import Any, Dict, Iterable, Iterator, Type

LONGEST = 1000  # bytes of a text for people, as in scrl.h
_PLAIN = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(characters: Iterable[str]) -> Iterator[str]:
    """Controls, line ends, marks of direction and what is no character, spelt out."""
    for each in characters:
        code, kind = ord(each), unicodedata.category(each)
        if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
            yield f"\\x{code - 0xDC00:02x}"
        elif kind in ("Cc", "Cf", "Zl", "Zp", "Cs") and each not in "\u200c\u200d":
            yield _PLAIN.get(each) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
        else:
            yield each


def one_line(text: Any, limit: int = LONGEST) -> str:
    """A text as one line of at most `limit` bytes of UTF-8, as scrl.h wants it.

    Control characters are escaped; "…" stands for the middle of what is longer.
    """
    def fitting(pieces: Iterator[str], room: int) -> list:
        taken = []
        for piece in pieces:
            room -= len(piece.encode())
            if room < 0:
                break
            taken.append(piece)
        return taken

    text = str(text)
    whole = list(islice(_escaped(text), limit + 1))
    if len("".join(whole).encode()) <= limit:
        return "".join(whole)
    front = "".join(fitting(_escaped(text), limit * 2 // 3))
    room = limit - len(front.encode()) - len("…".encode())
    return front + "…" + "".join(reversed(fitting(_escaped(reversed(text)), room)))


class Error(Exception):
    """Any failure of libscrl. `status` is the code of scrl.h, `name` its name there.

    The text is one line of at most 1,000 bytes; what a file put into it is escaped.
    """

    status: int = -13
    name: str = "SCRL_E_INTERNAL"

    def __init__(self, text: Any = "") -> None:
        super().__init__(one_line(text))


class ArgumentError(Error, ValueError):
    """A call's own arguments: missing, out of range, too small."""

    status, name = -1, "SCRL_E_ARGUMENT"


class ConfigError(Error, ValueError):
    """Unknown key, bad value, or options that contradict each other."""

    status, name = -2, "SCRL_E_CONFIG"


class ShapeError(Error, ValueError):
    """Arrays that do not fit each other."""

    status, name = -3, "SCRL_E_SHAPE"


class StorageError(Error, OSError):
    """The system refused: missing file, full disk, permission."""

    status, name = -4, "SCRL_E_IO"


class FormatError(Error, ValueError):
    """A file that is not what it should be."""

    status, name = -5, "SCRL_E_FORMAT"


class DataError(Error, ValueError):
    """An image or annotation that cannot be used."""

    status, name = -6, "SCRL_E_DATA"


class OutOfMemoryError(Error, MemoryError):
    """The memory asked for cannot be had."""

    status, name = -7, "SCRL_E_MEMORY"


class DivergedError(Error, ArithmeticError):
    """The loss is no longer finite; weights are those of before the step."""

    status, name = -8, "SCRL_E_DIVERGED"


class CancelledError(Error):
    """Stopped by the host."""

    status, name = -9, "SCRL_E_CANCELLED"


class StateError(Error, RuntimeError):
    """A call that the object's state does not allow, such as after close()."""

    status, name = -10, "SCRL_E_STATE"


class ForkedError(Error, RuntimeError):
    """A parent's object used in a forked child: open it in the worker. A Dataset does so by itself."""

    status, name = -11, "SCRL_E_FORKED"


class UnsupportedError(Error, NotImplementedError):
    """This build or machine cannot do it."""

    status, name = -12, "SCRL_E_UNSUPPORTED"


class InternalError(Error, RuntimeError):
    """A bug of the library, caught."""

    status, name = -13, "SCRL_E_INTERNAL"


BY_STATUS: Dict[int, Type[Error]] = {
    kind.status: kind
    for kind in (
        ArgumentError, ConfigError, ShapeError, StorageError, FormatError, DataError,
        OutOfMemoryError, DivergedError, CancelledError, StateError, ForkedError,
        UnsupportedError, InternalError,
    )
}
