"""What the readers of annotation folders share: listing, text of any encoding, pictures by their stems."""

import os
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from ._abi import is_hidden
from .errors import FormatError

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
Unusable = Optional[List[Tuple[str, str]]]


def refuse(unusable: Unusable, path: str, error: Exception) -> None:
    """Tells of a file that cannot be used, or raises where nobody listens."""
    if unusable is None:
        raise error
    unusable.append((path, str(error)))


def files_below(root: str, *endings: str) -> Iterator[str]:
    """Paths relative to root, with "/", of the files of these endings in any letter case, in the order
    of their names; hidden folders and files are passed over."""
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not is_hidden(name))
        for name in sorted(names):
            if name.lower().endswith(endings) and not is_hidden(name):
                yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")


def child(root: str, *names: str) -> Optional[str]:
    """The first folder of these names in root, in any letter case; None without one."""
    try:
        found = {name.lower(): name for name in sorted(os.listdir(root), reverse=True)
                 if os.path.isdir(os.path.join(root, name))}
    except OSError:
        return None
    return next((found[name.lower()] for name in names if name.lower() in found), None)


def read_text(path: str, most: int) -> str:
    """The text of a small file: UTF-8 or UTF-16 with or without a mark, else Windows' western letters.

    Raises FormatError for more than `most` bytes, OSError.
    """
    if os.path.getsize(path) > most:
        raise FormatError(f"{path}: more than {most} bytes")
    with open(path, "rb") as file:
        data = file.read(most)
    return decoded(data)


def decoded(data: bytes) -> str:
    """Text of bytes whose encoding is not told."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def stem_of(name: str) -> str:
    """A path without a picture's ending; other dots stay."""
    base, ending = os.path.splitext(name)
    return base if ending.lower() in ENDINGS else name


def is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
        return True
    except UnicodeEncodeError:
        return False


class Pictures:
    """The picture files of folders, by their stems."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._names: Dict[str, Dict[str, str]] = {}

    def _of(self, folder: str) -> Dict[str, str]:
        """Stems, and whole names, in lower case too, of the pictures directly in a folder."""
        if folder not in self._names:
            found: Dict[str, str] = {}
            try:
                names = sorted(os.listdir(os.path.join(self.root, folder)), reverse=True)
            except OSError:
                names = []
            rank = {ending: place for place, ending in enumerate(ENDINGS)}
            names = [name for name in names if os.path.splitext(name)[1].lower() in rank
                     and not is_hidden(name)]
            # The ending that comes first in ENDINGS wins, the exact letter case before any.
            names.sort(key=lambda name: -rank[os.path.splitext(name)[1].lower()])
            for name in names:
                found[os.path.splitext(name)[0].lower()] = found[name.lower()] = name
            for name in names:
                found[os.path.splitext(name)[0]] = found[name] = name
            self._names[folder] = found
        return self._names[folder]

    def find(self, folders: Sequence[str], stems: Sequence[str]) -> Optional[str]:
        """The path relative to the root of the first picture; stems come before folders."""
        for stem in stems:
            inside, _, last = stem.replace("\\", "/").rpartition("/")
            if not last or last in (".", "..") or ".." in inside.split("/"):
                continue
            for folder in folders:
                place = "/".join(part for part in (folder, inside) if part)
                known = self._of(place)
                name = known.get(last) or known.get(last.lower())
                if name:
                    return f"{place}/{name}" if place else name
        return None
