"""Ctrl-C while the library works."""

import signal
import threading
from typing import Any, List


class interrupt_into:
    """While inside, Ctrl-C only notes "interrupt" in a list.

    Python runs signal handlers between its own instructions, here in the library's callback, so the
    library always ends what it is at.
    """

    def __init__(self, stops: List[str]) -> None:
        self.stops = stops
        self.before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self.before = signal.signal(signal.SIGINT, self._note)

    def _note(self, *_: Any) -> None:
        self.stops.append("interrupt")

    def __exit__(self, *_: Any) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
