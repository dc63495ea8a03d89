"""What commands print: human lines with rich, machine lines as JSON, the library's notes at the end.

It can be printed anywhere: a character that the terminal's encoding lacks becomes a plain one
("–" → "-"), or is spelt out, as are bytes of file names that are not UTF-8.
"""

import codecs
import json
import os
import sys
from typing import Any, List, Tuple

import numpy as np

from ..errors import one_line

_PLAIN = {
    "–": "-", "—": "-", "−": "-", "…": "...", "·": "-", "±": "+/-", "×": "x", "²": "^2", "³": "^3",
    "≥": ">=", "≤": "<=", "→": "->", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "∞": "inf",
    "\xa0": " ", "━": "-", "─": "-", "│": "|", "╸": "-", "╺": "-", "╭": "+", "╮": "+", "╰": "+",
    "╯": "+",
}


def _plainer(error: UnicodeError) -> Tuple[str, int]:
    """An error handler of codecs: what cannot be encoded, in ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    plain = []
    for each in error.object[error.start:error.end]:
        code = ord(each)
        plain.append(_PLAIN.get(each) or (
            f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF
            else each.encode("ascii", "backslashreplace").decode()))
    return "".join(plain), error.end


LONGEST_CELL = 100_000  # bytes; the names of a thousand classes
codecs.register_error("scrl", _plainer)


def prepare_streams() -> None:
    """Makes stdout and stderr take any text; a closed one takes all and keeps nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="scrl")


class Failure(Exception):
    """A failure to be told in one line; `code` is the exit code (2: usage)."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return str(value)


def emit(**fields: Any) -> None:
    """One JSON object on a line of stdout; numbers that are not finite become null."""
    def finite(value: Any) -> Any:
        if isinstance(value, float) and not np.isfinite(value):
            return None
        if isinstance(value, dict):
            return {key: finite(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [finite(part) for part in value]
        return value

    text = json.dumps(finite(fields), default=_plain, ensure_ascii=True)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for people on stdout."""
    sys.stdout.write(one_line(text) + "\n")
    sys.stdout.flush()


def table(title: str, columns: List[str], rows: List[List[str]]) -> None:
    """A table for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(one_line(cell, LONGEST_CELL).replace("[", "\\[") for cell in row))
    Console().print(made)


_notes: List[str] = []


def collect_notes() -> None:
    """Keeps the library's notes for flush_notes(): a failure stays one line."""
    from .. import set_log

    set_log(_notes.append)


def flush_notes() -> None:
    """Prints the notes, at most 20 lines of them, to stderr."""
    for line in _notes[:20]:
        sys.stderr.write(f"note: {one_line(line)}\n")
    if len(_notes) > 20:
        sys.stderr.write(f"note: and {len(_notes) - 20} more\n")
    _notes.clear()
