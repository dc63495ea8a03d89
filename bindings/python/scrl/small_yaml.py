"""The part of YAML that data sets' files need: top-level keys of text, lists and mappings of text.

Block and flow style, quotes, comments. What is nested deeper is passed over. No tags, no anchors.
"""

import re
from typing import Any, Dict, List, Tuple

_KEY = re.compile(r"""^("[^"]*"|'[^']*'|[^\s:#\[\]{},'"-][^:#]*?)\s*:(?:\s+(.*)|)$""")


def read_yaml(text: str) -> Dict[str, Any]:
    """The top-level keys; values are text, lists of text, or dicts from text to text."""
    lines = [line.rstrip() for line in text.replace("\t", "    ").splitlines()]
    tree: Dict[str, Any] = {}
    place = 0
    while place < len(lines):
        line = _without_comment(lines[place])
        place += 1
        found = None if line[:1] in (" ", "-", "") else _KEY.match(line)
        if not found:
            continue
        key, rest = _plain(found.group(1)), (found.group(2) or "").strip()
        if rest[:1] in ("[", "{"):
            while place < len(lines) and not _is_closed(rest):
                rest += " " + _without_comment(lines[place]).strip()
                place += 1
            tree[key] = _flow(rest)
        elif rest and rest[0] not in "|>&*!":
            tree[key] = _plain(rest)
        else:
            block, place = _block(lines, place)
            if block is not None:
                tree[key] = block
    return tree


def _block(lines: List[str], place: int) -> Tuple[Any, int]:
    """The list or dict that follows a key; None without one."""
    items: List[str] = []
    pairs: Dict[str, str] = {}
    depth = None
    while place < len(lines):
        line = _without_comment(lines[place])
        bare = line.strip()
        indent = len(line) - len(line.lstrip())
        if bare and indent == 0 and not bare.startswith("- "):
            break
        place += 1
        if not bare:
            continue
        depth = indent if depth is None else depth
        if indent != depth:
            continue
        if bare.startswith("- ") or bare == "-":
            items.append(_plain(bare[1:].strip()))
            continue
        found = _KEY.match(bare)
        if found and found.group(2):
            pairs[_plain(found.group(1))] = _plain(found.group(2).strip())
    return (items or pairs or None), place


def _without_comment(line: str) -> str:
    """The line up to a # that begins a comment: at its start or after a space, outside quotes."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (place == 0 or line[place - 1] in " [{,:"):
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] == " "):
            return line[:place].rstrip()
    return line


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inside = text[1:-1]
        return inside.replace("''", "'") if text[0] == "'" else re.sub(r"\\(.)", r"\1", inside)
    return text


def _parts(text: str) -> List[str]:
    """Pieces between commas outside quotes and brackets."""
    parts, piece, quote, depth = [], "", "", 0
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and not piece.strip():
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        if letter == "," and not quote and depth == 0:
            parts.append(piece)
            piece = ""
        else:
            piece += letter
    return [each.strip() for each in parts + [piece] if each.strip()]


def _is_closed(text: str) -> bool:
    quote, depth, before = "", 0, " "
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and before in " [{,:":
            quote = letter
        elif letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        before = letter
    return depth <= 0


def _flow(text: str) -> Any:
    inside = re.sub(r"[\]}]\s*$", "", text[1:])
    if text[0] == "[":
        return [_plain(part) for part in _parts(inside)]
    pairs = {}
    for part in _parts(inside):
        key, colon, value = part.partition(":")
        if colon:
            pairs[_plain(key)] = _plain(value)
    return pairs
