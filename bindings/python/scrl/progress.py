"""Progress on stderr with rate and time left: a bar on a terminal, elsewhere a line every ten seconds."""

import sys
import time
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

EVERY = 10.0  # seconds between lines

Show = Callable[..., None]  # (done, total, text=""): total 0 when unknown


@contextmanager
def counter(what: str, unit: str, wanted: bool, begun: int = 0, each: int = 1) -> Iterator[Show]:
    """Yields show(done, total, text=""): so much is done, and words about it.

    begun  what was done before: the rate leaves it out.
    each   units in one of `done`: images in a step.
    """
    if not wanted:
        yield lambda done, total, text="": None
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield _lines(what, unit, begun, each)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TextColumn("{task.fields[rate]} " + unit + "/s"), TimeRemainingColumn(),
            console=console) as bar:
        task = bar.add_task(what, total=None, completed=begun, rate="–", text="")

        def show(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total or None, text=text,
                       rate=rate_text(each * (bar.tasks[0].speed or 0)))

        yield show


def _lines(what: str, unit: str, begun: int, each: int) -> Show:
    """For logs: one line now and then, none for what is quickly done."""
    start = last = time.monotonic()

    def show(done: int, total: int, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY or done <= begun or done == total:
            return
        last = now
        pace = (now - start) / (done - begun)  # seconds for one
        words = [f"{what} {done}/{total or '?'}", text,
                 f"{rate_text(each / max(pace, 1e-9))} {unit}/s",
                 f"{duration(pace * (total - done))} left" if total else ""]
        sys.stderr.write("  ".join(word for word in words if word) + "\n")
        sys.stderr.flush()

    return show


def rate_text(rate: float) -> str:
    """Three digits of a rate; "–" before there is one."""
    return "–" if rate <= 0 else f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def duration(seconds: Optional[float]) -> str:
    """ "0:07", "12:30", "3:05:00"; "–" for None."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
