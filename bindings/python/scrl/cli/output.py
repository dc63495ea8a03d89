"""What commands print: human lines with rich, machine lines as JSON, the library's notes at the end."""

import json
import os
import sys
from contextlib import contextmanager
from typing import Any, Iterator, List

import numpy as np


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


@contextmanager
def whole_file(path: str, *inputs: str) -> Iterator[str]:
    """Yields a name to write to, which becomes `path` when all went well and is removed when not.

    inputs  files that are read meanwhile: `path` must be none of them.
    """
    for each in inputs:
        if os.path.exists(path) and os.path.exists(each) and os.path.samefile(path, each):
            raise Failure(f"{path} is read from: expected another name to write to", 2)
    part = path + ".part"
    try:
        yield part
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.remove(part)
        raise


def say(text: str) -> None:
    """One line for people on stdout; names that are not UTF-8 are shown escaped."""
    raw = text.encode("utf-8", "backslashreplace")
    sys.stdout.buffer.write(raw + b"\n")
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
        made.add_row(*(cell.encode("utf-8", "backslashreplace").decode().replace("[", "\\[")
                       for cell in row))
    Console().print(made)


_notes: List[str] = []


def collect_notes() -> None:
    """Keeps the library's notes for flush_notes(): a failure stays one line."""
    from .. import set_log

    set_log(_notes.append)


def flush_notes() -> None:
    """Prints the notes, at most 20 lines of them, to stderr."""
    for line in _notes[:20]:
        sys.stderr.write(f"note: {line}\n")
    if len(_notes) > 20:
        sys.stderr.write(f"note: and {len(_notes) - 20} more\n")
    _notes.clear()
