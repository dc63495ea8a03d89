"""Progress bars on a terminal's stderr, with rate and time left; silent everywhere else."""

import math
from contextlib import contextmanager
from typing import Any, Callable, Iterator


def _bar(unit: str, wanted: bool, *extra: Any) -> Any:
    """A rich Progress, or None when it is not wanted or nobody watches."""
    if not wanted:
        return None
    from rich.console import Console
    from rich.progress import (
        BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn)

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        return None
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *extra,
        TextColumn("{task.fields[rate]} " + unit + "/s"), TimeRemainingColumn(), console=console)


@contextmanager
def counter(what: str, unit: str, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Yields show(done, total)."""
    bar = _bar(unit, wanted)
    if bar is None:
        yield lambda done, total: None
        return
    with bar:
        task = bar.add_task(what, total=None, rate="–")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total or None,
                       rate="–" if not speed else f"{speed:,.0f}")

        yield show


def looked(report: Any) -> bool:
    """Whether a step looked for signs of collapse."""
    return not math.isnan(report.deviation)


@contextmanager
def training(total: int, done: int, wanted: bool) -> Iterator[Callable[[Any, float], None]]:
    """Yields show(report, images_per_second) for a run of `total` steps."""
    from collections import deque

    bar = None
    if wanted:
        from rich.progress import TextColumn

        bar = _bar("images", wanted, TextColumn("loss {task.fields[loss]}"),
                   TextColumn("lr {task.fields[lr]}"), TextColumn("[red]{task.fields[sign]}"))
    if bar is None:
        yield lambda report, rate: None
        return
    recent: Any = deque(maxlen=20)
    with bar:
        task = bar.add_task("training", total=total or None, completed=done, rate="–", loss="–",
                            lr="–", sign="")
        sign = ""  # of collapse, by the newest step that looked

        def show(report: Any, rate: float) -> None:
            nonlocal sign
            recent.append(rate)
            if looked(report):
                sign = f"collapse? {report.collapse.split(':')[0]}" if report.collapse else ""
            bar.update(
                task, completed=report.step, loss=f"{report.loss:.4f}", lr=f"{report.lr:.2e}",
                sign=sign, rate=f"{sum(recent) / len(recent):,.1f}")

        yield show


@contextmanager
def evaluation(unit: str, wanted: bool) -> Iterator[Callable[[int, int, int, int, float], None]]:
    """Yields show(epoch, epochs, done, total, loss) for a linear evaluation."""
    bar = None
    if wanted:
        from rich.progress import TextColumn

        bar = _bar(unit, wanted, TextColumn("epoch {task.fields[epoch]}"),
                   TextColumn("loss {task.fields[loss]}"))
    if bar is None:
        yield lambda epoch, epochs, done, total, loss: None
        return
    with bar:
        task = bar.add_task("linear", total=None, rate="–", epoch="–", loss="–")

        def show(epoch: int, epochs: int, done: int, total: int, loss: float) -> None:
            speed = bar.tasks[0].speed
            bar.update(
                task, completed=done, total=total, epoch=f"{epoch}/{epochs}",
                loss=f"{loss:.4f}" if epoch else "–",
                rate="–" if not speed else f"{speed:,.0f}")

        yield show
