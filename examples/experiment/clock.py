"""How long stages take: measured rates where there are any, expected ones before."""

from typing import Dict, Iterable, Mapping, Optional, Tuple

from .cache import Cache
from .flow import Stage


def measured(stages: Iterable[Stage], cache: Cache) -> Dict[str, float]:
    """Units of work a second, by rate, over the stages done."""
    sums: Dict[str, Tuple[float, float]] = {}
    for stage in stages:
        record = cache.record(stage)
        if record and record["seconds"] > 0:
            work, seconds = sums.get(stage.rate, (0.0, 0.0))
            sums[stage.rate] = work + record["work"], seconds + record["seconds"]
    return {rate: work / seconds for rate, (work, seconds) in sums.items() if work > 0}


def seconds_of(stage: Stage, rates: Mapping[str, float],
               expected: Mapping[str, float]) -> Optional[float]:
    """What a whole stage takes; None when nothing is known."""
    rate = rates.get(stage.rate) or expected.get(stage.rate)
    return stage.work / rate if rate else None


def duration(seconds: Optional[float]) -> str:
    """ "45 s", "12 min", "3 h 05 min"."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
