"""Runs stages one after another, tells how far it is, and stops when the time is over.

A stage that fails does not end the rest: what does not need it goes on, and the next run tries it
again.
"""

import sys
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, TextIO

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


class Runner:
    """All stages of the settings, those chosen for now, and where results are."""

    def __init__(self, stages: List[Stage], chosen: List[Stage], cache: Cache,
                 expected: Mapping[str, float], facts: Dict[str, Any],
                 teller: Optional[Teller] = None) -> None:
        self.stages, self.chosen, self.cache = stages, chosen, cache
        self.expected, self.facts = expected, facts
        self.teller = teller or Teller()
        self.failed: Dict[str, str] = {}  # by name: why

    def to_do(self) -> List[Stage]:
        """Without a record; or with one from elsewhere, where another stage needs its folder."""
        wanted = {stage.name for stage in self.chosen if self.cache.record(stage) is None}
        for stage in reversed(self.chosen):  # needs come before
            if stage.name in wanted:
                wanted.update(stage.needs)
        return [stage for stage in self.chosen
                if stage.name in wanted and self.cache.own_record(stage) is None]

    def seconds_left(self, stages: List[Stage]) -> Optional[float]:
        """Of stages that are to do; None when the time of one of them is unknown."""
        rates = clock.measured(self.stages, self.cache)
        total = 0.0
        for stage in stages:
            seconds = clock.seconds_of(stage, rates, self.expected)
            if seconds is None:
                return None
            total += seconds * (1 - stage.begun(self.cache.folder(stage)))
        return total

    def run(self, deadline: Optional[float] = None) -> bool:
        """Does what is to do, until a moment of time.monotonic(); True when all chosen is done.
        KeyboardInterrupt passes through."""
        queue = self.to_do()
        for number, stage in enumerate(queue):
            if deadline is not None and time.monotonic() >= deadline:
                self.teller.line(f"the time is over; {len(queue) - number} stages are left")
                return False
            broken = [name for name in stage.needs if name in self.failed]
            if broken:
                self.failed[stage.name] = f"needs {', '.join(broken)}"
                continue
            try:
                self._one(stage, f"[{number + 1}/{len(queue)}]", queue[number + 1:], deadline)
            except Stopped:
                self.teller.line(f"the time is over in {stage.name}; "
                                 f"{len(queue) - number} stages are left")
                return False
            except Exception as error:  # whatever a stage meets, the others go on
                self.failed[stage.name] = f"{type(error).__name__}: {error}"
                self.teller.line(f"{stage.name} failed: {self.failed[stage.name]}")
        return not self.failed

    def _one(self, stage: Stage, place: str, later: List[Stage],
             deadline: Optional[float]) -> None:
        by_name = {each.name: each for each in self.stages}
        needs = {name: by_name[name] for name in stage.needs}
        folder = self.cache.folder(stage)
        folder.mkdir(parents=True, exist_ok=True)
        rest = self.seconds_left(later)
        whole = clock.seconds_of(stage, clock.measured(self.stages, self.cache), self.expected)
        start, first = time.monotonic(), stage.begun(folder)

        def tell(share: float, text: str) -> None:
            def line() -> str:
                took = time.monotonic() - start
                own = (took * (1 - share) / (share - first) if share > first + 0.005
                       else None if whole is None else whole * (1 - share))
                total = None if own is None or rest is None else own + rest
                return (f"{place} {stage.name}  {100 * share:.0f} %  {text}  "
                        f"{clock.duration(own)} of it, {clock.duration(total)} of all left")

            self.teller.now(line)

        work = Work(
            folder, {name: self.cache.folder(each) for name, each in needs.items()},
            {name: (self.cache.record(each) or {})["result"] for name, each in needs.items()},
            tell, lambda: deadline is not None and time.monotonic() >= deadline)
        tell(first, "begins")
        try:
            result = stage.run(work)
        except BaseException:
            self.cache.add_spent(stage, time.monotonic() - start)
            raise
        self.cache.put(stage, result, time.monotonic() - start, self.facts)
        record = self.cache.record(stage) or {}
        left = self.seconds_left([each for each in later if each.name not in self.failed])
        took = clock.duration(record["seconds"])
        self.teller.line(f"{place} {stage.name}: {told(result)} ({took}; {clock.duration(left)} left)")


def told(result: Mapping[str, Any]) -> str:
    """The numbers of a result in a line."""
    parts = [f"{name} {value:.4g}" for name, value in result.items()
             if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return ", ".join(parts[:5]) or "done"


def plan(stages: List[Stage], cache: Cache, expected: Mapping[str, float]) -> str:
    """What is done, what is left and how long it takes, as a table in text."""
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
                 f"{clock.duration(left)} left; ~: by the settings' expected rates, else measured")
    return "\n".join(lines)
