"""Where the entries of a zip lie, for zips whose entries are stored as they are (no compression).

Read are the end record, its 64-bit sibling, the directory and each local header; PKWARE APPNOTE
4.3.6 … 4.3.16 and 4.5.3 have their layouts. Not here: checksums (torch can be told not to write
them), several disks, encryption. zipfile is not used because its memory grows with a directory
whose length the file alone decides, and because it does not compare the entries' places.
Every error is a FormatError without the file's path.
"""

import struct
from typing import BinaryIO, Dict, List, Tuple

from .errors import FormatError
from .pickled import shown

MAX_ENTRIES = 65_536
_END = struct.Struct("<4s4H2IH")            # PK56: disks, counts, directory's size and place
_LOCATOR = struct.Struct("<4sIQI")          # PK67: place of the 64-bit end record
_END64 = struct.Struct("<4sQ2H2I4Q")        # PK66
_ENTRY = struct.Struct("<4s6H3I5H2I")       # PK12: one entry of the directory
_LOCAL = struct.Struct("<4s5H3I2H")         # PK34: the header before an entry's bytes


def _at(file: BinaryIO, start: int, count: int, what: str) -> bytes:
    file.seek(start)
    data = file.read(count)
    if len(data) != count:
        raise FormatError(f"the zip's {what} has {len(data)} bytes at byte {start}, "
                          f"expected {count}")
    return data


def _directory(file: BinaryIO, size: int) -> Tuple[int, int, int]:
    """(entries, byte length, place) of the directory, checked against the file."""
    start = max(0, size - _END.size - 0xFFFF)
    tail = _at(file, start, size - start, "tail")
    end = tail.rfind(b"PK\5\6", 0, max(0, len(tail) - _END.size + 4))
    if end < 0:
        raise FormatError("the zip has no end record, expected one: is the file cut off?")
    *_, count, length, place, _ = _END.unpack_from(tail, end)
    limit = start + end
    if count == 0xFFFF or 0xFFFFFFFF in (length, place):
        locator = _at(file, max(0, limit - _LOCATOR.size), _LOCATOR.size, "64-bit locator")
        signature, _, limit, _ = _LOCATOR.unpack(locator)
        if signature != b"PK\6\7" or limit > size - _END64.size:
            raise FormatError("the zip has no 64-bit end record, expected one")
        record = _at(file, limit, _END64.size, "64-bit end record")
        signature, *_, count, length, place = _END64.unpack(record)
        if signature != b"PK\6\6":
            raise FormatError("the zip has no 64-bit end record, expected one")
    if count > MAX_ENTRIES or count * _ENTRY.size > length or place + length > limit:
        raise FormatError(f"the zip's directory has {count} entries in {length} bytes at byte "
                          f"{place}, expected at most {MAX_ENTRIES} before byte {limit}")
    return count, length, place


def _wide(extra: bytes, fields: List[int]) -> List[int]:
    """Size, stored size and place of an entry, those of 0xFFFFFFFF from the extra field 1."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = extra[at + 4:at + 4 + length]
            for index, value in enumerate(fields):
                if value == 0xFFFFFFFF and len(values) >= 8:
                    fields[index], values = int.from_bytes(values[:8], "little"), values[8:]
            break
        at += 4 + length
    return fields


def entries(file: BinaryIO, size: int) -> Dict[str, Tuple[int, int]]:
    """Name → (start, byte count) of each entry of a file of `size` bytes.

    Raises FormatError: cut off, an entry compressed, encrypted, twice there, past the directory or
    over another one.
    """
    count, length, directory = _directory(file, size)
    raw = _at(file, directory, length, "directory")
    found: Dict[str, Tuple[int, int]] = {}
    spans = []
    at = 0
    for _ in range(count):
        if at + _ENTRY.size > len(raw) or raw[at:at + 4] != b"PK\1\2":
            raise FormatError(f"the zip's directory ends after {len(found)} entries, "
                              f"expected {count}")
        (_, _, _, flags, method, _, _, _, stored, full, n, extra, comment, *_, place
         ) = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        name = raw[at:at + n].decode("utf-8", "replace")
        full, stored, place = _wide(raw[at + n:at + n + extra], [full, stored, place])
        at += n + extra + comment
        if method != 0 or flags & 1 or full != stored or name in found:
            raise FormatError(f"the zip's entry {shown(name)} is compressed, encrypted or there "
                              "twice, expected entries stored once as they are")
        if place + _LOCAL.size > directory:
            raise FormatError(f"the zip's entry {shown(name)} begins at byte {place}, "
                              f"expected before byte {directory}")
        signature, *_, n, extra = _LOCAL.unpack(_at(file, place, _LOCAL.size, "local header"))
        start = place + _LOCAL.size + n + extra
        if signature != b"PK\3\4" or start + full > directory:
            raise FormatError(f"the zip's entry {shown(name)} has {full} bytes at byte {start}, "
                              f"expected a header and all of them before byte {directory}")
        found[name] = start, full
        spans.append((place, start + full, name))
    spans.sort()
    for (_, end, name), (place, _, other) in zip(spans, spans[1:]):
        if place < end:
            raise FormatError(f"the zip's entries {shown(name)} and {shown(other)} overlap, "
                              "expected each in a place of its own")
    return found
