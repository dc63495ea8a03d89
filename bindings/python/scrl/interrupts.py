"""Ctrl-C, SIGTERM and SIGHUP while the library works."""

import os
import signal
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .errors import CancelledError

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(SystemExit):
    """SIGTERM or SIGHUP that ends the shell command, as the exit code 128 + its number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


_received: List[int] = []  # by _terminate: an exception that is raised in a C callback is lost


def _terminate(number: int, _frame: Optional[FrameType]) -> None:
    for each in _ENDING:
        if signal.getsignal(each) is _terminate:
            signal.signal(each, signal.SIG_IGN)  # clearing away is not interrupted
    _received.append(number)
    raise Terminated(number)


@contextmanager
def terminated() -> Iterator[None]:
    """While inside, SIGTERM and SIGHUP raise Terminated, so that what is half done is cleared away.

    Signals that are ignored (nohup) or that somebody handles stay as they are.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


class interrupt_into:
    """While inside, Ctrl-C, SIGTERM and SIGHUP only note "interrupt" in a list.

    Python runs signal handlers between its own instructions: here as the library's callback begins,
    where an exception would be lost, and not raised before the library has ended what it is at. A
    handler of the host's is called too, by heed() in the callback: what it raises is an exception of
    the callback.
    """

    def __init__(self, stops: List[str]) -> None:
        self.stops = stops
        self.owner = os.getpid()
        self.before: Dict[int, Any] = {}
        self.noted: List[int] = []
        self.waiting: List[Tuple[int, Optional[FrameType]]] = []

    def __enter__(self) -> "interrupt_into":
        if _received:
            raise Terminated(_received[0])
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *_ENDING):
                handler = signal.getsignal(number)
                if callable(handler) or (handler is signal.SIG_DFL and number in _ENDING):
                    self.before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        if os.getpid() != self.owner:  # a child that the callback has forked: no run of its own
            signal.signal(number, self.before[number])
            signal.raise_signal(number)
        elif self.before[number] in (signal.SIG_DFL, signal.default_int_handler, _terminate):
            self.noted.append(number)
            self.stops.append("interrupt")
        else:
            self.waiting.append((number, frame))

    def heed(self) -> None:
        """Calls the host's handlers of signals that have come since."""
        while self.waiting:
            number, frame = self.waiting.pop(0)
            self.before[number](number, frame)

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.before.items():
            if signal.getsignal(number) == self._note:  # else the callback has set another
                signal.signal(number, handler)

    def deliver(self, code: int, text: str, failure: List[BaseException]) -> None:
        """After the library's call has answered `code`: raises what its callback did, or what the
        signals were meant to do.

        SIGTERM and SIGHUP are raised again under the handler of before: the process ends by them, or
        the shell command by Terminated. Ctrl-C is KeyboardInterrupt(text). A call that failed by
        itself tells its failure instead.
        """
        went_well = code in (0, CancelledError.status)
        for number in self.noted:
            if number != signal.SIGINT and went_well:
                signal.raise_signal(number)
        if failure:
            raise failure[0]
        self.heed()
        if self.noted and went_well:
            raise KeyboardInterrupt(text)
