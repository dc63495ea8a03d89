"""From results to numbers: values by method and seed, intervals, differences, claims.

A difference of two methods is taken seed by seed: both began with the same weights and saw pictures
in an order from the same seed. Nothing is filled in: what was not measured is not there.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .intervals import Interval, interval


class Measure(NamedTuple):
    kind: str    # the stage's
    key: str     # in its result
    title: str
    chance: Optional[str] = None  # the key of the chance level in the result

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.key}"


# In the table's order. All are shares in 0 … 1 and told in per cent.
MEASURES = (
    Measure("linear", "accuracy", "whole image, linear"),
    Measure("regions", "linear", "regions, linear", "chance"),
    Measure("regions", "knn", "regions, k-NN", "chance"),
    Measure("few", "linear", "regions, linear, few labels", "chance"),
    Measure("quick", "within_cell", "places found again", "chance"),
    Measure("detection", "box_ap", "box AP, few labels"),
    Measure("detection", "box_ap50", "box AP50, few labels"),
    Measure("detection", "mask_ap", "mask AP, few labels"),
)
DIFFERENCES = (("scrl", "byol"), ("scrl", "supervised"), ("scrl", "random"), ("byol", "random"))
# What the paper claims: where SCRL is the better one, and where BYOL is.
CLAIMS = (
    ("regions.linear", "scrl", "byol"), ("few.linear", "scrl", "byol"),
    ("quick.within_cell", "scrl", "byol"),
    ("detection.box_ap", "scrl", "byol"), ("detection.mask_ap", "scrl", "byol"),
    ("detection.box_ap", "byol", "random"), ("linear.accuracy", "byol", "scrl"),
)
TITLES = {"random": "random weights", "supervised": "supervised", "byol": "BYOL", "scrl": "SCRL"}

Values = Dict[str, Dict[str, Dict[int, float]]]  # measure → method → seed → value


def collect(records: Mapping[str, Mapping[str, Any]]) -> Values:
    """The values of all measures, from stage results by the stages' names."""
    values: Values = {}
    for measure in MEASURES:
        for name, result in records.items():
            kind, *rest = name.split(".")
            value = result.get(measure.key)
            if kind == measure.kind and len(rest) == 2 and isinstance(value, (int, float)):
                method, seed = rest
                values.setdefault(measure.name, {}).setdefault(method, {})[int(seed)] = float(value)
    return values


def chance_of(measure: Measure, records: Mapping[str, Mapping[str, Any]]) -> Optional[float]:
    """The chance level of a measure, the same for all methods; None when it has none."""
    levels = [result[measure.chance] for name, result in records.items()
              if measure.chance and name.split(".")[0] == measure.kind
              and isinstance(result.get(measure.chance), (int, float))]
    return sum(levels) / len(levels) if levels else None


def of_method(values: Values, measure: str, method: str) -> Optional[Interval]:
    found = values.get(measure, {}).get(method, {})
    return interval([found[seed] for seed in sorted(found)]) if found else None


def mean_of(values: Values, measure: str, method: str) -> Optional[Interval]:
    """The mean alone."""
    found = of_method(values, measure, method)
    return found and found._replace(half=None)


def difference(values: Values, measure: str, first: str, second: str) -> Optional[Interval]:
    """First minus second over the seeds that both have; None without any."""
    one, two = (values.get(measure, {}).get(method, {}) for method in (first, second))
    both = sorted(one.keys() & two.keys())
    return interval([one[seed] - two[seed] for seed in both]) if both else None


class Claim(NamedTuple):
    """`first` is better than `second` in a measure: what the seeds say."""

    measure: str
    first: str
    second: str
    found: Optional[Interval]      # the difference, seed by seed
    apart: Optional[bool] = None   # first's own interval lies above second's; None: no interval

    @property
    def answer(self) -> str:
        if self.found is None:
            return "not measured"
        if self.found.half is None:
            return "one seed: no interval"
        if self.found.low > 0:
            return "yes"
        return "no: the opposite" if self.found.high < 0 else "open: the interval contains 0"


def claims(values: Values, asked: Sequence[Tuple[str, str, str]] = CLAIMS) -> List[Claim]:
    return [Claim(measure, first, second, difference(values, measure, first, second),
                  _apart(of_method(values, measure, first), of_method(values, measure, second)))
            for measure, first, second in asked]


def _apart(first: Optional[Interval], second: Optional[Interval]) -> Optional[bool]:
    if first is None or second is None or first.low is None or second.high is None:
        return None
    return first.low > second.high


def percent(found: Optional[Interval], sign: bool = False) -> str:
    """ "19.2 ± 1.3", "+2.1 ± 0.4", "19.2" for one seed, "–" for none."""
    if found is None:
        return "–"
    mean = f"{100 * found.mean:{'+' if sign else ''}.1f}".replace("-", "−")
    return mean if found.half is None else f"{mean} ± {100 * found.half:.1f}"


def title_of(measure: str) -> str:
    return next(each.title for each in MEASURES if each.name == measure)
