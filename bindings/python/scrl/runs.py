"""The loop around a run in the library: progress, a callback, signals, what stopped it; resuming."""

from ctypes import c_char_p
from typing import Any, Callable, List, Mapping, Optional

from . import _abi, progress as bars
from .config import text_of
from .errors import BY_STATUS, CancelledError
from .interrupts import interrupt_into


def fit(start: Callable[[int, Callable[[Any, Any], int]], int], read: Callable[[Any], Any],
        words: Callable[[Any], str], done: int, total: int, batch: int,
        callback: Optional[Callable[[Any], Any]], progress: bool, steps: Optional[int],
        go_on: Optional[str]) -> Optional[Any]:
    """Runs to the end of the schedule, or at most `steps` steps.

    start  calls the library with (steps, listener) and answers its status.
    read   makes a report of what the listener hears.
    words  what the progress line says of a report, beside steps, rate and time left.
    go_on  how to resume, for the text of KeyboardInterrupt; None: there is no run folder.
    Returns the last step's report, None when there was nothing to do.
    """
    if steps is not None and _abi.count_of(steps, "steps") == 0:
        return None
    last: List[Any] = []
    failure: List[BaseException] = []
    stops: List[str] = []
    if steps is not None:
        total = min(done + steps, total) if total else done + steps

    with bars.counter("training", "images", progress, done, batch) as show:
        def on_step(raw: Any, _user: Any) -> int:
            try:
                caught.heed()
                report = read(raw.contents)
                last[:] = [report]
                show(report.step, total, words(report))
                if callback is not None and callback(report):
                    stops.append("callback")
            except BaseException as error:
                failure.append(error)
            return 1 if stops or failure else 0

        with interrupt_into(stops) as caught:
            code = start(steps or 0, on_step)
    caught.deliver(code, f"stopped; all is saved, go on with {go_on}" if go_on else
                   "stopped; it has no run folder: nothing is saved before save()", failure)
    if not (stops and code == CancelledError.status):
        _abi.check(code)
    return last[0] if last else None


def changes(settings: Mapping[str, Any]) -> Any:
    """Keys and values as resume_with takes them; None for none."""
    if not settings:
        return None
    texts: List[Optional[bytes]] = []
    for key, value in settings.items():
        texts += [_abi.text_bytes(key, "config key"), _abi.text_bytes(text_of(value), str(key))]
    return (c_char_p * (len(texts) + 1))(*texts, None)


def cancel(call: Callable[[Any], int], handle: Any) -> None:
    """scrl_…_cancel, which leaves no text of its own."""
    code = call(handle)
    if code:
        raise BY_STATUS[code]("cancel: expected what this process has made and not closed")
