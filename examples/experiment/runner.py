"""Runs stages, several at a time, tells how far they are, and stops when the time is over.

A stage begins when those it needs have ended, in the order given. One that fails does not end the
rest: what does not need it goes on, and the next run tries it again.
"""

import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, TextIO

from . import clock
from .cache import Cache
from .flow import Stage, Stopped, Work

QUIET = 20.0  # seconds between lines where nobody watches a terminal


class Teller:
    """The line with progress and time left; rewritten on a terminal, now and then elsewhere."""

    def __init__(self, stream: Optional[TextIO] = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.last = 0.0

    def line(self, text: str) -> None:
        """A line that stays."""
        self.stream.write(("\r\033[K" if self.live else "") + text + "\n")
        self.stream.flush()

    def now(self, text: Callable[[], str]) -> None:
        """A line that the next one replaces."""
        moment = time.monotonic()
        if moment - self.last < (0.2 if self.live else QUIET):
            return
        self.last = moment
        self.stream.write("\r\033[K" + text()[:150] if self.live else text() + "\n")
        self.stream.flush()


class Progress:
    """How far a stage at work is."""

    def __init__(self, share: float, whole: Optional[float]) -> None:
        """Share: what earlier attempts did; whole: the seconds expected of all of it."""
        self.start, self.first, self.whole = time.monotonic(), share, whole
        self.share, self.text = share, "begins"

    def seconds_left(self) -> Optional[float]:
        if self.share > self.first + 0.005:
            took = time.monotonic() - self.start
            return took * (1 - self.share) / (self.share - self.first)
        return None if self.whole is None else self.whole * (1 - self.share)


class Runner:
    """All stages of the settings, those chosen for now, and where results are. `jobs` of them are
    at work at a time; a stage's work is done in a thread of its own."""

    def __init__(self, stages: List[Stage], chosen: List[Stage], cache: Cache,
                 expected: Mapping[str, float], facts: Dict[str, Any],
                 teller: Optional[Teller] = None, jobs: int = 1) -> None:
        self.stages, self.chosen, self.cache = stages, chosen, cache
        self.expected, self.facts, self.jobs = expected, facts, jobs
        self.teller = teller or Teller()
        self.failed: Dict[str, str] = {}  # by name: why
        self._lock = threading.RLock()    # of all below, the cache and the teller
        self._open: Dict[str, Stage] = {}  # by name, in order: to do, or at work
        self._at_work: Dict[str, Progress] = {}
        self._later: Optional[float] = 0.0  # seconds of those to do; None: not known
        self._count = 0                    # of stages to do, when the run began
        self._deadline: Optional[float] = None
        self._interrupted = threading.Event()

    def to_do(self) -> List[Stage]:
        """Without a record; or with one from elsewhere, where another stage needs its folder."""
        wanted = {stage.name for stage in self.chosen if self.cache.record(stage) is None}
        for stage in reversed(self.chosen):  # needs come before
            if stage.name in wanted:
                wanted.update(stage.needs)
        return [stage for stage in self.chosen
                if stage.name in wanted and self.cache.own_record(stage) is None]

    def _seconds(self, stages: Iterable[Stage], rates: Mapping[str, float]) -> Optional[float]:
        """Of stages that are to do, one after another; None when that of one of them is unknown."""
        total = 0.0
        for stage in stages:
            seconds = clock.seconds_of(stage, rates, self.expected)
            if seconds is None:
                return None
            total += seconds * (1 - stage.begun(self.cache.folder(stage)))
        return total

    def run(self, deadline: Optional[float] = None) -> bool:
        """Does what is to do, until a moment of time.monotonic(); True when all chosen is done.

        KeyboardInterrupt passes through, after the stages at work have saved what they did.
        """
        self._deadline = deadline
        self._interrupted.clear()
        self._open = {stage.name: stage for stage in self.to_do()}
        self._count = len(self._open)
        at_work: Set["Future[None]"] = set()
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                while True:
                    at_work.update(pool.submit(self._one, stage)
                                   for stage in self._next(self.jobs - len(at_work)))
                    if not at_work:
                        break
                    ended, at_work = wait(at_work, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
            except BaseException:
                self._interrupted.set()
                raise
        if self._open:
            self.teller.line(f"the time is over; {len(self._open)} stages are left")
        return not self._open and not self.failed

    def _should_stop(self) -> bool:
        return self._interrupted.is_set() or (
            self._deadline is not None and time.monotonic() >= self._deadline)

    def _next(self, places: int) -> List[Stage]:
        """Stages that begin; what needs one that failed has failed with it."""
        found: List[Stage] = []
        with self._lock:
            rates = clock.measured(self.stages, self.cache)
            for stage in list(self._open.values()):
                broken = [name for name in stage.needs if name in self.failed]
                if broken:
                    self.failed[stage.name] = f"needs {', '.join(broken)}"
                    del self._open[stage.name]
                elif len(found) < places and not self._should_stop() and (
                        stage.name not in self._at_work) and not any(
                        name in self._open for name in stage.needs):
                    found.append(stage)
                    self._at_work[stage.name] = Progress(
                        stage.begun(self.cache.folder(stage)),
                        clock.seconds_of(stage, rates, self.expected))
            self._later = self._seconds((stage for stage in self._open.values()
                                         if stage.name not in self._at_work), rates)
        return found

    def _one(self, stage: Stage) -> None:
        """A stage from its beginning to its record. Runs in a thread of the pool."""
        by_name = {each.name: each for each in self.stages}
        needs = {name: by_name[name] for name in stage.needs}
        folder = self.cache.folder(stage)
        progress = self._at_work[stage.name]

        def tell(share: float, text: str) -> None:
            with self._lock:
                progress.share, progress.text = share, text
                self.teller.now(self._line)

        try:
            folder.mkdir(parents=True, exist_ok=True)
            work = Work(
                folder, {name: self.cache.folder(each) for name, each in needs.items()},
                {name: (self.cache.record(each) or {})["result"] for name, each in needs.items()},
                tell, self._should_stop)
            tell(progress.share, progress.text)
            self._done(stage, stage.run(work))
        except BaseException as error:
            self._ended_early(stage, error)
            if not isinstance(error, Exception):  # KeyboardInterrupt
                raise

    def _done(self, stage: Stage, result: Dict[str, Any]) -> None:
        with self._lock:
            seconds = time.monotonic() - self._at_work[stage.name].start
            self.cache.put(stage, result, seconds, self.facts)
            del self._open[stage.name], self._at_work[stage.name]
            whole = seconds + self.cache.spent(stage)
            self.teller.line(f"[{self._count - len(self._open)}/{self._count}] {stage.name}: "
                             f"{told(result)} ({clock.duration(whole)})")

    def _ended_early(self, stage: Stage, error: BaseException) -> None:
        """Stopped and interrupted stages stay open, and none begins after them; one that failed is
        not begun again."""
        with self._lock:
            self.cache.add_spent(stage, time.monotonic() - self._at_work.pop(stage.name).start)
            if isinstance(error, Stopped):
                self._interrupted.set()
            elif isinstance(error, Exception):
                del self._open[stage.name]
                self.failed[stage.name] = f"{type(error).__name__}: {error}"
                self.teller.line(f"{stage.name} failed: {self.failed[stage.name]}")

    def _line(self) -> str:
        """The stages at work, and the time left."""
        lefts = [self._later, *(each.seconds_left() for each in self._at_work.values())]
        total = None if None in lefts else sum(each or 0.0 for each in lefts) / self.jobs
        running = " · ".join(f"{name} {100 * each.share:.0f} %, {each.text}"
                             for name, each in self._at_work.items())
        return f"{clock.duration(total)} left · {running}"


def told(result: Mapping[str, Any]) -> str:
    """The numbers of a result in a line."""
    parts = [f"{name} {value:.4g}" for name, value in result.items()
             if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return ", ".join(parts[:5]) or "done"


def plan(stages: List[Stage], cache: Cache, expected: Mapping[str, float], jobs: int = 1) -> str:
    """What is done, what is left and how long it takes with so many jobs, as a table in text."""
    rates = clock.measured(stages, cache)
    lines = [f"{'stage':<28} {'state':<12} {'work':>16} {'time':>12}"]
    done = left = 0.0
    unknown = False
    for stage in stages:
        record = cache.record(stage)
        whole = clock.seconds_of(stage, rates, expected)
        if record is not None:
            state, seconds = "done", record["seconds"]
            done += seconds
        else:
            share = stage.begun(cache.folder(stage))
            state = f"{100 * share:.0f} % done" if share > 0 else "to do"
            seconds = None if whole is None else whole * (1 - share)
            left += seconds or 0
            unknown = unknown or seconds is None
        work = f"{stage.work:,.0f} {stage.unit}"
        guess = "" if record is not None or stage.rate in rates else " ~"
        time_of = clock.duration(seconds) + guess
        lines.append(f"{stage.name:<28} {state:<12} {work:>16} {time_of:>12}")
    lines.append(f"done in {clock.duration(done)}; {'more than ' if unknown else ''}"
                 f"{clock.duration(left / jobs)} left; ~: by the settings' expected rates, else measured")
    return "\n".join(lines)
