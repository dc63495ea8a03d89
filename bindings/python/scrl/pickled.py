"""Pickles as plain data: an interpreter of their opcodes that imports and calls nothing.

A pickle is a program for a stack machine. Here it can make None, booleans, numbers, texts, bytes,
tuples, lists and dicts with text keys (entries under other keys are dropped: such keys could be
chosen to collide). A global is a name. Calling one makes an Inert object, unless the caller of
load() gave the name a meaning. Values may share and contain each other: never walk them in depth.

Not pickle.Unpickler: it looks globals up by importing, and its memo is an array that grows to any
index a file names. Every error is a FormatError without the file's path, which the caller adds.
"""

import pickletools
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional

from .errors import FormatError

MAX_OPS = 400_000  # an official ResNet-50 with its optimizer's state has 12,000
MAX_BYTES = 64 << 20
MAX_TEXT = 1 << 20
MAX_LINE = 1024
MAX_BITS = 2048  # of an integer; printing longer ones takes quadratic time


class Global:
    """The name of a class or function, "module.name"."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Inert:
    """An object of a kind without meaning here. What is put into it goes nowhere."""

    __slots__ = ("name",)

    def __init__(self, name: str = "object") -> None:
        self.name = name

    def set_state(self, state: Any) -> None:
        """Hears of the state that a pickle gives the object."""


class Stream:
    """The bytes start … end of a file as pickletools wants them, in pieces of bounded size."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        file.seek(start)
        self.file, self.at, self.end = file, start, min(end, start + MAX_BYTES)

    def read(self, count: int) -> bytes:
        """Exactly count bytes."""
        data = b""
        if count <= min(MAX_TEXT, self.end - self.at):
            data = self.file.read(count)
        if len(data) != count:
            raise FormatError(f"the pickle needs {count} bytes at byte {self.at}, expected at most "
                              f"{min(MAX_TEXT, self.end - self.at)} there")
        self.at += count
        return data

    def readline(self) -> bytes:
        line = self.file.readline(min(MAX_LINE, self.end - self.at))
        self.at += len(line)
        return line

    def tell(self) -> int:
        return self.at


class _Machine:
    """The stack, the heights of its marks, and the memo."""

    def __init__(self, calls: Mapping[str, Callable[[tuple], Any]],
                 persistent: Callable[[Any], Any]) -> None:
        self.calls, self.persistent = calls, persistent
        self.stack: List[Any] = []
        self.marks: List[int] = []
        self.memo: Dict[int, Any] = {}

    def push(self, value: Any) -> None:
        if type(value) is int and value.bit_length() > MAX_BITS:
            raise FormatError(f"the pickle has an integer of {value.bit_length()} bits, "
                              f"expected at most {MAX_BITS}")
        self.stack.append(value)

    def take(self, count: int) -> tuple:
        if count > len(self.stack):
            raise IndexError
        start = len(self.stack) - count
        items = tuple(self.stack[start:])
        del self.stack[start:]
        return items

    def take_marked(self) -> list:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def pop(self, _: Any) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def put(self, index: Optional[int]) -> None:
        index = len(self.memo) if index is None else index
        if not 0 <= index <= MAX_OPS:
            raise FormatError(f"the pickle's memo has index {index}, expected 0 … {MAX_OPS}")
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def append(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, Inert):
            raise FormatError(f"the pickle appends to a {type(target).__name__}, expected a list")

    def set_items(self, items: list) -> None:
        target = self.stack[-1]
        if len(items) % 2 or not (type(target) is dict or isinstance(target, Inert)):
            raise FormatError(f"the pickle sets {len(items)} keys and values of a "
                              f"{type(target).__name__}, expected pairs and a dict")
        if type(target) is dict:
            target.update(text_keys(zip(items[::2], items[1::2])))

    def marked_dict(self) -> None:
        items = self.take_marked()
        self.stack.append({})
        self.set_items(items)

    def marked_inert(self) -> None:
        self.take_marked()
        self.stack.append(Inert())

    def call(self, function: Any, arguments: Any) -> None:
        name = function.name if type(function) is Global else type(function).__name__
        if type(arguments) is not tuple:
            raise FormatError(f"the pickle calls {shown(name)} with a {type(arguments).__name__}, "
                              "expected a tuple")
        meaning = self.calls.get(name) if type(function) is Global else None
        self.stack.append(Inert(name) if meaning is None else meaning(arguments))

    def build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Inert):
            target.set_state(state)

    def named(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise FormatError("the pickle names a global by no text")
        self.stack.append(Global(f"{module}.{name}"))


def shown(value: Any) -> str:
    """A value of a file, short and printable."""
    text = ascii(value) if isinstance(value, (str, bytes, int, float, tuple)) else repr(type(value))
    return text if len(text) <= 100 else text[:97] + "..."


def text_keys(pairs: Any) -> Dict[str, Any]:
    """A dict of the pairs whose key is a text."""
    return {key: value for key, value in pairs if type(key) is str}


def _ordered_dict(arguments: tuple) -> Dict[str, Any]:
    """collections.OrderedDict(), or with a list of [key, value] as Python 2 wrote it."""
    pairs = arguments[0] if arguments and type(arguments[0]) is list else []
    return text_keys(pair for pair in pairs if type(pair) in (list, tuple) and len(pair) == 2)


_VALUES = (
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8")

_ACTIONS: Dict[str, Callable[..., Any]] = {
    **{name: _Machine.push for name in _VALUES.split()},
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": lambda m, _: m.take_marked(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE1": lambda m, _: m.push(m.take(1)),
    "TUPLE2": lambda m, _: m.push(m.take(2)),
    "TUPLE3": lambda m, _: m.push(m.take(3)),
    "TUPLE": lambda m, _: m.push(tuple(m.take_marked())),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "LIST": lambda m, _: m.push(m.take_marked()),
    "APPEND": lambda m, _: m.append(list(m.take(1))),
    "APPENDS": lambda m, _: m.append(m.take_marked()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "DICT": lambda m, _: m.marked_dict(),
    "SETITEM": lambda m, _: m.set_items(list(m.take(2))),
    "SETITEMS": lambda m, _: m.set_items(m.take_marked()),
    "EMPTY_SET": lambda m, _: m.push(Inert("set")),
    "ADDITEMS": lambda m, _: m.append(m.take_marked()),
    "FROZENSET": lambda m, _: m.marked_inert(),
    "PUT": _Machine.put, "BINPUT": _Machine.put, "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.put,
    "GET": _Machine.get, "BINGET": _Machine.get, "LONG_BINGET": _Machine.get,
    "GLOBAL": lambda m, name: m.named(*name.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.named(*m.take(2)),
    "REDUCE": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.take(3)[:2]),
    "INST": lambda m, _: m.marked_inert(),
    "OBJ": lambda m, _: m.marked_inert(),
    "BUILD": _Machine.build,
    "BINPERSID": lambda m, _: m.push(m.persistent(m.stack.pop())),
    "PROTO": lambda m, _: None, "FRAME": lambda m, _: None,
}


def load(stream: Stream, calls: Mapping[str, Callable[[tuple], Any]] = {},
         persistent: Callable[[Any], Any] = lambda _: Inert("persistent")) -> Any:
    """The value of the pickle at the stream's place, which moves behind it.

    calls       what calling a global by this name makes of its arguments.
    persistent  what a persistent id stands for.
    Raises FormatError, also when the pickle is longer or more intricate than weights need.
    """
    machine = _Machine({"collections.OrderedDict": _ordered_dict, **calls}, persistent)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name == "STOP":
                break
            if opcode.name not in _ACTIONS or count >= MAX_OPS:
                raise FormatError(f"the pickle has {opcode.name} as opcode {count}, expected "
                                  f"at most {MAX_OPS} of those that torch.save writes")
            _ACTIONS[opcode.name](machine, argument)
        return machine.stack.pop()
    except FormatError:
        raise
    except (IndexError, KeyError):
        raise FormatError("the pickle takes what it never put") from None
    except (ValueError, Warning) as error:  # pickletools' refusals; odd escapes under -W error
        raise FormatError(f"the pickle is damaged: {str(error)[:200]}") from None
