"""Training from the shell: a Trainer's or Detector's run to its end, as JSON lines or for people."""

import time
from typing import Any, NamedTuple, Optional

from ..interrupts import Terminated
from .output import Failure, emit


class Fitted(NamedTuple):
    """How a run went."""

    last: Any         # report of the last step; None: there was nothing to do
    step: int         # done in all
    total_steps: int  # of the schedule; 0: unknown
    seconds: float
    images_per_second: float


def fit(run: Any, batch: int, go_on: str, json_lines: bool, steps: Optional[int] = None) -> Fitted:
    """Runs on; Ctrl-C, SIGTERM and SIGHUP are a Failure that tells how to go on."""
    begun, start = run.progress()[0], time.perf_counter()
    hear = (lambda report: emit(event="step", **report._asdict())) if json_lines else None
    try:
        last = run.fit(hear, progress=not json_lines, steps=steps)
    except (KeyboardInterrupt, Terminated) as stop:
        done, total = run.progress()
        raise Failure(f"stopped after step {done} of {total or '?'}; all is saved, go on with "
                      f"`{go_on}`", stop.code if isinstance(stop, Terminated) else 130) from None
    seconds = max(time.perf_counter() - start, 1e-9)
    done, total = run.progress()
    return Fitted(last, done, total, seconds, (done - begun) * batch / seconds)
